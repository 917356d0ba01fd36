//! Nothing that was confirmed is lost: servers with the same database are killed, or lose power,
//! over and over, while senders and receivers note what they see.
//!
//! `FANTAIL_DURABILITY_KILLS`, `FANTAIL_DURABILITY_POWER_LOSSES` and `FANTAIL_DURABILITY_FAULTS` say
//! how many lives there are, `FANTAIL_DURABILITY_SEED` which. The same seed sends the same messages and dies after the same
//! time; what the system makes of that differs.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]
#![allow(unreachable_pub, reason = "a test binary has no users")]
#![cfg(feature = "sqlite")]

mod client;
#[path = "../power_loss/disk.rs"]
#[allow(dead_code, reason = "the shim uses the rest of it")]
mod disk;
mod faults;
mod history;
mod lives;
mod power;
#[path = "../support/mod.rs"]
mod support;

use lives::{Lives, Trouble};
use std::env;
use std::time::Instant;

/// Lives without an order for more. A run of all is written down in docs/testing.md.
const KILLS: u32 = 150;
const POWER_LOSSES: u32 = 75;
const FAULTS: u32 = 50;

/// After so many lives what has happened is looked at, so that a fault is found early.
const PART: u32 = 25;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

/// So many lives, or as many as the environment orders.
fn live(order: &str, count: u32, trouble: Trouble) {
    let count = number(order).map_or(count, |count| count as u32);
    let seed = number("FANTAIL_DURABILITY_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("FANTAIL_DURABILITY_SEED={seed}");
    let begun = Instant::now();
    let mut lives = Lives::new(seed, trouble);
    for life in 1..=count {
        lives.live();
        if life % PART == 0 || life == count {
            let (violations, story) = lives.violations();
            assert!(
                violations.is_empty(),
                "after {life} lives with {:?}, {} violations: {:#?}\n{story}",
                lives.counts(),
                violations.len(),
                &violations[..violations.len().min(10)]
            );
        }
    }
    let counts = lives.counts();
    eprintln!("{count} lives in {:?}: {counts:?}", begun.elapsed());
    // Else it would mean nothing.
    let lived = count as usize;
    assert!(counts.confirmed > lived && counts.delivered > lived);
    if let Some(power) = lives.power() {
        // Else nothing was ever lost.
        for call in ["write", "fsync"] {
            let seen = power.disk().counted(call);
            eprintln!("{call}: {seen}");
            assert!(seen > count as usize, "{call}: {seen}");
        }
    }
}

#[test]
fn nothing_confirmed_is_lost_when_the_server_is_killed() {
    live("FANTAIL_DURABILITY_KILLS", KILLS, Trouble::Kill);
}

#[test]
fn nothing_confirmed_is_lost_when_the_power_is() {
    live(
        "FANTAIL_DURABILITY_POWER_LOSSES",
        POWER_LOSSES,
        Trouble::PowerLoss,
    );
}

#[test]
fn nothing_confirmed_is_lost_and_nothing_refused_kept_when_the_disk_fails() {
    live("FANTAIL_DURABILITY_FAULTS", FAULTS, Trouble::Faults);
}
