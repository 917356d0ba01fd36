//! What a client sends: bytes, and the place where each thing in them is complete.

use std::collections::VecDeque;
use std::fmt;

use super::request::Request;

/// Something that is complete at some place in a client's bytes.
#[derive(Debug)]
pub(crate) enum Sent {
    Handshake,
    /// A message: its opcode, and what it means.
    Request(u8, Box<Request>),
    Ping(Vec<u8>),
    /// A close frame with this code.
    Close(u16),
    /// What no client may send.
    Garbage,
}

/// What a client has sent but not all of which was taken.
#[derive(Default)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    pushed: u64,
    /// What is in it, and behind how many bytes each is complete.
    sent: VecDeque<(u64, Sent)>,
}

impl fmt::Debug for Pipe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.bytes.len(), self.pushed)
    }
}

impl Pipe {
    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.pushed += bytes.len() as u64;
    }

    /// With the bytes so far, this is complete.
    pub(crate) fn complete(&mut self, sent: Sent) {
        self.sent.push_back((self.pushed, sent));
    }

    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes wait up to the end of the next thing.
    pub(crate) fn first(&self) -> usize {
        let taken = self.pushed - self.bytes.len() as u64;
        self.sent
            .front()
            .map_or(self.len(), |(end, _)| (end - taken) as usize)
    }

    /// Takes bytes out.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        self.bytes.drain(..count).collect()
    }

    /// Takes the next thing that is complete in what was taken.
    pub(crate) fn pop_complete(&mut self) -> Option<Sent> {
        let taken = self.pushed - self.bytes.len() as u64;
        match self.sent.front() {
            Some((end, _)) if *end <= taken => self.sent.pop_front().map(|(_, sent)| sent),
            _ => None,
        }
    }
}

/// A masked frame. `first` is its first byte.
pub(crate) fn frame(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(&key);
    let masked = payload.iter().zip(key.iter().cycle());
    bytes.extend(masked.map(|(byte, key)| byte ^ key));
    bytes
}

/// The length of a server's frame.
pub(crate) fn frame_length(payload: usize) -> usize {
    payload
        + match payload {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        }
}

/// A handshake with these lines.
pub(crate) fn handshake(lines: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: relay.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Origin: http://localhost\r\n{lines}\r\n"
    )
    .into_bytes()
}
