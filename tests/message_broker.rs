//! The message broker as a real process: logins, what is kept over a kill, and a database that is
//! locked.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
#![cfg(feature = "sqlite")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{End, Frame, Opcode, RawClient, Server, wait_until};

/// The password is `password`.
const USERS: &str = "qa:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";
/// The same, and it takes bcrypt a while to find out.
const SLOW_USERS: &str = "qa:$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
const AUTHORIZATION: (&str, &str) = ("Authorization", "Basic cWE6cGFzc3dvcmQ=");
const LISTEN: (&str, &str) = ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=message-broker");
const LIMIT: Duration = Duration::from_secs(10);

fn start(settings: &[(&str, &str)]) -> Server {
    let users = ("FANTAIL_MESSAGE_BROKER_USERS", USERS);
    Server::start(&[&[LISTEN, users], settings].concat())
}

#[track_caller]
fn connect(server: &Server) -> RawClient {
    let mut client = RawClient::upgrade_with(server.address(), "/", &[AUTHORIZATION]);
    let text = client.receive_text();
    assert!(text.contains("Accepted"), "{text}");
    client
}

/// Whether the client is let in.
fn is_let_in(server: &Server) -> bool {
    let mut client = RawClient::upgrade_with(server.address(), "/", &[AUTHORIZATION]);
    client.receive_text().contains("Accepted")
}

fn command(name: &str, rest: &str) -> String {
    format!(r#"{{"command":"{name}","channel":"c"{rest}}}"#)
}

/// A ping is answered behind what was to be kept before it.
#[track_caller]
fn ping(client: &mut RawClient) -> bool {
    client.send_text(&command("ping", ""));
    client.receive_text().contains("Accepted")
}

#[track_caller]
fn receive_kept(client: &mut RawClient) -> String {
    client.send_text(&command("receive-message", ""));
    let text = client.receive_text();
    let ping = client.receive_frame();
    assert_eq!(ping.opcode, Opcode::PING);
    client.send_frame(&Frame::new(Opcode::PONG, ping.payload));
    text
}

fn handshake(authorization: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Authorization: {authorization}\r\n\r\n"
    )
}

#[test]
fn the_answer_and_the_first_frame_come_in_one_piece() {
    let server = start(&[]);
    for (authorization, word) in [(AUTHORIZATION.1, "Accepted"), ("Basic eDp4", "Rejected")] {
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream
            .write_all(handshake(authorization).as_bytes())
            .expect("it reads");
        stream.set_read_timeout(Some(LIMIT)).expect("it can be set");
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).expect("it answers");
        let text = String::from_utf8_lossy(&buffer[..length]);
        assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
        assert!(text.contains(word) && text.ends_with("\"}]}"), "{text}");
    }
}

#[test]
fn who_is_rejected_changes_nothing_whatever_it_sends() {
    let server = start(&[("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true")]);
    let mut receiver = connect(&server);
    receiver.send_text(&command("receive-message", ""));
    receiver.synchronise();
    for name in ["ping", "receive-message", "send-message", "ack", "other"] {
        for before_the_answer in [true, false] {
            let mut bytes = handshake("Basic cWE6d3Jvbmc=").into_bytes();
            let frame = Frame::text(&command(name, r#","data":["x"]"#)).masked([1, 2, 3, 4]);
            let mut client = RawClient::connect(server.address());
            if before_the_answer {
                bytes.extend_from_slice(&frame);
                client.send(&bytes);
            } else {
                client.send(&bytes);
                assert_eq!(client.receive_response().status, 101);
                assert!(client.receive_text().contains("Rejected"));
                client.try_send(&frame);
                assert_eq!(client.receive_end(), End::Closed, "{name}");
                continue;
            }
            assert_eq!(client.receive_response().status, 101);
            assert!(client.receive_text().contains("Rejected"));
            assert_eq!(client.receive_end(), End::Closed, "{name}");
        }
    }
    receiver.synchronise();
    // And nothing was kept.
    drop(receiver);
    let mut receiver = connect(&server);
    receiver.send_text(&command("receive-message", ""));
    receiver.synchronise();
}

#[test]
fn what_is_sent_behind_the_request_is_heard_once_the_client_is_let_in() {
    let server = start(&[]);
    let mut bytes = handshake(AUTHORIZATION.1).into_bytes();
    bytes.extend_from_slice(&Frame::text(&command("ping", "")).masked([1, 2, 3, 4]));
    let mut client = RawClient::connect(server.address());
    client.send(&bytes);
    assert_eq!(client.receive_response().status, 101);
    for _ in 0..2 {
        assert!(client.receive_text().contains("Accepted"));
    }
}

#[test]
fn users_come_and_go_with_their_file() {
    let directory = tempfile::tempdir().expect("it can be made");
    let path = directory.path().join("users");
    fs::write(&path, USERS).expect("it can be written");
    let path_text = path.to_str().expect("it is UTF-8");
    let server = Server::start(&[LISTEN, ("FANTAIL_MESSAGE_BROKER_USERS_FILE", path_text)]);
    assert!(is_let_in(&server));
    fs::write(&path, "# nobody\n").expect("it can be written");
    assert!(!is_let_in(&server));
    fs::write(&path, USERS).expect("it can be written");
    assert!(is_let_in(&server));
}

#[test]
fn a_flood_of_logins_is_turned_away_and_messages_go_on() {
    let server = Server::start(&[
        LISTEN,
        (
            "FANTAIL_MESSAGE_BROKER_USERS",
            &format!("{USERS},slow:{}", &SLOW_USERS[3..]),
        ),
        ("FANTAIL_MESSAGE_BROKER_PASSWORD_CHECKS", "4"),
        ("FANTAIL_LIMITS_AUTHENTICATION_TIME", "60s"),
    ]);
    let (mut sender, mut receiver) = (connect(&server), connect(&server));
    receiver.send_text(&command("receive-message", ""));
    receiver.synchronise();
    let mut flood = Vec::new();
    for _ in 0..40 {
        let mut client = RawClient::connect(server.address());
        // slow:wrong
        client.send(handshake("Basic c2xvdzp3cm9uZw==").as_bytes());
        flood.push(client);
    }
    // The flood is being worked on, a few at a time; messages do not wait for that.
    for number in 0..20 {
        let message = command("send-message", &format!(r#","data":[{number}]"#));
        sender.send_text(&message);
        assert_eq!(receiver.receive_text(), message);
    }
    for client in &mut flood {
        assert_eq!(client.receive_response().status, 101);
        assert!(client.receive_text().contains("Rejected"));
    }
    assert!(is_let_in(&server));
}

#[test]
fn what_was_kept_is_there_after_a_kill() {
    let directory = tempfile::tempdir().expect("it can be made");
    let path = directory.path().join("x.db");
    let settings = [
        ("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true"),
        ("FANTAIL_MESSAGE_BROKER_LIMIT", "100"),
        ("FANTAIL_STORE_PATH", path.to_str().expect("it is UTF-8")),
    ];
    let mut expected = Vec::new();
    for round in 0..5 {
        let mut server = start(&settings);
        let mut sender = connect(&server);
        for number in 0..3 {
            let text = format!("{}", round * 10 + number);
            sender.send_text(&command("send-message", &format!(r#","data":[{text}]"#)));
            expected.push(text);
        }
        if round % 2 == 0 {
            assert!(ping(&mut sender));
        } else {
            let text = format!("{}", round * 10 + 3);
            let rest = format!(r#","data":[{text}],"confirm":1"#);
            sender.send_text(&command("send-message", &rest));
            let confirmation = sender.receive_text();
            assert!(confirmation.contains(r#""00""#), "{confirmation}");
            expected.push(text);
        }
        server.signal("KILL");
        assert!(server.exit_within(LIMIT).is_some());
    }
    let server = start(&settings);
    let data = format!(
        r#"{{"command":"send-message","channel":"c","data":[{}]}}"#,
        expected.join(",")
    );
    assert_eq!(receive_kept(&mut connect(&server)), data);
}

#[test]
fn a_stop_keeps_what_was_sent_before_it() {
    let directory = tempfile::tempdir().expect("it can be made");
    let path = directory.path().join("x.db");
    let settings = [
        ("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true"),
        ("FANTAIL_STORE_PATH", path.to_str().expect("it is UTF-8")),
    ];
    let mut server = start(&settings);
    let mut sender = connect(&server);
    sender.send_text(&command("send-message", r#","data":["last"]"#));
    sender.synchronise();
    server.signal("TERM");
    // Without a close frame, which the PHP clients do not survive.
    assert_eq!(sender.receive_end(), End::Closed);
    assert!(
        server
            .exit_within(LIMIT)
            .is_some_and(|status| status.success())
    );
    let server = start(&settings);
    assert!(receive_kept(&mut connect(&server)).contains(r#"["last"]"#));
}

#[test]
fn a_locked_database_holds_up_nobody_but_itself() {
    let server = start(&[("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true")]);
    let mut sender = connect(&server);
    let mut receiver = connect(&server);
    receiver.send_text(r#"{"command":"receive-message","channel":"live"}"#);
    receiver.synchronise();
    assert!(ping(&mut sender));
    let path = server.directory().join("fantail.db");
    let other = rusqlite::Connection::open(path).expect("it is there");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    sender.send_text(&command("send-message", r#","data":["kept"]"#));
    sender.synchronise();
    let begin = Instant::now();
    for number in 0..100 {
        let message = format!(r#"{{"command":"send-message","channel":"live","data":[{number}]}}"#);
        sender.send_text(&message);
        assert_eq!(receiver.receive_text(), message);
    }
    // The store waits five seconds for the lock.
    assert!(begin.elapsed() < Duration::from_secs(4));
    other.execute_batch("ROLLBACK").expect("it is locked");
    assert!(receive_kept(&mut receiver).contains(r#"["kept"]"#));
}

#[test]
fn a_database_that_stays_locked_is_told_of() {
    let server = start(&[("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true")]);
    let mut sender = connect(&server);
    assert!(ping(&mut sender));
    let path = server.directory().join("fantail.db");
    let other = rusqlite::Connection::open(path).expect("it is there");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    sender.send_text(&command("send-message", r#","data":["lost"]"#));
    wait_until("an error in the log", LIMIT, || {
        server
            .log()
            .contains("the store does not work: database is locked")
    });
    other.execute_batch("ROLLBACK").expect("it is locked");
    assert!(ping(&mut sender));
    wait_until("an end of it", LIMIT, || {
        server.log().contains("the store works again")
    });
}

#[test]
fn a_store_that_cannot_be_opened_ends_the_start() {
    for (path, part) in [
        ("no/such/x.db", "No such file"),
        ("fantail.toml", "fantail.toml"),
    ] {
        let directory = tempfile::tempdir().expect("it can be made");
        fs::write(
            directory.path().join("fantail.toml"),
            "# no database at all\n".repeat(99),
        )
        .expect("it can be written");
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_fantail"))
            .current_dir(directory.path())
            .env("FANTAIL_LISTEN", LISTEN.1)
            .env("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true")
            .env("FANTAIL_STORE_PATH", path)
            .output()
            .expect("it ends");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            error.contains("the store ") && error.contains(part),
            "{error}"
        );
    }
}

fn store(server: &Server, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_fantail"))
        .current_dir(server.directory())
        .arg("store")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may have ended for another reason.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn what_is_kept_can_be_seen_moved_and_deleted_while_the_server_runs() {
    let server = start(&[("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true")]);
    let mut sender = connect(&server);
    sender.send_text(&command("send-message", r#","data":["a", {"b": 1.0}]"#));
    sender.send_text(r#"{"command":"send-message","channel":"d\"","data":[3]}"#);
    assert!(ping(&mut sender));
    let run = |arguments: &[&str], input: &str| store(&server, arguments, input);
    let done = |text: &str| (Some(0), text.to_owned());
    let (code, list) = run(&["list"], "");
    assert_eq!(code, Some(0), "{list}");
    let lines: Vec<Vec<&str>> = list
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert_eq!(
        (lines[0][0], lines[0][1], lines[0][3]),
        ("2", "13", "\"c\"")
    );
    assert_eq!((lines[1][0], lines[1][3]), ("1", r#""d\"""#));
    assert_eq!(run(&["show", "c"], ""), done("1\t\"a\"\n2\t{\"b\": 1.0}\n"));
    assert_eq!(run(&["show", "c", "-n1"], ""), done("1\t\"a\"\n"));
    assert_eq!(run(&["show", "none"], ""), done(""));
    let (_, export) = run(&["export", "c"], "");
    assert_eq!(run(&["import"], &export), done("2 imported\n"));
    let (code, text) = run(&["import"], "{\"channel\":\"x\",\"data\":1}\nnonsense\n");
    assert!(code == Some(1) && text.contains("line 2: "), "{text}");
    assert_eq!(run(&["show", "x"], ""), done(""));
    assert_eq!(
        run(&["purge", "c", "--older-than", "1h"], ""),
        done("0 deleted\n")
    );
    // The server sees it all.
    let kept = r#"{"command":"send-message","channel":"c","data":["a"]}"#;
    assert_eq!(receive_kept_first(&mut connect(&server)), kept);
    assert_eq!(run(&["purge"], "").0, Some(2));
    assert_eq!(run(&["purge", "c"], ""), done("4 deleted\n"));
    assert_eq!(run(&["purge", "--all"], ""), done("1 deleted\n"));
    assert_eq!(run(&["list"], ""), done(""));
    let (code, text) = run(&["--set", "store.path=none.db", "list"], "");
    assert!(code == Some(1) && text.contains("none.db"), "{text}");
}

/// The first message that is kept; its receiver leaves it there.
#[track_caller]
fn receive_kept_first(client: &mut RawClient) -> String {
    client.send_text(&command("receive-message", ""));
    client.receive_text()
}
