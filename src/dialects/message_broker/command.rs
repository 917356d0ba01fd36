//! Commands: JSON objects with a `"command"`.

use std::borrow::Cow;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::relay::task::MessageId;

/// What a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandName {
    /// Is all well?
    Ping,
    /// Receive a channel from now on.
    ReceiveMessage,
    /// Send a message to a channel.
    SendMessage,
    /// Messages have arrived.
    Ack,
    /// Something that is not known. It ends receiving, as all but the one above do.
    Other,
}

/// A command.
#[derive(Debug)]
pub(super) struct Command<'a> {
    /// What it asks for.
    pub(super) name: CommandName,
    /// The channel; empty if there is none.
    pub(super) channel: Cow<'a, str>,
    members: Members<'a>,
}

impl<'a> Command<'a> {
    /// Reads a message; nothing if it is no command, or if its channel cannot be one's name.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(payload).ok()?;
        let members: Members<'a> = serde_json::from_str(text).ok()?;
        let name = match string(members.command?)?.as_ref() {
            "ping" => CommandName::Ping,
            "receive-message" => CommandName::ReceiveMessage,
            "send-message" => CommandName::SendMessage,
            "ack" => CommandName::Ack,
            _ => CommandName::Other,
        };
        let channel = members.channel.map_or(Some(Cow::Borrowed("")), channel)?;
        Some(Self {
            name,
            channel,
            members,
        })
    }

    /// To how many receivers the message goes; none: to all. What is no number is not there.
    pub(super) fn number_of_receiver(&self, configured: usize) -> Option<usize> {
        let number = self.members.number_of_receiver.and_then(number);
        match number {
            None => (configured > 0).then_some(configured),
            Some(0.0) => None,
            // The original counts before it compares: at least one gets it.
            Some(number) if number <= 1.0 => Some(1),
            Some(number) => Some(number.ceil() as usize),
        }
    }

    /// What the sender wants to be told again when the message is taken, as it was written.
    pub(super) fn confirm(&self) -> Option<&'a str> {
        self.members.confirm.map(RawValue::get)
    }

    /// What the sender calls the message: a string or a number; anything else is no id.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        let value = self.members.id?;
        match value.get().as_bytes().first()? {
            // So that a text that looks like a number is not that number.
            b'"' => string(value).map(|text| Cow::Owned(format!("\"{text}"))),
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(value.get())),
            _ => None,
        }
    }

    /// True if a receiver wants to acknowledge what it gets.
    pub(super) fn acknowledges(&self) -> bool {
        self.members.ack.is_some_and(|value| value.get() == "true")
    }

    /// The ids that a receiver acknowledges; nothing if that is no list. What cannot be an id is
    /// left out.
    pub(super) fn acknowledged(&self) -> Option<Vec<MessageId>> {
        let ids: Vec<&RawValue> = serde_json::from_str(self.members.ids?.get()).ok()?;
        let id = |value: &&RawValue| value.get().trim_matches('"').parse().ok();
        Some(ids.iter().filter_map(id).collect())
    }

    /// The elements of the data, as they were written: those of an array, or the values of an
    /// object; none if it is neither.
    pub(super) fn elements(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let data = self.members.data.map_or("", RawValue::get);
        let elements: Option<Elements<'a>> = serde_json::from_str(data).ok();
        elements.into_iter().flat_map(|elements| elements.0)
    }
}

/// The members that matter; the last one of several of the same name.
#[derive(Debug, Default)]
struct Members<'a> {
    command: Option<&'a RawValue>,
    channel: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    number_of_receiver: Option<&'a RawValue>,
    confirm: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    ids: Option<&'a RawValue>,
    ack: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<String>()? {
            let member = match name.as_str() {
                "command" => &mut members.command,
                "channel" => &mut members.channel,
                "data" => &mut members.data,
                "confirm" => &mut members.confirm,
                "id" => &mut members.id,
                "ids" => &mut members.ids,
                "ack" => &mut members.ack,
                "number_of_receiver" => &mut members.number_of_receiver,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *member = Some(map.next_value()?);
        }
        Ok(members)
    }
}

/// The elements of an array, or the values of an object.
struct Elements<'a>(Vec<&'a str>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while map.next_key::<IgnoredAny>()?.is_some() {
            elements.push(map.next_value::<&RawValue>()?.get());
        }
        Ok(Elements(elements))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element::<&RawValue>()? {
            elements.push(element.get());
        }
        Ok(Elements(elements))
    }
}

/// The text of a JSON string; nothing for any other value.
fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    let written = value.get();
    let inner = written.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(written).ok().map(Cow::Owned)
}

/// The name of a channel: a string, or what PHP makes of another value.
fn channel(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first()? {
        b'"' => string(value),
        b'n' | b'f' => Some(Cow::Borrowed("")),
        b't' => Some(Cow::Borrowed("1")),
        b'[' | b'{' => None,
        _ => Some(Cow::Borrowed(value.get())),
    }
}

/// A number, or a string that is one.
fn number(value: &RawValue) -> Option<f64> {
    let text = match value.get().as_bytes().first()? {
        b'"' => string(value)?,
        b'-' | b'0'..=b'9' => Cow::Borrowed(value.get()),
        _ => return None,
    };
    parse_numeric(&text)
}

/// What PHP calls a numeric string: a number in decimal digits, with spaces around it.
pub(super) fn parse_numeric(text: &str) -> Option<f64> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let numeric = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    numeric.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Command<'_>> {
        Command::parse(text.as_bytes())
    }

    #[test]
    fn what_is_no_command_is_told_apart() {
        for text in [
            "",
            "garbage",
            "5",
            "[]",
            "{}",
            r#"{"command":5}"#,
            r#"{"command":null}"#,
            r#"{"command":"ping"} x"#,
            r#"{"command":"ping","channel":[]}"#,
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(Command::parse(b"{\"command\":\"ping\",\"data\":\"\xff\"}").is_none());
        for (text, name) in [
            (r#"{"command":"ping"}"#, CommandName::Ping),
            (r#" {"x":1,"command" : "p\u0069ng"}"#, CommandName::Ping),
            (
                r#"{"command":"ping","command":"send-message"}"#,
                CommandName::SendMessage,
            ),
            (r#"{"command":"nope"}"#, CommandName::Other),
            (r#"{"command":""}"#, CommandName::Other),
        ] {
            assert_eq!(
                parse(text).map(|command| command.name),
                Some(name),
                "{text}"
            );
        }
    }

    #[test]
    fn channels_are_what_php_makes_of_them() {
        for (channel, expected) in [
            (r#""sms""#, "sms"),
            (r#""a'b\"c\\d""#, r#"a'b"c\d"#),
            ("10", "10"),
            ("null", ""),
            ("false", ""),
            ("true", "1"),
        ] {
            let text = format!(r#"{{"command":"ping","channel":{channel}}}"#);
            assert_eq!(parse(&text).unwrap().channel, expected, "{channel}");
        }
        assert_eq!(parse(r#"{"command":"ping"}"#).unwrap().channel, "");
    }

    #[test]
    fn a_number_of_receivers_that_is_none_kills_nobody() {
        for (value, expected) in [
            ("1", Some(1)),
            ("\"2\"", Some(2)),
            ("\" 2 \"", Some(2)),
            ("1.5", Some(2)),
            ("-1", Some(1)),
            ("0", None),
            ("\"0\"", None),
            ("1e300", Some(usize::MAX)),
            ("null", Some(7)),
            ("\"abc\"", Some(7)),
            ("\"inf\"", Some(7)),
            ("\"\"", Some(7)),
            ("[]", Some(7)),
            ("true", Some(7)),
        ] {
            let text = format!(r#"{{"command":"send-message","number_of_receiver":{value}}}"#);
            assert_eq!(
                parse(&text).unwrap().number_of_receiver(7),
                expected,
                "{value}"
            );
        }
        assert_eq!(
            parse(r#"{"command":"x"}"#).unwrap().number_of_receiver(0),
            None
        );
    }

    #[test]
    fn ids_are_strings_and_numbers() {
        for (id, expected) in [
            (r#""a\u0062""#, Some("\"ab")),
            (r#""7""#, Some("\"7")),
            ("7", Some("7")),
            ("-1.5", Some("-1.5")),
            ("null", None),
            ("true", None),
            ("{}", None),
            ("[1]", None),
        ] {
            let text = format!(r#"{{"command":"send-message","id":{id}}}"#);
            assert_eq!(parse(&text).unwrap().id().as_deref(), expected, "{id}");
        }
        for (ids, expected) in [
            ("[1, 2]", Some(&[1, 2][..])),
            (r#"["3", 4.5, "x", null, 9]"#, Some(&[3, 9])),
            ("[]", Some(&[])),
            ("5", None),
            ("{}", None),
        ] {
            let text = format!(r#"{{"command":"ack","ids":{ids}}}"#);
            assert_eq!(
                parse(&text).unwrap().acknowledged().as_deref(),
                expected,
                "{ids}"
            );
        }
        assert!(
            parse(r#"{"command":"ack"}"#)
                .unwrap()
                .acknowledged()
                .is_none()
        );
        for (ack, expected) in [
            ("true", true),
            ("false", false),
            ("1", false),
            ("\"true\"", false),
        ] {
            let text = format!(r#"{{"command":"receive-message","ack":{ack}}}"#);
            assert_eq!(parse(&text).unwrap().acknowledges(), expected, "{ack}");
        }
    }

    #[test]
    fn elements_are_as_they_were_written() {
        for (data, expected) in [
            (
                r#"[{"n": 1.0,"o":{} }, "\/", 1e400]"#,
                &[r#"{"n": 1.0,"o":{} }"#, r#""\/""#, "1e400"][..],
            ),
            (
                r#"{"k1": "v1", "k2": {"x": 1}}"#,
                &[r#""v1""#, r#"{"x": 1}"#],
            ),
            ("[]", &[]),
            ("\"text\"", &[]),
            ("5", &[]),
            ("null", &[]),
        ] {
            let text = format!(r#"{{"command":"send-message","data":{data}}}"#);
            let elements: Vec<_> = parse(&text).unwrap().elements().collect();
            assert_eq!(elements, expected, "{data}");
        }
        assert_eq!(parse(r#"{"command":"x"}"#).unwrap().elements().count(), 0);
    }
}
