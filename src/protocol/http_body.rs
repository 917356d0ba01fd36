//! Request bodies as they arrive (RFC 9112 sections 6 and 7.1).
//!
//! Invariants: however the input is cut into pieces, the result is the same. Memory grows with the
//! bytes that have arrived, never with a length that was only announced. A reader that has failed
//! stays failed.

use crate::limits::Limit;
use crate::protocol::http_response::Refusal;

/// Bytes of all chunk extensions of one body (and the white space in front of them).
const EXTENSIONS_LIMIT: usize = 4096;

/// Bytes of the trailer section, line ends not counted.
const TRAILERS_LIMIT: usize = 4096;

/// Hexadecimal digits of a chunk size: as many as 64 bits can have.
const SIZE_DIGITS_LIMIT: u8 = 16;

/// How long the body of a message is (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body.
    None,
    /// This many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// What one call of [`BodyReader::feed`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyProgress {
    /// Bytes of the input that belong to the body. The rest is the next request's.
    pub consumed: usize,
    /// True once the whole body has been read.
    pub complete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Content of a body with a known length; bytes to come.
    Content(u64),
    /// The chunk size; its digits so far.
    ChunkSize {
        size: u64,
        digits: u8,
    },
    /// White space between the chunk size and a `;`.
    BeforeExtension {
        size: u64,
    },
    /// From the `;` to the end of the line.
    Extension {
        size: u64,
    },
    /// The LF of the line with the chunk size.
    ChunkSizeLf {
        size: u64,
    },
    /// Content of a chunk; bytes to come.
    ChunkData(u64),
    /// The CR behind a chunk.
    ChunkDataCr,
    /// The LF behind a chunk.
    ChunkDataLf,
    /// The first byte of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    /// Within a trailer line.
    Trailer,
    /// The LF of a trailer line.
    TrailerLf,
    /// The LF of the empty line.
    FinalLf,
    Complete,
    Failed,
}

/// Takes the bytes of one body and keeps its content.
#[derive(Debug)]
pub struct BodyReader {
    state: State,
    content: Vec<u8>,
    limit: usize,
    extension_bytes: usize,
    trailer_bytes: usize,
}

impl BodyReader {
    /// A reader for a body that may have up to `limit_bytes` bytes of content.
    ///
    /// # Errors
    /// 413 if a longer body is announced.
    pub fn new(framing: BodyFraming, limit_bytes: usize) -> Result<Self, Refusal> {
        let state = match framing {
            BodyFraming::None | BodyFraming::Length(0) => State::Complete,
            BodyFraming::Length(length) if exceeds(length, limit_bytes) => {
                return Err(too_large(limit_bytes));
            }
            BodyFraming::Length(length) => State::Content(length),
            BodyFraming::Chunked => State::ChunkSize { size: 0, digits: 0 },
        };
        Ok(Self {
            state,
            content: Vec::new(),
            limit: limit_bytes,
            extension_bytes: 0,
            trailer_bytes: 0,
        })
    }

    /// True once the whole body has been read; from the start, if there is none.
    pub fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Bytes of memory that the content takes now.
    pub fn memory(&self) -> usize {
        self.content.capacity()
    }

    /// Takes what it can of `input`: all of it, or up to the end of the body.
    ///
    /// # Errors
    /// 400 for a malformed chunk, extension or trailer; 413 for too much of any of them. The end of
    /// such a body cannot be known, so the connection has to be closed behind the answer.
    pub fn feed(&mut self, input: &[u8]) -> Result<BodyProgress, Refusal> {
        let mut rest = input;
        while self.state != State::Complete && !rest.is_empty() {
            rest = match self.state {
                State::Content(length) | State::ChunkData(length) => self.take(length, rest),
                _ => self.take_syntax(rest)?,
            };
        }
        Ok(BodyProgress {
            consumed: input.len() - rest.len(),
            complete: self.state == State::Complete,
        })
    }

    /// The content.
    pub fn into_body(self) -> Vec<u8> {
        self.content
    }

    fn take<'a>(&mut self, length: u64, input: &'a [u8]) -> &'a [u8] {
        let count = usize::try_from(length).map_or(input.len(), |length| length.min(input.len()));
        let (content, rest) = input.split_at(count);
        self.content.extend_from_slice(content);
        let left = length.saturating_sub(count as u64);
        self.state = match (self.state, left) {
            (State::Content(_), 0) => State::Complete,
            (State::Content(_), left) => State::Content(left),
            (_, 0) => State::ChunkDataCr,
            (_, left) => State::ChunkData(left),
        };
        rest
    }

    fn take_syntax<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let Some((&byte, rest)) = input.split_first() else {
            return Ok(input);
        };
        match self.next_state(byte) {
            Ok(state) => {
                self.state = state;
                Ok(rest)
            }
            Err(refusal) => {
                self.state = State::Failed;
                self.content = Vec::new();
                Err(refusal)
            }
        }
    }

    fn next_state(&mut self, byte: u8) -> Result<State, Refusal> {
        Ok(match (self.state, byte) {
            (State::ChunkSize { size, digits }, _) => self.after_size_byte(size, digits, byte)?,
            (State::BeforeExtension { size }, b' ' | b'\t') => {
                self.count_extension_byte()?;
                State::BeforeExtension { size }
            }
            (State::BeforeExtension { size }, b';') => State::Extension { size },
            (State::BeforeExtension { .. }, _) => {
                return Err(malformed("white space behind a chunk size"));
            }
            (State::Extension { size }, b'\r') => State::ChunkSizeLf { size },
            (State::Extension { size }, _) if is_field_byte(byte) => {
                self.count_extension_byte()?;
                State::Extension { size }
            }
            (State::Extension { .. }, _) => {
                return Err(malformed("a control character in a chunk extension"));
            }
            (State::ChunkSizeLf { size: 0 }, b'\n') => State::TrailerStart,
            (State::ChunkSizeLf { size }, b'\n') => State::ChunkData(size),
            (State::ChunkSizeLf { .. }, _) => {
                return Err(malformed("CR without LF behind a chunk size"));
            }
            (State::ChunkDataCr, b'\r') => State::ChunkDataLf,
            (State::ChunkDataLf, b'\n') => State::ChunkSize { size: 0, digits: 0 },
            (State::ChunkDataCr | State::ChunkDataLf, _) => {
                return Err(malformed("a chunk does not end where its size says"));
            }
            (State::TrailerStart, b'\r') => State::FinalLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerStart | State::Trailer, _) if is_field_byte(byte) => {
                self.count_trailer_byte()?;
                State::Trailer
            }
            (State::TrailerStart | State::Trailer, _) => {
                return Err(malformed("a control character in a trailer"));
            }
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::FinalLf, b'\n') => State::Complete,
            (State::TrailerLf | State::FinalLf, _) => {
                return Err(malformed("CR without LF in the trailers"));
            }
            (State::Failed, _) => return Err(malformed("it was malformed before")),
            (state @ (State::Content(_) | State::ChunkData(_) | State::Complete), _) => state,
        })
    }

    fn after_size_byte(&self, size: u64, digits: u8, byte: u8) -> Result<State, Refusal> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            if digits == SIZE_DIGITS_LIMIT {
                return Err(malformed("a chunk size of more than 16 digits"));
            }
            let size = size << 4 | u64::from(digit);
            let room = self.limit.saturating_sub(self.content.len());
            if exceeds(size, room) {
                return Err(too_large(self.limit));
            }
            let digits = digits + 1;
            return Ok(State::ChunkSize { size, digits });
        }
        match byte {
            _ if digits == 0 => Err(malformed("a chunk without a size")),
            b'\r' => Ok(State::ChunkSizeLf { size }),
            b';' => Ok(State::Extension { size }),
            b' ' | b'\t' => Ok(State::BeforeExtension { size }),
            _ => Err(malformed(
                "a chunk size that is not a plain hexadecimal number",
            )),
        }
    }

    fn count_extension_byte(&mut self) -> Result<(), Refusal> {
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSIONS_LIMIT {
            return Err(Refusal::new(
                413,
                "request body: more than 4096 bytes of chunk extensions",
            ));
        }
        Ok(())
    }

    fn count_trailer_byte(&mut self) -> Result<(), Refusal> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILERS_LIMIT {
            return Err(Refusal::new(
                413,
                "request body: more than 4096 bytes of trailers",
            ));
        }
        Ok(())
    }
}

fn exceeds(length: u64, limit: usize) -> bool {
    usize::try_from(length).map_or(true, |length| length > limit)
}

/// RFC 9110 section 5.5: what a field value may hold.
fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}

fn too_large(limit: usize) -> Refusal {
    let mut refusal = Refusal::over_limit(Limit::HttpBody);
    refusal.reason = format!("{}: more than {limit} bytes", refusal.reason).into();
    refusal
}

fn malformed(what: &str) -> Refusal {
    Refusal::bad_request(format!("malformed chunked request body: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Body, bytes consumed and completeness; or the refusal.
    type Outcome = Result<(Vec<u8>, usize, bool), (u16, String)>;

    fn read(framing: BodyFraming, limit: usize, pieces: &[&[u8]]) -> Outcome {
        let fail = |refusal: Refusal| (refusal.status, refusal.reason.into_owned());
        let mut reader = BodyReader::new(framing, limit).map_err(fail)?;
        let mut consumed = 0;
        for piece in pieces {
            let progress = reader.feed(piece).map_err(fail)?;
            consumed += progress.consumed;
            assert_eq!(progress.complete, reader.is_complete());
            if progress.complete {
                break;
            }
            assert_eq!(progress.consumed, piece.len());
        }
        let complete = reader.is_complete();
        Ok((reader.into_body(), consumed, complete))
    }

    const BODIES: &[(BodyFraming, &[u8])] = &[
        (BodyFraming::None, b"GET / HTTP/1.1\r\n"),
        (BodyFraming::Length(0), b"next"),
        (BodyFraming::Length(5), b"hellonext"),
        (BodyFraming::Length(5), b"hell"),
        (BodyFraming::Chunked, b"5\r\nhello\r\n0\r\n\r\nnext"),
        (
            BodyFraming::Chunked,
            b"005;a=\"b;c\"\r\nhello\r\n1 \t;x\r\n!\r\n0;last\r\nTrailer: x\r\nB: y\r\n\r\nnext",
        ),
        (
            BodyFraming::Chunked,
            b"A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n",
        ),
        (BodyFraming::Chunked, b"3\r\n\r\n\0\r\n0\r\n\r\n"),
        (BodyFraming::Chunked, b"0\r\n\r\n"),
        (BodyFraming::Chunked, b"5\r\nhel"),
        // Malformed or too large; a cut must not change the refusal either.
        (BodyFraming::Length(65), b""),
        (BodyFraming::Length(u64::MAX), b""),
        (BodyFraming::Chunked, b"41\r\n"),
        (
            BodyFraming::Chunked,
            b"40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n1\r\n",
        ),
        (BodyFraming::Chunked, b"ffffffffffffffffff\r\n"),
        (BodyFraming::Chunked, b"00000000000000000\r\n"),
        (BodyFraming::Chunked, b"\r\n"),
        (BodyFraming::Chunked, b";x\r\n"),
        (BodyFraming::Chunked, b"-1\r\n"),
        (BodyFraming::Chunked, b"+1\r\n"),
        (BodyFraming::Chunked, b"0x1\r\n"),
        (BodyFraming::Chunked, b" 1\r\n"),
        (BodyFraming::Chunked, b"1 \r\n"),
        (BodyFraming::Chunked, b"1\n"),
        (BodyFraming::Chunked, b"1;a\nb\r\n"),
        (BodyFraming::Chunked, b"1;a\rb\r\n"),
        (BodyFraming::Chunked, b"1\r\nab\r\n"),
        (BodyFraming::Chunked, b"1\r\na\n0\r\n\r\n"),
        (BodyFraming::Chunked, b"1\r\na\rb"),
        (BodyFraming::Chunked, b"0\r\n\n"),
        (BodyFraming::Chunked, b"0\r\nA: b\n\r\n"),
        (BodyFraming::Chunked, b"0\r\nA: b\rc\r\n"),
        (BodyFraming::Chunked, b"0\r\nA: b\0\r\n\r\n"),
        (BodyFraming::Chunked, b"0\r\n\rX"),
    ];

    #[test]
    fn bodies_are_read_to_their_end_and_no_further() {
        let ok = |body: &[u8], consumed, complete| Ok((body.to_vec(), consumed, complete));
        let expected = [
            ok(b"", 0, true),
            ok(b"", 0, true),
            ok(b"hello", 5, true),
            ok(b"hell", 4, false),
            ok(b"hello", 15, true),
            ok(b"hello!", 58, true),
            ok(b"01234567890123456789", 37, true),
            ok(b"\r\n\0", 13, true),
            ok(b"", 5, true),
            ok(b"hel", 6, false),
        ];
        for ((framing, input), expected) in BODIES.iter().zip(expected) {
            assert_eq!(
                read(*framing, 64, &[input]),
                expected,
                "{}",
                input.escape_ascii()
            );
        }
    }

    #[test]
    fn what_is_malformed_or_too_large_is_refused() {
        for (index, (framing, input)) in BODIES.iter().enumerate().skip(10) {
            let (status, reason) = read(*framing, 64, &[input]).unwrap_err();
            let expected = if index < 15 { 413 } else { 400 };
            assert_eq!(status, expected, "{} {reason}", input.escape_ascii());
            assert!(
                !reason.is_empty()
                    && (status != 413 || reason == "request body limit: more than 64 bytes")
            );
        }
    }

    #[test]
    fn every_split_gives_the_same_result() {
        for (framing, input) in BODIES {
            let whole = read(*framing, 64, &[input]);
            for cut in 0..=input.len() {
                let (left, right) = input.split_at(cut);
                assert_eq!(read(*framing, 64, &[left, right]), whole, "cut at {cut}");
            }
            let bytes: Vec<&[u8]> = input.chunks(1).collect();
            assert_eq!(read(*framing, 64, &bytes), whole);
        }
    }

    #[test]
    fn random_splits_give_the_same_result() {
        let mut random = fastrand::Rng::with_seed(7);
        for (framing, input) in BODIES {
            let whole = read(*framing, 64, &[input]);
            for _ in 0..50 {
                let mut pieces = Vec::new();
                let mut rest: &[u8] = input;
                while !rest.is_empty() {
                    let (piece, left) = rest.split_at(random.usize(0..=rest.len()));
                    pieces.push(piece);
                    rest = left;
                }
                assert_eq!(read(*framing, 64, &pieces), whole, "{pieces:?}");
            }
        }
    }

    #[test]
    fn memory_grows_only_as_bytes_arrive() {
        let mut reader = BodyReader::new(BodyFraming::Length(1 << 30), 1 << 30).unwrap();
        assert_eq!(reader.memory(), 0);
        reader.feed(b"abc").unwrap();
        assert!(reader.memory() < 64);
        let mut reader = BodyReader::new(BodyFraming::Chunked, 1 << 30).unwrap();
        reader.feed(b"3fffffff\r\nabc").unwrap();
        assert!(reader.memory() < 64);
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = "x".repeat(4097);
        let many = "1;xxxxxxx\r\na\r\n".repeat(600);
        for input in [
            format!("1;{long}\r\n"),
            format!("1{}", " ".repeat(5000)),
            many,
            format!("0\r\nA: {long}\r\n\r\n"),
            format!("0\r\n{}", "A: b\r\n".repeat(1100)),
        ] {
            let (status, reason) =
                read(BodyFraming::Chunked, 1 << 20, &[input.as_bytes()]).unwrap_err();
            assert_eq!(status, 413, "{reason}");
        }
    }

    #[test]
    fn a_failed_reader_stays_failed_and_holds_nothing() {
        let mut reader = BodyReader::new(BodyFraming::Chunked, 64).unwrap();
        assert!(reader.feed(b"1\r\nab").is_err());
        assert!(reader.feed(b"\r\n0\r\n\r\n").is_err());
        assert!(!reader.is_complete());
        assert_eq!(reader.memory(), 0);
    }
}
