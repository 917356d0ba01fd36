//! An authority who is in no channel and gives others the right to join one.

use super::answer;
use super::request::{self, Role};
use crate::support::Outcome;
use crate::support::client;
use crate::support::frame::{MASK, parse_server_frame, put_client_frame};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The one who grants.
pub(crate) struct Granter(TcpStream);

impl Granter {
    /// Connects it.
    ///
    /// # Errors
    /// If it isn't let in.
    pub(crate) fn connect(address: SocketAddr) -> Outcome<Self> {
        Ok(Self(client::open(address, None, request::PATH)?))
    }

    /// A token for a client of this role.
    ///
    /// # Errors
    /// If the server gives none.
    pub(crate) fn token(&mut self, role: Role) -> Outcome<String> {
        let mut frame = Vec::new();
        put_client_frame(&mut frame, MASK, request::grant(role).as_bytes());
        self.0.write_all(&frame)?;
        let answer = read_answer(&mut self.0)?;
        let token = answer::value(&answer, "token");
        let token = token.ok_or_else(|| format!("there is no token in {answer}"))?;
        Ok(token.to_owned())
    }
}

/// Reads one whole frame of text from a blocking stream.
fn read_answer(stream: &mut TcpStream) -> Outcome<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        if let Some(frame) = parse_server_frame(&bytes) {
            return Ok(String::from_utf8_lossy(frame.payload).into_owned());
        }
        match stream.read(&mut buffer)? {
            0 => return Err("the server has closed a connection".into()),
            read => bytes.extend_from_slice(buffer.get(..read).unwrap_or_default()),
        }
    }
}
