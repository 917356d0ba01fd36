//! What a server sends, read byte by byte: HTTP answers, and behind a 101 the frames of a
//! WebSocket. Written for the tests, so that the server's own codec is not what checks it.

use flate2::{Decompress, FlushDecompress};
use std::fmt;

/// Something complete that a server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// An HTTP answer.
    Answer {
        status: u16,
        head: String,
        body: Vec<u8>,
    },
    /// A frame that is not fragmented.
    Frame { opcode: u8, payload: Vec<u8> },
}

/// The bytes of one connection.
#[derive(Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    start: usize,
    websocket: bool,
    /// Messages may come compressed, since that was agreed upon.
    deflate: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.bytes.len() - self.start)
    }
}

impl Decoder {
    /// Takes what came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The first byte of what is not complete.
    pub(crate) fn begun(&self) -> Option<u8> {
        self.bytes.get(self.start).copied()
    }

    /// True if messages may come compressed.
    pub(crate) fn is_deflate(&self) -> bool {
        self.deflate
    }

    /// True behind the answer to an upgrade.
    pub(crate) fn is_websocket(&self) -> bool {
        self.websocket
    }

    /// The next complete thing, if there is one. `head_only`: the answer of which the head is due
    /// is that to a HEAD request.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn next(&mut self, head_only: bool) -> Result<Option<Output>, String> {
        let rest = &self.bytes[self.start..];
        let decoded = if self.websocket {
            frame(rest, self.deflate)?
        } else {
            answer(rest, head_only)?
        };
        Ok(decoded.map(|(output, length)| {
            self.start += length;
            if let Output::Answer {
                status: 101, head, ..
            } = &output
            {
                self.websocket = true;
                self.deflate = head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate;");
            }
            output
        }))
    }
}

fn answer(bytes: &[u8], head_only: bool) -> Result<Option<(Output, usize)>, String> {
    let begin = b"HTTP/1.1 ";
    if !bytes.starts_with(&begin[..begin.len().min(bytes.len())]) {
        return Err(format!("not an HTTP answer: {bytes:02x?}"));
    }
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8(bytes[..end + 2].to_vec()).map_err(|error| error.to_string())?;
    let status: u16 = head
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| format!("no status: {head}"))?;
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        })
        .map_or(Ok(0), |length| length.parse::<usize>())
        .map_err(|error| format!("{error}: {head}"))?;
    let body_length = if head_only { 0 } else { length };
    let end = end + 4;
    let Some(body) = bytes.get(end..end + body_length) else {
        return Ok(None);
    };
    let body = body.to_vec();
    Ok(Some((
        Output::Answer { status, head, body },
        end + body_length,
    )))
}

/// What a compressed message is (RFC 7692 section 7.2.2).
fn inflate(payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut message = Vec::with_capacity(1 << 18);
    let payload = [payload, &[0, 0, 0xff, 0xff]].concat();
    Decompress::new(false)
        .decompress_vec(&payload, &mut message, FlushDecompress::Sync)
        .map_err(|error| error.to_string())?;
    Ok(message)
}

fn frame(bytes: &[u8], deflate: bool) -> Result<Option<(Output, usize)>, String> {
    let (Some(&first), second) = (bytes.first(), bytes.get(1)) else {
        return Ok(None);
    };
    let compressed = deflate && matches!(first, 0xc1 | 0xc2);
    if !compressed && !matches!(first, 0x81 | 0x82 | 0x88 | 0x89 | 0x8a) {
        return Err(format!("not the first byte of a frame: {first:#04x}"));
    }
    let Some(&second) = second else {
        return Ok(None);
    };
    let (header, length) = match second {
        0..=125 => (2, usize::from(second)),
        126 => match bytes.get(2..4) {
            Some(&[high, low]) => (4, usize::from(high) << 8 | usize::from(low)),
            _ => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(bytes) => {
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                (
                    10,
                    usize::try_from(length).map_err(|error| error.to_string())?,
                )
            }
            None => return Ok(None),
        },
        _ => return Err("a server does not mask".to_owned()),
    };
    let shortest = match length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    if header != shortest {
        return Err(format!("a length of {length} in {header} bytes"));
    }
    let opcode = first & 0x0f;
    if opcode >= 8 && length > 125 {
        return Err(format!("a control frame of {length} bytes"));
    }
    let Some(payload) = bytes.get(header..header + length) else {
        return Ok(None);
    };
    let payload = match compressed {
        true => inflate(payload)?,
        false => payload.to_vec(),
    };
    if opcode == 1 && std::str::from_utf8(&payload).is_err() {
        return Err("text that is not UTF-8".to_owned());
    }
    Ok(Some((Output::Frame { opcode, payload }, header + length)))
}
