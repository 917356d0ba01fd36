//! A secret in a log is noticed, whichever test it happens in. That none is there is checked by every
//! test that starts the server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::{RawClient, Server, canary};

/// In the log of every server.
const LOGGED: &str = "configuration from";

/// What is wrong with a server's log, now that all has happened.
fn complaint(server: Server) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(server)));
    let panic = outcome.err()?;
    let message = panic.downcast_ref::<String>().expect("it says why");
    message.lines().next().map(str::to_owned)
}

fn complaint_of(secret: &str) -> Option<String> {
    Some(format!("the secret {secret:?} is in the log"))
}

#[test]
fn secrets_of_the_settings_are_looked_for() {
    for (name, value) in [
        ("FANTAIL_TOPICS_SECRET", LOGGED),
        ("FANTAIL_DSOCK_TOKEN", LOGGED),
        (
            "FANTAIL_DRC_TOKENS",
            r#"{ "other" = true, "configuration from" = ["p"] }"#,
        ),
    ] {
        let server = Server::start(&[(name, value)]);
        assert_eq!(complaint(server), complaint_of(LOGGED), "{name}");
    }
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("secret");
    fs::write(&file, format!("{LOGGED}\n")).expect("the directory is new");
    let file = file.display().to_string();
    let server = Server::start(&[("FANTAIL_TOPICS_SECRET_FILE", &file)]);
    assert_eq!(complaint(server), complaint_of(LOGGED));
    let server = Server::start(&[("FANTAIL_TOPICS_SECRET", "another secret")]);
    assert_eq!(complaint(server), None);
}

/// A server that logs the names of requests, as they are.
fn dsock() -> Server {
    Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
        ("FANTAIL_DSOCK_TOKEN", "the-token-of-the-api"),
    ])
}

/// A request that fails, so that its name is logged.
fn request_named(server: &Server, name: &str, target: &str, more: &str) {
    let mut client = RawClient::connect(server.address());
    let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\nX-Request-Id: {name}\r\n{more}\r\n");
    client.send(head.as_bytes());
    assert_eq!(client.receive_response().status, 400);
}

#[test]
fn what_clients_send_is_looked_for() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.a-payload-of-some-length.a-signature";
    for (name, target, more) in [
        ("canary-of-a-claim", "/connect?claim=canary-of-a-claim", ""),
        (
            "canary-of-a-query",
            "/info?user=u&token=canary-of-a-query",
            "",
        ),
        ("canary-of-a-jwt", "/connect?jwt=canary-of-a-jwt", ""),
        ("a-payload-of-some-length", &format!("/connect?x={jwt}"), ""),
        (
            "canary-of-a-header",
            "/info",
            "Authorization: Bearer canary-of-a-header\r\n",
        ),
        (
            "canary-of-a-cookie",
            "/info",
            "Cookie: a=b; c=canary-of-a-cookie\r\n",
        ),
    ] {
        let server = dsock();
        request_named(&server, name, target, more);
        assert_eq!(complaint(server), complaint_of(name), "{target}");
    }
}

#[test]
fn what_clients_are_sent_and_what_tests_name_is_looked_for() {
    let server = dsock();
    let mut client = RawClient::connect(server.address());
    client.send(
        b"POST /claim?user=u HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\
          Authorization: Bearer the-token-of-the-api\r\n\r\n",
    );
    let answer = client.receive_response().text();
    let (_, id) = answer.split_once("\"id\":\"").expect("claims have one");
    let (id, _) = id.split_once('"').expect("it ends");
    request_named(&server, id, "/info", "");
    assert_eq!(complaint(server), complaint_of(id));

    let server = dsock();
    canary("canary-of-this-test");
    request_named(&server, "before-canary-of-this-test-behind", "/info", "");
    assert_eq!(complaint(server), complaint_of("canary-of-this-test"));
    let server = dsock();
    request_named(&server, "nothing-special", "/info", "");
    assert_eq!(complaint(server), None);
}
