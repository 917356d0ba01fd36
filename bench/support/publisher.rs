//! The client that sends the numbered messages.

use super::Outcome;
use super::client;
use super::frame::{self, MASK};
use super::numbered::Numbered;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

/// The client that sends.
pub(crate) struct Publisher {
    stream: TcpStream,
    message: Numbered,
    sent: u64,
    segment: Vec<u8>,
}

impl Publisher {
    /// Connects one that sends messages with this many bytes of payload into the topic.
    ///
    /// # Errors
    /// If it isn't let in.
    pub(crate) fn connect(address: SocketAddr, payload: u16) -> Outcome<Self> {
        let stream = client::open(address, None, client::PUBLISHER_PATH)?;
        Ok(Self::of(stream, Numbered::plain(payload)))
    }

    /// The publisher at the end of this stream, which sends `message`.
    pub(crate) fn of(stream: TcpStream, message: Numbered) -> Self {
        Self {
            stream,
            message,
            sent: 0,
            segment: Vec::new(),
        }
    }

    /// Messages sent so far; the number of the next one.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends this many messages in one segment.
    ///
    /// # Errors
    /// If the connection has ended, or nothing is read at the other end.
    pub(crate) fn send(&mut self, messages: u64) -> Outcome<()> {
        self.segment.clear();
        for number in self.sent..self.sent + messages {
            frame::put_client_frame(&mut self.segment, MASK, self.message.bytes(number));
        }
        self.stream.write_all(&self.segment)?;
        self.sent += messages;
        Ok(())
    }
}
