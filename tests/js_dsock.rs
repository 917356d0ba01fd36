//! The JavaScript client of dSock's API in Node, and a page in Chromium that is sent something with
//! it, against the real server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{Server, require, root, run_within};

const TIME_LIMIT: Duration = Duration::from_secs(90);
const TOKEN: &str = "a-token-of-the-tests";

fn start() -> Server {
    Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
        ("FANTAIL_DSOCK_TOKEN", TOKEN),
    ])
}

/// Node, with a WebSocket class of its own also before Node 22.
fn node(program: &Path, script: &str) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--experimental-websocket")
        .arg(root().join(script));
    command
}

#[track_caller]
fn expect_done(command: &mut Command) {
    let outcome = run_within(TIME_LIMIT, command);
    outcome.expect_success();
    assert!(outcome.stdout.ends_with("done\n"), "{outcome:#?}");
}

#[test]
fn every_call_does_what_it_says() {
    let Some(program) = require("node") else {
        return;
    };
    let server = start();
    let mut command = node(&program, "tests/browser/dsock_methods.mjs");
    expect_done(command.args([&server.http_url(""), TOKEN]));
    assert!(!server.log().contains(TOKEN), "{}", server.log());
}

#[test]
fn errors_say_what_was_wrong() {
    let Some(program) = require("node") else {
        return;
    };
    let server = start();
    let mut command = node(&program, "tests/browser/dsock_errors.mjs");
    expect_done(command.args([&server.http_url(""), TOKEN]));
    assert!(!server.log().contains(TOKEN), "{}", server.log());
}

#[test]
fn a_page_that_connects_with_a_claim_is_sent_what_its_back_end_sends() {
    let (Some(program), Some(chromium), Some(_)) = (
        require("node"),
        require("chromium"),
        require("playwright-core"),
    ) else {
        return;
    };
    let server = start();
    let mut command = node(&program, "tests/browser/dsock_page.mjs");
    command.arg(chromium);
    expect_done(command.args([&server.http_url(""), TOKEN]));
}

/// It wants the API's token, which is not for pages.
#[test]
fn the_script_for_pages_does_not_have_it() {
    let script = root().join("clients/js/dist/fantail.js");
    let text = fs::read_to_string(script).expect("it is there");
    assert!(text.contains("DRCClient") && !text.contains("DSock"));
}
