//! How long messages to those who are there take while the disk fails: no test that could fail, but
//! a measurement that prints its figures.
//!
//!     cargo test --test durability stall -- --ignored --nocapture

use crate::faults::{EIO, ENOSPC, Fixture, KEPT, Live, connect, send};
use crate::support::Server;
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Rounds of each condition, in turn.
const ROUNDS: usize = 5;
/// Messages of a round to those who are there, one every millisecond.
const MESSAGES: u32 = 2000;
const INTERVAL: Duration = Duration::from_millis(1);

/// What goes on while the messages are sent.
#[derive(Debug, Clone, Copy)]
enum Condition {
    /// Nothing is to be kept.
    NothingKept,
    /// Messages are kept, and all is well.
    Well,
    Failing(&'static str, i32),
    Locked,
}

/// Takes of messages, in the order of their length.
struct Takes(Vec<Duration>);

impl Takes {
    fn part(&self, part: f64) -> Duration {
        self.0[((self.0.len() - 1) as f64 * part) as usize]
    }
}

fn measure(server: &Server) -> Takes {
    let mut live = Live::new(server);
    live.goes_on();
    let begun = Instant::now();
    let mut takes: Vec<_> = (0..MESSAGES)
        .map(|number| {
            let due = INTERVAL * number;
            while begun.elapsed() < due {
                thread::sleep(due.saturating_sub(begun.elapsed()));
            }
            let sent = Instant::now();
            live.one();
            sent.elapsed()
        })
        .collect();
    takes.sort();
    Takes(takes)
}

fn round(condition: Condition) -> Takes {
    let fixture = Fixture::new();
    let server = fixture.start();
    // The database is there, and the receiver has read what is kept for it.
    let mut locker = None;
    match condition {
        Condition::NothingKept => return measure(&server),
        Condition::Well => {}
        Condition::Failing(call, number) => fixture.fail(&[(call, number)]),
        Condition::Locked => {
            let connection = Connection::open(fixture.database()).expect("it is there");
            connection
                .execute_batch("BEGIN IMMEDIATE")
                .expect("it is free");
            locker = Some(connection);
        }
    }
    let ends = AtomicBool::new(false);
    let takes = thread::scope(|scope| {
        scope.spawn(|| {
            let mut sender = connect(&server);
            while !ends.load(Ordering::Relaxed) {
                send(&mut sender, KEPT, "kept", r#","confirm":1"#);
                thread::sleep(INTERVAL);
            }
        });
        let takes = measure(&server);
        ends.store(true, Ordering::Relaxed);
        takes
    });
    drop(locker);
    takes
}

#[test]
#[ignore = "it measures"]
fn stall() {
    let conditions = [
        Condition::NothingKept,
        Condition::Well,
        Condition::Failing("write", ENOSPC),
        Condition::Failing("fsync", EIO),
        Condition::Locked,
    ];
    let mut all: Vec<Vec<Takes>> = conditions.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (condition, takes) in conditions.iter().zip(&mut all) {
            takes.push(round(*condition));
        }
    }
    eprintln!("medians of {ROUNDS} rounds of {MESSAGES} messages, in microseconds");
    for (condition, takes) in conditions.iter().zip(&all) {
        let median = |part: f64| {
            let mut of_rounds: Vec<_> = takes.iter().map(|takes| takes.part(part)).collect();
            of_rounds.sort();
            of_rounds[ROUNDS / 2].as_micros()
        };
        let worst = takes.iter().map(|takes| takes.part(1.0)).max();
        eprintln!(
            "{condition:?}: p50 {}, p99 {}, max {}; the longest of all {}",
            median(0.5),
            median(0.99),
            median(1.0),
            worst.unwrap_or_default().as_micros(),
        );
    }
}
