//! New connections: admitted, or told why not.

use crate::limits::Limit;
use crate::protocol::control_frame::encode;
use crate::protocol::http_response::Refusal;
use crate::protocol::request_head::RequestHead;
use crate::relay::address::PeerAddress;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::{Now, Tick};
use crate::relay::operator::ControlInput;
use crate::relay::peer::{ListenerId, Peer, Stage};
use crate::relay::request::CloseReason;
use crate::relay::{Relay, ServiceKind};

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
        if self.is_control(listener) {
            return self.accept_operator(listener, address, now);
        }
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
                let answer = self.refuse_unread(listener, limit, now);
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

    /// Programs are not counted among the clients: the server is to be reached when it is full.
    fn accept_operator(
        &mut self,
        listener: ListenerId,
        address: PeerAddress,
        now: Now,
    ) -> Admission {
        if self.operators < self.settings.limits.control_connections {
            return Admission::Admitted(self.insert(listener, address, now));
        }
        self.counters.count_limit(Limit::ControlConnections);
        Admission::TurnedAway(encode(b'E', b""))
    }

    fn is_control(&self, listener: ListenerId) -> bool {
        matches!(
            self.services
                .get(listener.index())
                .map(|service| &service.kind),
            Some(ServiceKind::Control { .. })
        )
    }

    /// Somebody was accepted with the last descriptor only to be told that there is no room: with
    /// these bytes.
    pub fn turn_away(&mut self, listener: ListenerId, address: PeerAddress, now: Now) -> Vec<u8> {
        self.counters.accepted += 1;
        if self.is_control(listener) {
            self.counters.count_limit(Limit::ControlConnections);
            return encode(b'E', b"");
        }
        self.counters.count_limit(Limit::Connections);
        log::debug!(peer:% = address, reason = Limit::Connections.reason(); "connection refused");
        self.refuse_unread(listener, Limit::Connections, now)
    }

    /// The answer to a client of whom nothing was read.
    fn refuse_unread(&mut self, listener: ListenerId, limit: Limit, now: Now) -> Vec<u8> {
        let refusal = Refusal::over_limit(limit);
        self.word_refusal(listener, RequestHead::default(), refusal, now)
            .encode(false, false)
    }

    /// Whether there is room; true if the connection was counted for its address.
    fn check_admission(&mut self, address: PeerAddress, now: Now) -> Result<bool, Limit> {
        if self.peers.len() - self.surplus - self.operators >= self.settings.limits.connections {
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
        let limits = &self.settings.limits;
        let control = match self
            .services
            .get(listener.index())
            .map(|service| &service.kind)
        {
            Some(ServiceKind::Control { secret_required }) => {
                Some(ControlInput::new(!secret_required))
            }
            Some(ServiceKind::Dialects(_)) | None => None,
        };
        let operator = control.is_some();
        let (stage, time) = match control {
            Some(control) if control.authorised => {
                (Stage::Control(Box::new(control)), limits.control_idle)
            }
            Some(control) => (
                Stage::Control(Box::new(control)),
                limits.authentication_time,
            ),
            None => (Stage::Http(None), limits.handshake_time),
        };
        let id = self.peers.insert(Peer {
            address,
            listener,
            dialect: None,
            counted: false,
            forgotten: false,
            end_of_input: false,
            surplus: false,
            answered: false,
            operator,
            heard,
            deadline: heard.after(time),
            stage,
        });
        self.outboxes.open(id);
        if let Some(load) = self.loads.get_mut(listener.index()) {
            *load += 1;
        }
        if operator {
            self.operators += 1;
            self.outboxes.set_link(id);
            self.count_buffered(
                0,
                self.peers.get(id).map_or(0, |peer| peer.stage.buffered()),
            );
        }
        id
    }
}
