//! The client that sends the numbered messages.

use super::Outcome;
use super::audience::payload;
use super::client;
use super::frame;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

/// Any but zero, so that the server has to unmask.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The client that sends.
pub(crate) struct Publisher {
    stream: TcpStream,
    payload: u16,
    sent: u64,
    segment: Vec<u8>,
}

impl Publisher {
    /// Connects it.
    ///
    /// # Errors
    /// If it isn't let in.
    pub(crate) fn connect(address: SocketAddr, payload: u16) -> Outcome<Self> {
        Ok(Self {
            stream: client::open(address, None, client::PUBLISHER_PATH)?,
            payload,
            sent: 0,
            segment: Vec::new(),
        })
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
            frame::put_client_frame(&mut self.segment, MASK, &payload(number, self.payload));
        }
        self.stream.write_all(&self.segment)?;
        self.sent += messages;
        Ok(())
    }
}
