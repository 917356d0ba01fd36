//! Stopping: every client is told, a few at a time, so that not all of them come back at once.

use std::time::Duration;

use crate::limits::Limit;
use crate::protocol::ws_close::CloseCode;
use crate::relay::Relay;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::{Moment, Now};
use crate::relay::peer::Stage;
use crate::relay::request::CloseReason;

/// How often some are closed.
const INTERVAL: Duration = Duration::from_millis(50);

/// Closed in each interval even if the time would allow for fewer: a small server stops at once.
const AT_LEAST: usize = 100;

/// The longest hint, in seconds, when to come back.
const LONGEST_RETRY: u32 = 10;

/// A stop under way.
#[derive(Debug)]
pub(super) struct Drain {
    next: Moment,
    per_interval: usize,
    waiting: Vec<ConnId>,
}

impl Drain {
    pub(super) fn next(&self) -> Moment {
        self.next
    }
}

impl Relay {
    /// Begins to close all connections; when none is left, the server can exit. To be called
    /// once the listeners are closed.
    pub fn begin_drain(&mut self, now: Now) {
        if self.drain.is_some() {
            return;
        }
        let waiting: Vec<ConnId> = self.peers.ids().collect();
        let intervals = self.settings.limits.drain.as_millis() / INTERVAL.as_millis();
        let intervals = usize::try_from(intervals).unwrap_or(usize::MAX).max(1);
        let per_interval = waiting.len().div_ceil(intervals).max(AT_LEAST);
        self.drain = Some(Drain {
            next: now.moment,
            per_interval,
            waiting,
        });
    }

    pub(super) fn continue_drain(&mut self, now: Now) {
        let Some(drain) = &mut self.drain else {
            return;
        };
        if now.moment < drain.next {
            return;
        }
        drain.next = now.moment + INTERVAL;
        let rest = drain.waiting.len().saturating_sub(drain.per_interval);
        for id in drain.waiting.split_off(rest) {
            match self.peers.get(id).map(|peer| &peer.stage) {
                Some(Stage::Open(_)) => {
                    let retry = 1 + (id.index() as u32).wrapping_mul(0x9e37_79b9) % LONGEST_RETRY;
                    let reason = format!("{}; retry in {retry} s", Limit::Drain.reason());
                    let mut reason = CloseReason::with_code(CloseCode::GOING_AWAY, reason);
                    reason.limit = Some(Limit::Drain);
                    self.close(id, reason, now);
                }
                Some(Stage::Http(_)) => {
                    self.finish(id, CloseReason::limit(Limit::Drain), now);
                }
                _ => {}
            }
        }
    }
}
