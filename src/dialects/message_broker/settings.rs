//! What the message broker is told.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// The `[message_broker]` section, less its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A file with lines of htpasswd; empty: none.
    pub users_file: PathBuf,
    /// Lines of htpasswd, which come before those of the file.
    pub users: Vec<Secret>,
    /// To how many receivers a message goes that does not say it itself; 0: to all.
    pub number_of_receiver: usize,
    /// Whether messages are kept that nobody is there to receive.
    pub keep_data: bool,
    /// The time between two frames of kept messages.
    pub delay_send: Duration,
    /// Kept messages in one frame, at most; at least 1.
    pub limit: usize,
    /// Which receivers are chosen where a message does not go to all.
    pub order: Order,
}

/// Which receivers are chosen where a message does not go to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Always those that have been connected longest.
    LongestConnected,
    /// One after the other.
    RoundRobin,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            users_file: PathBuf::new(),
            users: Vec::new(),
            number_of_receiver: 0,
            keep_data: false,
            delay_send: Duration::ZERO,
            limit: 1,
            order: Order::LongestConnected,
        }
    }
}
