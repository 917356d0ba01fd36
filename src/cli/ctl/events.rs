//! `events`: what happens on the server, one JSON object a line.

use super::acknowledgement::{Members, not_acknowledged};
use super::arguments::Connecting;
use super::format::Format;
use super::link::{Answer, Link, unexpected};
use crate::cli::{Failure, output};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use clap::ValueEnum;
use serde_json::Value;
use std::num::NonZeroU64;
use std::time::Duration;

/// A server that is silent for this long is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(60);

/// The arguments of `events`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Which of them, with commas between
    #[arg(
        value_enum,
        value_delimiter = ',',
        default_value = "open,text,binary,close"
    )]
    kinds: Vec<Kind>,

    /// Say on standard error when events begin to come
    #[arg(short, long)]
    verbose: bool,

    /// End after this many events
    #[arg(short = 'n', long, value_name = "NUMBER")]
    count: Option<NonZeroU64>,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A client has connected.
    Open,
    /// A client has sent text.
    Text,
    /// A client has sent a binary message.
    Binary,
    /// A client is gone.
    Close,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
        }
    }

    fn of_letter(letter: u8) -> Option<Self> {
        match letter {
            b'O' => Some(Self::Open),
            b'U' => Some(Self::Text),
            b'Y' => Some(Self::Binary),
            b'X' => Some(Self::Close),
            _ => None,
        }
    }
}

impl Arguments {
    /// Prints until there were enough, the connection ends, or nobody reads.
    ///
    /// # Errors
    /// If the server refuses, falls silent or closes.
    pub(super) fn run(&self, connecting: &Connecting) -> Result<(), Failure> {
        let link = Link::open(connecting)?;
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.name()).collect();
        match link.request(b'u', kinds.join(",").as_bytes())? {
            Answer { letter: b'a', .. } if self.verbose => output::complain("waiting for events"),
            Answer { letter: b'a', .. } => {}
            answer @ Answer { letter: b'n', .. } => {
                return Err(not_acknowledged(Format::Plain, &answer.text()));
            }
            answer => return Err(unexpected(&answer)),
        }
        let mut left = self.count.map(NonZeroU64::get);
        while left != Some(0) {
            output::print(&(line(&next(&link)?)? + "\n"))?;
            left = left.map(|left| left - 1);
        }
        Ok(())
    }
}

/// The next event, for which there is all the time in the world as long as the server is there.
fn next(link: &Link) -> Result<Answer, Failure> {
    let mut asked = false;
    loop {
        let patience = if asked { link.patience() } else { SILENCE };
        match link.receive(patience)? {
            Some(Answer { letter: b'P', .. }) => asked = false,
            Some(answer) => return Ok(answer),
            None if asked => return Err(link.silent()),
            None => {
                link.send(b'p', b"")?;
                asked = true;
            }
        }
    }
}

/// The line for an event: what the server says about it, which kind it is, and the message.
fn line(answer: &Answer) -> Result<String, Failure> {
    let kind = Kind::of_letter(answer.letter).ok_or_else(|| unexpected(answer))?;
    let has_message = matches!(kind, Kind::Text | Kind::Binary);
    let (about, message) = match answer.payload.iter().position(|byte| *byte == b'\n') {
        Some(end) if has_message => {
            let (about, rest) = answer.payload.split_at(end);
            (about, rest.get(1..).unwrap_or_default())
        }
        _ => (answer.payload.as_slice(), &b""[..]),
    };
    let no_json =
        |error: serde_json::Error| Failure::Runtime(format!("the server gave no JSON: {error}"));
    let mut members: Members = serde_json::from_slice(about).map_err(no_json)?;
    members.remove("event");
    match kind {
        Kind::Text => {
            let text = String::from_utf8_lossy(message).into_owned();
            members.insert("message".to_owned(), text.into());
        }
        Kind::Binary => {
            members.insert("base64".to_owned(), STANDARD.encode(message).into());
        }
        Kind::Open | Kind::Close => {}
    }
    let rest = Value::Object(members).to_string();
    // The kind comes first, where eyes and grep look for it.
    let separator = if rest == "{}" { "" } else { "," };
    let rest = rest.strip_prefix('{').unwrap_or_default();
    Ok(format!("{{\"event\":\"{}\"{separator}{rest}", kind.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(letter: u8, payload: &str) -> String {
        let payload = payload.as_bytes().to_vec();
        line(&Answer { letter, payload }).unwrap()
    }

    #[test]
    fn events_are_one_line_of_json_each() {
        for (letter, payload, expected) in [
            (b'O', r#"{"id":"1.0"}"#, r#"{"event":"open","id":"1.0"}"#),
            (b'X', "{}", r#"{"event":"close"}"#),
            (
                b'U',
                "{\"id\":\"1.0\"}\na\nb",
                r#"{"event":"text","id":"1.0","message":"a\nb"}"#,
            ),
            (
                b'Y',
                "{\"id\":\"1.0\"}\nabc",
                r#"{"event":"binary","base64":"YWJj","id":"1.0"}"#,
            ),
        ] {
            assert_eq!(shown(letter, payload), expected);
            let value: Value = serde_json::from_str(expected).unwrap();
            assert!(value.is_object());
        }
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        for (letter, payload) in [(b'A', "{}"), (b'O', "x"), (b'O', "")] {
            let payload = payload.as_bytes().to_vec();
            assert!(line(&Answer { letter, payload }).is_err());
        }
    }
}
