//! The real program with a real MariaDB.

use crate::support::{
    Frame, MARIADB_PASSWORD, MARIADB_USER, Mariadb, Opcode, RawClient, Server, run_with_input,
    run_within, wait_until,
};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// The password is `password`.
const USERS: &str = "qa:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";
const AUTHORIZATION: (&str, &str) = ("Authorization", "Basic cWE6cGFzc3dvcmQ=");
const LIMIT: Duration = Duration::from_secs(20);

fn settings(mariadb: &Mariadb) -> Vec<(&'static str, String)> {
    let address = mariadb.address();
    vec![
        (
            "FANTAIL_LISTEN",
            "tcp://127.0.0.1:0=message-broker".to_owned(),
        ),
        ("FANTAIL_MESSAGE_BROKER_USERS", USERS.to_owned()),
        ("FANTAIL_MESSAGE_BROKER_KEEP_DATA", "true".to_owned()),
        ("FANTAIL_MESSAGE_BROKER_LIMIT", "1000".to_owned()),
        ("FANTAIL_STORE_KIND", "mysql".to_owned()),
        ("FANTAIL_STORE_HOST", address.ip().to_string()),
        ("FANTAIL_STORE_PORT", address.port().to_string()),
        ("FANTAIL_STORE_DATABASE", MARIADB_USER.to_owned()),
        ("FANTAIL_STORE_USERNAME", MARIADB_USER.to_owned()),
        ("FANTAIL_STORE_PASSWORD", MARIADB_PASSWORD.to_owned()),
    ]
}

fn start(mariadb: &Mariadb) -> Server {
    let settings = settings(mariadb);
    let settings: Vec<_> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    Server::start(&settings)
}

#[track_caller]
fn connect(server: &Server) -> RawClient {
    let mut client = RawClient::upgrade_with(server.address(), "/", &[AUTHORIZATION]);
    let text = client.receive_text();
    assert!(text.contains("Accepted"), "{text}");
    client
}

fn command(name: &str, channel: &str, rest: &str) -> String {
    let channel = serde_json::Value::from(channel);
    format!(r#"{{"command":"{name}","channel":{channel}{rest}}}"#)
}

/// What a receiver of the channel gets first; it is acknowledged.
#[track_caller]
fn receive_kept(client: &mut RawClient, channel: &str) -> String {
    client.send_text(&command("receive-message", channel, ""));
    let text = client.receive_text();
    let ping = client.receive_frame();
    assert_eq!(ping.opcode, Opcode::PING);
    client.send_frame(&Frame::new(Opcode::PONG, ping.payload));
    text
}

/// The confirmation of a message.
#[track_caller]
fn confirmed(client: &mut RawClient, channel: &str, data: &str) -> String {
    let rest = format!(r#","data":{data},"confirm":1"#);
    client.send_text(&command("send-message", channel, &rest));
    client.receive_text()
}

#[test]
fn messages_wait_in_the_table_for_their_receivers() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    // What the old broker has left.
    mariadb.sql(
        r#"CREATE TABLE mq_data (data_id BIGINT AUTO_INCREMENT PRIMARY KEY, channel VARCHAR(100),
            data LONGTEXT, created DATETIME, KEY(channel)) CHARSET=latin1;
        INSERT INTO mq_data (channel, data, created) VALUES
            ('sms', '{"text":"old"}', NOW()), ('SMS', '"other"', NOW()), ('sms', '1', NOW());"#,
    );
    let server = start(&mariadb);
    let mut sender = connect(&server);
    let confirmation = confirmed(&mut sender, "sms", r#"["new","café"]"#);
    assert!(confirmation.contains(r#""00""#), "{confirmation}");
    let odd = "a'b\"c\\d é`";
    confirmed(&mut sender, odd, "[2]");
    let mut receiver = connect(&server);
    assert_eq!(
        receive_kept(&mut receiver, "sms"),
        r#"{"command":"send-message","channel":"sms","data":[{"text":"old"},1,"new","caf\u00e9"]}"#
    );
    let text = receive_kept(&mut receiver, odd);
    assert!(text.ends_with(r#""data":[2]}"#), "{text}");
    wait_until("what was delivered is deleted", LIMIT, || {
        mariadb.sql("SELECT channel, data FROM mq_data") == "SMS\t\"other\""
    });
    let refused = confirmed(&mut sender, "канал", "[1]");
    assert!(refused.contains("the channel's name"), "{refused}");
    let refused = confirmed(&mut sender, &"x".repeat(101), "[1]");
    assert!(refused.contains("100 characters"), "{refused}");
    // That was the sender's fault.
    assert!(!server.log().contains("the store does not work"));
    assert!(server.log().contains("MariaDB"));
}

#[test]
fn what_was_confirmed_survives_kills_of_the_database() {
    let Some(mut mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let server = start(&mariadb);
    let mut sender = connect(&server);
    let mut live = connect(&server);
    live.send_text(&command("receive-message", "live", ""));
    live.synchronise();
    let message = |number: usize| {
        let rest = format!(r#","data":[{number}],"id":{number},"confirm":{number}"#);
        command("send-message", "c", &rest)
    };
    let mut kept = BTreeSet::new();
    let mut doubtful = BTreeSet::new();
    let mut number = 0;
    let mut refused = 0;
    for round in 0..4 {
        // They are under way when it dies.
        for _ in 0..300 {
            sender.send_text(&message(number));
            number += 1;
        }
        for _ in 0..[0, 1, 50, 150][round] {
            note(&sender.receive_text(), &mut kept, &mut doubtful);
        }
        mariadb.kill();
        // Live messages do not wait for the database.
        let begin = Instant::now();
        let live_message = command("send-message", "live", r#","data":[1]"#);
        for _ in 0..20 {
            sender.send_text(&live_message);
        }
        for _ in 0..20 {
            assert_eq!(live.receive_text(), live_message);
        }
        assert!(begin.elapsed() < Duration::from_secs(2));
        while kept.len() + doubtful.len() < number {
            note(&sender.receive_text(), &mut kept, &mut doubtful);
        }
        refused += doubtful.len();
        mariadb.start_again();
        wait_until("it is found again", LIMIT, || {
            confirmed(&mut sender, "again", "[1]").contains(r#""00""#)
        });
        // What is sent again under its id is there once, whether it was kept before or not.
        for number in std::mem::take(&mut doubtful) {
            sender.send_text(&message(number));
            note(&sender.receive_text(), &mut kept, &mut doubtful);
        }
        assert!(doubtful.is_empty());
    }
    assert!(refused > 0 && kept.len() == number);
    let mut receiver = connect(&server);
    let mut found = Vec::new();
    receiver.send_text(&command("receive-message", "c", ""));
    while found.len() < number {
        let frame = receiver.receive_frame();
        if frame.opcode == Opcode::PING {
            receiver.send_frame(&Frame::new(Opcode::PONG, frame.payload));
            continue;
        }
        let text = String::from_utf8(frame.payload).expect("it is text");
        let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        for number in value["data"].as_array().expect("it is an array") {
            found.push(number.as_u64().expect("it is a number") as usize);
        }
    }
    found.sort_unstable();
    assert!(found.into_iter().eq(0..number));
    let log = server.log();
    assert!(log.contains("the store does not work") && log.contains("the store works again"));
}

/// Which message a confirmation is for, and whether it is kept.
fn note(text: &str, kept: &mut BTreeSet<usize>, doubtful: &mut BTreeSet<usize>) {
    let value: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
    let number = value["confirm"].as_u64().expect("it is a number") as usize;
    if value["response_code"] == "00" {
        kept.insert(number);
    } else {
        let reason = value["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("database"), "{text}");
        doubtful.insert(number);
    }
}

#[test]
fn messages_are_acknowledged_and_taken_once_over_a_restart() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let named = command(
        "send-message",
        "c",
        r#","data":["a","b"],"id":"x","confirm":1"#,
    );
    let server = start(&mariadb);
    let mut sender = connect(&server);
    sender.send_text(&named);
    assert!(sender.receive_text().contains(r#""00","ids":[1,2]"#));
    drop(server);
    let server = start(&mariadb);
    let mut sender = connect(&server);
    sender.send_text(&named);
    let again = sender.receive_text();
    assert!(
        again.contains(r#""ids":[1,2]"#) && again.contains("repeated"),
        "{again}"
    );
    let mut receiver = connect(&server);
    receiver.send_text(&command("receive-message", "c", r#","data":[],"ack":true"#));
    assert!(receiver.receive_text().ends_with(r#""data":["a"],"id":1}"#));
    assert!(receiver.receive_text().ends_with(r#""data":["b"],"id":2}"#));
    receiver.send_text(r#"{"command":"ack","ids":[1]}"#);
    wait_until("what was acknowledged is deleted", LIMIT, || {
        mariadb.sql("SELECT data_id FROM mq_data") == "2"
    });
}

#[test]
fn a_locked_table_holds_up_nobody_but_itself() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let server = start(&mariadb);
    let mut sender = connect(&server);
    let mut live = connect(&server);
    live.send_text(&command("receive-message", "live", ""));
    live.synchronise();
    assert!(confirmed(&mut sender, "c", "[0]").contains(r#""00""#));
    let mut lock = mariadb.sql_in_background("LOCK TABLES mq_data WRITE; SELECT SLEEP(3)");
    wait_until("it is locked", LIMIT, || {
        mariadb
            .sql("SELECT state FROM information_schema.processlist")
            .contains("User sleep")
    });
    let rest = r#","data":[1],"confirm":1"#;
    sender.send_text(&command("send-message", "c", rest));
    sender.synchronise();
    let begin = Instant::now();
    for number in 0..100 {
        let message = command("send-message", "live", &format!(r#","data":[{number}]"#));
        sender.send_text(&message);
        assert_eq!(live.receive_text(), message);
    }
    assert!(begin.elapsed() < Duration::from_secs(2));
    // It is kept once that is possible.
    let confirmation = sender.receive_text();
    assert!(confirmation.contains(r#""00""#), "{confirmation}");
    lock.wait().expect("it ends");
}

#[test]
fn a_wrong_password_ends_the_start_and_a_database_that_is_not_there_does_not() {
    let Some(mut mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let directory = tempfile::tempdir().expect("it can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
    command
        .current_dir(directory.path())
        .envs(settings(&mariadb))
        .env("FANTAIL_STORE_PASSWORD", "another-secret");
    let outcome = run_within(LIMIT, &mut command);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("Access denied"), "{outcome:?}");
    assert!(!outcome.stderr.contains("another-secret"), "{outcome:?}");

    mariadb.stop();
    let server = start(&mariadb);
    assert!(server.log().contains("the store is not there yet"));
    let mut sender = connect(&server);
    let refused = confirmed(&mut sender, "c", "[1]");
    assert!(
        refused.contains("the database cannot be reached"),
        "{refused}"
    );
    mariadb.start_again();
    wait_until("it is found", LIMIT, || {
        confirmed(&mut sender, "c", "[2]").contains(r#""00""#)
    });
    assert!(receive_kept(&mut connect(&server), "c").contains("[2]"));
}

#[test]
fn the_store_command_works_beside_the_server() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let server = start(&mariadb);
    let mut sender = connect(&server);
    confirmed(&mut sender, "sms", r#"["é",{"b":1.0}]"#);
    confirmed(&mut sender, "SMS", "[3]");
    let store = |arguments: &[&str], input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
        command
            .current_dir(server.directory())
            .envs(settings(&mariadb))
            .arg("store")
            .args(arguments);
        let outcome = run_with_input(LIMIT, &mut command, input.as_bytes());
        outcome.expect_success();
        outcome.stdout
    };
    let list = store(&["list"], "");
    assert!(
        list.contains("\t\"sms\"\n") && list.contains("\t\"SMS\"\n"),
        "{list}"
    );
    let shown = store(&["show", "sms"], "");
    assert!(
        shown.contains("\t\"é\"\n") && shown.contains("\t{\"b\":1.0}\n"),
        "{shown}"
    );
    assert_eq!(shown.lines().count(), 2);
    assert_eq!(store(&["show", "-n", "1", "sms"], "").lines().count(), 1);
    let exported = store(&["export"], "");
    assert_eq!(exported.lines().count(), 3);
    assert_eq!(store(&["purge", "sms"], ""), "2 deleted\n");
    assert_eq!(
        store(&["purge", "--all", "--older-than", "1day"], ""),
        "0 deleted\n"
    );
    assert_eq!(store(&["import"], &exported), "3 imported\n");
    let received = receive_kept(&mut connect(&server), "sms");
    assert!(received.contains(r#"["é",{"b":1.0}]"#), "{received}");
}
