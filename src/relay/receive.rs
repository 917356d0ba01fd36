//! Input from a connection, given to the stage that it is in.

use crate::limits::Limit;
use crate::relay::Relay;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::Now;
use crate::relay::peer::Stage;
use crate::relay::request::CloseReason;

/// Whether to go on reading from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All was taken.
    Continue,
    /// The budget of this turn is used up: call [`Relay::resume`] in the next one, and do not
    /// read before.
    Again,
    /// Do not read until the connection is among those of [`Relay::pop_resumed`].
    Paused,
    /// Nothing that it sends matters any more; what comes is to be discarded.
    Over,
}

impl Relay {
    /// A connection's bytes, in the order in which they came. They are unmasked in place.
    pub fn receive(&mut self, id: ConnId, input: &mut [u8], now: Now) -> Reading {
        let Some(peer) = self.peers.get_mut(id) else {
            return Reading::Over;
        };
        peer.hear(now.moment);
        self.take_in(id, input, now)
    }

    /// Takes bytes that came now or earlier.
    fn take_in(&mut self, id: ConnId, mut input: &mut [u8], now: Now) -> Reading {
        let mut budget = self.settings.limits.frames_per_turn;
        let reading = loop {
            let stage = self.peers.get(id).map(|peer| &peer.stage);
            let reading = match stage {
                Some(Stage::Http(_)) => self.receive_requests(id, &mut input, &mut budget, now),
                Some(Stage::Control(_)) => self.receive_control(id, &mut input, &mut budget, now),
                Some(Stage::Open(_)) => self.receive_frames(id, &mut input, &mut budget, now),
                Some(Stage::CloseSent(_)) => self.receive_close(id, &mut input, now),
                Some(Stage::Verdict(_)) => Reading::Paused,
                _ => Reading::Over,
            };
            // A request that was an upgrade leaves the rest of the input to the next stage.
            if reading != Reading::Continue || input.is_empty() {
                break reading;
            }
        };
        if reading == Reading::Again {
            self.count_limit(Limit::FramesPerTurn);
        }
        if matches!(reading, Reading::Again | Reading::Paused) && !input.is_empty() {
            self.buffered += input.len();
            self.held.insert(id, Box::from(&*input));
        }
        self.check_memory();
        reading
    }

    /// Accounts for what a stage holds, where it has taken input: what holds nothing any more
    /// because the connection went on to another stage is accounted for there.
    pub(super) fn count_buffered(&mut self, before: usize, after: usize) {
        self.buffered = (self.buffered + after).saturating_sub(before);
    }

    /// Goes on with input that was beyond an earlier turn's budget.
    pub fn resume(&mut self, id: ConnId, now: Now) -> Reading {
        if let Some(Stage::Open(open)) = self.peers.get_mut(id).map(|peer| &mut peer.stage) {
            open.paused = false;
        }
        match self.held.remove(&id) {
            Some(mut held) => {
                self.buffered = self.buffered.saturating_sub(held.len());
                self.take_in(id, &mut held, now)
            }
            None => match self.peers.get(id) {
                Some(peer) if !peer.stage.is_over() => Reading::Continue,
                _ => Reading::Over,
            },
        }
    }

    /// True while a connection must not be read, because it is paused.
    pub fn is_paused(&self, id: ConnId) -> bool {
        // Held input comes first, also if the connection was closed by us meanwhile.
        self.held.contains_key(&id)
            || match self.peer(id).map(|peer| &peer.stage) {
                Some(Stage::Open(open)) => open.paused,
                Some(Stage::Verdict(_)) => true,
                _ => false,
            }
    }

    /// Takes a connection whose reading was paused and may go on.
    pub fn pop_resumed(&mut self) -> Option<ConnId> {
        self.resumed.pop()
    }

    /// The client sends nothing more.
    pub fn end_of_input(&mut self, id: ConnId, now: Now) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        peer.end_of_input = true;
        match peer.stage {
            // All requests that were complete are answered; the answers still go out.
            Stage::Http(_) => {
                self.finish(id, CloseReason::without_code("closed by the client"), now);
            }
            Stage::Open(_) => {
                self.die(
                    id,
                    CloseReason::without_code("closed without a close frame"),
                );
            }
            Stage::CloseSent(_) => {
                self.die(id, CloseReason::without_code("closed without an answer"));
            }
            Stage::Verdict(_) => {
                self.die(id, CloseReason::without_code("closed by the client"));
            }
            Stage::Control(_) => self.end_of_control(id, now),
            Stage::Lingering => self.die(id, CloseReason::without_code("closed")),
            Stage::Finishing | Stage::Dead => {}
        }
    }

    /// The connection broke; `error` says how.
    pub fn lost(&mut self, id: ConnId, error: &'static str) {
        self.die(id, CloseReason::without_code(error));
    }

    /// The kernel gave the connection up because of a limit that it was told.
    pub fn lost_for_limit(&mut self, id: ConnId, limit: Limit) {
        let mut reason = CloseReason::without_code(limit.reason());
        reason.limit = Some(limit);
        if self.peers.get(id).is_some_and(|peer| peer.forgotten) {
            self.count_limit(limit);
        }
        self.die(id, reason);
    }

    /// Counts a limit that is kept outside of the relay, or that only made something wait.
    pub fn count_limit(&mut self, limit: Limit) {
        self.counters.count_limit(limit);
    }
}
