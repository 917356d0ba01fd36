//! Replays what fuzzing found, and the seeds that it begins with, through the bodies of the fuzz
//! targets: `tests/regressions/TARGET/` and `fuzz/seeds/TARGET/`, one input per file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

mod fuzz_bodies;

use std::fs;
use std::path::Path;

/// Runs `body` on every file of a target. A packaged crate has no seeds.
#[allow(
    clippy::print_stdout,
    reason = "clippy takes helpers of tests for no tests"
)]
fn replay(target: &str, body: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in ["tests/regressions", "fuzz/seeds"] {
        let Ok(entries) = fs::read_dir(root.join(directory).join(target)) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            // The name of the last file printed is that of the culprit.
            println!("{}", path.display());
            body(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn configuration() {
    replay("configuration", fuzz_bodies::configuration::run);
}

#[test]
fn control_frame() {
    replay("control_frame", fuzz_bodies::control_frame::run);
}

#[test]
fn cookies() {
    replay("cookies", fuzz_bodies::cookies::run);
}

#[test]
fn drc() {
    replay("drc", fuzz_bodies::drc::run);
}

#[test]
fn dsock() {
    replay("dsock", fuzz_bodies::dsock::run);
}

#[test]
fn http_head() {
    replay("http_head", fuzz_bodies::http_head::run);
}

#[test]
fn json_web_token() {
    replay("json_web_token", fuzz_bodies::json_web_token::run);
}

#[test]
fn message_broker() {
    replay("message_broker", fuzz_bodies::message_broker::run);
}

#[test]
fn relay() {
    replay("relay", fuzz_bodies::relay::run);
}

#[test]
fn request_path() {
    replay("request_path", fuzz_bodies::request_path::run);
}

#[test]
fn ws_receiver() {
    replay("ws_receiver", fuzz_bodies::ws_receiver::run);
}
