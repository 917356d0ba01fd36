//! How much is kept of topics: `100` messages, or what was sent within `"1h"`.

use super::node::{Content, Fault, Faults, Node, quoted};
use super::toml;
use super::units::{format_period, parse_count, parse_period};
use crate::dialects::topics::settings::{Keep, PrefixKeep};

/// Reads how much is kept: a number of messages, or a time; 0 of either is nothing.
///
/// # Errors
/// What was expected.
pub(super) fn read_keep(node: &Node) -> Result<Keep, Fault> {
    let read = match &node.content {
        Content::Integer(number) => parse_count(*number).map(messages),
        Content::Text(text) => parse_keep(text.trim()),
        other => Err(format!("{EXPECTED}, not {}", other.name())),
    };
    read.map_err(|message| node.fault(message))
}

const EXPECTED: &str = "expected a number of messages such as 100, or a time such as \"1h\"";

fn parse_keep(text: &str) -> Result<Keep, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = text.parse().unwrap_or(i64::MAX);
        return parse_count(number).map(messages);
    }
    if humantime::parse_duration(text).is_err() {
        return Err(format!("{EXPECTED}, not {}", quoted(text)));
    }
    let period = parse_period(text)?;
    Ok(if period.is_zero() {
        Keep::Nothing
    } else {
        Keep::For(period)
    })
}

fn messages(number: usize) -> Keep {
    match number {
        0 => Keep::Nothing,
        number => Keep::Last(number),
    }
}

/// Writes it so that [`read_keep`] reads the same.
pub(super) fn show_keep(keep: Keep) -> String {
    match keep {
        Keep::Nothing => "0".to_owned(),
        Keep::Last(number) => number.to_string(),
        Keep::For(period) => toml::text(&format_period(period)),
    }
}

/// Reads a table of prefixes.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read_keep_prefixes(node: &Node) -> Result<Vec<PrefixKeep>, Faults> {
    let entries = node.as_table("a table such as { \"/chat\" = 100, \"/log\" = \"1h\" }")?;
    let mut faults = Faults::default();
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let prefix = &entry.name;
        if !prefix.starts_with('/') {
            let message = format!(
                "expected a prefix that begins with a slash, such as \"/chat\", not {}",
                quoted(prefix)
            );
            faults.0.push(Fault {
                span: entry.span.clone(),
                message,
            });
        }
        match read_keep(&entry.value) {
            Ok(keep) => rows.push(PrefixKeep {
                prefix: prefix.clone(),
                keep,
            }),
            Err(mut fault) => {
                fault.message = format!("{}: {}", quoted(prefix), fault.message);
                faults.0.push(fault);
            }
        }
    }
    faults.or(rows)
}

/// Writes the table so that [`read_keep_prefixes`] reads the same one.
pub(super) fn show_keep_prefixes(rows: &[PrefixKeep]) -> String {
    toml::table_of_values(rows.iter().map(|row| (&row.prefix, show_keep(row.keep))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_and_times_survive_reading_and_writing() {
        for (text, keep) in [
            ("0", Keep::Nothing),
            ("\"0\"", Keep::Nothing),
            ("\"0s\"", Keep::Nothing),
            ("100", Keep::Last(100)),
            ("\" 100 \"", Keep::Last(100)),
            ("\"1h\"", Keep::For(Duration::from_secs(3600))),
            ("\"500ms\"", Keep::For(Duration::from_millis(500))),
        ] {
            let read = |text: &str| read_keep(&toml::parse_value(text).unwrap());
            assert_eq!(read(text), Ok(keep), "{text}");
            assert_eq!(read(&show_keep(keep)), Ok(keep), "{text}");
        }
        for (text, part) in [
            ("-1", "whole number"),
            ("99999999999", "whole number"),
            ("\"99999999999999999999999\"", "whole number"),
            ("\"\"", "such as 100"),
            ("\"many\"", "not \"many\""),
            ("\"1h and more\"", "such as \"1h\""),
            ("\"500us\"", "milliseconds"),
            ("\"15days\"", "at most 14days"),
            ("true", "not true or false"),
        ] {
            let fault = read_keep(&toml::parse_value(text).unwrap()).unwrap_err();
            assert!(fault.message.contains(part), "{text}: {}", fault.message);
        }
    }

    #[test]
    fn prefixes_are_read_in_order_and_checked() {
        let good = toml::parse_value(r#"{ "/b" = 5, "/a" = "1h", "/c" = 0 }"#).unwrap();
        let rows = read_keep_prefixes(&good).unwrap();
        assert_eq!(rows[0].prefix, "/b");
        assert_eq!(rows[2].keep, Keep::Nothing);
        let written = show_keep_prefixes(&rows);
        let again = read_keep_prefixes(&toml::parse_value(&written).unwrap());
        assert_eq!(again.unwrap(), rows);

        let bad = toml::parse_value(r#"{ a = 5, "/b" = "x" }"#).unwrap();
        let faults = read_keep_prefixes(&bad).unwrap_err().0;
        assert_eq!(faults.len(), 2);
        assert!(faults[0].message.contains("begins with a slash"));
        assert!(faults[1].message.starts_with("\"/b\": expected a number"));
    }
}
