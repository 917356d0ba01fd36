//! The benches of fan-out and of DRC against the real program, briefly: every message arrives
//! everywhere once and in order, and everybody is told of everybody who joins; texts that
//! are posted are answered, beside nginx, and arrive. Also runs the tests of what the benches share, which they cannot run themselves.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the benches print what they find out"
)]

#[allow(dead_code, reason = "each bench uses its part")]
#[path = "../bench/support/mod.rs"]
mod support;

use std::time::Duration;
use support::drc::request::Role;
use support::drc::{broadcast, entries, storm};
use support::fan_out::{Case, FanOut, Pattern};
use support::rounds::{Extent, interleave};
use support::send::sending::{Load, Sending};
use support::send::side::Side;
use support::server::Program;

fn relay() -> Program {
    Program::Relay(env!("CARGO_BIN_EXE_fantail").into())
}

#[test]
fn every_message_arrives_everywhere_once_and_in_order() {
    let program = relay();
    let extent = Extent {
        rounds: 1,
        duration: Duration::from_millis(50),
    };
    for pattern in Pattern::ALL {
        for payload in [8, 125, 126, 1024] {
            let case = Case {
                receivers: 20,
                payload,
                pattern,
            };
            let found = interleave(extent, std::slice::from_ref(&program), |program| {
                FanOut::start(program, case)
            });
            let deliveries: u64 = found.unwrap().iter().flatten().map(|cost| cost.units).sum();
            assert!(deliveries > 0, "{pattern:?}, {payload} bytes");
        }
    }
}

#[test]
fn compressed_messages_arrive_everywhere_once_and_in_order() {
    let program = relay();
    let extent = Extent {
        rounds: 1,
        duration: Duration::from_millis(50),
    };
    for pattern in Pattern::ALL {
        let case = Case {
            receivers: 20,
            payload: 1024,
            pattern,
        };
        let found = interleave(extent, std::slice::from_ref(&program), |program| {
            FanOut::start_compressed(program, case)
        });
        let deliveries: u64 = found.unwrap().iter().flatten().map(|cost| cost.units).sum();
        assert!(deliveries > 0, "{pattern:?}");
    }
}

#[test]
fn a_message_to_a_channel_of_drc_arrives_at_all_members() {
    let program = relay();
    let extent = Extent {
        rounds: 1,
        duration: Duration::from_millis(50),
    };
    for role in [Role::Receiver, Role::Sender] {
        for pattern in Pattern::ALL {
            let case = Case {
                receivers: 30,
                payload: 128,
                pattern,
            };
            let found = interleave(extent, std::slice::from_ref(&program), |program| {
                broadcast::start(program, case, role, 10)
            });
            let deliveries: u64 = found.unwrap().iter().flatten().map(|cost| cost.units).sum();
            assert!(deliveries > 0, "{role:?}, {pattern:?}");
        }
    }
}

#[test]
fn all_who_join_a_channel_of_drc_are_told_of_one_another() {
    for window in [1, 30] {
        let storm = storm::measure(&relay(), 30, window).unwrap();
        assert_eq!((storm.told.known, storm.broadcasts.units), (900, 900));
    }
    let joins = entries::measure(&relay(), 20).unwrap();
    let listed: Vec<u64> = joins.iter().map(|joins| joins.told.listed).collect();
    // Of 16 receivers each is told of itself, of those after them each of all before, too.
    let lists_of_16 = |before: u64| (1..=16).map(|number| before + number).sum();
    assert_eq!(listed, [16, lists_of_16(20 + 16), lists_of_16(20 + 32)]);
}

#[test]
fn texts_that_are_posted_are_answered_and_arrive_at_all_members() {
    let extent = Extent {
        rounds: 1,
        duration: Duration::from_millis(50),
    };
    let sides = [
        Side::Nginx,
        Side::Relay(relay(), 0),
        Side::Relay(relay(), 1),
        Side::Relay(relay(), 20),
    ];
    for load in Load::ALL {
        let found = interleave(extent, &sides, |side| Sending::start(side, load)).unwrap();
        for (found, receivers) in found.iter().flatten().zip([0, 0, 1, 20]) {
            assert!(found.requests > 0, "{load:?}, {receivers} receivers");
            assert_eq!(found.deliveries, found.requests * receivers, "{load:?}");
        }
    }
}
