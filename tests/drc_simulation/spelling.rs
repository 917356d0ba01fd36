//! The many ways to write the same JSON.

use super::request::Number;

/// Members of an object, as they are written.
pub(crate) type Members = Vec<(String, String)>;

/// A string, some of its characters escaped.
pub(crate) fn string(rng: &mut fastrand::Rng, text: &str) -> String {
    let escaped = rng.u8(..8) == 0;
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\n' => json.push_str("\\n"),
            '/' if escaped => json.push_str("\\/"),
            _ if escaped && rng.bool() => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    json.push_str(&match rng.bool() {
                        true => format!("\\u{unit:04x}"),
                        false => format!("\\u{unit:04X}"),
                    });
                }
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

/// A number; nothing if it is left out.
pub(crate) fn number(rng: &mut fastrand::Rng, number: Number) -> Option<String> {
    let others = [
        "\"0x1\"", "\"abc\"", "\"\"", "true", "false", "[]", "{}", "\"1 1\"", "\"1e\"", "[1]",
    ];
    match number {
        Number::Missing => rng.bool().then(|| "null".to_owned()),
        Number::Other => Some(others[rng.usize(..others.len())].to_owned()),
        Number::Is(i64::MAX) => Some(
            ["1e300", "\"9223372036854775808\"", "9223372036854775807"][rng.usize(..3)].to_owned(),
        ),
        Number::Is(..0) if rng.u8(..8) == 0 => Some("-1e300".to_owned()),
        Number::Is(number) => Some(match rng.u8(..16) {
            0 => format!("\"{number}\""),
            1 => format!("\" {number}\""),
            2 => format!("{number}.9"),
            3 => format!("\"{number}.9\""),
            4 => format!("\"{number}e0\""),
            5 => format!("{number}E0"),
            6 if number >= 0 => format!("\"+{number}\""),
            7 => format!("{number}.0"),
            _ => number.to_string(),
        }),
    }
}

/// An object of these members in their order.
pub(crate) fn object(rng: &mut fastrand::Rng, members: &Members) -> String {
    let spaced = rng.u8(..4) == 0;
    let mut space = |json: &mut String| {
        if spaced {
            json.push_str(["", " ", "\n\t", "  "][rng.usize(..4)]);
        }
    };
    let mut json = String::new();
    space(&mut json);
    json.push('{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        for part in [name, ":", value] {
            space(&mut json);
            json.push_str(part);
        }
        space(&mut json);
    }
    json.push('}');
    space(&mut json);
    json
}
