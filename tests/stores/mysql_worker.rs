//! The store in MariaDB without a server around it: what it does when the database is not as one
//! would like.

use crate::conformance;
use crate::support::{MARIADB_PASSWORD, MARIADB_USER, Mariadb, wait_until};
use crate::tasks::{
    Answer, LIMITS, all, fetch, fetched, keep, keep_as, keep_within, kept, one, probe, texts,
};
use fantail::relay::task::{KeepLimits, StoreAnswer, StoreFault, Worker};
use fantail::secret::Secret;
use fantail::store::mysql::{MysqlStore, Settings};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

/// How to get to the database, over the network.
pub(crate) fn settings(mariadb: &Mariadb, prefix: &str) -> Settings {
    Settings {
        host: mariadb.address().ip().to_string(),
        port: mariadb.address().port(),
        socket: None,
        database: MARIADB_USER.to_owned(),
        username: MARIADB_USER.to_owned(),
        password: Secret::new(MARIADB_PASSWORD),
        prefix: prefix.to_owned(),
    }
}

#[track_caller]
pub(crate) fn open(mariadb: &Mariadb, prefix: &str) -> Box<dyn Worker> {
    let store = MysqlStore::open(settings(mariadb, prefix));
    Box::new(store.expect("it can be opened"))
}

fn failure(answer: Answer) -> String {
    match answer {
        Err(StoreFault::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn refusal(answer: Answer) -> String {
    match answer {
        Err(StoreFault::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn mysql_does_what_a_store_must() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    conformance::run_all(&|case| open(&mariadb, &format!("{case}_")));
    // And over a Unix socket.
    let local = Settings {
        host: "192.0.2.1".to_owned(),
        socket: Some(mariadb.socket()),
        ..settings(&mariadb, "order_")
    };
    let mut store = MysqlStore::open(local).expect("it can be opened");
    assert_eq!(texts(&mut store, "c"), ["1", "2", "3", "4"]);
}

#[test]
fn what_cannot_be_written_is_refused_and_the_rest_of_the_batch_is_kept() {
    let Some(mariadb) = Mariadb::start(&["--max-allowed-packet=1M"]) else {
        return;
    };
    let mut store = open(&mariadb, "mq_");
    let long = format!("\"{}\"", "x".repeat(1024 * 1024));
    let name = "𝄞".repeat(101);
    let answers = all(
        &mut *store,
        vec![
            keep("c", &["1"]),
            keep("c", &["2", &long]),
            keep(&name, &["3"]),
            keep(&format!("{}  ", "x".repeat(99)), &["4"]),
            keep("c", &["5"]),
        ],
    );
    assert!(answers[0].is_ok() && answers[4].is_ok(), "{answers:?}");
    let reason = refusal(answers[1].clone());
    assert!(reason.contains("bytes of a message"), "{reason}");
    for answer in &answers[2..4] {
        let reason = refusal(answer.clone());
        assert!(reason.contains("100 characters"), "{reason}");
    }
    assert_eq!(texts(&mut *store, "c"), ["1", "5"]);
    // Nearly as long as it may be.
    let long = format!("\"{}\"", "x".repeat(1_040_000));
    kept(&mut *store, "long", &[&long]);
    assert_eq!(texts(&mut *store, "long"), [long]);
}

#[test]
fn a_server_that_was_away_is_found_again() {
    let Some(mut mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let mut store = open(&mariadb, "mq_");
    let before = kept(&mut *store, "c", &["1"]);
    // A connection that the server has ended, as it does when one was idle for long, is no fault.
    mariadb.sql(&format!(
        "SELECT GROUP_CONCAT(CONCAT('KILL ', id) SEPARATOR ';') INTO @kill \
         FROM information_schema.processlist WHERE user = '{MARIADB_USER}'; \
         EXECUTE IMMEDIATE @kill"
    ));
    kept(&mut *store, "c", &["2"]);

    mariadb.stop();
    let begin = Instant::now();
    for _ in 0..50 {
        let reason = failure(one(&mut *store, keep("c", &["lost"])));
        assert!(
            reason == "the database cannot be reached" || reason.contains("connection"),
            "{reason}"
        );
    }
    assert!(begin.elapsed() < Duration::from_secs(5));
    mariadb.start_again();
    wait_until("it is found again", LIMIT, || {
        one(&mut *store, probe()).is_ok()
    });
    let after = kept(&mut *store, "c", &["3"]);
    assert!(after > before);
    assert_eq!(texts(&mut *store, "c"), ["1", "2", "3"]);

    // Also when it dies without a word, and when it has been started anew meanwhile.
    mariadb.kill();
    mariadb.start_again();
    kept(&mut *store, "c", &["4"]);
    assert_eq!(texts(&mut *store, "c"), ["1", "2", "3", "4"]);
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for_and_one_that_refuses_is_not() {
    let Some(mut mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let whole = settings(&mariadb, "mq_");
    for (settings, part) in [
        (
            Settings {
                password: Secret::new("wrong-password-42"),
                ..whole.clone()
            },
            "Access denied",
        ),
        (
            Settings {
                database: "mysql".to_owned(),
                ..whole.clone()
            },
            "Access denied",
        ),
        (
            Settings {
                prefix: "other_".to_owned(),
                ..whole.clone()
            },
            "no column channel",
        ),
        (
            Settings {
                prefix: "plain_".to_owned(),
                ..whole.clone()
            },
            "AUTO_INCREMENT",
        ),
        (
            Settings {
                username: "reader".to_owned(),
                ..whole.clone()
            },
            "CREATE",
        ),
    ] {
        mariadb.sql(&format!(
            "CREATE TABLE IF NOT EXISTS other_data (data_id BIGINT AUTO_INCREMENT PRIMARY KEY);
             CREATE TABLE IF NOT EXISTS plain_data (
                data_id BIGINT, channel TEXT, data TEXT, created DATETIME);
             CREATE USER IF NOT EXISTS reader@'%' IDENTIFIED BY '{}';
             GRANT SELECT ON {MARIADB_USER}.* TO reader@'%'",
            MARIADB_PASSWORD.replace('\'', "''")
        ));
        let error = MysqlStore::open(settings).expect_err("it must not be");
        assert!(
            error.contains(part) && error.contains("127.0.0.1"),
            "{error}"
        );
        assert!(
            !error.contains("canary") && !error.contains("word-42"),
            "{error}"
        );
    }
    mariadb.stop();
    let mut store = MysqlStore::open(whole).expect("it is waited for");
    let reason = failure(one(&mut store, keep("c", &["lost"])));
    assert_eq!(reason, "the database cannot be reached");
    mariadb.start_again();
    wait_until("it is found", LIMIT, || {
        one(&mut store, keep("c", &["1"])).is_ok()
    });
    assert_eq!(texts(&mut store, "c"), ["1"]);
}

#[test]
fn a_lock_is_waited_for_but_not_for_ever() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let mut store = open(&mariadb, "mq_");
    kept(&mut *store, "c", &["1"]);
    let mut locks = [
        "LOCK TABLES mq_data WRITE; SELECT SLEEP(30)",
        "BEGIN; SELECT * FROM mq_data FOR UPDATE; SELECT SLEEP(30)",
    ]
    .map(|statements| (statements, None));
    for (statements, child) in &mut locks {
        let child = child.insert(mariadb.sql_in_background(statements));
        wait_until("it is locked", LIMIT, || {
            mariadb
                .sql("SELECT state FROM information_schema.processlist")
                .contains("User sleep")
        });
        let begin = Instant::now();
        let delete = crate::tasks::delete(&[1]);
        let reason = failure(one(&mut *store, delete));
        assert_eq!(reason, "the database is locked");
        let waited = begin.elapsed();
        assert!(
            waited > Duration::from_secs(4) && waited < LIMIT,
            "{waited:?}"
        );
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        mariadb.sql(
            "SELECT CONCAT('KILL ', id) INTO @kill FROM information_schema.processlist \
             WHERE state = 'User sleep'; EXECUTE IMMEDIATE @kill",
        );
        wait_until("it is free", LIMIT, || {
            one(&mut *store, keep("d", &["2"])).is_ok()
        });
    }
    assert_eq!(texts(&mut *store, "c"), ["1"]);
}

#[test]
fn a_table_that_disappears_is_made_again() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let mut store = open(&mariadb, "mq_");
    kept(&mut *store, "c", &["1"]);
    mariadb.sql("DROP TABLE mq_data");
    assert!(failure(one(&mut *store, keep("c", &["2"]))).contains("mq_data"));
    kept(&mut *store, "c", &["3"]);
    assert_eq!(texts(&mut *store, "c"), ["3"]);
}

#[test]
fn who_may_make_no_table_keeps_all_but_what_senders_name() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    mariadb.sql(&format!(
        "CREATE TABLE mq_data (data_id BIGINT AUTO_INCREMENT PRIMARY KEY, channel VARCHAR(100),
            data LONGTEXT, created DATETIME, KEY(channel));
         CREATE USER old@'%' IDENTIFIED BY '{}';
         GRANT SELECT, INSERT, DELETE ON {MARIADB_USER}.mq_data TO old@'%'",
        MARIADB_PASSWORD.replace('\'', "''")
    ));
    let settings = Settings {
        username: "old".to_owned(),
        ..settings(&mariadb, "mq_")
    };
    let mut store = MysqlStore::open(settings).expect("it can be opened");
    let ids = kept(&mut store, "c", &["1", "2"]);
    let reason = refusal(one(&mut store, keep_as("u", "x", "c", &["3"])));
    assert!(reason.contains("no table"), "{reason}");
    let forgotten = one(&mut store, crate::tasks::forget_sender_ids(u64::MAX / 2));
    assert_eq!(forgotten, Ok(StoreAnswer::Deleted(0)));
    one(&mut store, crate::tasks::delete(&ids[..1])).expect("it can be deleted");
    assert_eq!(texts(&mut store, "c"), ["2"]);
}

#[test]
fn two_that_send_the_same_at_once_send_it_once() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    // Both are open before either has sent.
    let stores = [open(&mariadb, "mq_"), open(&mariadb, "mq_")];
    let threads = stores.map(|mut store| {
        std::thread::spawn(move || {
            for number in 0..100 {
                let task = keep_as("u", &number.to_string(), "c", &[&number.to_string()]);
                one(&mut *store, task).expect("it is taken, or was");
            }
        })
    });
    for thread in threads {
        thread.join().expect("it has not failed");
    }
    let mut found = texts(&mut *open(&mariadb, "mq_"), "c");
    found.sort_by_key(|text| text.parse::<u32>().ok());
    let expected: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(found, expected);
}

#[test]
fn rows_of_others_are_counted_in_time() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let mut store = open(&mariadb, "mq_");
    let limits = KeepLimits {
        channel_messages: 100,
        ..LIMITS
    };
    one(&mut *store, keep_within("c", &["1"; 90], limits)).expect("there is room");
    mariadb.sql("DELETE FROM mq_data");
    std::thread::sleep(Duration::from_millis(1_200));
    // The count is too high, so that this one would be refused.
    one(&mut *store, keep_within("c", &["1"; 20], limits)).expect("there is room");
    // And it is not below what is there because others have deleted first.
    let ids: Vec<_> = fetched(&mut *store, fetch("c", 0, 99, 9999))
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    mariadb.sql("DELETE FROM mq_data LIMIT 5");
    let deleted = one(&mut *store, crate::tasks::delete(&ids));
    assert_eq!(deleted, Ok(StoreAnswer::Deleted(15)));
    one(&mut *store, keep_within("c", &["1"; 95], limits)).expect("there is room");
    let full = one(&mut *store, keep_within("c", &["1"; 6], limits));
    assert!(matches!(full, Err(StoreFault::Full(_))), "{full:?}");
}
