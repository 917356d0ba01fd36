//! The log: one line a record on standard error, as text or as JSON.
//!
//! Whatever a peer sends may end up in a record. Control characters are therefore escaped in both
//! formats, so that no line can be forged and no terminal commanded.

use log::kv::{self, Key, Value, VisitSource, VisitValue};
use log::{LevelFilter, Record};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::SystemTime;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// `2026-11-20T21:35:00.123Z INFO  fantail::relay: closed connection=12 reason="..."`
    Text,
    /// One object a line, with `time`, `level`, `target`, `message` and the record's own pairs.
    Json,
}

impl Format {
    /// What [`Format::Auto`] is for this process.
    fn resolve(self) -> Self {
        match self {
            Self::Auto if io::stderr().is_terminal() => Self::Text,
            Self::Auto => Self::Json,
            chosen => chosen,
        }
    }
}

/// Starts the log of this process. A second call only changes the level: the format stays.
pub fn start(level: LevelFilter, format: Format) {
    let line = match format.resolve() {
        Format::Json => json_line,
        Format::Text | Format::Auto => text_line,
    };
    // The logger itself lets everything pass, so that `set_level` can raise the level later.
    // It fails only if there is a logger already.
    let _ = env_logger::Builder::new()
        .filter_level(LevelFilter::Trace)
        .target(env_logger::Target::Stderr)
        .format(move |out, record| out.write_all(line(record, SystemTime::now()).as_bytes()))
        .try_init();
    set_level(level);
}

/// Changes how much is logged, from the next record on.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// The names that a JSON line has by itself; a pair of the same name is left out.
const OWN_NAMES: [&str; 4] = ["time", "level", "target", "message"];

fn time_text(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

fn text_line(record: &Record<'_>, time: SystemTime) -> String {
    let mut line = format!(
        "{} {:<5} {}: {}",
        time_text(time),
        record.level(),
        record.target(),
        record.args()
    );
    let mut pairs = Pairs::default();
    // The visitor never fails.
    let _ = record.key_values().visit(&mut pairs);
    for (name, value) in pairs.0 {
        let _ = match value {
            Scalar::Text(text) if is_plain(&text) => write!(line, " {name}={text}"),
            Scalar::Text(text) => write!(line, " {name}={text:?}"),
            Scalar::Bare(text) => write!(line, " {name}={text}"),
        };
    }
    let mut line = escape(&line, |c| c.escape_default().to_string());
    line.push('\n');
    line
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"\"=\\".contains(c))
}

fn json_line(record: &Record<'_>, time: SystemTime) -> String {
    let string = |text: &str| serde_json::Value::from(text).to_string();
    let mut line = format!(
        "{{\"time\":\"{}\",\"level\":\"{}\",\"target\":{},\"message\":{}",
        time_text(time),
        record.level().as_str().to_ascii_lowercase(),
        string(record.target()),
        string(&record.args().to_string())
    );
    let mut pairs = Pairs::default();
    let _ = record.key_values().visit(&mut pairs);
    for (name, value) in pairs.0 {
        if !OWN_NAMES.contains(&name.as_str()) {
            let value = match value {
                Scalar::Text(text) => string(&text),
                Scalar::Bare(text) => text,
            };
            let _ = write!(line, ",{}:{value}", string(&name));
        }
    }
    line.push('}');
    // JSON itself asks only for the characters below U+0020.
    let mut line = escape(&line, |c| {
        let mut units = [0; 2];
        c.encode_utf16(&mut units)
            .iter()
            .fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"))
    });
    line.push('\n');
    line
}

/// Foreign text, with escapes for what a terminal or a reader of lines would act on.
pub fn visible(text: &str) -> String {
    escape(text, |c| c.escape_unicode().to_string())
}

/// Replaces what a terminal or a reader of lines would act on.
fn escape(text: &str, escaped: impl Fn(char) -> String) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            safe.push_str(&escaped(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Line and paragraph separators, and the marks that turn the direction of writing around.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// The pairs of a record, the last of a name only.
#[derive(Default)]
struct Pairs(Vec<(String, Scalar)>);

/// A value, as it goes into a line.
enum Scalar {
    /// To be quoted.
    Text(String),
    /// Numbers and truth values: valid JSON as they are.
    Bare(String),
}

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let mut scalar = ScalarVisitor(Scalar::Text(String::new()));
        value.visit(&mut scalar)?;
        self.0.retain(|(name, _)| name != key.as_str());
        self.0.push((key.as_str().to_owned(), scalar.0));
        Ok(())
    }
}

struct ScalarVisitor(Scalar);

impl VisitValue<'_> for ScalarVisitor {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        self.0 = Scalar::Text(value.to_string());
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.0 = Scalar::Bare(value.to_string());
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.0 = Scalar::Bare(value.to_string());
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.0 = Scalar::Bare(value.to_string());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;
    use std::time::Duration;

    const TIME: Duration = Duration::from_millis(1_795_210_500_123);

    fn lines(message: &str, pairs: &[(&str, Value<'_>)]) -> (String, String) {
        let time = SystemTime::UNIX_EPOCH + TIME;
        let build = |line: fn(&Record<'_>, SystemTime) -> String| {
            line(
                &Record::builder()
                    .level(Level::Info)
                    .target("fantail::relay")
                    .args(format_args!("{message}"))
                    .key_values(&pairs)
                    .build(),
                time,
            )
        };
        (build(text_line), build(json_line))
    }

    #[test]
    fn a_line_has_time_level_target_message_and_pairs() {
        let pairs = [
            ("connection", Value::from(12_u64)),
            ("dialect", Value::from("topics")),
            ("reason", Value::from("message limit")),
            ("last", Value::from(true)),
        ];
        let (text, json) = lines("closed", &pairs);
        assert_eq!(
            text,
            "2026-11-20T21:35:00.123Z INFO  fantail::relay: closed connection=12 dialect=topics \
             reason=\"message limit\" last=true\n"
        );
        assert_eq!(
            json,
            "{\"time\":\"2026-11-20T21:35:00.123Z\",\"level\":\"info\",\
             \"target\":\"fantail::relay\",\"message\":\"closed\",\"connection\":12,\
             \"dialect\":\"topics\",\"reason\":\"message limit\",\"last\":true}\n"
        );
    }

    #[test]
    fn nothing_in_a_record_forges_a_line_or_commands_a_terminal() {
        let wild = "a\nb\r\u{1b}[2J\u{7f}\u{9b}31m\u{202e}\u{2028}\t\"\\";
        let pairs = [
            ("reason", Value::from(wild)),
            ("ok", Value::from("x=\"1\"")),
        ];
        let (text, json) = lines(wild, &pairs);
        for line in [&text, &json] {
            let body = line.strip_suffix('\n').unwrap();
            assert!(
                body.chars().all(|c| !c.is_control() && !is_invisible(c)),
                "{line}"
            );
        }
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["message"], wild);
        assert_eq!(read["reason"], wild);
        assert!(text.contains(r"a\nb\r\u{1b}[2J\u{7f}\u{9b}31m"), "{text}");
        assert!(text.contains(r#"ok="x=\"1\"""#), "{text}");
    }

    #[test]
    fn json_stays_valid_when_names_collide_or_numbers_are_not_finite() {
        let pairs = [
            ("time", Value::from(1_u64)),
            ("peer", Value::from(1_u64)),
            ("peer", Value::from(2_u64)),
            ("rate", Value::from(f64::NAN)),
        ];
        let (_, json) = lines("x", &pairs);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["time"], "2026-11-20T21:35:00.123Z");
        assert_eq!(read["peer"], 2);
        assert_eq!(json.matches("peer").count(), 1);
    }
}
