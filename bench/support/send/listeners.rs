//! The members of the channel that is sent to: each gets the same text again and again, and counts.

use super::TEXT;
use crate::support::Outcome;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;

/// FIN and the opcode of a text message.
const FIN_TEXT: u8 = 0x81;

/// More than all that can be on its way to one member.
const READ_BUFFER: usize = 64 * 1024;

/// The frame that arrives each time.
fn frame() -> Vec<u8> {
    let mut frame = vec![FIN_TEXT, TEXT.len() as u8];
    frame.extend_from_slice(&TEXT);
    frame
}

/// One member.
pub(crate) struct Listener {
    stream: TcpStream,
    frame: Vec<u8>,
    /// Bytes that have come of the next frame.
    place: usize,
}

impl Listener {
    /// The member at the end of this stream.
    ///
    /// # Errors
    /// If the stream cannot be made nonblocking.
    pub(crate) fn of(stream: TcpStream) -> Outcome<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            frame: frame(),
            place: 0,
        })
    }

    /// The stream, to be watched.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads what has arrived, checks every byte and tells how many texts that completes.
    ///
    /// # Errors
    /// If the connection has ended, or something else has arrived.
    pub(crate) fn receive(&mut self) -> Outcome<usize> {
        let mut buffer = [0; READ_BUFFER];
        let read = match self.stream.read(&mut buffer) {
            Ok(0) => return Err("the server has closed a receiver's connection".into()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut arrived = buffer.get(..read).unwrap_or_default();
        let mut texts = 0;
        while !arrived.is_empty() {
            let expected = self.frame.get(self.place..).unwrap_or_default();
            let (now, later) = arrived.split_at(expected.len().min(arrived.len()));
            if !expected.starts_with(now) {
                return Err(format!("a receiver got {now:02x?}").into());
            }
            arrived = later;
            self.place += now.len();
            if self.place == self.frame.len() {
                self.place = 0;
                texts += 1;
            }
        }
        Ok(texts)
    }
}
