//! What the bench of the message broker measures: messages that are kept and confirmed, beside the
//! same done with SQLite alone and by mosquitto; and live messages while others do their worst.
//!
//! Not a part of `support`, since it needs SQLite, which a build can be without.

pub(crate) mod failing_disk;
pub(crate) mod kept;
pub(crate) mod live;
pub(crate) mod login;
pub(crate) mod mosquitto;
pub(crate) mod sqlite_floor;

use crate::support::Outcome;
use crate::support::client::connect;
use crate::support::frame::{MASK, parse_server_frame, put_client_frame};
use crate::support::server::{Program, Server};
use failing_disk::FailingDisk;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use tempfile::TempDir;

/// `qa` has the password `password`; so has `slow`, with bcrypt at its usual cost.
const USERS: &str = "qa:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=,\
    slow:$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// `qa:password`.
const RIGHT: &str = "cWE6cGFzc3dvcmQ=";

/// More than any bench needs.
const MANY: &str = "100000000";

/// A server that keeps messages in a directory of its own.
pub(crate) struct Broker {
    pub(crate) server: Server,
    pub(crate) directory: TempDir,
    /// There if it was asked for.
    pub(crate) disk: Option<FailingDisk>,
}

impl Broker {
    /// Starts it.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start(program: &Program) -> Outcome<Self> {
        Self::start_on(program, |_| Ok(None))
    }

    /// Starts it on a disk that can fail.
    ///
    /// # Errors
    /// If it does not start, or there can be no such disk.
    pub(crate) fn start_on_failing_disk(program: &Program) -> Outcome<Self> {
        Self::start_on(program, |store| FailingDisk::below(store).map(Some))
    }

    fn start_on(
        program: &Program,
        disk: impl FnOnce(&Path) -> Outcome<Option<FailingDisk>>,
    ) -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let store = directory.path().canonicalize()?.join("fantail.db");
        let disk = disk(&store)?;
        let store = store.to_string_lossy();
        let mut environment = vec![
            ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=message-broker"),
            ("FANTAIL_MESSAGE_BROKER_USERS", USERS),
            ("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true"),
            ("FANTAIL_STORE_PATH", &*store),
            ("FANTAIL_STORE_MESSAGES", MANY),
            ("FANTAIL_STORE_CHANNEL_MESSAGES", MANY),
            ("FANTAIL_STORE_BYTES", "64GiB"),
            ("FANTAIL_LIMITS_PING_AFTER", "1h"),
            ("FANTAIL_LIMITS_FAILED_LOGINS", MANY),
            ("FANTAIL_LIMITS_CONNECTIONS_PER_ADDRESS", "10000"),
            ("FANTAIL_LIMITS_HANDSHAKES_PER_ADDRESS", MANY),
            ("FANTAIL_LIMITS_HANDSHAKES_PER_ADDRESS_BURST", MANY),
            // A server is to be told of locks that are long, not to log them.
            ("FANTAIL_LOG_LEVEL", "off"),
        ];
        environment.extend(disk.iter().flat_map(FailingDisk::environment));
        let server = program.start_with(&environment)?;
        Ok(Self {
            server,
            directory,
            disk,
        })
    }
}

/// A request to upgrade, with credentials in base64.
pub(crate) fn request(address: SocketAddr, credentials: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Basic {credentials}\r\n\r\n"
    )
}

/// A client that was let in; nonblocking.
pub(crate) struct BrokerClient {
    stream: TcpStream,
    received: Vec<u8>,
}

impl BrokerClient {
    /// Connects and logs in.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn open(address: SocketAddr) -> Outcome<Self> {
        let mut stream = connect(address, None)?;
        stream.write_all(request(address, RIGHT).as_bytes())?;
        let mut answer = Vec::new();
        // The answer and the first frame come together.
        while !answer.ends_with(b"\"}]}") {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer)?;
            answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
            if read == 0 || answer.len() > 4096 {
                return Err("the broker does not answer a login".into());
            }
        }
        if !String::from_utf8_lossy(&answer).contains("Accepted") {
            return Err("the broker rejects the login".into());
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Sends commands, each in a frame of its own, in one segment.
    ///
    /// # Errors
    /// If the connection has ended or takes no more.
    pub(crate) fn send(&mut self, command: &str, times: usize) -> Outcome<()> {
        let mut frames = Vec::new();
        for _ in 0..times {
            put_client_frame(&mut frames, MASK, command.as_bytes());
        }
        self.stream.write_all(&frames)?;
        Ok(())
    }

    /// Reads what has arrived, and hands out the texts; a ping is a fault.
    ///
    /// # Errors
    /// If the connection has ended.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err("the broker has closed a connection".into()),
            Ok(read) => self
                .received
                .extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let mut start = 0;
        while let Some(frame) = parse_server_frame(self.received.get(start..).unwrap_or_default()) {
            take(frame.payload)?;
            start += frame.end;
        }
        self.received.drain(..start);
        Ok(())
    }
}
