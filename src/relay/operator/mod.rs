//! Control connections: other programs of the machine that give the relay commands, one letter
//! each. What a letter means is in [`command`]; the letters that name a token go to the dialect
//! that knows tokens, the others reach every dialect.

pub mod browser_command;
pub mod command;
pub mod events;

mod execute;
mod reports;

use crate::limits::Limit;
use crate::protocol::control_frame::{ControlReader, LONGEST_PAYLOAD, encode};
use crate::relay::Relay;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::{Now, Tick};
use crate::relay::operator::command::Command;
use crate::relay::operator::execute::Outcome;
use crate::relay::peer::Stage;
use crate::relay::receive::Reading;
use crate::relay::request::CloseReason;

/// What the server answers to something that it does not understand, before it closes.
const ERROR: u8 = b'E';

/// A control connection.
#[derive(Debug)]
pub struct ControlInput {
    reader: ControlReader,
    /// It has shown the secret, or need not.
    pub(super) authorised: bool,
    /// When it was pinged without having said anything since.
    pub(super) pinged: Tick,
}

impl ControlInput {
    /// A connection of which nothing was heard.
    pub fn new(authorised: bool) -> Self {
        Self {
            reader: ControlReader::default(),
            authorised,
            pinged: Tick::NEVER,
        }
    }

    /// Bytes held for a frame that is not complete.
    pub fn buffered(&self) -> usize {
        self.reader.buffered()
    }
}

/// What the relay asks of whoever drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Read the configuration again, and tell [`Relay::reloaded`].
    Reload(ConnId),
    /// Close the listeners and begin to drain.
    Stop,
}

impl Relay {
    /// Takes an order that a control connection gave.
    pub fn pop_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// The configuration was read again, or not, for a control connection.
    pub fn reloaded(&mut self, id: ConnId, result: Result<(), &str>) {
        match result {
            Ok(()) => self.answer_control(id, b'a', b""),
            Err(reason) => self.answer_control(id, b'n', reason.as_bytes()),
        }
    }

    /// Takes commands from `input` until it is empty, the connection ends, or `budget` is used.
    pub(super) fn receive_control(
        &mut self,
        id: ConnId,
        input: &mut &mut [u8],
        budget: &mut usize,
        now: Now,
    ) -> Reading {
        let Some(peer) = self.peers.get_mut(id) else {
            return Reading::Over;
        };
        if !matches!(peer.stage, Stage::Control(_)) {
            return Reading::Over;
        }
        // The stage is taken out while commands run, which may look at all peers; it goes back
        // below.
        let Stage::Control(mut control) = std::mem::replace(&mut peer.stage, Stage::Dead) else {
            return Reading::Over;
        };
        control.pinged = Tick::NEVER;
        let before = control.reader.buffered();
        let limit = self.settings.limits.control_frame;
        let mut bytes: &[u8] = input;
        let mut authorised = control.authorised;
        let outcome = loop {
            if *budget == 0 && !bytes.is_empty() {
                break None;
            }
            let command = match control.reader.receive(&mut bytes, limit) {
                Ok(None) => break Some(Outcome::Continue),
                Ok(Some(frame)) => Command::parse(&frame).map_err(|fault| fault.to_string()),
                Err(fault) => Err(fault.to_string()),
            };
            // What follows a reload waits until that is done, so that answers come in order.
            *budget = match command {
                Ok(Command::Reload) => 0,
                _ => budget.saturating_sub(1),
            };
            match command {
                Ok(command) => match self.execute(id, &command, &mut authorised, now) {
                    Outcome::Continue => {}
                    end => break Some(end),
                },
                Err(reason) => break Some(Outcome::Malformed(reason)),
            }
        };
        control.authorised = authorised;
        self.count_buffered(before, control.reader.buffered());
        let left = bytes.len();
        let taken = input.len() - left;
        *input = &mut std::mem::take(input)[taken..];
        if let Some(peer) = self.peers.get_mut(id) {
            peer.stage = Stage::Control(control);
        }
        match outcome {
            None => Reading::Again,
            Some(Outcome::Continue) => Reading::Continue,
            Some(Outcome::Quit) => {
                self.finish(id, CloseReason::without_code("quit"), now);
                Reading::Over
            }
            Some(Outcome::Malformed(reason)) => {
                self.refuse_control(id, &reason, now);
                Reading::Over
            }
        }
    }

    /// A program sends nothing more. What it has asked for is answered; what it has begun to ask
    /// is an error.
    pub(super) fn end_of_control(&mut self, id: ConnId, now: Now) {
        let Some(Stage::Control(control)) = self.peers.get(id).map(|peer| &peer.stage) else {
            return;
        };
        match control.reader.finish() {
            Ok(()) => self.finish(id, CloseReason::without_code("closed"), now),
            Err(fault) => self.refuse_control(id, &fault.to_string(), now),
        }
    }

    /// Answers what is no command, and closes: behind it nothing can be understood.
    fn refuse_control(&mut self, id: ConnId, reason: &str, now: Now) {
        log::debug!(connection:% = id, reason = reason; "control frame refused");
        self.counters.peer_faults += 1;
        self.answer_control(id, ERROR, b"");
        self.finish(
            id,
            CloseReason::without_code("malformed control frame"),
            now,
        );
    }

    /// Sends a control frame.
    pub(super) fn answer_control(&mut self, id: ConnId, letter: u8, payload: &[u8]) {
        // Only a reason that repeats what was asked could be longer.
        let payload = &payload[..payload.len().min(LONGEST_PAYLOAD)];
        let frame = self.outboxes.frame(encode(letter, payload));
        self.outboxes.push(id, frame);
    }

    /// What is due for a control connection whose deadline has passed.
    pub(super) fn control_deadline_passed(&mut self, id: ConnId, now: Now) {
        let tick = Tick::of(now.moment);
        let limits = &self.settings.limits;
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let heard = peer.heard;
        let Stage::Control(control) = &mut peer.stage else {
            return;
        };
        if !control.authorised {
            return self.die(id, CloseReason::limit(Limit::AuthenticationTime));
        }
        if control.pinged != Tick::NEVER {
            if control.pinged.after(limits.control_pong_wait) <= tick {
                return self.die(id, CloseReason::limit(Limit::ControlPongWait));
            }
        } else if heard.after(limits.control_idle) <= tick {
            control.pinged = tick;
            self.answer_control(id, b'p', b"");
        }
        self.schedule_control(id);
    }

    /// The secret was shown in time.
    pub(super) fn schedule_authorised(&mut self, id: ConnId) {
        let idle = self.settings.limits.control_idle;
        if let Some(peer) = self.peers.get_mut(id) {
            peer.deadline = peer.heard.after(idle);
        }
    }

    /// Sets the next deadline of a control connection.
    pub(super) fn schedule_control(&mut self, id: ConnId) {
        let limits = &self.settings.limits;
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if let Stage::Control(control) = &peer.stage {
            peer.deadline = if control.pinged == Tick::NEVER {
                peer.heard.after(limits.control_idle)
            } else {
                control.pinged.after(limits.control_pong_wait)
            };
        }
    }

    /// A control connection is going: its subscriptions and locks end.
    pub(super) fn forget_control(&mut self, id: ConnId, now: Now) {
        self.events.unsubscribe(id);
        for index in 0..self.dialects.len() {
            let dialect = crate::relay::dialect::DialectId::new(index as u8);
            if let Some((service, mut cx)) = self.split(dialect, now) {
                service.operator_gone(&mut cx, id);
            }
        }
    }
}
