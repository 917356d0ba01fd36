//! The description of dSock's API is true: schemathesis calls the real binary by it, with what is as
//! described and with what is not.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use support::{Opcode, Outcome, RawClient, Server, require, run_within};

const TIME_LIMIT: Duration = Duration::from_secs(180);

const TOKEN: &str = "the-token-of-the-api";

/// Requests of each operation and phase.
const EXAMPLES: &str = "30";

/// How long the client waits for a frame before it looks whether it is still needed.
const GLANCE: Duration = Duration::from_millis(100);

const CALLED_OFTEN: &[(&str, &str)] = &[
    ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
    ("FANTAIL_DSOCK_TOKEN", TOKEN),
    ("FANTAIL_DSOCK_JWT_SECRET", "the-secret-of-the-tokens"),
    ("FANTAIL_LIMITS_FAILED_LOGINS", "1000000"),
    ("FANTAIL_LIMITS_HANDSHAKES_PER_ADDRESS", "1000000"),
    ("FANTAIL_LIMITS_HANDSHAKES_PER_ADDRESS_BURST", "1000000"),
];

/// Calls the server as `description`, a URL or a file, says.
fn run(program: &Path, server: &Server, description: &str) -> Outcome {
    // It looks for these in its working directory, and leaves files there.
    for (name, text) in [
        ("checks.py", include_str!("schemathesis/checks.py")),
        (
            "schemathesis.toml",
            include_str!("schemathesis/schemathesis.toml"),
        ),
    ] {
        fs::write(server.directory().join(name), text).expect("the directory is there");
    }
    let mut command = Command::new(program);
    command
        .current_dir(server.directory())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["--no-color", "run", description, "--url"])
        .arg(server.http_url("/"))
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--seed", "1", "--max-examples", EXAMPLES])
        .args(["--continue-on-failure", "--no-shrink"])
        .args(["--generation-database", "none", "--warnings", "off"]);
    run_within(TIME_LIMIT, &mut command)
}

/// A connection of the user whom the examples of the description are about, so that answers tell of
/// one. Another one is made whenever the API has closed it.
fn stay_connected(address: SocketAddr, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        let mut api = RawClient::connect(address);
        let claim = format!(
            "POST /claim?user=u1&session=s&channels=a&token={TOKEN} HTTP/1.1\r\nHost: h\r\n\
             Content-Length: 0\r\n\r\n"
        );
        api.send(claim.as_bytes());
        let made: Value =
            serde_json::from_slice(&api.receive_response().body).expect("answers are JSON");
        let id = made["claim"]["id"].as_str().expect("claims have one");
        let mut client = RawClient::connect(address);
        // The claim may have been taken away meanwhile.
        if client
            .try_upgrade(&format!("/connect?claim={id}"), &[])
            .status
            != 101
        {
            continue;
        }
        while !ended.load(Ordering::Relaxed) {
            let frame = client.receive_frame_within(GLANCE);
            if frame.is_some_and(|frame| frame.opcode == Opcode::CLOSE) {
                break;
            }
        }
    }
}

/// As [`run`], while somebody is connected.
fn run_with_client(program: &Path, description: impl FnOnce(&Server) -> String) -> Outcome {
    let server = Server::start(CALLED_OFTEN);
    let description = description(&server);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| stay_connected(server.address(), &ended));
        let outcome = run(program, &server, &description);
        ended.store(true, Ordering::Relaxed);
        outcome
    })
}

#[test]
fn the_api_is_as_described() {
    let Some(program) = require("schemathesis") else {
        return;
    };
    let outcome = run_with_client(&program, |server| server.http_url("/openapi.json"));
    outcome.expect_success();
    // What it did not do it has not found wrong either.
    for phase in ["Examples", "Coverage", "Fuzzing", "Stateful"] {
        let done = format!("✅ {phase}");
        assert!(outcome.stdout.contains(&done), "{}", outcome.stdout);
    }
    // All but the one that it got the description by.
    assert!(
        outcome.stdout.contains("Selected: 13/13"),
        "{}",
        outcome.stdout
    );
}

/// The description, with a status left out, a member that connections do not have, and a call that
/// needs the token although it does not.
fn untrue(mut description: Value) -> Value {
    let responses = &mut description["paths"]["/claim"]["post"]["responses"];
    let responses = responses.as_object_mut().expect("an object");
    responses.remove("400").expect("it was there");
    let required = &mut description["components"]["schemas"]["Connection"]["required"];
    let required = required.as_array_mut().expect("a list");
    required.push("address".into());
    let ping = &mut description["paths"]["/ping"]["get"];
    let ping = ping.as_object_mut().expect("an object");
    ping.remove("security").expect("it was there");
    description
}

#[test]
fn a_description_that_is_not_true_is_noticed() {
    let Some(program) = require("schemathesis") else {
        return;
    };
    let outcome = run_with_client(&program, |server| {
        let mut client = RawClient::connect(server.address());
        client.send(b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n");
        let description = client.receive_response().body;
        let description = serde_json::from_slice(&description).expect("it is JSON");
        let file = server.directory().join("untrue.json");
        fs::write(&file, untrue(description).to_string()).expect("the directory is there");
        file.display().to_string()
    });
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    for fault in [
        "Undocumented status code",
        "\"address\" is a required property",
        "nothing_is_done_without_the_token",
    ] {
        assert!(
            outcome.stdout.contains(fault),
            "{fault}\n{}",
            outcome.stdout
        );
    }
}
