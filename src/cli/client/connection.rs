//! Connecting, and sending.

use super::incoming::{Ending, Incoming, read};
use super::url::Url;
use super::{LONGEST_MESSAGE, PATIENCE};
use crate::cli::Failure;
use crate::protocol::http_request::head_end;
use crate::protocol::ws_close::{CloseCode, CloseStatus};
use crate::protocol::ws_frame::{Opcode, encode_masked_frame};
use crate::protocol::ws_handshake::{ClientHandshake, client_key};
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};

/// The longest answer to the handshake in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// An open connection. Both halves may be used at the same time.
pub(in crate::cli) struct Connection {
    /// Towards the server.
    pub sender: Sender,
    /// From the server.
    pub incoming: Incoming,
}

/// The half that sends.
pub(in crate::cli) struct Sender {
    stream: TcpStream,
}

impl Connection {
    /// Connects and opens the WebSocket.
    ///
    /// # Errors
    /// Why not: the name, the network, or what the server answered.
    pub(in crate::cli) fn open(url: &Url) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::Runtime(format!("cannot connect to {url}: {error}"))
        };
        let mut stream = dial(url).map_err(|error| failed(&error))?;
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| failed(&error))?;
        let handshake = ClientHandshake {
            host: url.authority.clone(),
            target: url.target.clone(),
            key: client_key(nonce),
            subprotocols: Vec::new(),
            headers: Vec::new(),
        };
        let request = handshake.encode().map_err(|error| failed(&error))?;
        stream.write_all(&request).map_err(|error| failed(&error))?;
        let (head, rest) = read_head(&stream).map_err(|error| failed(&error))?;
        handshake
            .check_answer(&head, &rest)
            .map_err(|fault| failed(&fault))?;
        let reading = stream.try_clone().map_err(|error| failed(&error))?;
        Ok(Self {
            sender: Sender { stream },
            incoming: Incoming::new(reading, rest),
        })
    }
}

/// Tries the addresses of the host one after the other.
fn dial(url: &Url) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (url.host.as_str(), url.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The head of the answer, and what has come behind it.
fn read_head(stream: &TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let taken = match read(stream, &mut part) {
            Ok(0) => return Err(io::Error::other("the server closes without an answer")),
            Ok(taken) => taken,
            Err(error) if is_timeout(&error) => {
                return Err(io::Error::other(format!(
                    "no answer within {} s",
                    PATIENCE.as_secs()
                )));
            }
            Err(error) => return Err(error),
        };
        let searched = answer.len();
        answer.extend_from_slice(part.get(..taken).unwrap_or_default());
        if let Some(end) = head_end(&answer, searched) {
            let rest = answer.split_off(end);
            return Ok((answer, rest));
        }
        if answer.len() > LONGEST_HEAD {
            return Err(io::Error::other("the answer does not end"));
        }
    }
}

/// True for what a socket reports when its timeout has passed.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

impl Sender {
    /// Sends a frame that is not fragmented.
    ///
    /// # Errors
    /// If the connection is broken or the message too long.
    pub(in crate::cli) fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::Runtime(format!("cannot send to the server: {error}"))
        };
        if payload.len() > LONGEST_MESSAGE {
            return Err(failed(&format!(
                "a message of more than {LONGEST_MESSAGE} bytes"
            )));
        }
        let mut key = [0; 4];
        getrandom::fill(&mut key).map_err(|error| failed(&error))?;
        let frame = encode_masked_frame(opcode, payload, key);
        self.stream
            .write_all(&frame)
            .map_err(|error| failed(&error))
    }

    /// Begins the close handshake: nothing more is going to be sent.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(in crate::cli) fn close(&mut self) -> Result<(), Failure> {
        self.send_close(Some(CloseCode::NORMAL))
    }

    /// Answers the server's close with its own code (RFC 6455 section 5.5.1). If the connection is
    /// broken, nobody waits for the answer.
    pub(in crate::cli) fn answer_close(&mut self, ending: &Ending) {
        if let Ending::Closed(code, _) = ending {
            let _ = self.send_close(code.and_then(CloseCode::new));
        }
    }

    fn send_close(&mut self, code: Option<CloseCode>) -> Result<(), Failure> {
        let status = CloseStatus { code, reason: "" };
        self.send(Opcode::Close, &status.encode())
    }
}
