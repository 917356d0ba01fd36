//! Clients of the message broker, simulated: senders, receivers, logins, deaths and crashes of the
//! server at random, bytes cut anywhere, with readers that stall and a store that answers late or
//! not at all.
//!
//! `model` is the protocol, written from its description and not from the server's code: who is to
//! get a message, what is to be kept, and when it may be forgotten. `client` holds what a client reads
//! against what is due to it; `world` puts them together and adds the relay's own invariants.
//!
//! What must hold:
//!
//! - A live message goes to those receivers that the page names, byte for byte, once, in order.
//! - What nobody was there for is kept, unless the store failed, and stays in the store until it has
//!   arrived at a receiver that has shown so. At the end, a receiver gets all that is left.
//! - A receiver that is alone on its channel gets all in the order in which it was sent.
//! - Whoever asks for a confirmation is told once, the truth.
//! - Who is rejected is told so, and nothing else.
//!
//! The sweep that `cargo test` does is short. The long one is
//!
//! ```sh
//! FANTAIL_SIMULATION_SEEDS=10000 FANTAIL_SIMULATION_STEPS=300 \
//!     cargo test --release --test broker_simulation
//! ```
//!
//! A failure names its seed; `FANTAIL_SIMULATION_SEED=12345` runs that one alone. The number of
//! steps must be the same, too.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

#[path = "../driver/mod.rs"]
mod driver;

mod actions;
mod client;
mod model;
mod rules;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use world::World;

/// Seeds of the short sweep, and the steps of each.
const SHORT: (u64, u64) = (200, 300);

/// What must have happened in a sweep: a simulation in which nothing does finds nothing.
const MUST_HAPPEN: [&str; 17] = [
    "let in",
    "rejected",
    "sent to nobody",
    "sent to one",
    "sent to several",
    "sent to some of them",
    "kept",
    "a kept message came",
    "a kept message came again",
    "a live message came",
    "deleted",
    "confirmed: kept",
    "confirmed: live",
    "not confirmed",
    "died while receiving",
    "the server crashed",
    "the store failed",
];

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value}: not a number")),
    )
}

/// Names the seed if the world of it does not come to its end.
struct Seed<'a>(u64, u64, &'a AtomicU64);

impl Drop for Seed<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // One failure is enough.
            self.2.store(u64::MAX / 2, Ordering::Relaxed);
            println!(
                "FANTAIL_SIMULATION_SEED={} FANTAIL_SIMULATION_STEPS={}",
                self.0, self.1
            );
        }
    }
}

fn simulate(seed: u64, steps: u64, next: &AtomicU64) -> BTreeMap<&'static str, u64> {
    let _seed = Seed(seed, steps, next);
    let mut world = World::new(seed);
    for _ in 0..steps {
        actions::step(&mut world);
    }
    world.end();
    world.model.tally
}

#[test]
fn what_is_kept_arrives_and_what_is_live_goes_to_whom_it_should() {
    let steps = variable("FANTAIL_SIMULATION_STEPS").unwrap_or(SHORT.1);
    if let Some(seed) = variable("FANTAIL_SIMULATION_SEED") {
        simulate(seed, steps, &AtomicU64::new(0));
        return;
    }
    let seeds = variable("FANTAIL_SIMULATION_SEEDS").unwrap_or(SHORT.0);
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let tally = Mutex::new(BTreeMap::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    for (what, count) in simulate(seed, steps, &next) {
                        *tally.lock().unwrap().entry(what).or_insert(0) += count;
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    for (what, count) in &tally {
        println!("{count:12} {what}");
    }
    println!("{seeds} seeds, {steps} steps each, {:.1?}", began.elapsed());
    if seeds * steps >= SHORT.0 * SHORT.1 {
        for what in MUST_HAPPEN {
            assert!(tally.contains_key(what), "never: {what}");
        }
    }
}
