//! Faults of the disk: senders are told, messages to those who are there go on, and when the fault
//! is over all is as before, without a restart.

use crate::client::{Client, PATIENCE, Received, USERS};
use crate::history::{Event, History, Item};
use crate::lives::drain;
use crate::number;
use crate::power::{Loss, Power};
use crate::support::{Server, fantail, wait_until};
use fastrand::Rng;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// As Linux has them.
pub const EIO: i32 = 5;
const EACCES: i32 = 13;
pub const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// A channel that somebody receives all the time.
const LIVE: u32 = 0;
/// One that nobody does.
const KEPT: u32 = 1;

/// How long a foreign lock is held: longer than the store waits for one, twice.
const LOCKED: Duration = Duration::from_secs(12);

/// A database on a disk that can be told to fail.
struct Fixture {
    directory: tempfile::TempDir,
    power: Power,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("it can be made");
        let power = Power::of(&database_of(&directory));
        Self { directory, power }
    }

    fn database(&self) -> PathBuf {
        database_of(&self.directory)
    }

    fn start_with(&self, settings: &[(&str, &str)]) -> Server {
        let database = self.database();
        let environment = self.power.environment();
        let all = [
            &[
                ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=message-broker"),
                ("FANTAIL_MESSAGE_BROKER_USERS", USERS),
                ("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true"),
                ("FANTAIL_MESSAGE_BROKER_PASSWORD_CHECKS", "1000"),
                ("FANTAIL_MESSAGE_BROKER_LIMIT", "50"),
                (
                    "FANTAIL_STORE_PATH",
                    database.to_str().expect("it is UTF-8"),
                ),
            ],
            environment.as_slice(),
            settings,
        ];
        Server::start(&all.concat())
    }

    fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// What a server says that cannot start.
    fn start_that_fails(&self) -> String {
        let output = fantail(self.directory.path())
            .env("FANTAIL_LISTEN", "tcp://127.0.0.1:0=message-broker")
            .env("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true")
            .env("FANTAIL_STORE_PATH", self.database())
            .envs(self.power.environment())
            .output()
            .expect("it can be started");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn fail(&self, faults: &[(&str, i32)]) {
        let set = self.power.disk().set_faults(faults);
        set.expect("the directory can be written");
    }
}

fn database_of(directory: &tempfile::TempDir) -> PathBuf {
    fs::canonicalize(directory.path())
        .expect("it is there")
        .join("x.db")
}

fn connect(server: &Server) -> Client {
    Client::connect(server.address()).expect("the server lives")
}

fn send(client: &mut Client, channel: u32, text: &str, rest: &str) {
    let message = format!(
        r#"{{"command":"send-message","channel":"{channel}","data":[{}]{rest}}}"#,
        json!(text)
    );
    assert!(client.send(&message), "the server lives");
}

fn answer(client: &mut Client) -> Value {
    loop {
        match client.receive(PATIENCE) {
            Received::Text(text) => return serde_json::from_str(&text).expect("it is JSON"),
            // Is it still there?
            Received::Ping(payload) => assert!(client.pong(payload), "the server lives"),
            other => panic!("instead of an answer: {other:?}"),
        }
    }
}

/// Sends a message that is to be kept; the reason if it is not.
fn keep(client: &mut Client, text: &str) -> Result<(), String> {
    send(client, KEPT, text, r#","confirm":1"#);
    let answer = answer(client);
    match answer["response_code"].as_str() {
        Some("00") => Ok(()),
        Some("01") => Err(answer["reason"].to_string()),
        _ => panic!("{answer}"),
    }
}

/// A sender and a receiver whose messages nobody has to keep.
struct Live {
    sender: Client,
    receiver: Client,
    sent: u32,
}

impl Live {
    fn new(server: &Server) -> Self {
        let (sender, mut receiver) = (connect(server), connect(server));
        let receive = r#"{"command":"receive-message","channel":"0"}"#;
        assert!(receiver.send(receive), "the server lives");
        Self {
            sender,
            receiver,
            sent: 0,
        }
    }

    /// Messages arrive, all of them, in their order.
    fn goes_on(&mut self) {
        for _ in 0..50 {
            self.one();
        }
    }

    /// A message is sent and arrives.
    fn one(&mut self) {
        let text = self.sent.to_string();
        self.sent += 1;
        send(&mut self.sender, LIVE, &text, "");
        let received = answer(&mut self.receiver);
        assert_eq!(received["data"], json!([text]));
    }
}

fn wait_for(server: &Server, text: &str) {
    wait_until(text, PATIENCE, || server.log().contains(text));
}

#[test]
fn what_cannot_be_written_is_refused_and_what_is_confirmed_stays() {
    for (fault, reason) in [
        (("write", ENOSPC), "database or disk is full"),
        (("write", EIO), "disk I/O error"),
        (("write", EROFS), "disk I/O error"),
        (("fsync", EIO), "disk I/O error"),
    ] {
        let fixture = Fixture::new();
        let mut server = fixture.start();
        let (mut sender, mut live) = (connect(&server), Live::new(&server));
        live.goes_on();
        assert_eq!(keep(&mut sender, "before"), Ok(()));

        fixture.fail(&[fault]);
        for _ in 0..3 {
            let refused = keep(&mut sender, "refused").expect_err("it cannot be kept");
            assert!(refused.contains(reason), "{fault:?}: {refused}");
            live.goes_on();
        }
        wait_for(&server, &format!("the store does not work: {reason}"));
        // What is there can be read, and stays until it can be deleted.
        assert_eq!(drain(server.address(), KEPT, 1), ["before"]);
        live.goes_on();

        fixture.fail(&[]);
        assert_eq!(keep(&mut sender, "after"), Ok(()));
        wait_for(&server, "the store works again");
        live.goes_on();
        server.kill();
        fixture.power.lose(Loss::All, &mut Rng::with_seed(1));
        let server = fixture.start();
        let kept = drain(server.address(), KEPT, 2);
        assert_eq!(kept, ["before", "after"], "{fault:?}");
    }
}

#[test]
fn what_was_refused_does_not_come_back_when_the_server_is_killed() {
    let fixture = Fixture::new();
    let mut server = fixture.start();
    let mut sender = connect(&server);
    assert_eq!(keep(&mut sender, "before"), Ok(()));
    // It is written by then, and the system has it in its cache.
    fixture.fail(&[("fsync", EIO)]);
    assert!(keep(&mut sender, "refused").is_err());
    fixture.fail(&[]);
    server.kill();
    let server = fixture.start();
    assert_eq!(keep(&mut connect(&server), "after"), Ok(()));
    assert_eq!(drain(server.address(), KEPT, 2), ["before", "after"]);
}

#[test]
fn a_store_that_cannot_be_written_ends_the_start_and_says_why() {
    for (faults, reason) in [
        (&[("open", EROFS)][..], "Read-only file system"),
        (&[("open", EACCES)], "Permission denied"),
        // The directory may not be written.
        (
            &[("open-wal", EACCES)],
            "attempt to write a readonly database",
        ),
        (&[("write", ENOSPC)], "database or disk is full"),
    ] {
        let fixture = Fixture::new();
        let mut server = fixture.start();
        assert_eq!(keep(&mut connect(&server), "kept"), Ok(()));
        server.signal("TERM");
        assert!(
            server
                .exit_within(PATIENCE)
                .is_some_and(|status| status.success())
        );
        fixture.fail(faults);
        let error = fixture.start_that_fails();
        assert!(
            error.contains("the store ") && error.contains("x.db") && error.contains(reason),
            "{faults:?}: {error}"
        );
        fixture.fail(&[]);
        let server = fixture.start();
        assert_eq!(drain(server.address(), KEPT, 1), ["kept"]);
    }
}

#[test]
fn a_database_that_is_locked_for_long_loses_nothing_and_confirms_nothing() {
    let fixture = Fixture::new();
    let server = fixture.start_with(&[("FANTAIL_STORE_TASKS", "40")]);
    let mut live = Live::new(&server);
    let mut senders: Vec<_> = (0..5).map(|_| connect(&server)).collect();
    assert_eq!(keep(&mut senders[0], "before"), Ok(()));
    let locker = Connection::open(fixture.database()).expect("it is there");
    locker.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    let time = number("FANTAIL_DURABILITY_LOCKED").map_or(LOCKED, Duration::from_secs);
    let (begun, mut rounds, mut reasons) = (Instant::now(), 0, Vec::new());
    let mut history = History::new(vec![KEPT]);
    // Each round asks for more than may wait, and all are told what became of it.
    while begun.elapsed() < time {
        for number in rounds * 20..(rounds + 1) * 20 {
            for (client, sender) in senders.iter_mut().zip(0..) {
                let item = Item {
                    channel: KEPT,
                    sender,
                    number,
                };
                history.note(&Event::Sent(item));
                let confirm = format!(r#","confirm":"{item}""#);
                send(client, KEPT, &item.text(0), &confirm);
            }
        }
        live.goes_on();
        for client in &mut senders {
            for _ in 0..20 {
                note_answer(&mut history, &answer(client), &mut reasons);
            }
        }
        rounds += 1;
    }
    live.goes_on();
    locker.execute_batch("ROLLBACK").expect("it is locked");
    reasons.sort();
    reasons.dedup();
    assert_eq!(reasons, ["database is locked", "store tasks limit"]);
    for (number, client) in senders.iter_mut().enumerate() {
        assert_eq!(keep(client, &format!("after {number}")), Ok(()));
    }
    wait_for(&server, "the store works again");
    let expected = [
        "before", "after 0", "after 1", "after 2", "after 3", "after 4",
    ];
    assert_eq!(drain(server.address(), KEPT, expected.len()), expected);
    assert_eq!(history.counts().confirmed, 0);
    assert_eq!(history.violations(), []);
}

fn note_answer(history: &mut History, answer: &Value, reasons: &mut Vec<String>) {
    let item = answer["confirm"].as_str().and_then(Item::parse);
    let item = item.expect("it is what was asked for");
    if answer["response_code"] == "00" {
        history.note(&Event::Confirmed(item, None));
    } else {
        history.note(&Event::Refused(item));
        reasons.push(answer["reason"].as_str().unwrap_or_default().to_owned());
    }
}

/// Writes nonsense over the middle of the database.
fn corrupt(fixture: &Fixture) {
    let file = File::options().write(true).open(fixture.database());
    let file = file.expect("it is there");
    let length = file.metadata().expect("it is there").len();
    assert!(length > 1_000_000, "{length}");
    file.write_all_at(&vec![0xA5; length as usize / 2], length / 4)
        .expect("it can be written");
}

#[test]
fn a_corrupt_database_is_told_of_and_live_messages_go_on() {
    let fixture = Fixture::new();
    let mut server = fixture.start();
    let mut sender = connect(&server);
    let text = "x".repeat(20_000);
    for _ in 0..300 {
        assert_eq!(keep(&mut sender, &text), Ok(()));
    }
    let mut live = Live::new(&server);
    live.goes_on();
    corrupt(&fixture);
    let mut receiver = connect(&server);
    let receive = r#"{"command":"receive-message","channel":"1"}"#;
    assert!(receiver.send(receive), "the server lives");
    // It gets what can be read, until that cannot.
    wait_until("an error in the log", PATIENCE, || {
        if let Received::Ping(payload) = receiver.receive(Duration::from_millis(1)) {
            receiver.pong(payload);
        }
        let log = server.log();
        log.contains("the store does not work: database disk image is malformed")
    });
    live.goes_on();
    server.signal("TERM");
    assert!(
        server
            .exit_within(PATIENCE)
            .is_some_and(|status| status.success())
    );
    let error = fixture.start_that_fails();
    assert!(
        error.contains("x.db") && error.contains("malformed"),
        "{error}"
    );
    // Who moves it away begins anew.
    fs::rename(fixture.database(), fixture.database().with_extension("bad"))
        .expect("it can be moved");
    let server = fixture.start();
    assert_eq!(keep(&mut connect(&server), "new"), Ok(()));
}
