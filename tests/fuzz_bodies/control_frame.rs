//! Frames of the control port: no panic, progress in every call, the same result however the
//! bytes are cut, and the same as a reader has that sees all of them at once.

use fantail::protocol::control_frame::{ControlReader, LONGEST_PAYLOAD, MalformedFrame, encode};

const LIMIT: usize = 300;

type Frames = Vec<(u8, Vec<u8>)>;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Behind a frame.
    Between,
    /// More bytes could follow, or would have to.
    Fault(MalformedFrame),
}

/// The first byte says how the others are cut.
pub(crate) fn run(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let expected = simple(bytes);
    let whole = ours([bytes].into_iter());
    assert_eq!(whole, expected);
    let size = 1 + usize::from(cut) % 32;
    assert_eq!(ours(bytes.chunks(size)), expected, "cut by {size}");
    // What was read can be written, and is then what was there.
    let written: Vec<u8> = whole
        .0
        .iter()
        .flat_map(|(letter, payload)| encode(*letter, payload))
        .collect();
    assert!(bytes.starts_with(&written));
    if whole.1 == End::Between {
        assert_eq!(bytes, written);
    }
}

fn ours<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (Frames, End) {
    let mut reader = ControlReader::new();
    let mut frames = Frames::new();
    for part in parts {
        let mut input = part;
        loop {
            let before = input.len();
            match reader.receive(&mut input, LIMIT) {
                Ok(Some(frame)) => {
                    assert!(input.len() < before, "a frame out of no byte");
                    frames.push((frame.letter, frame.payload.to_vec()));
                }
                Ok(None) => {
                    assert!(input.is_empty(), "{} bytes were left", input.len());
                    break;
                }
                Err(fault) => return (frames, End::Fault(fault)),
            }
        }
        // The box of the state, a payload and the room that a vector takes in advance.
        assert!(reader.buffered() <= 2 * LIMIT + 256);
        assert!(reader.is_inside_frame() || reader.buffered() == 0 || !frames.is_empty());
    }
    match reader.finish() {
        Ok(()) => (frames, End::Between),
        Err(fault) => (frames, End::Fault(fault)),
    }
}

/// Reads the same out of all bytes, without a state.
fn simple(mut bytes: &[u8]) -> (Frames, End) {
    let mut frames = Frames::new();
    while !bytes.is_empty() {
        match simple_frame(bytes) {
            Ok((letter, payload, rest)) => {
                frames.push((letter, payload.to_vec()));
                bytes = rest;
            }
            Err(fault) => return (frames, End::Fault(fault)),
        }
    }
    (frames, End::Between)
}

fn simple_frame(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), MalformedFrame> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit());
    let digits = std::str::from_utf8(&bytes[..end.unwrap_or(bytes.len())]).expect("digits");
    if digits.is_empty() {
        return Err(MalformedFrame::NoLength(bytes[0]));
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(MalformedFrame::LeadingZero);
    }
    if digits.len() > 7 {
        return Err(MalformedFrame::TooManyDigits);
    }
    let end = end.ok_or(MalformedFrame::Truncated)?;
    let letter = bytes[end];
    if !letter.is_ascii_alphabetic() {
        return Err(MalformedFrame::NoLetter(letter));
    }
    let length: usize = digits.parse().expect("few digits");
    assert!(length <= LONGEST_PAYLOAD);
    if length > LIMIT {
        return Err(MalformedFrame::TooLong {
            length,
            limit: LIMIT,
        });
    }
    let behind = &bytes[end + 1..];
    match behind.split_at_checked(length) {
        Some((payload, rest)) => Ok((letter, payload, rest)),
        None => Err(MalformedFrame::Truncated),
    }
}
