//! Receivers of the message broker that acknowledge, as real connections: work that is shared,
//! receivers that go, servers that are killed, and what needs no disk.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
#![cfg(feature = "sqlite")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{RawClient, Server};

/// The password is `password`.
const USERS: &str = "qa:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";
const AUTHORIZATION: (&str, &str) = ("Authorization", "Basic cWE6cGFzc3dvcmQ=");
const LIMIT: Duration = Duration::from_secs(10);
const KEEP: (&str, &str) = ("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true");
const ONE: (&str, &str) = ("FANTAIL_MESSAGE_BROKER_NUMBER_OF_RECEIVER", "1");

fn start(settings: &[(&str, &str)]) -> Server {
    let always = [
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=message-broker"),
        ("FANTAIL_MESSAGE_BROKER_USERS", USERS),
    ];
    Server::start(&[&always, settings].concat())
}

#[track_caller]
fn connect(server: &Server) -> RawClient {
    let mut client = RawClient::upgrade_with(server.address(), "/", &[AUTHORIZATION]);
    let text = client.receive_text();
    assert!(text.contains("Accepted"), "{text}");
    client
}

#[track_caller]
fn receiver(server: &Server) -> RawClient {
    let mut client = connect(server);
    client.send_text(r#"{"command":"receive-message","channel":"c","data":[],"ack":true}"#);
    client
}

/// A receiver of a channel that nothing is kept for.
#[track_caller]
fn first_receiver(server: &Server) -> RawClient {
    let mut client = receiver(server);
    client.synchronise();
    client
}

/// Sends a message; the numbers that the store has given its elements.
#[track_caller]
fn send(client: &mut RawClient, data: &str) -> Vec<i64> {
    client.send_text(&format!(
        r#"{{"command":"send-message","channel":"c","data":[{data}],"confirm":0}}"#
    ));
    let confirmation: Value = parse(&client.receive_text());
    assert_eq!(confirmation["response_code"], "00", "{confirmation}");
    let ids = confirmation["ids"].as_array().expect("it is a list");
    ids.iter().filter_map(Value::as_i64).collect()
}

#[track_caller]
fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

/// The next message: its number and its text.
#[track_caller]
fn receive(client: &mut RawClient) -> (i64, String) {
    let text = client.receive_text();
    let message = parse(&text);
    let id = message["id"].as_i64();
    (
        id.unwrap_or_else(|| panic!("{text}")),
        message["data"][0].to_string(),
    )
}

fn acknowledge(client: &mut RawClient, ids: &[i64]) {
    client.send_text(&format!(r#"{{"command":"ack","ids":{ids:?}}}"#));
}

#[test]
fn receivers_that_take_turns_share_the_work() {
    let order = ("FANTAIL_MESSAGE_BROKER_ORDER", "round-robin");
    let server = start(&[KEEP, ONE, order]);
    let mut sender = connect(&server);
    let mut receivers = [0; 3].map(|_| first_receiver(&server));
    let mut got = BTreeMap::new();
    for number in 0..30 {
        let ids = send(&mut sender, &number.to_string());
        let receiver = &mut receivers[number % 3];
        let (id, text) = receive(receiver);
        assert_eq!((vec![id], &text), (ids, &number.to_string()));
        acknowledge(receiver, &[id]);
        got.insert(id, text);
    }
    assert_eq!(got.len(), 30);
    for receiver in &mut receivers {
        // Nobody has got anything else.
        receiver.synchronise();
    }
}

#[test]
fn what_a_receiver_leaves_behind_goes_to_the_next_one_in_order() {
    let server = start(&[KEEP, ONE]);
    let mut sender = connect(&server);
    let mut first = first_receiver(&server);
    let mut second = first_receiver(&server);
    let ids = send(&mut sender, "1,2,3,4");
    for (index, id) in ids.iter().enumerate() {
        assert_eq!(receive(&mut first), (*id, (index + 1).to_string()));
    }
    acknowledge(&mut first, &ids[1..2]);
    first.synchronise();
    drop(first);
    for index in [0, 2, 3] {
        assert_eq!(receive(&mut second), (ids[index], (index + 1).to_string()));
    }
    acknowledge(&mut second, &ids);
    second.synchronise();
    drop(second);
    first_receiver(&server);
}

#[test]
fn a_backlog_comes_no_faster_than_it_is_acknowledged() {
    let window = ("FANTAIL_MESSAGE_BROKER_UNACKNOWLEDGED", "10");
    let pings = ("FANTAIL_LIMITS_CONTROL_FRAMES_BURST", "10000");
    let server = start(&[KEEP, window, pings]);
    let mut sender = connect(&server);
    let mut ids = Vec::new();
    for first in (0..1_000).step_by(100) {
        let data: Vec<_> = (first..first + 100)
            .map(|number| number.to_string())
            .collect();
        ids.extend(send(&mut sender, &data.join(",")));
    }
    let mut receiver = receiver(&server);
    let mut held = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        if held.len() == 10 {
            // There is no more before something is acknowledged.
            receiver.synchronise();
            acknowledge(&mut receiver, &held[..6]);
            held.drain(..6);
        }
        assert_eq!(receive(&mut receiver), (*id, number.to_string()));
        held.push(*id);
    }
    acknowledge(&mut receiver, &held);
    receiver.synchronise();
}

#[test]
fn what_was_not_acknowledged_is_there_after_a_kill_under_the_same_number() {
    let directory = tempfile::tempdir().expect("it can be made");
    let path = directory.path().join("x.db");
    let path = ("FANTAIL_STORE_PATH", path.to_str().expect("it is UTF-8"));
    let mut server = start(&[KEEP, path]);
    let mut sender = connect(&server);
    let mut first = first_receiver(&server);
    let ids = send(&mut sender, "1,2,3");
    for id in &ids {
        assert_eq!(receive(&mut first).0, *id);
    }
    acknowledge(&mut first, &ids[..1]);
    // The answer of the store to this comes behind the deletion.
    sender.send_text(r#"{"command":"ping","channel":"c"}"#);
    sender.receive_text();
    first.synchronise();
    send(&mut sender, "4");
    assert_eq!(receive(&mut first).1, "4");
    server.signal("KILL");
    assert!(server.exit_within(LIMIT).is_some());
    let server = start(&[KEEP, path]);
    let mut second = receiver(&server);
    assert_eq!(receive(&mut second), (ids[1], "2".to_owned()));
    assert_eq!(receive(&mut second), (ids[2], "3".to_owned()));
    assert_eq!(receive(&mut second).1, "4");
}

#[test]
fn an_id_is_taken_once_also_after_a_kill_and_by_each_user() {
    let directory = tempfile::tempdir().expect("it can be made");
    let path = directory.path().join("x.db");
    let path = ("FANTAIL_STORE_PATH", path.to_str().expect("it is UTF-8"));
    let users = format!("{USERS},{}", USERS.replace("qa:", "other:"));
    let settings = [KEEP, path, ("FANTAIL_MESSAGE_BROKER_USERS", &users)];
    let message =
        r#"{"command":"send-message","channel":"c","data":["x"],"id":"order 7","confirm":1}"#;
    let answer = |client: &mut RawClient| {
        client.send_text(message);
        let answer = parse(&client.receive_text());
        (answer["ids"].to_string(), answer["repeated"] == true)
    };
    let mut server = start(&settings);
    assert_eq!(answer(&mut connect(&server)), ("[1]".to_owned(), false));
    assert_eq!(answer(&mut connect(&server)), ("[1]".to_owned(), true));
    server.signal("KILL");
    assert!(server.exit_within(LIMIT).is_some());
    let server = start(&settings);
    assert_eq!(answer(&mut connect(&server)), ("[1]".to_owned(), true));
    // other:password
    let other = [("Authorization", "Basic b3RoZXI6cGFzc3dvcmQ=")];
    let mut other = RawClient::upgrade_with(server.address(), "/", &other);
    assert!(other.receive_text().contains("Accepted"));
    assert_eq!(answer(&mut other), ("[2]".to_owned(), false));
    let mut receiver = receiver(&server);
    assert_eq!(receive(&mut receiver).0, 1);
    assert_eq!(receive(&mut receiver).0, 2);
    receiver.synchronise();
}

#[test]
fn without_a_store_on_disk_messages_wait_in_memory() {
    let server = start(&[ONE]);
    let mut sender = connect(&server);
    let mut first = first_receiver(&server);
    let message = r#"{"command":"send-message","channel":"c","data":["x"],"id":1,"confirm":1}"#;
    sender.send_text(message);
    let (id, text) = receive(&mut first);
    assert_eq!(text, r#""x""#);
    // Higher than any of an earlier start, and exact in JavaScript.
    assert!(id > 1_700_000_000_000_000 && id < 1 << 53, "{id}");
    assert!(sender.receive_text().contains(r#""receivers":1"#));
    sender.send_text(message);
    assert!(sender.receive_text().contains(r#""repeated":true"#));
    drop(first);
    let mut second = receiver(&server);
    assert_eq!(receive(&mut second), (id, text));
    acknowledge(&mut second, &[id]);
    second.synchronise();
    drop(second);
    // Nobody is there any more, and nothing is kept for who comes.
    let nobody = || {
        let mut sender = connect(&server);
        sender.send_text(r#"{"command":"send-message","channel":"c","data":["x"],"confirm":1}"#);
        sender
            .receive_text()
            .contains("nobody receives this channel")
    };
    support::wait_until("the receiver to be gone", LIMIT, nobody);
    assert!(!server.directory().join("fantail.db").exists());
}

#[test]
fn the_operator_sees_who_holds_how_much() {
    let server = start(&[KEEP]);
    let mut sender = connect(&server);
    let mut receiver = first_receiver(&server);
    let ids = send(&mut sender, "1,2,3");
    for _ in &ids {
        receive(&mut receiver);
    }
    acknowledge(&mut receiver, &ids[..1]);
    receiver.synchronise();
    let mut who = std::process::Command::new(env!("CARGO_BIN_EXE_fantail"));
    who.args(["ctl", "who", "--json"])
        .env("FANTAIL_CONTROL_LISTEN", server.control_address());
    let who = support::run_within(LIMIT, &mut who).stdout;
    assert!(who.contains(r#""unacknowledged":2"#), "{who}");
}
