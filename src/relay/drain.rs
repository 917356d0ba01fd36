//! Stopping: every client is told, a few at a time, so that not all of them come back at once.

use std::time::Duration;

use crate::limits::Limit;
use crate::protocol::ws_close::CloseCode;
use crate::relay::Relay;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::DialectId;
use crate::relay::moment::{Moment, Now};
use crate::relay::peer::Stage;
use crate::relay::request::CloseReason;

/// How often some are closed.
const INTERVAL: Duration = Duration::from_millis(50);

/// Closed in each interval even if the time would allow for fewer: a small server stops at once,
/// and still no more than 200 clients a second come back to one that has just started.
const AT_LEAST: usize = 10;

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
    /// The server ends: dialects give out what they still have to be done.
    pub fn wind_up(&mut self, now: Now) {
        for index in 0..self.dialects.len() {
            if let Some((service, mut cx)) = self.split(DialectId::new(index as u8), now) {
                service.finish(&mut cx);
            }
        }
    }

    /// Begins to close all connections; when none is left, the server can exit. To be called
    /// once the listeners are closed.
    pub fn begin_drain(&mut self, now: Now) {
        if self.drain.is_some() {
            return;
        }
        let waiting: Vec<ConnId> = self.peers.ids().collect();
        let per_interval = closed_in_an_interval(waiting.len(), self.settings.limits.drain);
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
                Some(Stage::Http(_) | Stage::Verdict(_) | Stage::Control(_)) => {
                    self.finish(id, CloseReason::limit(Limit::Drain), now);
                }
                _ => {}
            }
        }
    }
}

/// How many of `connections` are closed in each interval so that all are within `time`.
fn closed_in_an_interval(connections: usize, time: Duration) -> usize {
    let intervals = time.as_millis() / INTERVAL.as_millis();
    let intervals = usize::try_from(intervals).unwrap_or(usize::MAX).max(1);
    connections.div_ceil(intervals).max(AT_LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_spread_over_the_time_and_few_are_not_kept_waiting() {
        for (connections, seconds, expected) in [
            (0, 30, 10),
            (300, 30, 10),
            (6_000, 30, 10),
            (60_000, 30, 100),
            (60_001, 30, 101),
            (1_000, 1, 50),
            (1_000, 0, 1_000),
        ] {
            let time = Duration::from_secs(seconds);
            assert_eq!(closed_in_an_interval(connections, time), expected);
        }
    }
}
