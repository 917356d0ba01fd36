//! Frames of the control port: `<length><letter><payload>`, such as `5bhello` or `0p`.
//!
//! The length is that of the payload in bytes: decimal digits, at most [`MOST_DIGITS`], no sign,
//! and no zero in front, except that an empty payload has the length `0`. The letter says what
//! the frame is for; which letters there are is not decided here.
//!
//! Invariants:
//! - A call takes bytes, yields a frame, or fails: it never does nothing with input left.
//! - The result does not depend on how the bytes were split.
//! - A frame that is wholly in the input is never copied. Between frames nothing is held at all;
//!   otherwise one box, which grows only as bytes arrive: a length that is merely announced
//!   allocates nothing.
//! - The limit is checked on the length, before the payload is taken.

use std::fmt;

use crate::limits::{LONGEST_CONTROL_FRAME, Limit};

/// Digits of a length.
pub const MOST_DIGITS: usize = 7;

/// The longest payload that [`MOST_DIGITS`] can say, in bytes.
pub const LONGEST_PAYLOAD: usize = LONGEST_CONTROL_FRAME;

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlFrame<'a> {
    /// What the frame is for: an ASCII letter; case matters.
    pub letter: u8,
    /// As many bytes as the length said.
    pub payload: &'a [u8],
}

/// What is wrong with a frame. The other end is told `0E`, and nothing after it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MalformedFrame {
    /// A frame does not begin with a digit: no length, or one with a sign.
    NoLength(u8),
    /// A length other than 0 begins with a zero.
    LeadingZero,
    /// A length has more than [`MOST_DIGITS`].
    TooManyDigits,
    /// Something else than a letter stands behind the length.
    NoLetter(u8),
    /// The length is more than the limit (`control.frame`).
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection ended inside a frame.
    Truncated,
}

impl MalformedFrame {
    /// The limit that was passed, if it was one.
    pub fn limit(self) -> Option<Limit> {
        matches!(self, Self::TooLong { .. }).then_some(Limit::ControlFrame)
    }
}

impl fmt::Display for MalformedFrame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLength(found) => write!(
                formatter,
                "expected the length of a frame, not '{}'",
                found.escape_ascii()
            ),
            Self::LeadingZero => formatter.write_str("the length of a frame begins with a zero"),
            Self::TooManyDigits => write!(
                formatter,
                "the length of a frame has more than {MOST_DIGITS} digits"
            ),
            Self::NoLetter(found) => write!(
                formatter,
                "expected a letter behind the length of a frame, not '{}'",
                found.escape_ascii()
            ),
            Self::TooLong { length, limit } => write!(
                formatter,
                "a frame of {length} bytes is longer than {limit} bytes"
            ),
            Self::Truncated => formatter.write_str("the connection ended inside a frame"),
        }
    }
}

impl std::error::Error for MalformedFrame {}

/// The receiving state of one control connection.
#[derive(Debug, Default)]
pub struct ControlReader {
    partial: Option<Box<Partial>>,
}

/// What is held while a frame is incomplete.
#[derive(Debug, Default)]
struct Partial {
    header: Header,
    payload: Vec<u8>,
    /// The frame was given out by the last call and goes with the next.
    finished: bool,
}

impl ControlReader {
    /// A reader at the beginning of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// True between the first byte of a frame and its last.
    pub fn is_inside_frame(&self) -> bool {
        self.partial
            .as_ref()
            .is_some_and(|partial| !partial.finished)
    }

    /// Bytes held for a frame that is incomplete.
    pub fn buffered(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| {
            size_of::<Partial>() + partial.payload.capacity()
        })
    }

    /// Takes from `input` up to the end of the next frame. Nothing: all input is taken and the
    /// next frame is not complete. `limit` is the longest payload in bytes.
    ///
    /// # Errors
    /// What is wrong with the frame. The reader must not be used afterwards.
    pub fn receive<'a, 'input: 'a>(
        &'a mut self,
        input: &mut &'input [u8],
        limit: usize,
    ) -> Result<Option<ControlFrame<'a>>, MalformedFrame> {
        if !self.is_inside_frame() {
            self.partial = None;
            let mut header = Header::default();
            let Some(Announced { letter, length }) = header.receive(input, limit)? else {
                if header != Header::default() {
                    self.partial = Some(Box::new(Partial {
                        header,
                        ..Partial::default()
                    }));
                }
                return Ok(None);
            };
            if let Some((payload, rest)) = input.split_at_checked(length) {
                *input = rest;
                return Ok(Some(ControlFrame { letter, payload }));
            }
            self.partial = Some(Box::new(Partial {
                header,
                ..Partial::default()
            }));
        }
        self.partial.get_or_insert_default().receive(input, limit)
    }

    /// The connection ended: nothing more will arrive.
    ///
    /// # Errors
    /// [`MalformedFrame::Truncated`] if it ended inside a frame.
    pub fn finish(&self) -> Result<(), MalformedFrame> {
        if self.is_inside_frame() {
            Err(MalformedFrame::Truncated)
        } else {
            Ok(())
        }
    }
}

impl Partial {
    fn receive(
        &mut self,
        input: &mut &[u8],
        limit: usize,
    ) -> Result<Option<ControlFrame<'_>>, MalformedFrame> {
        let Some(Announced { letter, length }) = self.header.receive(input, limit)? else {
            return Ok(None);
        };
        let missing = length - self.payload.len();
        let (part, rest) = input.split_at(missing.min(input.len()));
        self.payload.extend_from_slice(part);
        *input = rest;
        self.finished = self.payload.len() == length;
        Ok(self.finished.then_some(ControlFrame {
            letter,
            payload: &self.payload,
        }))
    }
}

/// How much of a frame's header has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    /// Digits: how many, and the number that they are.
    Length { digits: usize, value: usize },
    /// All of it.
    Complete(Announced),
}

/// What a header says of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Announced {
    letter: u8,
    length: usize,
}

impl Default for Header {
    fn default() -> Self {
        Self::Length {
            digits: 0,
            value: 0,
        }
    }
}

impl Header {
    /// Takes from `input` up to the end of the header.
    fn receive(
        &mut self,
        input: &mut &[u8],
        limit: usize,
    ) -> Result<Option<Announced>, MalformedFrame> {
        loop {
            if let Self::Complete(announced) = *self {
                return Ok(Some(announced));
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            *input = rest;
            *self = self.after(byte, limit)?;
        }
    }

    /// The state behind one more byte.
    fn after(self, byte: u8, limit: usize) -> Result<Self, MalformedFrame> {
        let Self::Length { digits, value } = self else {
            return Ok(self);
        };
        match byte {
            b'0'..=b'9' if digits == 1 && value == 0 => Err(MalformedFrame::LeadingZero),
            b'0'..=b'9' if digits == MOST_DIGITS => Err(MalformedFrame::TooManyDigits),
            b'0'..=b'9' => Ok(Self::Length {
                digits: digits + 1,
                value: value * 10 + usize::from(byte - b'0'),
            }),
            _ if digits == 0 => Err(MalformedFrame::NoLength(byte)),
            _ if !byte.is_ascii_alphabetic() => Err(MalformedFrame::NoLetter(byte)),
            _ if value > limit => Err(MalformedFrame::TooLong {
                length: value,
                limit,
            }),
            letter => Ok(Self::Complete(Announced {
                letter,
                length: value,
            })),
        }
    }
}

/// Writes one frame. `letter` is an ASCII letter; a payload of more than [`LONGEST_PAYLOAD`]
/// bytes would have a length that no reader takes.
pub fn encode(letter: u8, payload: &[u8]) -> Vec<u8> {
    debug_assert!(letter.is_ascii_alphabetic() && payload.len() <= LONGEST_PAYLOAD);
    let length = payload.len().to_string();
    let mut frame = Vec::with_capacity(length.len() + 1 + payload.len());
    frame.extend_from_slice(length.as_bytes());
    frame.push(letter);
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1000;

    type Seen = Vec<Result<(u8, Vec<u8>), MalformedFrame>>;

    /// What comes of `parts`, one call's input after another, and then the end.
    fn run(parts: &[&[u8]]) -> Seen {
        let mut reader = ControlReader::new();
        let mut seen = Seen::new();
        for part in parts {
            let mut input = *part;
            loop {
                match reader.receive(&mut input, LIMIT) {
                    Ok(Some(frame)) => seen.push(Ok((frame.letter, frame.payload.to_vec()))),
                    Ok(None) => {
                        assert!(input.is_empty(), "{} bytes not taken", input.len());
                        break;
                    }
                    Err(fault) => {
                        seen.push(Err(fault));
                        return seen;
                    }
                }
            }
        }
        seen.extend(reader.finish().err().map(Err));
        seen
    }

    fn at_every_split(bytes: &[u8], expected: &Seen) {
        let shown = bytes.escape_ascii();
        assert_eq!(run(&[bytes]), *expected, "{shown}");
        for first in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(first);
            assert_eq!(run(&[head, tail]), *expected, "{shown} split at {first}");
            for second in 0..=tail.len() {
                let (middle, tail) = tail.split_at(second);
                let seen = run(&[head, middle, tail]);
                assert_eq!(seen, *expected, "{shown} split at {first} and {second}");
            }
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(run(&single), *expected, "{shown} byte by byte");
    }

    fn frame(letter: u8, payload: &[u8]) -> Result<(u8, Vec<u8>), MalformedFrame> {
        Ok((letter, payload.to_vec()))
    }

    #[test]
    fn frames_at_every_split() {
        at_every_split(b"", &vec![]);
        at_every_split(b"0p", &vec![frame(b'p', b"")]);
        at_every_split(b"5bhello", &vec![frame(b'b', b"hello")]);
        at_every_split(
            b"0p12BHello\r\n world0P1b00b2m1p",
            &vec![
                frame(b'p', b""),
                frame(b'B', b"Hello\r\n worl"),
                Err(MalformedFrame::NoLength(b'd')),
            ],
        );
        at_every_split(
            b"13BHello\r\n world0P1b00b2m1p10xabcdefghij",
            &vec![
                frame(b'B', b"Hello\r\n world"),
                frame(b'P', b""),
                frame(b'b', b"0"),
                frame(b'b', b""),
                frame(b'm', b"1p"),
                frame(b'x', b"abcdefghij"),
            ],
        );
        let long = vec![b'7'; LIMIT];
        assert_eq!(run(&[&encode(b'Z', &long)]), [frame(b'Z', &long)]);
        assert_eq!(
            run(&encode(b'Z', &long).chunks(7).collect::<Vec<_>>()),
            [frame(b'Z', &long)]
        );
    }

    #[test]
    fn malformed_frames_at_every_split() {
        use MalformedFrame::{LeadingZero, NoLength, NoLetter, TooLong, TooManyDigits, Truncated};
        let too_long = |length| TooLong {
            length,
            limit: LIMIT,
        };
        for (bytes, fault) in [
            (&b"-1b"[..], NoLength(b'-')),
            (b"+1b", NoLength(b'+')),
            (b" 1b", NoLength(b' ')),
            (b"\n", NoLength(b'\n')),
            (b"\0", NoLength(0)),
            (b"A", NoLength(b'A')),
            (b"b5hello", NoLength(b'b')),
            (b"0x10b", Truncated),
            (b"0X1", Truncated),
            (b"00", LeadingZero),
            (b"00p", LeadingZero),
            (b"01bx", LeadingZero),
            (b"00000000000000000000", LeadingZero),
            (b"18446744073709551616b", TooManyDigits),
            (b"18446744073709551617bx", TooManyDigits),
            (b"10000000b", TooManyDigits),
            (b"00000001bx", LeadingZero),
            (b"9999999b", too_long(9_999_999)),
            (b"1001b", too_long(1001)),
            (b"1 b", NoLetter(b' ')),
            (b"1.0b", NoLetter(b'.')),
            (b"1\n", NoLetter(b'\n')),
            (b"1:x", NoLetter(b':')),
            (b"1@x", NoLetter(b'@')),
            (b"1[x", NoLetter(b'[')),
            (b"1`x", NoLetter(b'`')),
            (b"1{x", NoLetter(b'{')),
            (b"2\xc3\xa4xx", NoLetter(0xc3)),
            (b"1\xff", NoLetter(0xff)),
            (b"1\0", NoLetter(0)),
            (b"0", Truncated),
            (b"9999999", Truncated),
            (b"5bhell", Truncated),
            (b"1000b", Truncated),
        ] {
            let seen = run(&[bytes]);
            assert_eq!(seen.last(), Some(&Err(fault)), "{}", bytes.escape_ascii());
            at_every_split(bytes, &seen);
            assert!(!fault.to_string().is_empty());
        }
    }

    #[test]
    fn a_fault_stands_behind_the_frames_before_it() {
        at_every_split(
            b"1bx0p00p",
            &vec![
                frame(b'b', b"x"),
                frame(b'p', b""),
                Err(MalformedFrame::LeadingZero),
            ],
        );
    }

    #[test]
    fn an_announced_length_allocates_nothing_and_nothing_is_held_between_frames() {
        let mut reader = ControlReader::new();
        let fixed = size_of::<Partial>();
        let held = |reader: &mut ControlReader, mut input: &[u8]| {
            let frame = reader.receive(&mut input, LONGEST_PAYLOAD).unwrap();
            let complete = frame.is_some();
            (complete, reader.buffered(), reader.is_inside_frame())
        };
        assert_eq!(held(&mut reader, b""), (false, 0, false));
        assert_eq!(held(&mut reader, b"99"), (false, fixed, true));
        assert_eq!(held(&mut reader, b"99999B"), (false, fixed, true));
        let (_, size, _) = held(&mut reader, &[0; 100]);
        assert!((fixed + 100..fixed + 300).contains(&size), "{size}");

        let mut reader = ControlReader::new();
        assert!(!held(&mut reader, b"3bab").0);
        assert!(held(&mut reader, b"c").0);
        assert!(!reader.is_inside_frame());
        assert_eq!(held(&mut reader, b""), (false, 0, false));
        assert_eq!(held(&mut reader, b"3babc"), (true, 0, false));
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(encode(b'E', b""), b"0E");
        for length in [0, 1, 9, 10, 99, 100, LIMIT] {
            let payload = vec![b'x'; length];
            let bytes = encode(b'U', &payload);
            assert_eq!(bytes.len(), length.to_string().len() + 1 + length);
            assert_eq!(run(&[&bytes]), [frame(b'U', &payload)]);
        }
    }

    #[test]
    fn only_a_passed_limit_is_counted_as_one() {
        let too_long = MalformedFrame::TooLong {
            length: 2,
            limit: 1,
        };
        assert_eq!(too_long.limit(), Some(Limit::ControlFrame));
        assert_eq!(MalformedFrame::TooManyDigits.limit(), None);
    }
}
