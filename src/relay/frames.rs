//! The Open and CloseSent stages: frames become messages, and messages go to the dialect.

use std::time::Duration;

use serde_json::Map;

use crate::limits::Limit;
use crate::protocol::peer_fault::PeerFault;
use crate::protocol::ws_close::{CloseCode, CloseStatus};
use crate::protocol::ws_frame::{MessageType, Opcode, encode_frame};
use crate::protocol::ws_receiver::{Event, ReceiveLimits};
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::{Client, Cx, Dialect, Terms};
use crate::relay::moment::{Moment, Now, Tick};
use crate::relay::peer::{Peer, Stage};
use crate::relay::rate::Rate;
use crate::relay::receive::Reading;
use crate::relay::request::CloseReason;
use crate::relay::timers::Wake;
use crate::relay::{Relay, operator};

/// Who asked for something long is heard again when it has been sent; that is looked at this often.
const ANSWER_PAUSE: Duration = Duration::from_millis(20);

/// Why no more frames are taken.
#[derive(Clone, Copy)]
enum Stop {
    InputEnded,
    BudgetUsed,
    /// A limit says that it goes on then.
    Paused(Moment, Limit),
    ClosedByPeer(Option<CloseCode>),
    Fault(PeerFault),
}

impl Relay {
    /// Takes frames from `input` until it is empty, the connection ends, or `budget` is used up.
    pub(super) fn receive_frames(
        &mut self,
        id: ConnId,
        input: &mut &mut [u8],
        budget: &mut usize,
        now: Now,
    ) -> Reading {
        let Some(peer) = self.peers.get_mut(id) else {
            return Reading::Over;
        };
        let (Some(dialect), Stage::Open(_)) = (peer.dialect, &peer.stage) else {
            return Reading::Over;
        };
        let client = Client {
            id,
            address: peer.address,
            forwarded_for: None,
        };
        // The stage is taken out while the dialect runs, which cannot see it; it goes back below.
        let Stage::Open(mut open) = std::mem::replace(&mut peer.stage, Stage::Dead) else {
            return Reading::Over;
        };
        let before = open.receiver.buffered();
        let mut heard = false;
        // Borrowed from the relay, too.
        let mut inflater = std::mem::take(&mut self.inflater);
        let mut inflated = 0;
        let Some((service, mut cx)) = self.split(dialect, now) else {
            return Reading::Over;
        };
        let limits = cx.limits;
        let receive_limits = receive_limits(service.terms(), limits);
        let message_rate =
            (limits.messages > 0).then(|| Rate::new(limits.messages, limits.messages));
        let control_rate = Rate::new(limits.control_frames, limits.control_frames_burst);
        let mut admit_control =
            |cx: &mut Cx<'_>| open.control_frames.admit(control_rate, cx.now.moment);
        let stop = loop {
            if *budget == 0 && !input.is_empty() {
                break Stop::BudgetUsed;
            }
            if !open.receiver.is_inside_message() {
                open.message_since = Tick::NEVER;
            }
            if cx.outboxes.has_long_answer(id) {
                break Stop::Paused(now.moment + ANSWER_PAUSE, Limit::OutputSoft);
            }
            let event = open
                .receiver
                .receive_inflated(input, &receive_limits, &mut inflater);
            heard |= matches!(event, Ok(Some(_)));
            match event {
                Ok(None) => break Stop::InputEnded,
                Ok(Some(Event::Message(message_type, payload))) => {
                    cx.count_received(payload.len());
                    tell_of_message(service, &mut cx, client, message_type, payload);
                    service.message(&mut cx, client, message_type, payload);
                    if let Some(rate) = message_rate {
                        let kept_again = open.messages.charge(rate, now.moment);
                        if kept_again > now.moment {
                            cx.pause(kept_again, Limit::Messages);
                        }
                    }
                    if let Some((until, limit)) = cx.paused.take() {
                        break Stop::Paused(until, limit);
                    }
                }
                Ok(Some(Event::Ping(payload))) => {
                    if !admit_control(&mut cx) {
                        break Stop::Fault(PeerFault::limit(Limit::ControlFrames));
                    }
                    let pong = cx.outboxes.frame(encode_frame(Opcode::Pong, payload));
                    cx.outboxes.push(id, pong);
                    service.ping_or_pong(&mut cx, id);
                }
                Ok(Some(Event::Pong(payload))) => {
                    if !service.pong(&mut cx, client, payload) && !admit_control(&mut cx) {
                        break Stop::Fault(PeerFault::limit(Limit::ControlFrames));
                    }
                    service.ping_or_pong(&mut cx, id);
                }
                Ok(Some(Event::Close(status))) => break Stop::ClosedByPeer(status.code),
                // All that was compressed is inflated.
                Ok(Some(Event::Compressed(..))) => {}
                Err(fault) => break Stop::Fault(fault),
            }
            *budget = budget.saturating_sub(1);
            inflated += inflater.take_inflated();
            if inflated > limits.read_per_turn {
                *budget = 0;
            }
        };
        if !open.receiver.is_inside_message() {
            open.message_since = Tick::NEVER;
        } else if open.message_since == Tick::NEVER {
            open.message_since = Tick::of(now.moment);
        }
        open.paused = matches!(stop, Stop::Paused(..));
        inflater.end_turn();
        self.inflater = inflater;
        let message_since = open.message_since;
        self.count_buffered(before, open.receiver.buffered());
        if let Some(peer) = self.peers.get_mut(id) {
            peer.stage = Stage::Open(open);
            // Input that was kept counts when it is taken, not while it goes on waiting.
            if heard {
                peer.hear(now.moment);
            }
            if message_since != Tick::NEVER {
                let limit = message_since.after(self.settings.limits.message_time);
                peer.deadline = peer.deadline.min(limit);
            }
        }
        self.after_frames(id, stop, now)
    }

    fn after_frames(&mut self, id: ConnId, stop: Stop, now: Now) -> Reading {
        match stop {
            Stop::InputEnded => Reading::Continue,
            Stop::BudgetUsed => Reading::Again,
            Stop::Paused(until, limit) => {
                self.counters.count_limit(limit);
                self.timers.wake_at(until, Wake::Resume(id));
                Reading::Paused
            }
            Stop::ClosedByPeer(code) => {
                let answer = CloseStatus { code, reason: "" };
                self.push_close(id, &answer);
                let reason = CloseReason {
                    code,
                    text: "closed by the client".into(),
                    limit: None,
                };
                self.finish(id, reason, now);
                Reading::Over
            }
            Stop::Fault(fault) => {
                self.fail(id, fault, now);
                Reading::Over
            }
        }
    }

    /// Fails the connection (RFC 6455 section 7.1.7): says why, and closes.
    pub(super) fn fail(&mut self, id: ConnId, fault: PeerFault, now: Now) {
        let code = Some(fault.close_code);
        if self.terms_of(id).close_frames {
            self.push_close(
                id,
                &CloseStatus {
                    code,
                    reason: fault.reason,
                },
            );
        }
        self.counters.peer_faults += 1;
        let reason = CloseReason {
            code,
            text: fault.reason.into(),
            limit: fault.limit,
        };
        self.finish(id, reason, now);
    }

    /// Queues a close frame as the last frame of the connection.
    pub(super) fn push_close(&mut self, id: ConnId, status: &CloseStatus<'_>) {
        let frame = self
            .outboxes
            .frame(encode_frame(Opcode::Close, &status.encode()));
        self.outboxes.push_last(id, frame);
    }

    /// Looks for the answer to our close frame; all else is passed over.
    pub(super) fn receive_close(&mut self, id: ConnId, input: &mut &mut [u8], now: Now) -> Reading {
        let terms = self.terms_of(id);
        let limits = receive_limits(terms, &self.settings.limits);
        let Some(Peer {
            stage: Stage::CloseSent(receiver),
            ..
        }) = self.peers.get_mut(id)
        else {
            return Reading::Over;
        };
        let before = receiver.buffered();
        let closed = loop {
            match receiver.receive(input, &limits) {
                Ok(None) => break false,
                Ok(Some(Event::Close(_))) | Err(_) => break true,
                Ok(Some(_)) => {}
            }
        };
        let after = receiver.buffered();
        self.count_buffered(before, after);
        if !closed {
            return Reading::Continue;
        }
        self.finish(id, CloseReason::without_code("closed"), now);
        Reading::Over
    }

    /// The limits of the dialect that a connection speaks.
    pub(super) fn terms_of(&self, id: ConnId) -> Terms {
        self.peers
            .get(id)
            .and_then(|peer| peer.dialect)
            .and_then(|dialect| self.dialects.get(dialect.index()))
            .map(|dialect| dialect.terms())
            .unwrap_or_default()
    }
}

/// Tells the control connections that want to know that a client sent a message.
fn tell_of_message(
    service: &dyn Dialect,
    cx: &mut Cx<'_>,
    client: Client<'_>,
    message_type: MessageType,
    payload: &[u8],
) {
    let event = match message_type {
        MessageType::Text => operator::events::Event::Text,
        MessageType::Binary => operator::events::Event::Binary,
    };
    if cx.wants(event) {
        let mut members = Map::new();
        members.insert("id".to_owned(), client.id.to_string().into());
        members.insert("dialect".to_owned(), service.name().into());
        members.insert("peer".to_owned(), client.address.to_string().into());
        service.describe(client.id, cx.now, &mut members);
        cx.tell(event, members, payload);
    }
}

fn receive_limits(terms: Terms, limits: &crate::limits::Limits) -> ReceiveLimits {
    let bytes = |limit| match limits.get(limit) {
        crate::limits::Value::Bytes(bytes) => bytes,
        _ => limits.message,
    };
    let frame_limit = terms.frame.unwrap_or(terms.message);
    ReceiveLimits {
        message: bytes(terms.message),
        message_limit: terms.message,
        frame: bytes(frame_limit),
        frame_limit,
        fragments: limits.fragments,
    }
}
