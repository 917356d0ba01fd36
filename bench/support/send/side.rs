//! What is compared: nginx, which answers all requests alike, and the relay with some receivers.

use super::TEXT;
use crate::support::rounds::Contestant;
use crate::support::server::{Program, Server};
use crate::support::{Outcome, client, nginx};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tempfile::TempDir;

/// The token of the API, and how a request has it.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The environment of a relay that speaks nothing but dSock.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
    ("FANTAIL_DSOCK_TOKEN", TOKEN),
    ("FANTAIL_DSOCK_PING_AFTER", "1h"),
];

/// A server that requests are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    /// nginx, with an answer that is always the same.
    Nginx,
    /// The relay with this many receivers in the channel that is sent to.
    Relay(Program, usize),
}

impl Contestant for Side {
    fn label(&self) -> String {
        match self {
            Self::Nginx => "nginx".into(),
            Self::Relay(program, receivers) => format!("{} for {receivers}", program.name()),
        }
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) server: Server,
    /// The members of the channel.
    pub(crate) receivers: Vec<TcpStream>,
    /// Where its files are, if it has some.
    _directory: Option<TempDir>,
}

impl Side {
    /// Starts it and connects the receivers.
    ///
    /// # Errors
    /// If it doesn't start, or one of them isn't let in.
    pub(crate) fn start(&self) -> Outcome<Running> {
        match self {
            Self::Nginx => {
                let (server, directory) = nginx::start()?;
                Ok(Running {
                    server,
                    receivers: Vec::new(),
                    _directory: Some(directory),
                })
            }
            Self::Relay(program, receivers) => {
                let server = program.start_with(&ENVIRONMENT)?;
                let address = server.address();
                let receivers = (0..*receivers).map(|number| join(address, number));
                let receivers = receivers.collect::<Outcome<_>>()?;
                Ok(Running {
                    server,
                    receivers,
                    _directory: None,
                })
            }
        }
    }
}

/// The header with which the API is called.
pub(crate) fn authorization() -> String {
    format!("Authorization: Bearer {TOKEN}")
}

/// Path and query of the request that is measured.
pub(crate) const SEND: &str = "/send?channel=bench&type=text";

/// The request that is measured, the same for all sides.
pub(crate) fn request(address: SocketAddr) -> Vec<u8> {
    post(address, SEND, &TEXT)
}

fn post(address: SocketAddr, target: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {target} HTTP/1.1\r\n\
         Host: {address}\r\n\
         {}\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: {}\r\n\
         \r\n",
        authorization(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Connects a user of its own, by a claim, into the channel.
fn join(address: SocketAddr, number: usize) -> Outcome<TcpStream> {
    let claim = format!("/claim?id=claim{number}&user=user{number}&channels=bench");
    let mut caller = client::connect(address, None)?;
    caller.write_all(&post(address, &claim, b""))?;
    let mut answer = [0; 1024];
    let length = caller.read(&mut answer)?;
    let answer = answer.get(..length).unwrap_or_default();
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        let answer = String::from_utf8_lossy(answer);
        return Err(format!("a claim is refused: {answer:?}").into());
    }
    client::open(address, None, &format!("/connect?claim=claim{number}"))
}
