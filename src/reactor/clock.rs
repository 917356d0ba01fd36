//! The clocks, read once a turn.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::relay::moment::{Moment, Now};

/// The process's clocks.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
}

impl Clock {
    /// Begins to count.
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// What both clocks show.
    pub(super) fn now(&self) -> Now {
        Now {
            moment: Moment::since_start(self.started.elapsed()),
            // A wall clock before 1970 is as good as one at its beginning.
            wall: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }
}
