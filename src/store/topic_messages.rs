//! Kept messages of topics in SQLite: rings, whose oldest make room.
//!
//! What queues keep comes first: topics have what those leave of `store.messages` and
//! `store.bytes`, and give it back when queues need it.

use rusqlite::{Connection, OptionalExtension, Statement, ToSql, Transaction, params};

use crate::limits::Limit;
use crate::relay::task::topic::{
    NewTopicMessage, TopicAnswer, TopicMessage, TopicQuery, TopicTask, WallMicroseconds,
};
use crate::relay::task::{KeepLimits, MessageId, StoreAnswer};
use crate::store::counts::Counts;
use crate::store::sqlite::{Answer, number_at};

/// The table, as a step of the migrations.
pub(super) const TOPIC_MESSAGES: &str = "
    CREATE TABLE topic_message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL,
        is_binary INTEGER NOT NULL,
        payload BLOB NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER
    );
    CREATE INDEX topic_message_topic ON topic_message (topic);
    CREATE INDEX topic_message_expires ON topic_message (expires) WHERE expires IS NOT NULL;
";

/// What statements that delete return, for the counts.
const DELETED: &str = "RETURNING topic, octet_length(payload)";

/// The highest number that a message has had, also if it is gone; 0 if there was none.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<MessageId> {
    let statement = "SELECT seq FROM sqlite_sequence WHERE name = 'topic_message'";
    let last = connection.query_row(statement, [], |row| row.get(0));
    Ok(last.optional()?.unwrap_or(0))
}

/// Counts what is kept.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    let mut statement = connection.prepare_cached(
        "SELECT topic, count(*), sum(octet_length(payload)) FROM topic_message GROUP BY topic",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let topic: Box<str> = row.get(0)?;
        counts.add(&topic, number_at(row, 1)?, number_at(row, 2)?);
    }
    Ok(counts)
}

/// Does a task; `queues` is what is kept beside topics.
pub(super) fn perform(
    transaction: &Transaction<'_>,
    (counts, queues): (&mut Counts, &Counts),
    task: &TopicTask,
) -> rusqlite::Result<Answer> {
    let answer = match task {
        TopicTask::Keep { messages, limits } => {
            TopicAnswer::Kept(keep(transaction, (counts, queues), messages, limits)?)
        }
        TopicTask::Fetch(query) => fetch(transaction, query)?,
        TopicTask::Expire(now) => TopicAnswer::Expired(expire(transaction, counts, *now)?),
    };
    Ok(Ok(StoreAnswer::Topic(answer)))
}

/// Keeps messages; the limits that made others go.
fn keep(
    transaction: &Transaction<'_>,
    (counts, queues): (&mut Counts, &Counts),
    messages: &[NewTopicMessage],
    limits: &KeepLimits,
) -> rusqlite::Result<Vec<Limit>> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO topic_message (id, topic, is_binary, payload, created, expires) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut passed = Vec::new();
    for NewTopicMessage {
        topic,
        message,
        created,
        expires,
        most,
    } in messages
    {
        let TopicMessage {
            id,
            binary,
            payload,
        } = message;
        let created = i64::try_from(*created).unwrap_or(i64::MAX);
        let inserted = insert.execute(params![id, topic, binary, payload, created, expires])?;
        if inserted == 0 {
            continue;
        }
        counts.add(topic, 1, payload.len());
        let of_topic = counts.of_channel(topic);
        if of_topic > limits.channel_messages && most.is_none_or(|n| n > limits.channel_messages) {
            note(&mut passed, Limit::StoreChannelMessages);
        }
        let most = most.unwrap_or(usize::MAX).min(limits.channel_messages);
        if of_topic > most {
            shorten(transaction, counts, topic, of_topic - most)?;
        }
    }
    make_room(transaction, (counts, queues), limits, &mut passed)?;
    Ok(passed)
}

fn note(passed: &mut Vec<Limit>, limit: Limit) {
    if !passed.contains(&limit) {
        passed.push(limit);
    }
}

/// Deletes the oldest messages of a topic.
fn shorten(
    transaction: &Transaction<'_>,
    counts: &mut Counts,
    topic: &str,
    excess: usize,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(&format!(
        "DELETE FROM topic_message WHERE id IN \
         (SELECT id FROM topic_message WHERE topic = ?1 ORDER BY id LIMIT ?2) {DELETED}"
    ))?;
    delete(&mut statement, counts, params![topic, at_most(excess)])?;
    Ok(())
}

/// Deletes the oldest messages of all topics until all limits are kept, together with what queues
/// keep.
fn make_room(
    transaction: &Transaction<'_>,
    (counts, queues): (&mut Counts, &Counts),
    limits: &KeepLimits,
    passed: &mut Vec<Limit>,
) -> rusqlite::Result<()> {
    let messages = counts.messages() + queues.messages();
    let bytes = counts.bytes().saturating_add(queues.bytes());
    let (mut messages, mut bytes) = (
        messages.saturating_sub(limits.messages),
        bytes.saturating_sub(limits.bytes),
    );
    if messages == 0 && bytes == 0 {
        return Ok(());
    }
    if messages > 0 {
        note(passed, Limit::StoreMessages);
    }
    if bytes > 0 {
        note(passed, Limit::StoreBytes);
    }
    let mut last: MessageId = 0;
    let mut oldest = transaction
        .prepare_cached("SELECT id, octet_length(payload) FROM topic_message ORDER BY id")?;
    let mut rows = oldest.query([])?;
    while messages > 0 || bytes > 0 {
        let Some(row) = rows.next()? else { break };
        last = row.get(0)?;
        messages = messages.saturating_sub(1);
        bytes = bytes.saturating_sub(number_at(row, 1)?);
    }
    drop(rows);
    let mut statement = transaction.prepare_cached(&format!(
        "DELETE FROM topic_message WHERE id <= ?1 {DELETED}"
    ))?;
    delete(&mut statement, counts, [last])?;
    Ok(())
}

fn expire(
    transaction: &Transaction<'_>,
    counts: &mut Counts,
    now: WallMicroseconds,
) -> rusqlite::Result<usize> {
    let mut statement = transaction.prepare_cached(&format!(
        "DELETE FROM topic_message WHERE expires <= ?1 {DELETED}"
    ))?;
    delete(&mut statement, counts, [now])
}

/// Runs a statement that ends with [`DELETED`]; how many are gone.
fn delete(
    statement: &mut Statement<'_>,
    counts: &mut Counts,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<usize> {
    let mut rows = statement.query(parameters)?;
    let mut deleted = 0;
    while let Some(row) = rows.next()? {
        let topic: Box<str> = row.get(0)?;
        counts.remove(&topic, number_at(row, 1)?);
        deleted += 1;
    }
    Ok(deleted)
}

/// Which rows of a topic count for a query, without an order.
const WANTED: &str = "FROM topic_message WHERE topic = ?1 AND id > ?2 AND id <= ?3 \
                      AND (expires IS NULL OR expires > ?4) ORDER BY id";

fn fetch(transaction: &Transaction<'_>, query: &TopicQuery) -> rusqlite::Result<TopicAnswer> {
    let TopicQuery {
        topic,
        after,
        until,
        last,
        most,
        most_bytes,
        now,
    } = query;
    let mut after = *after;
    if let Some(last) = last {
        let mut statement =
            transaction.prepare_cached(&format!("SELECT id {WANTED} DESC LIMIT 1 OFFSET ?5"))?;
        let offset = at_most(last.saturating_sub(1));
        let parameters: [&dyn ToSql; 5] = [topic, &after, until, now, &offset];
        let first: Option<MessageId> = statement
            .query_row(parameters, |row| row.get(0))
            .optional()?;
        after = first.map_or(after, |first| first - 1);
    }
    let mut statement =
        transaction.prepare_cached(&format!("SELECT id, is_binary, payload {WANTED} LIMIT ?5"))?;
    let limit = at_most(*most).saturating_add(1);
    let parameters: [&dyn ToSql; 5] = [topic, &after, until, now, &limit];
    let mut rows = statement.query(parameters)?;
    let mut messages: Vec<TopicMessage> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let payload: Vec<u8> = row.get(2)?;
        bytes += payload.len();
        if messages.len() == *most || (bytes > *most_bytes && !messages.is_empty()) {
            let more = true;
            return Ok(TopicAnswer::Fetched { messages, more });
        }
        messages.push(TopicMessage {
            id: row.get(0)?,
            binary: row.get(1)?,
            payload: payload.into(),
        });
    }
    let more = false;
    Ok(TopicAnswer::Fetched { messages, more })
}

fn at_most(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::task::{Outcome, StoreTask, Task, Worker};
    use crate::store::sqlite::SqliteStore;
    use std::path::Path;

    const LIMITS: KeepLimits = KeepLimits {
        messages: 10,
        bytes: 100,
        channel_messages: 6,
        sender_ids: 10,
    };

    fn new(topic: &str, id: MessageId, payload: &[u8], most: Option<usize>) -> NewTopicMessage {
        NewTopicMessage {
            topic: topic.into(),
            message: TopicMessage {
                id,
                binary: payload.contains(&0xff),
                payload: payload.into(),
            },
            created: 5,
            expires: None,
            most,
        }
    }

    fn one(store: &mut SqliteStore, task: TopicTask) -> TopicAnswer {
        let task = Task::Store(StoreTask::Topic(task));
        match store.perform(vec![task]).remove(0) {
            Outcome::Store(Ok(StoreAnswer::Topic(answer))) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn keep_all(store: &mut SqliteStore, messages: Vec<NewTopicMessage>) -> Vec<Limit> {
        let limits = LIMITS;
        match one(store, TopicTask::Keep { messages, limits }) {
            TopicAnswer::Kept(passed) => passed,
            other => panic!("{other:?}"),
        }
    }

    fn all_of(topic: &str) -> TopicQuery {
        TopicQuery {
            topic: topic.into(),
            after: 0,
            until: MessageId::MAX,
            last: None,
            most: 100,
            most_bytes: 1000,
            now: 1000,
        }
    }

    fn ids(store: &mut SqliteStore, query: TopicQuery) -> (Vec<MessageId>, bool) {
        match one(store, TopicTask::Fetch(query)) {
            TopicAnswer::Fetched { messages, more } => {
                (messages.iter().map(|message| message.id).collect(), more)
            }
            other => panic!("{other:?}"),
        }
    }

    fn opened(directory: &Path) -> SqliteStore {
        SqliteStore::open(&directory.join("x.db")).unwrap()
    }

    #[test]
    fn messages_come_back_as_they_were_and_in_their_order_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = opened(directory.path());
        assert_eq!(store.last_topic_message(), Ok(0));
        let kept = [
            new("/a", 11, b"text", None),
            new("/a", 12, &[0, 0xff], None),
            new("/a", 13, b"", None),
        ];
        let mut messages = kept.to_vec();
        messages.insert(1, new("/A", 99, b"x", None));
        assert_eq!(keep_all(&mut store, messages), []);
        drop(store);
        let mut store = opened(directory.path());
        assert_eq!(store.last_topic_message(), Ok(99));
        let fetched = one(&mut store, TopicTask::Fetch(all_of("/a")));
        let messages = kept.map(|new| new.message).to_vec();
        let more = false;
        assert_eq!(fetched, TopicAnswer::Fetched { messages, more });
        for (change, expected) in [
            (
                TopicQuery {
                    after: 11,
                    ..all_of("/a")
                },
                (vec![12, 13], false),
            ),
            (
                TopicQuery {
                    until: 12,
                    ..all_of("/a")
                },
                (vec![11, 12], false),
            ),
            (
                TopicQuery {
                    last: Some(2),
                    ..all_of("/a")
                },
                (vec![12, 13], false),
            ),
            (
                TopicQuery {
                    last: Some(9),
                    ..all_of("/a")
                },
                (vec![11, 12, 13], false),
            ),
            (
                TopicQuery {
                    last: Some(1),
                    until: 12,
                    ..all_of("/a")
                },
                (vec![12], false),
            ),
            (
                TopicQuery {
                    last: Some(2),
                    after: 12,
                    ..all_of("/a")
                },
                (vec![13], false),
            ),
            (
                TopicQuery {
                    most: 2,
                    ..all_of("/a")
                },
                (vec![11, 12], true),
            ),
            (
                TopicQuery {
                    most: 3,
                    ..all_of("/a")
                },
                (vec![11, 12, 13], false),
            ),
            (
                TopicQuery {
                    most_bytes: 1,
                    ..all_of("/a")
                },
                (vec![11], true),
            ),
            (all_of("/none"), (vec![], false)),
        ] {
            let text = format!("{change:?}");
            assert_eq!(ids(&mut store, change), expected, "{text}");
        }
    }

    #[test]
    fn what_is_kept_twice_is_there_once_and_numbers_are_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = opened(directory.path());
        for _ in 0..2 {
            keep_all(&mut store, vec![new("/a", 7, b"x", Some(1))]);
        }
        assert_eq!(ids(&mut store, all_of("/a")), (vec![7], false));
        keep_all(&mut store, vec![new("/b", 8, b"x", Some(0))]);
        assert_eq!(ids(&mut store, all_of("/b")).0, [0; 0]);
        assert_eq!(store.last_topic_message(), Ok(8));
    }

    #[test]
    fn the_oldest_make_room_and_the_limit_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = opened(directory.path());
        let many = |topic: &str, from: MessageId, count: MessageId, most| {
            (from..from + count)
                .map(|id| new(topic, id, b"12345", most))
                .collect::<Vec<_>>()
        };
        assert_eq!(keep_all(&mut store, many("/n", 1, 9, Some(3))), []);
        assert_eq!(ids(&mut store, all_of("/n")).0, [7, 8, 9]);
        let passed = keep_all(&mut store, many("/c", 10, 7, None));
        assert_eq!(passed, [Limit::StoreChannelMessages]);
        assert_eq!(ids(&mut store, all_of("/c")).0.len(), 6);
        let passed = keep_all(&mut store, many("/m", 20, 3, None));
        assert_eq!(passed, [Limit::StoreMessages]);
        assert_eq!(ids(&mut store, all_of("/n")).0, [9]);
        let passed = keep_all(&mut store, vec![new("/b", 30, &[b'x'; 90], None)]);
        assert_eq!(passed, [Limit::StoreMessages, Limit::StoreBytes]);
        assert_eq!(ids(&mut store, all_of("/m")).0, [21, 22]);
        assert_eq!(ids(&mut store, all_of("/c")).0, [0; 0]);
        // What queues keep comes first, and is not refused because of topics.
        let queued = Task::Store(StoreTask::Keep {
            channel: "q".into(),
            messages: vec!["x".repeat(100).into()],
            created: 5,
            limits: LIMITS,
            once: None,
        });
        let outcome = store.perform(vec![queued]).remove(0);
        assert!(matches!(outcome, Outcome::Store(Ok(StoreAnswer::Kept(_)))));
        keep_all(&mut store, vec![new("/b", 31, b"x", None)]);
        assert_eq!(ids(&mut store, all_of("/b")).0, [0; 0]);
    }

    #[test]
    fn what_is_too_old_is_not_given_out_and_goes() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = opened(directory.path());
        let expiring = |id, expires| NewTopicMessage {
            expires,
            ..new("/a", id, b"x", None)
        };
        let messages = vec![
            expiring(1, Some(999)),
            expiring(2, Some(2000)),
            expiring(3, None),
        ];
        keep_all(&mut store, messages);
        assert_eq!(ids(&mut store, all_of("/a")).0, [2, 3]);
        assert_eq!(
            one(&mut store, TopicTask::Expire(1000)),
            TopicAnswer::Expired(1)
        );
        assert_eq!(
            one(&mut store, TopicTask::Expire(1000)),
            TopicAnswer::Expired(0)
        );
        let early = TopicQuery {
            now: 0,
            ..all_of("/a")
        };
        assert_eq!(ids(&mut store, early).0, [2, 3]);
    }

    #[test]
    fn a_store_of_before_has_room_for_topics() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "CREATE TABLE mq_data (data_id INTEGER PRIMARY KEY AUTOINCREMENT, \
             channel TEXT NOT NULL, data TEXT NOT NULL, created INTEGER NOT NULL); \
             INSERT INTO mq_data VALUES (1, 'c', '1', 5); PRAGMA user_version = 1",
        )
        .unwrap();
        drop(old);
        let mut store = opened(directory.path());
        keep_all(&mut store, vec![new("/a", 7, b"x", None)]);
        assert_eq!(ids(&mut store, all_of("/a")).0, [7]);
    }
}
