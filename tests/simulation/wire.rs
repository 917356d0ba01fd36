//! What a client sends: bytes, and what they mean, with the place where each thing is complete.

use std::fmt;
use std::rc::Rc;

use fantail::protocol::ws_deflate::{Deflater, Window};
use fantail::protocol::ws_frame::{Opcode, encode_frame};
use flate2::{Compress, FlushCompress};

use super::places::Place;

/// A message; frames of it are unlike those of any other, unless they are empty.
#[derive(PartialEq, Eq)]
pub(crate) struct Message {
    /// 1 for text, 2 for binary.
    pub(crate) opcode: u8,
    /// The bytes.
    pub(crate) payload: Vec<u8>,
    /// The length of its frame where it is sent compressed, if it ever is.
    deflated: Option<usize>,
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = String::from_utf8_lossy(&self.payload[..self.payload.len().min(8)]);
        write!(formatter, "{}:{begin}:{}", self.opcode, self.payload.len())
    }
}

impl Message {
    /// A message; how long it is when it is compressed, `deflater` says.
    pub(crate) fn new(opcode: u8, payload: Vec<u8>, deflater: &mut Deflater) -> Self {
        let frame = match opcode {
            1 => encode_frame(Opcode::Text, &payload),
            _ => encode_frame(Opcode::Binary, &payload),
        };
        Self {
            opcode,
            payload,
            deflated: deflater.deflate(&frame).map(|frame| frame.len()),
        }
    }

    /// The length of its frame, as a server sends it to a client with this window.
    pub(crate) fn frame_length(&self, window: Option<Window>) -> usize {
        let compressed = window.is_some_and(|window| window.holds(self.payload.len()));
        if let Some(length) = self.deflated.filter(|_| compressed) {
            return length;
        }
        let length = self.payload.len();
        length
            + match length {
                0..=125 => 2,
                126..=0xffff => 4,
                _ => 10,
            }
    }
}

/// What a client's token is good for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Token {
    /// For its topic, until this many seconds since 1970.
    Valid(u64),
    /// For nothing.
    Invalid,
}

/// Something that is complete at some place in a client's bytes.
#[derive(Debug)]
pub(crate) enum Sent {
    /// A request that becomes a WebSocket.
    Upgrade(Place),
    /// A request that is answered with one of these, or refused.
    Plain {
        statuses: &'static [u16],
        head_only: bool,
        last: bool,
    },
    /// A message by POST.
    Post {
        topic: usize,
        message: Rc<Message>,
        token: Option<Token>,
    },
    /// A message, what it is as a token, and how many bytes are inflated for it.
    Message(Rc<Message>, Option<Token>, usize),
    /// A ping; perhaps inside a message.
    Ping(Vec<u8>, bool),
    /// A pong.
    Pong,
    /// A close frame with this code.
    Close(Option<u16>),
    /// What no client may send; it begins here.
    Garbage,
}

/// What a client has sent but not all of which was taken.
#[derive(Default)]
pub(crate) struct Pipe {
    bytes: Vec<u8>,
    start: usize,
    sent: u64,
}

impl fmt::Debug for Pipe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.len(), self.sent)
    }
}

impl Pipe {
    /// Adds bytes; the number of bytes ever added.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.extend_from_slice(bytes);
        self.sent += bytes.len() as u64;
        self.sent
    }

    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Takes bytes out, to be handed to the relay.
    pub(crate) fn take(&mut self, count: usize) -> &mut [u8] {
        if self.start > 1 << 16 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let start = self.start;
        self.start += count;
        &mut self.bytes[start..start + count]
    }

    /// Drops what waits.
    pub(crate) fn clear(&mut self) {
        self.start = self.bytes.len();
    }
}

/// The payload of a compressed message (RFC 7692 section 7.2.1).
pub(crate) fn deflate(compress: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() + 1_000);
    compress.reset();
    compress
        .compress_vec(message, &mut payload, FlushCompress::Sync)
        .unwrap();
    payload.truncate(payload.len() - 4);
    payload
}

/// Appends a masked frame. `first` is its first byte.
pub(crate) fn frame(bytes: &mut Vec<u8>, first: u8, payload: &[u8], key: [u8; 4]) {
    bytes.push(first);
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&key);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    for (index, byte) in bytes[start..].iter_mut().enumerate() {
        *byte ^= key[index % 4];
    }
}

/// A request head with these lines behind the first, and a body.
pub(crate) fn request(line: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nHost: relay.example\r\n{lines}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The header lines of an upgrade. The answer to this key is in RFC 6455 section 1.3.
pub(crate) const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The answer to the key of [`UPGRADE`].
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
