//! Where the server is, who logs in, and how long it may take.

use std::path::PathBuf;
use std::time::Duration;

use mysql::{Opts, OptsBuilder};

use crate::secret::Secret;

/// How long a connection to one of the host's addresses may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the server may be silent in an answer; longer than any lock is waited for.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a connection may be idle before the system asks whether the other side is there.
const KEEPALIVE_MILLISECONDS: u32 = 60_000;

/// Where the server is and who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The host's name or IP address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// A Unix socket, which is taken instead of host and port.
    pub socket: Option<PathBuf>,
    /// The name of the database.
    pub database: String,
    /// Who logs in.
    pub username: String,
    /// Their password.
    pub password: Secret,
    /// What the names of the tables begin with: ASCII letters, digits and underscores.
    pub prefix: String,
}

impl Settings {
    /// Where the database is, without who logs in.
    pub(super) fn place(&self) -> String {
        let database = &self.database;
        match &self.socket {
            Some(socket) => format!("database {database} at {}", socket.display()),
            None => format!("database {database} at {}:{}", self.host, self.port),
        }
    }

    pub(super) fn options(&self) -> Opts {
        let socket = self.socket.as_ref();
        let password = String::from_utf8_lossy(self.password.as_bytes());
        OptsBuilder::new()
            .ip_or_hostname(Some(&self.host))
            .tcp_port(self.port)
            .socket(socket.map(|path| path.to_string_lossy()))
            // The place that was named is taken, and no other.
            .prefer_socket(false)
            .user(Some(&self.username))
            .pass(Some(password))
            .db_name(Some(&self.database))
            .tcp_keepalive_time_ms(Some(KEEPALIVE_MILLISECONDS))
            .tcp_connect_timeout(Some(CONNECT))
            .read_timeout(Some(ANSWER))
            .write_timeout(Some(ANSWER))
            .into()
    }
}
