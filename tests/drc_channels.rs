//! Channels of DRC that are large, with the real binary.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};
use support::{Frame, Opcode, RawClient, Server};

const ORIGIN: [(&str, &str); 1] = [("Origin", "http://127.0.0.1")];
const MASK: [u8; 4] = [9, 8, 7, 6];

/// Members, and bytes of what is said of each: three times what may wait for a client.
const MEMBERS: usize = 16;
const EXTRA: usize = 200_000;

fn server() -> Server {
    Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=drc"),
        ("FANTAIL_DRC_EXTRA", "1MiB"),
    ])
}

fn client(server: &Server) -> RawClient {
    RawClient::upgrade_with(server.address(), "/", &ORIGIN)
}

fn ask(client: &mut RawClient, request: &Value) -> Value {
    client.send_text(&request.to_string());
    answer(client)
}

fn answer(client: &mut RawClient) -> Value {
    let frame = client.receive_frame();
    assert_eq!(frame.opcode, Opcode::TEXT, "{frame:?}");
    serde_json::from_slice(&frame.payload).expect("JSON")
}

/// Clients without authority, who are told of nobody.
fn fill(server: &Server, channel: &str) -> Vec<RawClient> {
    let mut authority = client(server);
    let extra = json!(["x".repeat(EXTRA)]);
    let members = (0..MEMBERS).map(|_| {
        let grant = json!({"cmd": "GRANT", "channel": channel, "protocol": "p", "clientmode": 0,
            "extra": extra});
        let token = ask(&mut authority, &grant)["token"].clone();
        let mut member = client(server);
        let join = json!({"cmd": "JOIN", "channel": channel, "protocol": "p", "token": token,
            "ipauth": false});
        assert_eq!(ask(&mut member, &join)["success"], true);
        member
    });
    members.collect()
}

#[test]
fn who_asks_for_long_lists_and_goes_on_asking_gets_all_answers() {
    let server = server();
    let _members = (fill(&server, "a"), fill(&server, "b"));
    let mut joiner = client(&server);
    let text = |request: Value| Frame::text(&request.to_string()).masked(MASK);
    let join = |channel| json!({"cmd": "JOIN", "channel": channel, "protocol": "p"});
    let mut requests = text(join("a"));
    requests.extend(Frame::ping(b"still there?").masked(MASK));
    requests.extend(text(join("b")));
    requests.extend(text(json!({"cmd": "LEAVE", "channel": 1})));
    requests.extend(text(json!({"cmd": "m", "channel": 2, "to": -1})));
    joiner.send(&requests);
    // The kernel's buffers are full, and the rest waits in the server.
    thread::sleep(Duration::from_millis(300));

    let first = answer(&mut joiner);
    assert_eq!(
        first["clients"].as_object().map(serde_json::Map::len),
        Some(MEMBERS + 1)
    );
    let pong = joiner.receive_frame();
    assert_eq!(pong, Frame::new(Opcode::PONG, *b"still there?"));
    let second = answer(&mut joiner);
    assert_eq!(second["channelname"], "b");
    assert_eq!(
        second["clients"].as_object().map(serde_json::Map::len),
        Some(MEMBERS + 1)
    );
    assert_eq!(answer(&mut joiner)["cmd"], "LEFT");
    assert_eq!(answer(&mut joiner)["cmd"], "m");
}

#[test]
fn who_joins_and_leaves_without_end_and_reads_nothing_holds_nobody_up() {
    let server = server();
    let _members = fill(&server, "a");
    let mut greedy = client(&server);
    let join = json!({"cmd": "JOIN", "channel": "a", "protocol": "p"}).to_string();
    let requests = Frame::text(&join).masked(MASK).repeat(1_000);
    let stream = greedy.stream().try_clone().expect("a socket");
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .expect("it is set");
    greedy.try_send(&requests);

    let mut other = client(&server);
    for number in 0..50 {
        let grant = json!({"cmd": "GRANT", "channel": number.to_string(), "protocol": "p",
            "clientmode": 0, "extra": []});
        assert_eq!(ask(&mut other, &grant)["cmd"], "GRANTED");
    }
    // Each list is 3 MB: had all of them been put together, there would be 3 GB.
    let memory = support::resident_bytes(server.pid());
    assert!(memory < 200 * 1024 * 1024, "{memory} bytes");
}

#[test]
fn who_is_no_authority_and_asks_too_often_waits_and_loses_nothing() {
    let server = Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=drc"),
        ("FANTAIL_DRC_WHITELIST", "{}"),
        ("FANTAIL_DRC_REQUESTS", "5"),
    ]);
    let mut client = client(&server);
    let request = Frame::text(r#"{"cmd":"m"}"#).masked(MASK);
    let began = Instant::now();
    client.send(&request.repeat(12));
    for _ in 0..12 {
        assert_eq!(answer(&mut client)["errorcode"], "missing_channel");
    }
    // Five at once and five a second: the others cannot have come earlier.
    assert!(began.elapsed() >= Duration::from_millis(1_000));
}
