//! Receiving.

use super::LONGEST_MESSAGE;
use super::connection::is_timeout;
use crate::cli::Failure;
use crate::limits::Limit;
use crate::protocol::ws_close::{CloseCode, CloseStatus};
use crate::protocol::ws_frame::MessageType;
use crate::protocol::ws_receiver::{Event, ReceiveLimits, Receiver, Role};
use std::fmt;
use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Duration;

const BUFFER: usize = 64 * 1024;

const LIMITS: ReceiveLimits = ReceiveLimits {
    message: LONGEST_MESSAGE,
    message_limit: Limit::Message,
    frame: usize::MAX,
    frame_limit: Limit::Message,
    fragments: 1 << 20,
};

/// What the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Received {
    /// A message.
    Message(MessageType, Vec<u8>),
    /// A ping, to be answered.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// The connection ends.
    End(Ending),
    /// Nothing, for as long as the timeout says.
    Silence,
}

/// How a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Ending {
    /// With a close frame: its code, if it has one, and its reason.
    Closed(Option<u16>, String),
    /// Without one.
    Broken,
}

impl Ending {
    /// True for 1000, which the server answers to a close of ours.
    pub(in crate::cli) fn is_normal(&self) -> bool {
        matches!(self, Self::Closed(Some(1000), _))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken => formatter.write_str("the connection broke off"),
            Self::Closed(None, _) => formatter.write_str("the server closed the connection"),
            Self::Closed(Some(code), reason) => write!(
                formatter,
                "the server closed the connection with {code}{}{}",
                if reason.is_empty() { "" } else { ": " },
                reason.escape_debug()
            ),
        }
    }
}

impl From<Ending> for Failure {
    fn from(ending: Ending) -> Self {
        Self::Runtime(ending.to_string())
    }
}

/// The half that receives.
pub(in crate::cli) struct Incoming {
    stream: TcpStream,
    receiver: Receiver,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Incoming {
    /// Receives from `stream`; `first` has come already.
    pub(super) fn new(stream: TcpStream, mut first: Vec<u8>) -> Self {
        let end = first.len();
        first.resize(BUFFER.max(end), 0);
        Self {
            stream,
            receiver: Receiver::new(Role::Client),
            buffer: first,
            start: 0,
            end,
        }
    }

    /// After how much silence [`Received::Silence`] is given.
    ///
    /// # Errors
    /// If the system refuses.
    pub(in crate::cli) fn set_patience(&self, patience: Duration) -> Result<(), Failure> {
        self.stream
            .set_read_timeout(Some(patience))
            .map_err(|error| Failure::Runtime(format!("cannot set a timeout: {error}")))
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// If the server breaks the protocol or the connection fails.
    pub(in crate::cli) fn next(&mut self) -> Result<Received, Failure> {
        loop {
            if let Some(received) = self.take()? {
                return Ok(received);
            }
            self.start = 0;
            self.end = match read(&self.stream, &mut self.buffer) {
                Ok(0) => return Ok(Received::End(Ending::Broken)),
                Ok(taken) => taken,
                Err(error) if is_timeout(&error) => {
                    self.end = 0;
                    return Ok(Received::Silence);
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(Received::End(Ending::Broken));
                }
                Err(error) => {
                    return Err(Failure::Runtime(format!(
                        "cannot receive from the server: {error}"
                    )));
                }
            };
        }
    }

    /// The next event in the buffer.
    fn take(&mut self) -> Result<Option<Received>, Failure> {
        let mut input = self
            .buffer
            .get_mut(self.start..self.end)
            .unwrap_or_default();
        let received = match self.receiver.receive(&mut input, &LIMITS) {
            Ok(event) => event.as_ref().map(owned),
            Err(fault) => {
                return Err(Failure::Runtime(format!(
                    "the server breaks the protocol: {}",
                    fault.reason
                )));
            }
        };
        self.start = self.end - input.len();
        Ok(received)
    }
}

fn owned(event: &Event<'_>) -> Received {
    match event {
        // Compression is never offered, so nothing is compressed.
        Event::Message(message_type, payload) | Event::Compressed(message_type, payload) => {
            Received::Message(*message_type, payload.to_vec())
        }
        Event::Ping(payload) => Received::Ping(payload.to_vec()),
        Event::Pong(_) => Received::Pong,
        Event::Close(CloseStatus { code, reason }) => Received::End(Ending::Closed(
            code.map(CloseCode::number),
            (*reason).to_owned(),
        )),
    }
}

/// Reads, again if a signal came between.
pub(super) fn read(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
