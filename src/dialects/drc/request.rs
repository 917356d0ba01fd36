//! A request: a JSON object whose members are kept as they were written, in their order.

use std::borrow::Cow;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::dialects::drc::fault::Fault;
use crate::dialects::drc::json::is_decodable;
use crate::dialects::drc::number::parse_truncated;

/// Commands that only the server sends.
const SERVERS_OWN: [&str; 3] = ["GRANTED", "JOINED", "LEFT"];

/// Members that a message does not take from its request.
const REPLACED: [&str; 5] = ["channel", "success", "from", "cmd", "to"];

/// Members that mean something to the server.
const KNOWN: [&str; 10] = [
    "cmd",
    "channel",
    "protocol",
    "token",
    "to",
    "id",
    "extra",
    "clientmode",
    "makeauth",
    "ipauth",
];

/// A value that a request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    Container,
    Number,
    Boolean(bool),
}

/// A request with a command.
#[derive(Debug)]
pub(super) struct Request<'a> {
    members: Members<'a>,
    /// The command.
    pub(super) command: String,
}

impl<'a> Request<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Fault::InvalidData`] or [`Fault::MissingInvalidCmd`].
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Fault> {
        let text = str::from_utf8(payload).map_err(|_| Fault::InvalidData)?;
        let members: Members<'_> = serde_json::from_str(text).map_err(|_| Fault::InvalidData)?;
        if !is_decodable(text) {
            return Err(Fault::InvalidData);
        }
        let command = members.text("cmd").ok_or(Fault::MissingInvalidCmd)?;
        if SERVERS_OWN.contains(&command.as_ref()) {
            return Err(Fault::MissingInvalidCmd);
        }
        let command = command.into_owned();
        Ok(Self { members, command })
    }

    /// The member of this name, if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.members.text(name)
    }

    /// True if there is such a member that is not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members
            .get(name)
            .is_some_and(|value| kind(value) != Kind::Null)
    }

    /// The whole part of the member of this name, if it is a number or a text that is one.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let value = self.members.get(name)?;
        match kind(value) {
            Kind::Number => parse_truncated(value.get()),
            Kind::Text => parse_truncated(&decode(value)?),
            Kind::Null | Kind::Container | Kind::Boolean(_) => None,
        }
    }

    /// The member of this name as it was written, if it is an object or an array.
    pub(super) fn container(&self, name: &str) -> Option<&'a str> {
        let value = self.members.get(name)?;
        (kind(value) == Kind::Container).then_some(value.get())
    }

    /// True if the member of this name is JSON's `true` or `false`, whichever is asked for.
    pub(super) fn is_boolean(&self, name: &str, boolean: bool) -> bool {
        self.members
            .get(name)
            .is_some_and(|value| kind(value) == Kind::Boolean(boolean))
    }

    /// Appends `"cmd"` and all members behind it that pass through, as they were written.
    pub(super) fn push_passed_through(&self, json: &mut String) {
        json.push_str(r#""cmd":"#);
        json.push_str(self.members.get("cmd").map_or("null", RawValue::get));
        json.push_str(&self.members.passed_through);
    }
}

/// The members of an object; none for an array. However many there are, they take no more room
/// than the request itself.
#[derive(Debug, Default)]
struct Members<'a> {
    /// The values of [`KNOWN`], the last one where there are several.
    known: [Option<&'a RawValue>; KNOWN.len()],
    /// The others and those that are not [`REPLACED`], each behind a comma, as they were written.
    passed_through: String,
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let index = KNOWN.iter().position(|known| *known == name)?;
        self.known.get(index).copied().flatten()
    }

    fn add(&mut self, name: &str, written_name: &RawValue, value: &'a RawValue) {
        if let Some(index) = KNOWN.iter().position(|known| *known == name) {
            self.known[index] = Some(value);
        }
        if !REPLACED.contains(&name) {
            let parts = [",", written_name.get(), ":", value.get()];
            self.passed_through.extend(parts);
        }
    }

    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(decode)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(written_name) = map.next_key::<&RawValue>()? {
            let name = decode(written_name)
                .ok_or_else(|| serde_core::de::Error::custom("a name is no string"))?;
            members.add(&name, written_name, map.next_value()?);
        }
        Ok(members)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Members::default())
    }
}

fn kind(value: &RawValue) -> Kind {
    match value.get().as_bytes().first() {
        Some(b'"') => Kind::Text,
        Some(b'{' | b'[') => Kind::Container,
        Some(b't') => Kind::Boolean(true),
        Some(b'f') => Kind::Boolean(false),
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

/// The text of a JSON string; nothing for any other value.
fn decode(value: &RawValue) -> Option<Cow<'_, str>> {
    let written = value.get();
    let inner = written.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(written).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Request<'_>, Fault> {
        Request::parse(text.as_bytes())
    }

    #[test]
    fn members_pass_through_as_they_were_written() {
        let request = parse(
            r#" { "to" : 1, "b" : {"x":1.0, "y":[]} , "cmd":"\u0063", "from":9,"\u0074o":2, "success":1,
            "é\/":1e400,"channel":1,"a":{} ,"b":"\/"} "#,
        )
        .unwrap();
        assert_eq!(request.command, "c");
        assert_eq!(request.number("to"), Some(2));
        let mut json = String::new();
        request.push_passed_through(&mut json);
        assert_eq!(
            json,
            r#""cmd":"\u0063","b":{"x":1.0, "y":[]},"é\/":1e400,"a":{},"b":"\/""#
        );
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        let deep = format!(
            "{{\"cmd\":\"c\",\"a\":{}{}}}",
            "[".repeat(512),
            "]".repeat(512)
        );
        for text in [
            "",
            "not json",
            "{",
            "5",
            "null",
            "true",
            "\"str\"",
            r#"{"cmd":"x",}"#,
            &deep,
        ] {
            assert_eq!(parse(text).err(), Some(Fault::InvalidData), "{text}");
        }
        assert_eq!(
            Request::parse(b"{\"cmd\":\"\xff\"}").err(),
            Some(Fault::InvalidData)
        );
        for text in [
            "[]",
            "{}",
            "[1]",
            r#"{"cmd":5}"#,
            r#"{"cmd":null}"#,
            r#"{"cmd":"LEFT"}"#,
        ] {
            assert_eq!(parse(text).err(), Some(Fault::MissingInvalidCmd), "{text}");
        }
        assert_eq!(parse(r#"{"cmd":""}"#).unwrap().command, "");
    }

    #[test]
    fn values_are_what_they_are_written_as() {
        let request = parse(
            r#"{"cmd":"c","token":null,"id":"1.9","extra":{},"makeauth":true,"ipauth":false,"to":-2}"#,
        )
        .unwrap();
        assert!(!request.has("token") && !request.has("channel") && request.has("id"));
        assert_eq!(request.number("id"), Some(1));
        assert_eq!(request.number("to"), Some(-2));
        assert_eq!(request.number("makeauth"), None);
        assert_eq!(request.container("extra"), Some("{}"));
        assert_eq!(request.container("id"), None);
        assert!(request.is_boolean("makeauth", true) && !request.is_boolean("makeauth", false));
        assert!(request.is_boolean("ipauth", false) && !request.is_boolean("token", false));
    }
}
