//! Texts of JSON on their way into columns and out of them.

use std::borrow::Cow;
use std::fmt::Write;

use serde_core::de::IgnoredAny;

/// The text with nothing but ASCII: the same JSON, in which other characters can only be within
/// strings. Every character set of a column can hold it.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() * 2);
    let mut units = [0; 2];
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            // A text is always written.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    Cow::Owned(escaped)
}

/// What a row holds, as a text of JSON: as it is where it is one, else as a string. NULL is null.
pub(super) fn json(bytes: Option<&[u8]>) -> Box<str> {
    let Some(bytes) = bytes else {
        return "null".into();
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => text.into(),
        _ => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            serde_json::Value::from(text).to_string().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_is_the_same_json() {
        for text in ["1", "\"a\\\"b\"", "{\"é\":\"€𝄞\\u00e9\"}", "[\"\u{fffd}\"]"] {
            let escaped = escaped(text);
            assert!(escaped.is_ascii(), "{escaped}");
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&escaped), value(text), "{escaped}");
        }
        assert_eq!(escaped("\"𝄞\""), "\"\\ud834\\udd1e\"");
    }

    #[test]
    fn what_is_no_json_becomes_a_string() {
        for (bytes, expected) in [
            (Some(&b"[1, 2]"[..]), "[1, 2]"),
            (Some(b"hello"), "\"hello\""),
            (Some(b"a\xe9"), "\"a\u{fffd}\""),
            (Some(b""), "\"\""),
            (None, "null"),
        ] {
            assert_eq!(&*json(bytes), expected);
        }
    }
}
