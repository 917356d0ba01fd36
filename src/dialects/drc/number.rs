//! Numbers as PHP takes them: the original JavaScript client sends some as text.

/// The whole part of a number, or of a text that is one (` 1`, `+1`, `1.9`, `1e0`; not `0x1`).
/// One too large for 64 bits is the
/// largest, or the smallest, that there is.
pub(super) fn parse_truncated(text: &str) -> Option<i64> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    if !is_numeric(text) {
        return None;
    }
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    Some(text.parse::<f64>().ok()? as i64)
}

/// A sign, digits with or without a fraction, and an exponent.
fn is_numeric(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    !(whole.is_empty() && fraction.is_empty())
        && are_digits(whole)
        && are_digits(fraction)
        && exponent.is_none_or(|digits| !digits.is_empty() && are_digits(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_php_calls_numeric_is_a_number() {
        for (text, number) in [
            ("1", Some(1)),
            (" 1", Some(1)),
            ("1 ", Some(1)),
            ("\t1\n", Some(1)),
            ("1.9", Some(1)),
            ("-1.9", Some(-1)),
            ("-0.5", Some(0)),
            ("1e0", Some(1)),
            ("1E+2", Some(100)),
            ("+1", Some(1)),
            (".5", Some(0)),
            ("5.", Some(5)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", Some(i64::MAX)),
            ("1.5e+300", Some(i64::MAX)),
            ("1e999", Some(i64::MAX)),
            ("-1e999", Some(i64::MIN)),
            ("", None),
            (" ", None),
            ("+", None),
            (".", None),
            ("1e", None),
            ("e1", None),
            ("0x1", None),
            ("1 1", None),
            ("abc", None),
            ("--1", None),
            ("inf", None),
            ("nan", None),
            ("true", None),
            ("1.2.3", None),
            ("1_0", None),
        ] {
            assert_eq!(parse_truncated(text), number, "{text:?}");
        }
    }
}
