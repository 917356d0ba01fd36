//! An independent client, Python's `websockets`, agrees with the real binary; and so does curl.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{RawClient, Server, require, run_within};

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Runs one of the scripts in `tests/python`, which assert for themselves.
fn run_script(name: &str, settings: &[(&str, &str)]) {
    let Some(python) = require("python-websockets") else {
        return;
    };
    let server = Server::start(settings);
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    run_within(
        TIME_LIMIT,
        Command::new(python)
            .args(["-B", "-X", "dev"])
            .arg(scripts.join(name))
            .arg(server.url("")),
    )
    .expect_success();
}

#[test]
fn every_other_client_of_a_topic_receives_each_message() {
    run_script("fan_out.py", &[]);
}

#[test]
fn messages_of_every_kind_and_size_arrive_unchanged() {
    run_script("messages.py", &[]);
}

#[test]
fn in_sends_and_out_receives() {
    run_script("in_and_out.py", &[]);
}

#[test]
fn pings_are_answered_and_closes_are_returned() {
    run_script("control_frames.py", &[]);
}

#[test]
fn what_passes_a_limit_is_closed_with_its_code_and_reason() {
    run_script("limits.py", &[("FANTAIL_TOPICS_MESSAGE", "64KiB")]);
}

#[test]
fn echo_returns_every_message() {
    run_script("echo.py", &[("FANTAIL_LISTEN", "tcp://127.0.0.1:0=echo")]);
}

#[test]
fn compressed_messages_arrive_unchanged() {
    run_script(
        "compression.py",
        &[("FANTAIL_LISTEN", "tcp://127.0.0.1:0=echo")],
    );
}

#[test]
fn curl_publishes_text() {
    curl_publishes(&["--data", "hi"], |receiver| {
        assert_eq!(receiver.receive_text(), "hi");
    });
}

#[test]
fn curl_publishes_binary() {
    let binary = [
        "--header",
        "Content-Type: application/octet-stream",
        "--data",
        "hi",
    ];
    curl_publishes(&binary, |receiver| {
        assert_eq!(receiver.receive_binary(), b"hi");
    });
}

fn curl_publishes(arguments: &[&str], check: fn(&mut RawClient)) {
    let Some(curl) = require("curl") else {
        return;
    };
    let server = Server::start(&[]);
    let mut receivers = [
        RawClient::upgrade(server.address(), "/demo"),
        RawClient::upgrade(server.address(), "/demo"),
    ];
    let outcome = run_within(
        TIME_LIMIT,
        Command::new(curl)
            .args(["--silent", "--show-error", "--fail"])
            .args(arguments)
            .arg(server.http_url("/demo")),
    );
    outcome.expect_success();
    assert_eq!(outcome.stdout.trim_end(), r#"{"receivers":2}"#);
    for receiver in &mut receivers {
        check(receiver);
    }
}
