//! Frames of the control port, read apart from the server's own codec.

use super::placeholders::matches;

/// Takes the first frame off `received`, if all of it is there: the bytes as they came. Panics at
/// what a server must not send.
pub(super) fn take(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let digits = received.iter().take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    let letter = *received.get(digits)?;
    let shown = || received.escape_ascii().to_string();
    assert!(
        (1..=7).contains(&digits) && letter.is_ascii_alphabetic(),
        "no control frame: {}",
        shown()
    );
    assert!(
        digits == 1 || received[0] != b'0',
        "not canonical: {}",
        shown()
    );
    let length = received[..digits]
        .iter()
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    let end = digits + 1 + length;
    (received.len() >= end).then(|| received.drain(..end).collect())
}

/// True if `frame` is what a transcript expects: text may have placeholders, and end with ` ...`
/// where only the beginning counts.
pub(super) fn is_expected(expected: &[u8], frame: &[u8]) -> bool {
    let Ok(pattern) = str::from_utf8(expected) else {
        return expected == frame;
    };
    let text = String::from_utf8_lossy(frame);
    match pattern.strip_suffix(" ...") {
        Some(pattern) => (0..=text.len())
            .filter(|end| text.is_char_boundary(*end))
            .any(|end| matches(pattern, &text[..end])),
        None => matches(pattern, &text),
    }
}
