//! JSON text as Go's `encoding/json` writes it, since clients of the old servers compare it.

use std::fmt::Write;

/// A JSON string as `encoding/json` writes it: `<`, `>`, `&` and the line separators U+2028 and
/// U+2029 escaped.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(&mut quoted, text);
    quoted
}

/// Appends what [`quote`] makes of `text`.
pub fn push_quoted(quoted: &mut String, text: &str) {
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", character as u32);
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        assert_eq!(quote("<a&b>"), r#""\u003ca\u0026b\u003e""#);
        assert_eq!(
            quote(" \n\"\\\u{1}é\u{2028}"),
            "\" \\n\\\"\\\\\\u0001é\\u2028\""
        );
    }
}
