//! What a client sends: bytes, and the place where each thing in them is complete.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

/// A message on its way to the broker.
#[derive(Debug)]
pub(crate) struct Sending {
    /// Its place in the table of channels.
    pub(crate) channel: usize,
    /// As it is written.
    pub(crate) payload: Rc<str>,
    /// The texts of its elements.
    pub(crate) elements: Vec<Rc<str>>,
    /// To how many; none if it does not say so, 0 for all.
    pub(crate) most: Option<usize>,
    /// What the sender wants to be told again.
    pub(crate) confirm: Option<u64>,
}

/// A command.
#[derive(Debug)]
pub(crate) enum Command {
    Ping,
    Receive(usize),
    Send(Rc<Sending>),
    /// One that nobody knows.
    Other,
    /// What is none.
    Nonsense,
}

/// Something that is complete at some place in a client's bytes.
#[derive(Debug)]
pub(crate) enum Sent {
    Handshake,
    Command(Command),
    /// An answer to a ping.
    Pong,
    Ping(Vec<u8>),
    /// A close frame.
    Close,
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
    /// Adds bytes, with which this is complete.
    pub(crate) fn push(&mut self, bytes: &[u8], sent: Sent) {
        self.bytes.extend(bytes);
        self.pushed += bytes.len() as u64;
        self.sent.push_back((self.pushed, sent));
    }

    /// Whether the next thing is the handshake.
    pub(crate) fn next_is_handshake(&self) -> bool {
        matches!(self.sent.front(), Some((_, Sent::Handshake)))
    }

    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
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

/// A handshake of `qa` with the right password or a wrong one.
pub(crate) fn handshake(right: bool) -> Vec<u8> {
    let credentials = match right {
        true => "cWE6cGFzc3dvcmQ=",
        false => "cWE6d3Jvbmc=",
    };
    format!(
        "GET / HTTP/1.1\r\nHost: relay.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Basic {credentials}\r\n\r\n"
    )
    .into_bytes()
}
