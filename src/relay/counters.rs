//! What the relay has counted since it started.

use crate::limits::{LIMITS, Limit};

/// The counters; all of them only grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted, also those that were then refused.
    pub accepted: u64,
    /// HTTP requests answered, upgrades included.
    pub requests: u64,
    /// WebSocket handshakes completed.
    pub handshakes: u64,
    /// Messages received from WebSocket clients and by POST.
    pub messages_received: u64,
    /// Bytes of payload of these messages.
    pub bytes_received: u64,
    /// Messages that were not understood, and so had no consequence.
    pub messages_ignored: u64,
    /// Messages put into outboxes of receivers.
    pub messages_delivered: u64,
    /// Bytes of payload of these messages.
    pub bytes_delivered: u64,
    /// Connections closed for a fault of the peer.
    pub peer_faults: u64,
    /// Connections closed because no request came (again): browsers open some in advance, and
    /// keep others for a next request.
    pub idle_closed: u64,
    /// Authentications that failed.
    pub failed_logins: u64,
    limits: [u64; Limit::COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            accepted: 0,
            requests: 0,
            handshakes: 0,
            messages_received: 0,
            bytes_received: 0,
            messages_ignored: 0,
            messages_delivered: 0,
            bytes_delivered: 0,
            peer_faults: 0,
            idle_closed: 0,
            failed_logins: 0,
            limits: [0; Limit::COUNT],
        }
    }
}

impl Counters {
    /// Counts one passing of `limit`.
    pub fn count_limit(&mut self, limit: Limit) {
        self.count_limit_times(limit, 1);
    }

    /// Counts several passings of `limit`.
    pub fn count_limit_times(&mut self, limit: Limit, times: u64) {
        self.limits[limit as usize] += times;
    }

    /// How often `limit` was passed.
    pub fn limit(&self, limit: Limit) -> u64 {
        self.limits[limit as usize]
    }

    /// Every limit with the number of times it was passed.
    pub fn limits(&self) -> impl Iterator<Item = (Limit, u64)> + '_ {
        LIMITS.iter().map(|row| (row.limit, self.limit(row.limit)))
    }
}
