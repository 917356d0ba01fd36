//! The lower half of a connection's life: closing, finishing, dying, being buried.

use serde_json::Value;

use crate::limits::Limit;
use crate::protocol::ws_close::{CloseCode, CloseStatus};
use crate::protocol::ws_frame::{Opcode, encode_frame};
use crate::relay::Relay;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::{Now, Tick};
use crate::relay::operator::events::Event;
use crate::relay::peer::Stage;
use crate::relay::request::{CloseReason, Request};

impl Relay {
    /// Does what the handlers asked for. Nothing of it runs inside a handler.
    pub fn settle(&mut self, now: Now) {
        let softly_passed = self.outboxes.take_softly_passed();
        self.counters
            .count_limit_times(Limit::OutputSoft, softly_passed);
        let not_compressed = self.outboxes.take_not_compressed();
        self.counters
            .count_limit_times(Limit::Compression, not_compressed);
        loop {
            while let Some(id) = self.outboxes.pop_overflowed() {
                let limit = match self.peers.get(id).map(|peer| &peer.stage) {
                    Some(Stage::Control(_)) => Limit::ControlOutput,
                    _ => Limit::Output,
                };
                self.cut_off(id, limit, now);
            }
            match self.requests.pop_front() {
                None => break,
                Some(Request::Close(id, reason)) => self.close(id, reason, now),
                Some(Request::Admit(id, first)) => self.admit(id, &first, now),
                Some(Request::TurnAway(id, last, failed_login)) => {
                    self.turn_away_with(id, &last, failed_login, now);
                }
                Some(Request::Forget(id, reason)) => self.forget(id, &reason, now),
                Some(Request::FreeMemory) => self.free_memory(now),
            }
        }
    }

    /// Closes a WebSocket from our side: a close frame, and time to answer it.
    pub(super) fn close(&mut self, id: ConnId, reason: CloseReason, now: Now) {
        let close_frames = self.terms_of(id).close_frames;
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        match &mut peer.stage {
            Stage::Open(_) if !close_frames => self.finish(id, reason, now),
            Stage::Open(open) => {
                // The receiver is handed on with what it holds, so that the account stays.
                peer.stage = Stage::CloseSent(std::mem::take(open).receiver);
                peer.deadline = Tick::of(now.moment).after(self.settings.limits.close_time);
                let code = reason.code.or(Some(CloseCode::GOING_AWAY));
                self.push_close(
                    id,
                    &CloseStatus {
                        code,
                        reason: &reason.text,
                    },
                );
                self.request_forget(id, reason);
            }
            Stage::Http(_) | Stage::Verdict(_) | Stage::Control(_) => {
                self.finish(id, reason, now);
            }
            Stage::CloseSent(_) | Stage::Finishing | Stage::Lingering | Stage::Dead => {}
        }
    }

    /// Closes a client that passed `limit` with what waits for it: that is given up, so that the
    /// close frame does not wait behind it.
    pub(super) fn cut_off(&mut self, id: ConnId, limit: Limit, now: Now) {
        let reason = CloseReason::limit(limit);
        let status = CloseStatus {
            code: reason.code,
            reason: &reason.text,
        };
        let frame = self
            .outboxes
            .frame(encode_frame(Opcode::Close, &status.encode()));
        match self.peers.get(id).map(|peer| &peer.stage) {
            Some(Stage::Open(_)) if !self.terms_of(id).close_frames => {
                self.outboxes.give_up(id);
                self.finish(id, reason, now);
            }
            Some(Stage::Open(_)) => {
                self.outboxes.replace_with(id, frame);
                self.close(id, reason, now);
            }
            Some(Stage::Dead) | None => {}
            // A client that does not read its HTTP answers, or the last bytes.
            Some(_) => self.die(id, reason),
        }
    }

    /// Nothing more is taken from or queued for the connection; it ends when all is written.
    pub(super) fn finish(&mut self, id: ConnId, reason: CloseReason, now: Now) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if peer.stage.is_over() {
            return;
        }
        self.buffered = self.buffered.saturating_sub(peer.stage.buffered());
        peer.stage = Stage::Finishing;
        peer.deadline = Tick::of(now.moment).after(self.settings.limits.close_time);
        self.outboxes.end(id);
        self.request_forget(id, reason);
    }

    /// All is written and the write side is shut; what the client still sends is to be read and
    /// discarded, since closing on unread input would reset the connection and could destroy
    /// the last bytes on their way.
    pub fn write_side_shut(&mut self, id: ConnId, now: Now) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if !matches!(peer.stage, Stage::Finishing) {
            return;
        }
        if peer.end_of_input {
            self.die(id, CloseReason::without_code("closed"));
        } else {
            peer.stage = Stage::Lingering;
            peer.deadline = Tick::of(now.moment).after(self.settings.limits.linger_time);
        }
    }

    /// The connection is over; it is buried at the end of the turn.
    pub(super) fn die(&mut self, id: ConnId, reason: CloseReason) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if matches!(peer.stage, Stage::Dead) {
            return;
        }
        self.buffered = self.buffered.saturating_sub(peer.stage.buffered());
        peer.stage = Stage::Dead;
        self.outboxes.kill(id);
        self.dead.push(id);
        self.request_forget(id, reason);
    }

    fn request_forget(&mut self, id: ConnId, reason: CloseReason) {
        self.requests.push_back(Request::Forget(id, reason));
    }

    /// Tells the hub and the dialect, once, that a connection is going.
    fn forget(&mut self, id: ConnId, reason: &CloseReason, now: Now) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut peer.forgotten, true) {
            return;
        }
        if let Some(limit) = reason.limit
            && !peer.surplus
        {
            self.counters.count_limit(limit);
        }
        if peer.operator {
            return self.forget_control(id, now);
        }
        self.tell_of_end(id, reason, now);
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let Some(dialect) = peer.dialect else {
            return;
        };
        log::debug!(
            connection:% = id,
            dialect = self.dialects[dialect.index()].name(),
            peer:% = peer.address,
            code = reason.code.map_or(0, CloseCode::number),
            reason = &*reason.text;
            "disconnected"
        );
        self.hub.leave_all(id);
        if let Some((service, mut cx)) = self.split(dialect, now) {
            service.closed(&mut cx, id);
        }
    }

    /// Tells the control connections that want to know that a WebSocket is going.
    fn tell_of_end(&mut self, id: ConnId, reason: &CloseReason, now: Now) {
        if !self.events.wants(Event::Close) {
            return;
        }
        let Some(mut members) = self.describe(id, now) else {
            return;
        };
        members.insert("code".to_owned(), reason.code.map(CloseCode::number).into());
        members.insert("reason".to_owned(), reason.text.as_ref().into());
        let payload = Value::Object(members).to_string();
        self.events
            .tell(Event::Close, payload.as_bytes(), &mut self.outboxes);
    }

    /// Takes the names of those that died in this turn into `buried`, and with that the names
    /// die: this is the only place where one does. The sockets are the caller's to close.
    pub fn bury(&mut self, buried: &mut Vec<ConnId>) {
        debug_assert!(self.requests.is_empty(), "settle comes before bury");
        for id in self.dead.drain(..) {
            let Some(peer) = self.peers.remove(id) else {
                continue;
            };
            if let Some(key) = peer.address.key().filter(|_| peer.counted) {
                self.addresses.disconnect(key);
            }
            if let Some(held) = self.held.remove(&id) {
                self.buffered = self.buffered.saturating_sub(held.len());
            }
            self.surplus -= usize::from(peer.surplus);
            self.operators -= usize::from(peer.operator);
            if let Some(load) = self.loads.get_mut(peer.listener.index()) {
                *load = load.saturating_sub(1);
            }
            self.outboxes.bury(id);
            buried.push(id);
        }
    }
}
