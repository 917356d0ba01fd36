//! Simulations: worlds of a relay and its clients, each the same whenever its seed is.
//!
//! There are no sockets: `driver` does what the reactor does. `actions` is what happens,
//! `model` what must follow from it, `world` what is checked after every turn: the relay's own
//! invariants; that each client is sent what it must be, in order, once, and nothing else; that
//! messages are dropped as the topic's policy says and in no other way; that nobody is closed
//! without a reason; and in the end, that nothing is left of anybody.
//!
//! The sweep that `cargo test` does is short. The long one is
//!
//! ```sh
//! FANTAIL_SIMULATION_SEEDS=10000 FANTAIL_SIMULATION_STEPS=1000 \
//!     cargo test --release --test simulation
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
mod places;
mod settings;
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
const SHORT: (u64, u64) = (400, 400);

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| {
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value}: not a number"))
    })
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

/// What happened in all worlds together: a simulation in which nothing happens finds nothing.
#[derive(Debug, Default)]
struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn add(&mut self, world: &mut World) {
        let dropped = world.driver.relay.outboxes().dropped();
        let counters = world.driver.relay.counters();
        let mut add = |name, count| *self.0.entry(name).or_default() += count;
        add("connections", counters.accepted);
        add("requests", counters.requests);
        add("handshakes", counters.handshakes);
        add("messages received", counters.messages_received);
        add("messages delivered", counters.messages_delivered);
        add("messages dropped", dropped);
        add("peer faults", counters.peer_faults);
        for (limit, count) in counters.limits() {
            add(limit.reason(), count);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }
}

fn simulate(seed: u64, steps: u64, next: &AtomicU64) -> Tally {
    let _seed = Seed(seed, steps, next);
    let mut world = World::new(seed);
    for _ in 0..steps {
        actions::step(&mut world);
    }
    world.end();
    let mut tally = Tally::default();
    tally.add(&mut world);
    tally
}

#[test]
fn worlds_keep_to_the_model() {
    let steps = variable("FANTAIL_SIMULATION_STEPS").unwrap_or(SHORT.1);
    if let Some(seed) = variable("FANTAIL_SIMULATION_SEED") {
        simulate(seed, steps, &AtomicU64::new(0));
        return;
    }
    let seeds = variable("FANTAIL_SIMULATION_SEEDS").unwrap_or(SHORT.0);
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    let of_seed = simulate(seed, steps, &next);
                    tally.lock().unwrap().merge(&of_seed);
                }
            });
        }
    });
    for (name, count) in &tally.lock().unwrap().0 {
        println!("{count:12} {name}");
    }
    println!("{seeds} seeds, {steps} steps each, {:.1?}", began.elapsed());
}
