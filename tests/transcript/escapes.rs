//! How bytes are written in a transcript.

/// The bytes of a payload: `hex:00ff`, `1000 bytes` (that many of `z`), or text in which `\n` and
/// `\\` stand for a line break and a backslash.
pub(super) fn payload(text: &str) -> Vec<u8> {
    if let Some(digits) = text.strip_prefix("hex:") {
        return from_hex(digits);
    }
    let number = text
        .strip_suffix(" bytes")
        .and_then(|number| number.parse().ok());
    match number {
        Some(length) => vec![b'z'; length],
        None => unescape(text).into_bytes(),
    }
}

fn from_hex(digits: &str) -> Vec<u8> {
    assert!(
        digits.len().is_multiple_of(2),
        "an odd number of digits: {digits}"
    );
    (0..digits.len())
        .step_by(2)
        .map(|at| {
            let byte = digits
                .get(at..at + 2)
                .map(|pair| u8::from_str_radix(pair, 16));
            match byte {
                Some(Ok(byte)) => byte,
                _ => panic!("not hexadecimal: {digits}"),
            }
        })
        .collect()
}

/// Any other backslash stays: JSON has its own.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        plain.push_str(before);
        rest = if let Some(rest) = behind.strip_prefix('n') {
            plain.push('\n');
            rest
        } else {
            plain.push('\\');
            behind.strip_prefix('\\').unwrap_or(behind)
        };
    }
    plain + rest
}

/// Bytes of which each may be written `\\xff`, beside the escapes of [`unescape`].
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = unescape(parts.next().unwrap_or_default()).into_bytes();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).expect("two digits");
        bytes.extend(from_hex(digits));
        bytes.extend(unescape(rest).into_bytes());
    }
    bytes
}

/// The texts that `m{000..199};` stands for; one if there is no such range in it.
pub(super) fn expand_range(text: &str) -> Vec<String> {
    let expanded = (|| {
        let (before, rest) = text.split_once('{')?;
        let (range, behind) = rest.split_once('}')?;
        let (first, last) = range.split_once("..")?;
        let width = first.len();
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        let texts = (first..=last).map(|number| format!("{before}{number:0width$}{behind}"));
        Some(texts.collect())
    })();
    expanded.unwrap_or_else(|| vec![text.to_owned()])
}
