//! The fan-out bench against the real program, briefly: every message arrives everywhere once
//! and in order. Also runs the tests of what the benches share, which they cannot run themselves.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the benches print what they find out"
)]

#[allow(dead_code, reason = "each bench uses its part")]
#[path = "../bench/support/mod.rs"]
mod support;

use std::time::Duration;
use support::fan_out::{Case, FanOut, Pattern};
use support::rounds::{Extent, interleave};
use support::server::Program;

#[test]
fn every_message_arrives_everywhere_once_and_in_order() {
    let program = Program::Relay(env!("CARGO_BIN_EXE_fantail").into());
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
