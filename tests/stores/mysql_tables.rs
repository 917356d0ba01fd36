//! Tables that others have made: those of WSMessageBroker, in whatever engine and character set.

use crate::mysql_worker::{open, settings};
use crate::support::Mariadb;
use crate::tasks::{delete, expire, fetch, fetched, keep, kept, one, texts};
use fantail::relay::task::{MessageId, StoreAnswer, StoreFault, Worker};
use fantail::store::inspection::{Inspection, StoredMessage};
use fantail::store::mysql::MysqlInspector;
use serde_json::Value;

/// What stands behind the columns, or instead of a type; and whether the names of channels can be
/// written in any script.
const TABLES: &[(&str, &str, &str, &str, bool)] = &[
    (
        "latin1",
        "VARCHAR(100)",
        "LONGTEXT",
        "CHARSET=latin1",
        false,
    ),
    (
        "german",
        "VARCHAR(100)",
        "TEXT",
        "CHARSET=latin1 COLLATE=latin1_german1_ci",
        false,
    ),
    (
        "utf8mb3",
        "VARCHAR(100)",
        "LONGTEXT",
        "CHARSET=utf8mb3",
        false,
    ),
    (
        "utf8mb4",
        "VARCHAR(100)",
        "LONGTEXT",
        "CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
        true,
    ),
    ("ascii", "VARCHAR(50)", "MEDIUMTEXT", "CHARSET=ascii", false),
    (
        "bytes",
        "VARBINARY(400)",
        "LONGBLOB",
        "CHARSET=latin1",
        true,
    ),
    (
        "myisam",
        "VARCHAR(100)",
        "LONGTEXT",
        "ENGINE=MyISAM CHARSET=utf8mb4",
        true,
    ),
];

/// Rows as the old broker has written them, in the time of the database.
fn fill(mariadb: &Mariadb, name: &str, channel: &str, data: &str, options: &str) {
    mariadb.sql(&format!(
        r#"CREATE TABLE {name}_data (
            data_id BIGINT(20) NOT NULL AUTO_INCREMENT PRIMARY KEY,
            channel {channel} DEFAULT NULL,
            data {data} DEFAULT NULL,
            created DATETIME DEFAULT NULL,
            KEY channel (channel)) {options};
        INSERT INTO {name}_data (channel, data, created) VALUES
            ('sms', '{{"to":"08123","text":"caf\\u00e9"}}', '2020-01-01 00:00:00'),
            ('SMS', '"other"', '2020-01-01 00:00:00'),
            ('sms', '"two"', NOW()),
            ('sms', 'no JSON', NOW()),
            ('sms', NULL, NULL),
            (NULL, '"nobody"', NOW());"#
    ));
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

fn check(store: &mut dyn Worker, name: &str, any_script: bool) {
    let old = [
        r#"{"to":"08123","text":"caf\u00e9"}"#,
        r#""two""#,
        r#""no JSON""#,
        "null",
    ];
    assert_eq!(texts(store, "sms"), old, "{name}");
    assert_eq!(texts(store, "SMS"), ["\"other\""], "{name}");
    assert_eq!(texts(store, "Sms"), [""; 0], "{name}");

    // New ones come behind them, and mean what they meant.
    let new = [r#"{"a'b":"c\"d\\e"}"#, "\"é€𝄞\""];
    let ids = kept(store, "sms", &new);
    let first: MessageId = fetched(store, fetch("sms", 0, 1, 99))[0].0;
    let found = texts(store, "sms");
    for (found, sent) in found[old.len()..].iter().zip(new) {
        assert_eq!(value(found), value(sent), "{name}");
    }
    for channel in ["sms ", "Sms", "a'b\"c\\d", "10", "010"] {
        kept(store, channel, &["1"]);
        assert_eq!(texts(store, channel), ["1"], "{name} {channel}");
    }
    assert_eq!(texts(store, "sms").len(), 6, "{name}");
    match one(store, keep("канал 𝄞", &["1", "2"])) {
        Ok(StoreAnswer::Kept(_)) if any_script => {
            assert_eq!(texts(store, "канал 𝄞"), ["1", "2"], "{name}");
        }
        Err(StoreFault::Refused(reason)) if !any_script => {
            assert!(reason.contains("the channel's name"), "{name}: {reason}");
        }
        other => panic!("{name}: {other:?}"),
    }
    assert_eq!(texts(store, "канал 𝄟"), [""; 0], "{name}");
    let gone = one(store, delete(&[first, ids[0], ids[1]]));
    assert_eq!(gone, Ok(StoreAnswer::Deleted(3)), "{name}");
    // Two years and a half before now, and a time that is not known.
    let expired = one(store, expire(1_700_000_000));
    assert_eq!(expired, Ok(StoreAnswer::Deleted(1)), "{name}");
    assert_eq!(texts(store, "sms").len(), 3, "{name}");
}

#[test]
fn old_tables_are_used_as_they_are() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    for (name, channel, data, options, any_script) in TABLES {
        eprintln!("table {name}");
        fill(&mariadb, name, channel, data, options);
        let before = mariadb.sql(&format!("SHOW CREATE TABLE {name}_data"));
        check(&mut *open(&mariadb, &format!("{name}_")), name, *any_script);
        // Its next number aside, it is as it was.
        let shape = |text: &str| {
            let words = text.split(' ').filter(|word| !word.starts_with("AUTO_INC"));
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let after = mariadb.sql(&format!("SHOW CREATE TABLE {name}_data"));
        assert_eq!(shape(&after), shape(&before));
    }
}

#[test]
fn a_new_table_holds_all_text_and_has_transactions() {
    let Some(mariadb) = Mariadb::start(&["--default-storage-engine=MyISAM"]) else {
        return;
    };
    kept(&mut *open(&mariadb, "mq_"), "c", &["1"]);
    let table = mariadb.sql("SHOW CREATE TABLE mq_data");
    for part in ["ENGINE=InnoDB", "utf8mb4_bin", "KEY `channel`"] {
        assert!(table.contains(part), "{table}");
    }
}

#[test]
fn a_log_of_statements_can_be_written() {
    let Some(mariadb) = Mariadb::start(&["--log-bin", "--binlog-format=STATEMENT"]) else {
        return;
    };
    let mut store = open(&mariadb, "mq_");
    let ids = kept(&mut *store, "c", &["1", "2"]);
    assert_eq!(one(&mut *store, delete(&ids)), Ok(StoreAnswer::Deleted(2)));
}

#[test]
fn an_inspector_sees_and_does_the_same_in_old_tables() {
    let Some(mariadb) = Mariadb::start(&[]) else {
        return;
    };
    let missing = MysqlInspector::open(&settings(&mariadb, "no_"));
    let error = missing.expect_err("there is none");
    assert!(error.contains("no table no_data"), "{error}");
    for (name, channel, data, options, _) in TABLES {
        fill(&mariadb, name, channel, data, options);
        let prefix = format!("{name}_");
        let mut inspector =
            MysqlInspector::open(&settings(&mariadb, &prefix)).expect("it is there");
        let summaries = inspector.channels().expect("they can be read");
        let found: Vec<_> = summaries
            .iter()
            .map(|summary| (summary.channel.as_str(), summary.messages))
            .collect();
        assert_eq!(found, [("", 1), ("SMS", 1), ("sms", 4)], "{name}");
        let message = StoredMessage {
            id: 0,
            channel: "sms".to_owned(),
            data: "\"é𝄞\"".to_owned(),
            created: 1_600_000_000,
        };
        let many = vec![message; 150];
        inspector.add(&many).expect("there is room");
        let mut seen = Vec::new();
        let each = inspector.each(Some("sms"), &mut |message| {
            seen.push(message);
            true
        });
        each.expect("they can be read");
        assert_eq!(seen.len(), 154, "{name}");
        assert!(seen.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert_eq!(seen[0].data, r#"{"to":"08123","text":"caf\u00e9"}"#);
        assert_eq!(value(&seen[153].data), "é𝄞");
        assert_eq!(seen[153].created, 1_600_000_000);
        let long = StoredMessage {
            channel: "x".repeat(401),
            ..seen[0].clone()
        };
        assert!(inspector.add(&[seen[0].clone(), long]).is_err());
        assert_eq!(inspector.purge(Some("sms"), 1_600_000_001), Ok(151));
        assert_eq!(inspector.purge(Some("sms"), i64::MAX), Ok(3), "{name}");
        assert_eq!(inspector.purge(None, i64::MAX), Ok(2), "{name}");
    }
}
