//! New connections: admitted, or told why not.

use crate::limits::Limit;
use crate::protocol::http_response::{Refusal, Response};
use crate::relay::Relay;
use crate::relay::address::PeerAddress;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::{Now, Tick};
use crate::relay::peer::{ListenerId, Peer, Stage};
use crate::relay::request::CloseReason;

/// Connections beyond the limit that are kept until they have read why they are refused. They
/// use the reserved descriptors; more than these are cut off behind the answer.
const MAX_SURPLUS: usize = 16;

/// What becomes of a connection that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is the relay's. (It may be there just to be told that it is not welcome.)
    Admitted(ConnId),
    /// It is to be sent these bytes, if the kernel takes them at once, and closed.
    TurnedAway(Vec<u8>),
}

impl Relay {
    /// A listener accepted a connection.
    pub fn accept(&mut self, listener: ListenerId, address: PeerAddress, now: Now) -> Admission {
        self.counters.accepted += 1;
        match self.check_admission(address, now) {
            Ok(counted) => {
                let id = self.insert(listener, address, now);
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.counted = counted;
                }
                Admission::Admitted(id)
            }
            Err(limit) => {
                self.counters.count_limit(limit);
                log::debug!(peer:% = address, reason = limit.reason(); "connection refused");
                let answer = Response::from(Refusal::over_limit(limit)).encode(false, false);
                if self.surplus >= MAX_SURPLUS {
                    return Admission::TurnedAway(answer);
                }
                let id = self.insert(listener, address, now);
                self.surplus += 1;
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.surplus = true;
                }
                let answer = self.outboxes.frame(answer);
                self.outboxes.push(id, answer);
                self.finish(id, CloseReason::limit(limit), now);
                Admission::Admitted(id)
            }
        }
    }

    /// A client was accepted with the last descriptor only to be told that there is no room.
    pub fn count_turned_away(&mut self, address: PeerAddress) {
        self.counters.accepted += 1;
        self.counters.count_limit(Limit::Connections);
        log::debug!(peer:% = address, reason = Limit::Connections.reason(); "connection refused");
    }

    /// Whether there is room; true if the connection was counted for its address.
    fn check_admission(&mut self, address: PeerAddress, now: Now) -> Result<bool, Limit> {
        if self.peers.len() - self.surplus >= self.settings.limits.connections {
            return Err(Limit::Connections);
        }
        match address.key() {
            Some(key) if !self.is_trusted(address) => self
                .addresses
                .connect(key, &self.settings.limits, now.moment)
                .map(|()| true),
            _ => Ok(false),
        }
    }

    fn insert(&mut self, listener: ListenerId, address: PeerAddress, now: Now) -> ConnId {
        let heard = Tick::of(now.moment);
        let id = self.peers.insert(Peer {
            address,
            listener,
            dialect: None,
            counted: false,
            forgotten: false,
            end_of_input: false,
            surplus: false,
            heard,
            deadline: heard.after(self.settings.limits.handshake_time),
            stage: Stage::Http(None),
        });
        self.outboxes.open(id);
        id
    }
}
