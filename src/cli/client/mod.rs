//! What the client commands share: a blocking connection to a server.

mod connection;
mod incoming;
mod token;
mod url;

pub(super) use connection::{Connection, Sender};
pub(super) use incoming::{Ending, Incoming, Received};
pub(super) use token::Arguments as TokenArguments;
pub(super) use url::Url;

use std::time::Duration;

/// How long a server may take to accept, to answer the handshake, a token, a ping or a close.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The longest message in bytes that is sent or received.
pub(super) const LONGEST_MESSAGE: usize = 256 << 20;
