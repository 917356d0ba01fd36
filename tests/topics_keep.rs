//! Topics that are kept, as a real process: what clients get that ask for it, over restarts, during
//! a flood, with a database that is locked; and that nobody else sees a difference.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
#![cfg(feature = "sqlite")]

mod support;

use fantail::protocol::json_web_token;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use support::{ControlClient, NodeScript, Opcode, RawClient, Server, require, wait_until};

const LIMIT: Duration = Duration::from_secs(20);
const LISTEN: (&str, &str) = ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics");
const SECRET: &str = "a secret of the tests";

fn start(keep: &str, settings: &[(&str, &str)]) -> Server {
    Server::start(&[&[LISTEN, ("FANTAIL_TOPICS_KEEP", keep)], settings].concat())
}

#[track_caller]
fn join(server: &Server, path: &str) -> RawClient {
    RawClient::upgrade(server.address(), path)
}

/// A message by POST, whose answer comes when it was published.
#[track_caller]
fn post(address: SocketAddr, path: &str, body: &str) {
    let mut client = RawClient::connect(address);
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}");
    client.send(request.as_bytes());
    let response = client.receive_response();
    assert_eq!(response.status, 200, "{response:?}");
}

/// The id in front of a message, and the message.
#[track_caller]
fn split(payload: &[u8]) -> (u64, Vec<u8>) {
    let end = payload.iter().position(|byte| *byte == b'\n');
    let end = end.unwrap_or_else(|| panic!("no id: {:?}", String::from_utf8_lossy(payload)));
    let id = String::from_utf8_lossy(&payload[..end]).parse();
    (id.expect("an id is a number"), payload[end + 1..].to_vec())
}

/// The number that says that the client has all that was kept.
#[track_caller]
fn position(client: &mut RawClient) -> u64 {
    let text = client.receive_text();
    text.parse()
        .unwrap_or_else(|_| panic!("no position: {text:?}"))
}

/// All texts until the position.
#[track_caller]
fn replayed(client: &mut RawClient) -> Vec<(u64, String)> {
    let mut messages = Vec::new();
    loop {
        let frame = client.receive_frame();
        assert_eq!(frame.opcode, Opcode::TEXT, "{frame:?}");
        if !frame.payload.contains(&b'\n') {
            return messages;
        }
        let (id, text) = split(&frame.payload);
        messages.push((id, String::from_utf8(text).expect("it is UTF-8")));
    }
}

#[track_caller]
fn kept(server: &Server, query: &str) -> Vec<String> {
    let mut client = join(server, &format!("/t?ids=1&{query}"));
    let texts = replayed(&mut client);
    texts.into_iter().map(|(_, text)| text).collect()
}

fn store(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fantail"))
        .current_dir(directory)
        .arg("store")
        .args(arguments)
        .output()
        .expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn a_client_that_asks_gets_what_was_kept_and_then_what_is_live() {
    let server = start("3", &[]);
    let mut sender = join(&server, "/t");
    for text in ["a", "b", "", "d\n"] {
        sender.send_text(text);
    }
    sender.send_binary(&[0, 0xff]);
    sender.synchronise();
    let mut all = join(&server, "/t?since=0");
    assert_eq!(all.receive_text(), "");
    assert_eq!(all.receive_text(), "d\n");
    assert_eq!(all.receive_binary(), [0, 0xff]);
    let mut last = join(&server, "/t?last=1");
    assert_eq!(last.receive_binary(), [0, 0xff]);
    let mut nothing = join(&server, "/t?last=0");
    let mut with_ids = join(&server, "/t?last=2&ids=1");
    let (first, text) = split(with_ids.receive_text().as_bytes());
    assert_eq!(text, b"d\n");
    let (second, bytes) = split(&with_ids.receive_binary());
    assert_eq!(bytes, [0, 0xff]);
    let third = position(&mut with_ids);
    assert!(first < second && second < third && third < 1 << 53);
    let mut since = join(&server, &format!("/t?since={first}"));
    assert_eq!(since.receive_binary(), [0, 0xff]);
    let mut future = join(&server, "/t?since=9007199254740991");
    let mut ordinary = join(&server, "/t");
    let mut ids_only = join(&server, "/t?ids=1");
    assert!(position(&mut ids_only) > third);

    for client in [&mut all, &mut last, &mut nothing, &mut since, &mut future] {
        client.synchronise();
    }
    sender.send_text("live");
    sender.send_binary(b"live");
    for client in [
        &mut all,
        &mut last,
        &mut nothing,
        &mut since,
        &mut future,
        &mut ordinary,
    ] {
        assert_eq!(client.receive_text(), "live");
        assert_eq!(client.receive_binary(), b"live");
    }
    let mut ids = Vec::new();
    for client in [&mut with_ids, &mut ids_only] {
        let (text_id, text) = split(client.receive_text().as_bytes());
        let (binary_id, bytes) = split(&client.receive_binary());
        assert_eq!(
            (text.as_slice(), bytes.as_slice()),
            (&b"live"[..], &b"live"[..])
        );
        assert!(third < text_id && text_id < binary_id);
        ids.push((text_id, binary_id));
    }
    assert_eq!(ids[0], ids[1], "all know a message by the same id");
    // Who asked for something sends like anybody else, and does not hear itself.
    with_ids.send_text("from one who knows ids");
    assert_eq!(sender.receive_text(), "from one who knows ids");
    with_ids.synchronise();
    let (_, text) = split(ids_only.receive_text().as_bytes());
    assert_eq!(text, b"from one who knows ids");
    // Another topic has another history.
    let mut other = join(&server, "/T?since=0");
    other.synchronise();
}

#[test]
fn what_was_kept_is_there_after_a_restart_and_ids_go_on() {
    let directory = tempfile::tempdir().expect("it can be made");
    let path = directory.path().join("x.db");
    let settings = [("FANTAIL_STORE_PATH", path.to_str().expect("it is UTF-8"))];
    let mut expected: Vec<String> = Vec::new();
    let mut last_id = 0;
    for (round, end) in ["KILL", "TERM", "TERM", "KILL"].into_iter().enumerate() {
        let mut server = start("1000", &settings);
        let mut sender = join(&server, "/t?ids=1");
        assert!(position(&mut sender) > last_id);
        for number in 0..50 {
            let text = format!("{round} {number}");
            sender.send_text(&text);
            expected.push(text);
        }
        sender.synchronise();
        if end == "KILL" {
            // What is on the disk is said by the disk.
            let list = || {
                store(
                    server.directory(),
                    &["--set", &format!("store.path={}", path.display()), "list"],
                )
                .1
            };
            let count = expected.len();
            wait_until("all are kept", LIMIT, || {
                list().starts_with(&format!("{count}\t"))
            });
        }
        server.signal(end);
        assert!(server.exit_within(LIMIT).is_some());
        let server = start("1000", &settings);
        let mut reader = join(&server, "/t?since=0&ids=1");
        let messages = replayed(&mut reader);
        let ids: Vec<_> = messages.iter().map(|(id, _)| *id).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        last_id = *ids.last().expect("there are some");
        let texts: Vec<_> = messages.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, expected, "after {end}");
    }
}

#[test]
fn what_is_sent_in_any_way_is_kept() {
    let server = start("100", &[]);
    let mut control = ControlClient::connect(&server.control_socket());
    post(server.address(), "/t", "by POST");
    join(&server, "/t").send_text("by WebSocket");
    wait_until("it was received", LIMIT, || {
        kept(&server, "since=0").len() == 2
    });
    let message = "/t\nby the control port";
    assert_eq!(control.ask(&format!("{}t{message}", message.len())), "1a0");
    let output = Command::new(env!("CARGO_BIN_EXE_fantail"))
        .args(["pub", &server.url("/t"), "by a command"])
        .output()
        .expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let all = [
        "by POST",
        "by WebSocket",
        "by the control port",
        "by a command",
    ];
    wait_until("it was received", LIMIT, || {
        kept(&server, "since=0").len() == 4
    });
    assert_eq!(kept(&server, "since=0"), all);
}

/// Joiners at any moment of a flood: none of them misses a message or gets one twice.
#[test]
fn who_joins_during_a_flood_gets_each_message_once_and_in_order() {
    const MESSAGES: usize = 4000;
    const JOINERS: usize = 60;
    let server = start(
        "1h",
        &[("FANTAIL_LIMITS_HANDSHAKES_PER_ADDRESS_BURST", "1000")],
    );
    let mut sender = join(&server, "/t");
    let mut ordinary = join(&server, "/t");
    let flood = thread::spawn(move || {
        for number in 0..MESSAGES {
            sender.send_text(&number.to_string());
            if number % 5 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        sender
    });
    let mut joiners = Vec::new();
    let mut known = 0;
    for index in 0..JOINERS {
        let path = match index % 4 {
            0 => "/t?since=0".to_owned(),
            1 => format!("/t?since={known}&ids=1"),
            2 => "/t?last=100".to_owned(),
            _ => "/t?since=0&last=2000&ids=1".to_owned(),
        };
        let mut client = join(&server, &path);
        let mut first = None;
        if index % 4 == 1 {
            let (id, text) = split(client.receive_text().as_bytes());
            assert!(id > known);
            known = id;
            first = Some((id, text));
        }
        joiners.push((path, client, first));
        thread::sleep(Duration::from_millis(7));
    }
    let _sender = flood.join().expect("it sends all");
    let mut from_the_start = 0;
    for (path, mut client, first) in joiners {
        let with_ids = path.ends_with("ids=1");
        let mut last_id = first.as_ref().map_or(0, |(id, _)| *id);
        let mut expected = first.map(|(_, text)| number_of(&text) + 1);
        let mut count = 0;
        while expected != Some(MESSAGES) {
            let payload = client.receive_text().into_bytes();
            let text = if !with_ids {
                payload
            } else if payload.contains(&b'\n') {
                let (id, text) = split(&payload);
                assert!(id > last_id, "{path}");
                last_id = id;
                text
            } else {
                let position: u64 = String::from_utf8_lossy(&payload).parse().expect("a number");
                assert!(position > last_id, "{path}");
                last_id = position;
                continue;
            };
            let number = number_of(&text);
            assert_eq!(number, expected.unwrap_or(number), "{path}");
            from_the_start += usize::from(expected.is_none() && number == 0);
            expected = Some(number + 1);
            count += 1;
        }
        if path == "/t?since=0" {
            assert_eq!(count, MESSAGES, "{path}");
        }
    }
    assert!(from_the_start >= JOINERS / 4, "{from_the_start}");
    for number in 0..MESSAGES {
        assert_eq!(ordinary.receive_text(), number.to_string());
    }
}

fn number_of(text: &[u8]) -> usize {
    let text = String::from_utf8_lossy(text);
    text.parse()
        .unwrap_or_else(|_| panic!("no number: {text:?}"))
}

#[test]
fn a_time_can_be_kept_instead_of_a_number() {
    let server = start("2s", &[]);
    let mut sender = join(&server, "/t");
    sender.send_text("old");
    sender.synchronise();
    assert_eq!(kept(&server, "since=0"), ["old"]);
    thread::sleep(Duration::from_millis(2100));
    sender.send_text("new");
    sender.synchronise();
    assert_eq!(kept(&server, "since=0"), ["new"]);
}

#[test]
fn prefixes_say_more_precisely_what_is_kept() {
    let prefixes = (
        "FANTAIL_TOPICS_KEEP_PREFIXES",
        r#"{ "/none" = 0, "/out/t" = 2 }"#,
    );
    let server = start("1", &[prefixes]);
    for (path, read, expected) in [
        ("/t", "/t", "b"),
        ("/none", "/none", ""),
        ("/in/t", "/out/t", "ab"),
        ("/in/none", "/out/none", "b"),
    ] {
        post(server.address(), path, "a");
        post(server.address(), path, "b");
        let mut reader = join(&server, &format!("{read}?since=0&ids=1"));
        let texts: String = replayed(&mut reader)
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(texts, expected, "{path}");
    }
}

#[test]
fn what_is_asked_for_wrongly_is_told_and_only_where_something_is_kept() {
    let prefixes = (
        "FANTAIL_TOPICS_KEEP_PREFIXES",
        r#"{ "/t" = 5, "/out/t" = 5 }"#,
    );
    let server = start("0", &[prefixes]);
    for (path, status, reason) in [
        ("/t?since=yesterday", 400, "since: expected a whole number"),
        ("/t?since=1.5", 400, "since: expected a whole number"),
        ("/t?last=-1", 400, "last: expected a whole number"),
        ("/t?ids=yes", 400, "ids: expected 1 or 0"),
        (
            "/in/t?since=0",
            400,
            "/in/t is there to send; what was kept is at /out/t",
        ),
        ("/in/t?ids=1", 101, ""),
        ("/t?something=else&%zz", 101, ""),
        ("/other?since=yesterday&ids=maybe", 101, ""),
        ("/ws?since=yesterday", 101, ""),
    ] {
        let mut client = RawClient::connect(server.address());
        let response = client.try_upgrade(path, &[]);
        assert_eq!(response.status, status, "{path}: {response:?}");
        assert!(response.text().contains(reason), "{path}: {response:?}");
    }
}

#[test]
fn without_it_there_is_no_file_and_ids_are_there_all_the_same() {
    let server = start("0", &[]);
    let mut sender = join(&server, "/t");
    let mut reader = join(&server, "/t?since=0&ids=1");
    let position = position(&mut reader);
    let mut ordinary = join(&server, "/t?since=nonsense&last=x");
    ordinary.synchronise();
    sender.send_text("x");
    assert_eq!(ordinary.receive_text(), "x");
    let (id, text) = split(reader.receive_text().as_bytes());
    assert!(id > position && text == b"x");
    assert!(!server.directory().join("fantail.db").exists());
}

fn token(path: &str) -> String {
    let claims = json!({ "aud": path, "exp": 32_503_680_000_u64 });
    let claims: &Map<String, Value> = claims.as_object().expect("it is one");
    json_web_token::sign(claims, SECRET.as_bytes()).expect("it is short")
}

#[test]
fn nothing_comes_before_a_token() {
    let server = start("5", &[("FANTAIL_TOPICS_SECRET", SECRET)]);
    let mut sender = join(&server, "/t");
    sender.send_text(&token("/t"));
    assert!(sender.receive_text().contains(r#""authorised":true"#));
    sender.send_text("secret");
    sender.synchronise();
    let mut reader = join(&server, "/t?since=0&ids=1");
    reader.synchronise();
    sender.send_text("live");
    sender.synchronise();
    reader.synchronise();
    reader.send_text(&token("/t"));
    assert!(reader.receive_text().contains(r#""authorised":true"#));
    let texts: Vec<_> = replayed(&mut reader)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(texts, ["secret", "live"]);
    let mut stranger = join(&server, "/t?since=0");
    stranger.send_text(&token("/other"));
    assert!(stranger.receive_text().contains(r#""authorised":false"#));
    assert_eq!(stranger.receive_close(), 1008);
}

#[test]
fn limits_make_the_oldest_go_and_are_counted() {
    let server = start(
        "1h",
        &[
            ("FANTAIL_STORE_CHANNEL_MESSAGES", "3"),
            ("FANTAIL_STORE_MESSAGES", "4"),
        ],
    );
    for number in 0..5 {
        post(server.address(), "/t", &number.to_string());
    }
    let limits = |name: &str| {
        let mut client = RawClient::connect(server.address());
        client.send(b"GET /stats HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
        let totals: Value = serde_json::from_str(&client.receive_response().text()).expect("JSON");
        totals["limits"][name].as_u64().expect("it is counted")
    };
    let name = "kept messages of a channel limit";
    wait_until("it is counted", LIMIT, || limits(name) > 0);
    wait_until("they go", LIMIT, || {
        kept(&server, "since=0") == ["2", "3", "4"]
    });
    assert_eq!(limits("kept messages limit"), 0);
    post(server.address(), "/u", "x");
    post(server.address(), "/u", "y");
    wait_until("it is counted", LIMIT, || limits("kept messages limit") > 0);
    wait_until("they go", LIMIT, || kept(&server, "since=0") == ["3", "4"]);
}

#[test]
fn who_does_not_read_what_it_asked_for_is_closed_and_holds_up_nobody() {
    let server = start(
        "1h",
        &[
            ("FANTAIL_LIMITS_OUTPUT", "256KiB"),
            ("FANTAIL_LIMITS_OUTPUT_SOFT", "64KiB"),
            ("FANTAIL_STORE_QUEUE", "64MiB"),
        ],
    );
    let mut sender = join(&server, "/t");
    let mut ordinary = join(&server, "/t");
    let message = vec![7; 64 * 1024];
    let mut send = |count: usize| {
        for _ in 0..count {
            sender.send_binary(&message);
            assert_eq!(ordinary.receive_binary().len(), message.len());
        }
    };
    // More than the kernel takes for a client that does not read.
    send(300);
    let mut lazy = join(&server, "/t?since=0");
    let mut eager = join(&server, "/t?since=0");
    for _ in 0..300 {
        assert_eq!(eager.receive_binary().len(), message.len());
    }
    send(8);
    wait_until("it is closed", LIMIT, || {
        server.log().contains("output limit")
    });
    let mut got = 0;
    let end = loop {
        let frame = lazy.receive_frame();
        if frame.opcode != Opcode::BINARY {
            break frame;
        }
        got += 1;
    };
    assert_eq!(end.close_code(), Some(1008), "{end:?}");
    assert!((1..308).contains(&got), "{got}");
    // The id of the last one would have been the way back; the others go on.
    for _ in 0..8 {
        assert_eq!(eager.receive_binary().len(), message.len());
    }
}

#[test]
fn a_database_that_is_locked_holds_up_nobody_and_nothing_is_lost() {
    let server = start("1000", &[]);
    let mut sender = join(&server, "/t");
    let mut receiver = join(&server, "/t");
    let mut expected = vec!["first".to_owned()];
    sender.send_text("first");
    assert_eq!(receiver.receive_text(), "first");
    let directory = server.directory().to_owned();
    let list = || store(&directory, &["list"]).1;
    wait_until("it is kept", LIMIT, || list().starts_with("1\t"));
    let other = rusqlite::Connection::open(directory.join("fantail.db")).expect("it is there");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    let begin = Instant::now();
    for number in 0..200 {
        let text = number.to_string();
        sender.send_text(&text);
        assert_eq!(receiver.receive_text(), text);
        expected.push(text);
    }
    // The store waits five seconds for the lock.
    assert!(begin.elapsed() < Duration::from_secs(4));
    wait_until("an error in the log", LIMIT, || {
        server
            .log()
            .contains("the store does not work for topics: database is locked")
    });
    // What is not on the disk yet is not missing.
    assert_eq!(kept(&server, "since=0"), expected);
    assert_eq!(kept(&server, "last=3"), expected[198..]);
    sender.send_text("last");
    expected.push("last".to_owned());
    other.execute_batch("ROLLBACK").expect("it is locked");
    wait_until("an end of it", LIMIT, || {
        server.log().contains("the store works again for topics")
    });
    wait_until("all are kept", LIMIT, || list().starts_with("202\t"));
    assert_eq!(kept(&server, "since=0"), expected);
    assert_eq!(server.log().matches("does not work").count(), 1);
}

#[test]
fn what_is_kept_can_be_seen_and_deleted_while_the_server_runs() {
    let server = start("100", &[]);
    let mut sender = join(&server, "/t");
    sender.send_text("a\n\"b\"");
    sender.send_binary(&[0, 0xff]);
    sender.synchronise();
    post(server.address(), "/u", "x");
    let run = |arguments: &[&str]| store(server.directory(), arguments);
    wait_until("they are kept", LIMIT, || {
        run(&["list"]).1.lines().count() == 2
    });
    wait_until("they are kept", LIMIT, || {
        run(&["list"]).1.starts_with("2\t")
    });
    let (_, list) = run(&["list"]);
    let columns: Vec<_> = list
        .lines()
        .next()
        .unwrap_or_default()
        .split('\t')
        .collect();
    assert_eq!(
        (columns[1], columns[3], columns[4]),
        ("7", "\"/t\"", "topic"),
        "{list}"
    );
    let (code, show) = run(&["show", "--topics", "/t"]);
    assert_eq!(code, Some(0), "{show}");
    let lines: Vec<_> = show
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect();
    assert_eq!(lines.len(), 2, "{show}");
    assert_eq!((lines[0].1, lines[1].1), (r#""a\n\"b\"""#, "base64:AP8="));
    let (_, export) = run(&["export", "--topics"]);
    let rows: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(rows.len(), 3, "{export}");
    assert_eq!(rows[0]["text"], "a\n\"b\"");
    assert_eq!(
        (&rows[1]["base64"], &rows[1]["topic"]),
        (&json!("AP8="), &json!("/t"))
    );
    // A queue of that name is another thing.
    assert_eq!(run(&["show", "/t"]), (Some(0), String::new()));
    assert_eq!(run(&["purge", "/t"]).1, "0 deleted\n");
    assert_eq!(run(&["purge", "--all"]).1, "0 deleted\n");
    assert_eq!(
        run(&["purge", "--topics", "/t", "--older-than", "1h"]).1,
        "0 deleted\n"
    );
    assert_eq!(run(&["purge", "--topics", "/t"]).1, "2 deleted\n");
    assert_eq!(kept(&server, "since=0"), [""; 0]);
    sender.send_text("again");
    sender.synchronise();
    assert_eq!(kept(&server, "since=0"), ["again"]);
    wait_until("it is kept", LIMIT, || {
        run(&["list"]).1.lines().count() == 2
    });
    assert_eq!(run(&["purge", "--topics", "--all"]).1, "2 deleted\n");
}

/// Fantail, which can be ended and started again where it was.
struct Fantail {
    server: Option<Server>,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Fantail {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("it can be made");
        let free = "127.0.0.1:0".parse().expect("it is an address");
        let server = Self::run(free, directory.path());
        Self {
            address: server.address(),
            server: Some(server),
            directory,
        }
    }

    fn run(address: SocketAddr, directory: &Path) -> Server {
        let path = directory.join("x.db");
        Server::start(&[
            ("FANTAIL_LISTEN", &format!("tcp://{address}=topics")),
            ("FANTAIL_TOPICS_KEEP", "1h"),
            ("FANTAIL_STORE_PATH", path.to_str().expect("it is UTF-8")),
        ])
    }

    fn restart(&mut self, signal: &str) {
        if let Some(mut server) = self.server.take() {
            server.signal(signal);
            assert!(server.exit_within(LIMIT).is_some());
        }
        self.server = Some(Self::run(self.address, self.directory.path()));
    }

    /// What a script asks for.
    fn serve(&mut self, what: &str) {
        match what.split(' ').collect::<Vec<_>>().as_slice() {
            ["publish", first, count] => {
                let [first, count] = [first, count].map(|number| {
                    let number: usize = number.parse().expect("it is a number");
                    number
                });
                for number in first..first + count {
                    post(self.address, "/t", &number.to_string());
                }
            }
            ["restart"] => self.restart("TERM"),
            ["kill"] => self.restart("KILL"),
            _ => panic!("a script wants '{what}'"),
        }
    }
}

#[test]
fn a_page_that_is_loaded_again_misses_nothing_nor_does_one_whose_server_is_started_again() {
    let (Some(program), Some(chromium), Some(_)) = (
        require("node"),
        require("chromium"),
        require("playwright-core"),
    ) else {
        return;
    };
    let mut fantail = Fantail::start();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(program);
    command
        .arg(root.join("tests/browser/topic_reload.mjs"))
        .arg(chromium)
        .arg(format!("http://{}/stats", fantail.address))
        .arg(format!("ws://{}/t", fantail.address));
    NodeScript::start(&mut command).serve(Duration::from_secs(90), |what| fantail.serve(what));
}
