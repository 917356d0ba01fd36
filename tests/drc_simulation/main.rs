//! Clients of DRC, simulated: joins, grants, leaves, messages and deaths at random, cut anywhere,
//! at small limits, with readers that stall and clocks that jump.
//!
//! `model` and `commands` are the protocol, written from its description and not from the server's code: they say
//! which frames every client must be sent, byte for byte and in which order. `request` is what a
//! client can ask, and `spelling` the many ways to write it; `world` compares what came with what
//! had to come, and after every turn the relay's own invariants and the dialect's hold.
//!
//! The sweep that `cargo test` does is short. The long one is
//!
//! ```sh
//! FANTAIL_SIMULATION_SEEDS=10000 FANTAIL_SIMULATION_STEPS=300 \
//!     cargo test --release --test drc_simulation
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
mod answers;
mod asking;
mod client;
mod commands;
mod model;
mod picking;
mod reading;
mod request;
mod settings;
mod spelling;
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
const MUST_HAPPEN: [&str; 30] = [
    "joined by address",
    "joined by a configured token",
    "joined by a grant",
    "joined by a grant that makes an authority",
    "joined again",
    "stopped being an authority",
    "was told of one who is no authority any more",
    "left",
    "died in a channel",
    "a grant was given back",
    "joined again and got a grant back",
    "guessed too often",
    "a grant ended unused",
    "a join that failed left a grant as it was",
    "grants too many",
    "no memory",
    "invalid_data",
    "missing_invalid_cmd",
    "missing_invalid_clientmode",
    "missing_invalid_extra",
    "access_denied",
    "max_channel_limit_reached",
    "missing_channel",
    "invalid_channel",
    "invalid_id",
    "missing_to",
    "invalid_to",
    "sent to all",
    "sent to the authorities",
    "closed for being slow",
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
fn everybody_is_told_what_the_protocol_says() {
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
