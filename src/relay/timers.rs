//! Wakes that somebody asked for: a token's end, an authentication's time, the end of what a
//! dialect keeps for nobody in particular. A connection that
//! waits for nothing has none; silence is watched by the sweep (`relay::expiry`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::relay::conn_id::ConnId;
use crate::relay::dialect::DialectId;
use crate::relay::moment::Moment;

/// What a wake is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// The connection's dialect asked for it, with a number of its own.
    Connection(ConnId, u32),
    /// Reading was paused and may go on.
    Resume(ConnId),
    /// A dialect asked for it without a connection, with a number of its own.
    Dialect(DialectId, u32),
}

/// The wakes under way, the next one first. One for a connection that has died is dropped when
/// it is due.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<(Moment, Wake)>>);

impl Timers {
    /// Asks for a wake at `due`.
    pub fn wake_at(&mut self, due: Moment, wake: Wake) {
        self.0.push(Reverse((due, wake)));
    }

    /// When the next wake is due.
    pub fn next(&self) -> Option<Moment> {
        self.0.peek().map(|Reverse((due, ..))| *due)
    }

    /// Takes a wake that is due.
    pub fn pop_due(&mut self, now: Moment) -> Option<Wake> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, wake))| wake)
    }
}
