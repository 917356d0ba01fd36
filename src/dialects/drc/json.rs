//! JSON as the original took it and made it: PHP's decoder is stricter than the grammar, and its
//! encoder writes ASCII.

/// Arrays and objects within one another; the text around them is the first level.
const DEEPEST: usize = 512;

/// True if PHP would decode this well-formed JSON text: nothing in it is nested deeper than 512
/// levels, and every surrogate has its partner.
pub(super) fn is_decodable(text: &str) -> bool {
    let mut bytes = text.as_bytes();
    let mut depth = 0_usize;
    while let Some((first, rest)) = bytes.split_first() {
        bytes = rest;
        match first {
            b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => match skip_string(bytes) {
                Some(rest) => bytes = rest,
                None => return false,
            },
            _ => {}
        }
    }
    true
}

/// What follows the string that begins here, behind its quotation mark; nothing if a surrogate in
/// it is alone.
fn skip_string(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let special = memchr::memchr2(b'"', b'\\', bytes)?;
        bytes = bytes.get(special..)?;
        match bytes {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'u', rest @ ..] => bytes = skip_code_point(rest)?,
            [_, _, rest @ ..] => bytes = rest,
            _ => return None,
        }
    }
}

/// What follows the four digits of a code point, and those of the second half of a pair.
fn skip_code_point(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = code_unit(bytes)?;
    match first {
        0xD800..0xDC00 => {
            let (second, rest) = code_unit(rest.strip_prefix(b"\\u")?)?;
            (0xDC00..0xE000).contains(&second).then_some(rest)
        }
        0xDC00..0xE000 => None,
        _ => Some(rest),
    }
}

fn code_unit(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    let digits = str::from_utf8(digits).ok()?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Appends `text` as a JSON string in ASCII.
pub(super) fn push_string(json: &mut String, text: &str) {
    use std::fmt::Write;
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            ' '..='\u{7f}' => json.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_ends_at_512_levels_and_strings_do_not_count() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_decodable(&nested(512)));
        assert!(!is_decodable(&nested(513)));
        assert!(is_decodable(&format!("\"{}\"", nested(600))));
        assert!(is_decodable(&format!("\"\\\"{}\"", nested(600))));
        assert!(is_decodable(&"[],".repeat(600)));
    }

    #[test]
    fn a_surrogate_needs_its_partner() {
        for (text, decodable) in [
            (r#""\ud83d\ude00""#, true),
            (r#""\u00e9""#, true),
            (r#""\ud800""#, false),
            (r#""\ud800x""#, false),
            (r#""\ud800\ud800""#, false),
            (r#""\udc00""#, false),
            (r#"{"\ud800":1}"#, false),
            (r#""\\ud800""#, true),
        ] {
            assert_eq!(is_decodable(text), decodable, "{text}");
        }
    }

    #[test]
    fn strings_are_written_in_ascii_and_read_back() {
        for text in ["", "a/b", "é😀", "\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}"] {
            let mut json = String::new();
            push_string(&mut json, text);
            assert!(json.is_ascii());
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
        let mut json = String::new();
        push_string(&mut json, "a/é😀");
        assert_eq!(json, r#""a/\u00e9\ud83d\ude00""#);
    }
}
