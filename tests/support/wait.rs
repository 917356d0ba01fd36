//! Waiting for something that another process does, with an end.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks every few milliseconds until `condition` holds. Panics with `what` after `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(2));
    }
}
