//! A client of the message broker whose server may be gone at any moment.

use crate::support::{Frame, Opcode};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a server that lives may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The password is `password`.
pub const USERS: &str = "qa:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nAuthorization: Basic cWE6cGFzc3dvcmQ=\r\n\r\n";

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Text(String),
    Ping(Vec<u8>),
    /// Nothing within the time.
    Nothing,
    /// The connection has ended.
    End,
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects and logs in; nothing if the server is gone before that is done.
    pub fn connect(address: SocketAddr) -> Option<Self> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(REQUEST).ok()?;
        let mut client = Self {
            stream,
            received: Vec::new(),
        };
        let end = loop {
            let end = client
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            match end {
                Some(end) => break end + 4,
                None => client.read(PATIENCE)?,
            }
        };
        client.received.drain(..end);
        match client.receive(PATIENCE) {
            Received::Text(text) if text.contains("Accepted") => Some(client),
            Received::End => None,
            other => panic!("instead of a login: {other:?}"),
        }
    }

    /// Sends a text; false if the connection has ended.
    pub fn send(&mut self, text: &str) -> bool {
        self.write(&Frame::text(text))
    }

    /// Answers a ping.
    pub fn pong(&mut self, payload: Vec<u8>) -> bool {
        self.write(&Frame::new(Opcode::PONG, payload))
    }

    fn write(&mut self, frame: &Frame) -> bool {
        self.stream.write_all(&frame.masked([1, 2, 3, 4])).is_ok()
    }

    /// The next text or ping.
    pub fn receive(&mut self, limit: Duration) -> Received {
        let deadline = Instant::now() + limit;
        loop {
            match Frame::take(&mut self.received) {
                Some(frame) if frame.opcode == Opcode::PING => {
                    return Received::Ping(frame.payload);
                }
                Some(frame) if frame.opcode == Opcode::TEXT => {
                    let text = String::from_utf8(frame.payload);
                    return Received::Text(text.expect("text frames are UTF-8"));
                }
                Some(frame) => panic!("{frame:?}"),
                None => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Received::Nothing;
            }
            if self.read(left).is_none() {
                return Received::End;
            }
        }
    }

    /// Reads once; nothing if the connection has ended.
    fn read(&mut self, limit: Duration) -> Option<()> {
        self.stream.set_read_timeout(Some(limit)).ok()?;
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => None,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Some(())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Some(()),
                _ => None,
            },
        }
    }
}
