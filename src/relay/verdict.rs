//! The Verdict stage: a handshake waits until its dialect knows whether it succeeds. The answer
//! goes out together with what the dialect has to say first.

use crate::relay::Relay;
use crate::relay::address::PeerAddress;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::DialectId;
use crate::relay::moment::{Now, Tick};
use crate::relay::peer::{PendingHandshake, Stage};
use crate::relay::request::CloseReason;
use crate::relay::requests::SwitchingProtocols;
use crate::relay::task::{Assigned, Finished};

impl Relay {
    /// Takes a task that may block. Whoever drives the relay has it done, and tells
    /// [`Self::task_finished`].
    pub fn pop_task(&mut self) -> Option<Assigned> {
        self.tasks.pop()
    }

    /// True if a task waits to be taken.
    pub fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// A task is done; who gave it out is told, if the connection that it was for still lives.
    pub fn task_finished(&mut self, finished: Finished, now: Now) {
        let Finished { ticket, outcome } = finished;
        self.tasks.finish(&ticket);
        let lives = |id| self.peers.get(id).is_some_and(|peer| !peer.forgotten);
        if !ticket.connection.is_none_or(lives) {
            return;
        }
        if let Some((service, mut cx)) = self.split(ticket.dialect, now) {
            service.task_finished(&mut cx, ticket.connection, ticket.number, outcome);
        }
    }

    /// The connection waits for the verdict of `dialect`.
    pub(super) fn await_verdict(
        &mut self,
        id: ConnId,
        dialect: DialectId,
        address: PeerAddress,
        (switching_protocols, agreement): SwitchingProtocols,
        now: Now,
    ) {
        let time = self.settings.limits.authentication_time;
        if let Some(peer) = self.peers.get_mut(id) {
            peer.deadline = Tick::of(now.moment).after(time);
            peer.stage = Stage::Verdict(Box::new(PendingHandshake {
                dialect,
                address,
                switching_protocols,
                agreement,
            }));
        }
    }

    /// The handshake succeeds.
    pub(super) fn admit(&mut self, id: ConnId, first: &[u8], now: Now) {
        let Some(mut pending) = self.take_pending(id) else {
            return;
        };
        pending.switching_protocols.extend_from_slice(first);
        let PendingHandshake {
            dialect,
            address,
            switching_protocols,
            agreement,
        } = pending;
        self.upgrade(id, dialect, address, (switching_protocols, agreement), now);
        self.resumed.push(id);
    }

    /// The handshake does not succeed.
    pub(super) fn turn_away_with(&mut self, id: ConnId, last: &[u8], failed_login: bool, now: Now) {
        let Some(mut pending) = self.take_pending(id) else {
            return;
        };
        if failed_login {
            self.count_failed_login(pending.address, now);
        }
        pending.switching_protocols.extend_from_slice(last);
        let frame = self.outboxes.frame(pending.switching_protocols);
        self.outboxes.push(id, frame);
        self.finish(id, CloseReason::without_code("rejected"), now);
        self.resumed.push(id);
    }

    fn count_failed_login(&mut self, address: PeerAddress, now: Now) {
        self.counters.failed_logins += 1;
        if let Some(key) = address.key().filter(|_| !self.is_trusted(address)) {
            let limits = &self.settings.limits;
            self.addresses.failed_login(key, limits, now.moment);
        }
    }

    fn take_pending(&mut self, id: ConnId) -> Option<PendingHandshake> {
        let peer = self.peers.get_mut(id)?;
        if !matches!(peer.stage, Stage::Verdict(_)) {
            return None;
        }
        match std::mem::replace(&mut peer.stage, Stage::Http(None)) {
            Stage::Verdict(pending) => Some(*pending),
            _ => None,
        }
    }
}
