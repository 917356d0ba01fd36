//! The store in a file of SQLite: with a write-ahead log, synchronised at every commit.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Row, Transaction, TransactionBehavior, params};

use crate::relay::task::{
    KeepLimits, KeptMessage, MessageId, Outcome, SenderId, StoreAnswer, StoreFault, StoreTask,
    Task, Worker,
};
use crate::store::counts::Counts;
use crate::store::migrations::migrate;
use crate::store::sender_ids;

/// How long to wait for another program that has locked the database.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Free pages that are given back to the system behind a batch, at most.
const VACUUM: &str = "PRAGMA incremental_vacuum(4096)";

/// Only its owner may read what is kept.
const MODE: u32 = 0o600;

/// The store.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    counts: Counts,
    /// What SQLite says of changes by others; none if the counts are not known to be right.
    data_version: Option<i64>,
    /// The first number is still to be made from the time.
    numbers_from_time: bool,
}

impl SqliteStore {
    /// Tasks in one transaction, at most.
    pub(super) const BATCH: usize = 1024;

    /// Opens the database; makes it if there is none.
    ///
    /// # Errors
    /// A sentence that names the file and says what does not work.
    pub fn open(path: &Path) -> Result<Self, String> {
        let named = |error: String| format!("the store {}: {error}", path.display());
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(MODE)
            .open(path)
            .map_err(|error| named(error.to_string()))?;
        let mut connection = Connection::open(path).map_err(|error| named(error.to_string()))?;
        configure(&connection).map_err(|error| named(error.to_string()))?;
        migrate(&mut connection).map_err(named)?;
        let mut store = Self::with(connection);
        store.count().map_err(|error| named(error.to_string()))?;
        Ok(store)
    }

    /// A database that is gone when it is closed. Its numbers begin with the time of the first
    /// message, in microseconds, so that a receiver does not take them for those of an earlier
    /// one.
    ///
    /// # Errors
    /// What does not work.
    pub(super) fn in_memory() -> Result<Self, String> {
        let mut connection = Connection::open_in_memory().map_err(|error| error.to_string())?;
        migrate(&mut connection)?;
        Ok(Self {
            numbers_from_time: true,
            ..Self::with(connection)
        })
    }

    fn with(connection: Connection) -> Self {
        Self {
            connection,
            counts: Counts::default(),
            data_version: None,
            numbers_from_time: false,
        }
    }

    /// Counts what is kept, unless the counts are known to be right.
    fn count(&mut self) -> rusqlite::Result<()> {
        let version = self
            .connection
            .query_row("PRAGMA data_version", [], |row| row.get(0))?;
        if self.data_version == Some(version) {
            return Ok(());
        }
        let mut counts = Counts::default();
        let mut statement = self.connection.prepare_cached(
            "SELECT channel, count(*), sum(octet_length(data)) FROM mq_data GROUP BY channel",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let channel: Box<str> = row.get(0)?;
            counts.add(&channel, number_at(row, 1)?, number_at(row, 2)?);
        }
        counts.add_sender_ids(self.connection.query_row(
            "SELECT count(*) FROM mq_sent",
            [],
            |row| number_at(row, 0),
        )?);
        self.counts = counts;
        self.data_version = Some(version);
        Ok(())
    }

    /// Does all tasks in one transaction.
    fn transact(&mut self, tasks: &[Task]) -> rusqlite::Result<Vec<Outcome>> {
        self.count()?;
        let behavior = if tasks.iter().any(writes) {
            TransactionBehavior::Immediate
        } else {
            TransactionBehavior::Deferred
        };
        // Not right any more if the transaction fails.
        let version = self.data_version.take();
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        if self.numbers_from_time
            && let Some(created) = tasks.iter().find_map(created)
        {
            transaction.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('mq_data', ?1)",
                [created.saturating_mul(1_000_000)],
            )?;
            self.numbers_from_time = false;
        }
        let mut outcomes = Vec::with_capacity(tasks.len());
        for task in tasks {
            outcomes.push(match task {
                Task::Store(task) => Outcome::Store(perform(&transaction, &mut self.counts, task)?),
                Task::VerifyPassword { .. } => Outcome::Unavailable,
            });
        }
        transaction.commit()?;
        self.data_version = version;
        Ok(outcomes)
    }

    /// Writes what changes nothing to where the last commit went. If that was written and could
    /// then not be synchronised, it would count after a crash, although it was refused.
    fn cover_failed_commit(&self) {
        let version = |row: &Row<'_>| row.get::<_, i64>(0);
        let covered = self
            .connection
            .query_row("PRAGMA user_version", [], version)
            .and_then(|version| self.connection.pragma_update(None, "user_version", version));
        if let Err(error) = covered {
            log::debug!("a commit that failed was perhaps not covered: {error}");
        }
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    // Of effect only before the first table is made.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = if cfg!(feature = "sabotage-no-fsync") {
        "OFF"
    } else {
        "FULL"
    };
    connection.pragma_update(None, "synchronous", synchronous)
}

fn writes(task: &Task) -> bool {
    matches!(
        task,
        Task::Store(
            StoreTask::Keep { .. }
                | StoreTask::Delete(_)
                | StoreTask::Expire(_)
                | StoreTask::ForgetSenderIds(_)
        )
    )
}

/// When the messages of a task are kept.
fn created(task: &Task) -> Option<i64> {
    match task {
        Task::Store(StoreTask::Keep { created, .. }) => i64::try_from(*created).ok(),
        _ => None,
    }
}

fn frees(task: &Task) -> bool {
    matches!(
        task,
        Task::Store(StoreTask::Delete(_) | StoreTask::Expire(_) | StoreTask::ForgetSenderIds(_))
    )
}

impl Worker for SqliteStore {
    fn batch(&self) -> usize {
        Self::BATCH
    }

    fn perform(&mut self, tasks: Vec<Task>) -> Vec<Outcome> {
        let outcomes = match self.transact(&tasks) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
                    self.cover_failed_commit();
                }
                let fault = StoreFault::Failed(error.to_string());
                return vec![Outcome::Store(Err(fault)); tasks.len()];
            }
        };
        if tasks.iter().any(frees)
            && let Err(error) = self.connection.execute_batch(VACUUM)
        {
            log::debug!("pages of the store stay: {error}");
        }
        outcomes
    }
}

type Answer = Result<StoreAnswer, StoreFault>;

fn perform(
    transaction: &Transaction<'_>,
    counts: &mut Counts,
    task: &StoreTask,
) -> rusqlite::Result<Answer> {
    match task {
        StoreTask::Keep {
            channel,
            messages,
            created,
            limits,
            once,
        } => {
            let repeated = match once {
                Some(name) => sender_ids::find(transaction, channel, name)?,
                None => None,
            };
            if let Some(ids) = repeated {
                return Ok(Ok(StoreAnswer::Repeated(ids)));
            }
            let about = (
                channel.as_ref(),
                i64::try_from(*created).unwrap_or(i64::MAX),
            );
            keep(
                transaction,
                counts,
                about,
                (messages, once.as_ref()),
                limits,
            )
        }
        StoreTask::Fetch {
            channel,
            after,
            most,
            most_bytes,
        } => fetch(transaction, channel, *after, (*most, *most_bytes)),
        StoreTask::Delete(ids) => {
            let mut statement = transaction.prepare_cached(
                "DELETE FROM mq_data WHERE data_id = ?1 RETURNING channel, octet_length(data)",
            )?;
            let mut deleted = 0;
            for id in ids {
                deleted += delete(&mut statement, counts, *id)?;
            }
            Ok(Ok(StoreAnswer::Deleted(deleted)))
        }
        StoreTask::Expire(before) => {
            let mut statement = transaction.prepare_cached(
                "DELETE FROM mq_data WHERE created < ?1 RETURNING channel, octet_length(data)",
            )?;
            let before = i64::try_from(*before).unwrap_or(i64::MAX);
            let deleted = delete(&mut statement, counts, before)?;
            if deleted > 0 {
                log::info!("{deleted} kept messages were too old");
            }
            Ok(Ok(StoreAnswer::Deleted(deleted)))
        }
        StoreTask::ForgetSenderIds(before) => {
            let forgotten = sender_ids::forget(transaction, counts, *before)?;
            Ok(Ok(StoreAnswer::Deleted(forgotten)))
        }
        StoreTask::Probe => {
            transaction.query_row("SELECT max(data_id) FROM mq_data", [], |_| Ok(()))?;
            Ok(Ok(StoreAnswer::Works))
        }
    }
}

fn keep(
    transaction: &Transaction<'_>,
    counts: &mut Counts,
    (channel, created): (&str, i64),
    (messages, once): (&[Box<str>], Option<&SenderId>),
    limits: &KeepLimits,
) -> rusqlite::Result<Answer> {
    let bytes = messages.iter().map(|message| message.len()).sum();
    let mut room = counts.check_room(channel, (messages.len(), bytes), limits);
    if once.is_some() {
        room = room.and_then(|()| counts.check_sender_id(limits));
    }
    if let Err(limit) = room {
        return Ok(Err(StoreFault::Full(limit)));
    }
    let mut statement = transaction
        .prepare_cached("INSERT INTO mq_data (channel, data, created) VALUES (?1, ?2, ?3)")?;
    let ids: Vec<MessageId> = messages
        .iter()
        .map(|message| statement.insert(params![channel, message, created]))
        .collect::<rusqlite::Result<_>>()?;
    counts.add(channel, messages.len(), bytes);
    if let Some(name) = once {
        sender_ids::remember(transaction, counts, (channel, created), name, &ids)?;
    }
    Ok(Ok(StoreAnswer::Kept(ids)))
}

fn fetch(
    transaction: &Transaction<'_>,
    channel: &str,
    after: MessageId,
    (most, most_bytes): (usize, usize),
) -> rusqlite::Result<Answer> {
    let mut statement = transaction.prepare_cached(
        "SELECT data_id, data FROM mq_data WHERE channel = ?1 AND data_id > ?2 \
         ORDER BY data_id LIMIT ?3",
    )?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![channel, after, limit])?;
    let mut messages = Vec::new();
    let (mut bytes, mut complete) = (0, true);
    while let Some(row) = rows.next()? {
        let text: Box<str> = row.get(1)?;
        bytes += text.len();
        if bytes > most_bytes && !messages.is_empty() {
            complete = false;
            break;
        }
        let id = row.get(0)?;
        messages.push(KeptMessage { id, text });
    }
    complete &= messages.len() < most;
    Ok(Ok(StoreAnswer::Fetched { messages, complete }))
}

fn number_at(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let number: i64 = row.get(column)?;
    Ok(usize::try_from(number).unwrap_or(0))
}

/// Runs a statement that deletes and returns the channel and the length of each.
fn delete(
    statement: &mut rusqlite::Statement<'_>,
    counts: &mut Counts,
    parameter: i64,
) -> rusqlite::Result<usize> {
    let mut rows = statement.query([parameter])?;
    let mut deleted = 0;
    while let Some(row) = rows.next()? {
        let channel: Box<str> = row.get(0)?;
        counts.remove(&channel, number_at(row, 1)?);
        deleted += 1;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limit;

    const LIMITS: KeepLimits = KeepLimits {
        messages: 10,
        bytes: 100,
        channel_messages: 5,
        sender_ids: 2,
    };

    fn keep_of(channel: &str, messages: &[&str], created: u64) -> Task {
        Task::Store(StoreTask::Keep {
            channel: channel.into(),
            messages: messages.iter().map(|message| (*message).into()).collect(),
            created,
            limits: LIMITS,
            once: None,
        })
    }

    fn fetch_of(channel: &str, after: MessageId, most: usize, most_bytes: usize) -> Task {
        Task::Store(StoreTask::Fetch {
            channel: channel.into(),
            after,
            most,
            most_bytes,
        })
    }

    fn one(store: &mut SqliteStore, task: Task) -> Answer {
        match store.perform(vec![task]).remove(0) {
            Outcome::Store(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn fetched(store: &mut SqliteStore, task: Task) -> Vec<(MessageId, String)> {
        match one(store, task) {
            Ok(StoreAnswer::Fetched { messages, complete }) => {
                let total = messages.len();
                assert!(complete || total > 0);
                let pair = |message: KeptMessage| (message.id, message.text.into_string());
                messages.into_iter().map(pair).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn opened() -> (tempfile::TempDir, SqliteStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("x.db")).unwrap();
        (directory, store)
    }

    #[test]
    fn messages_are_kept_in_order_and_stay_over_a_restart() {
        let (directory, mut store) = opened();
        let odd = "a'b\"c\\d";
        let outcomes = store.perform(vec![
            keep_of("c", &["1", "\"é\""], 5),
            keep_of(odd, &["2"], 5),
            fetch_of("c", 0, 9, 99),
        ]);
        assert_eq!(
            outcomes[0],
            Outcome::Store(Ok(StoreAnswer::Kept(vec![1, 2])))
        );
        assert_eq!(outcomes[1], Outcome::Store(Ok(StoreAnswer::Kept(vec![3]))));
        drop(store);
        let mut store = SqliteStore::open(&directory.path().join("x.db")).unwrap();
        let all = [(1, "1".to_owned()), (2, "\"é\"".to_owned())];
        assert_eq!(fetched(&mut store, fetch_of("c", 0, 9, 99)), all);
        assert_eq!(fetched(&mut store, fetch_of("c", 0, 1, 99)), all[..1]);
        assert_eq!(fetched(&mut store, fetch_of("c", 0, 9, 1)), all[..1]);
        assert_eq!(fetched(&mut store, fetch_of("c", 1, 9, 0)), all[1..]);
        assert_eq!(fetched(&mut store, fetch_of("C", 0, 9, 99)), []);
        assert_eq!(fetched(&mut store, fetch_of(odd, 0, 9, 99)).len(), 1);
    }

    #[test]
    fn numbers_are_not_used_twice() {
        let (directory, mut store) = opened();
        one(&mut store, keep_of("c", &["1", "2"], 5)).unwrap();
        let delete = |ids: &[MessageId]| Task::Store(StoreTask::Delete(ids.to_vec()));
        let deleted = |count| Ok(StoreAnswer::Deleted(count));
        assert_eq!(one(&mut store, delete(&[1, 2, 7])), deleted(2));
        assert_eq!(one(&mut store, delete(&[1, 2])), deleted(0));
        drop(store);
        let mut store = SqliteStore::open(&directory.path().join("x.db")).unwrap();
        let kept = one(&mut store, keep_of("c", &["3"], 5));
        assert_eq!(kept, Ok(StoreAnswer::Kept(vec![3])));
    }

    #[test]
    fn what_has_no_room_is_refused_as_a_whole() {
        let (_directory, mut store) = opened();
        let five = ["1"; 5];
        one(&mut store, keep_of("a", &["1"; 4], 5)).unwrap();
        let full = |limit| Err(StoreFault::Full(limit));
        let too_many = one(&mut store, keep_of("a", &["1", "2"], 5));
        assert_eq!(too_many, full(Limit::StoreChannelMessages));
        one(&mut store, keep_of("b", &five, 5)).unwrap();
        let too_many = one(&mut store, keep_of("c", &["1", "2"], 5));
        assert_eq!(too_many, full(Limit::StoreMessages));
        let long = "x".repeat(100);
        let too_long = one(&mut store, keep_of("c", &[&long], 5));
        assert_eq!(too_long, full(Limit::StoreBytes));
        one(&mut store, keep_of("c", &["1"], 5)).unwrap();
        // What goes makes room.
        one(&mut store, Task::Store(StoreTask::Expire(6))).unwrap();
        one(&mut store, keep_of("c", &five, 6)).unwrap();
        assert_eq!(
            one(&mut store, Task::Store(StoreTask::Expire(6))),
            Ok(StoreAnswer::Deleted(0))
        );
    }

    #[test]
    fn what_has_a_name_is_kept_once() {
        let (directory, mut store) = opened();
        let keep_as = |user: &str, channel: &str, id: &str, created| {
            let mut task = keep_of(channel, &["1", "2"], created);
            if let Task::Store(StoreTask::Keep { once, .. }) = &mut task {
                let (user, id) = (user.into(), id.into());
                *once = Some(SenderId { user, id });
            }
            task
        };
        let kept = |ids: &[MessageId]| Ok(StoreAnswer::Kept(ids.to_vec()));
        assert_eq!(one(&mut store, keep_as("u", "a", "x", 5)), kept(&[1, 2]));
        assert_eq!(one(&mut store, keep_as("v", "a", "x", 6)), kept(&[3, 4]));
        drop(store);
        let mut store = SqliteStore::open(&directory.path().join("x.db")).unwrap();
        // Also when the messages are gone, and when there is no room any more.
        one(&mut store, Task::Store(StoreTask::Delete(vec![1, 2]))).unwrap();
        let repeated = Ok(StoreAnswer::Repeated(vec![1, 2]));
        assert_eq!(one(&mut store, keep_as("u", "a", "x", 7)), repeated);
        let full = Err(StoreFault::Full(Limit::StoreSenderIds));
        assert_eq!(one(&mut store, keep_as("u", "b", "x", 7)), full);
        let forget = |before| Task::Store(StoreTask::ForgetSenderIds(before));
        assert_eq!(one(&mut store, forget(6)), Ok(StoreAnswer::Deleted(1)));
        assert_eq!(one(&mut store, keep_as("u", "b", "x", 7)), kept(&[5, 6]));
        assert_eq!(
            one(&mut store, keep_as("v", "a", "x", 7)),
            Ok(StoreAnswer::Repeated(vec![3, 4]))
        );
    }

    #[test]
    fn changes_by_others_are_counted() {
        let (directory, mut store) = opened();
        one(&mut store, keep_of("a", &["1"; 5], 5)).unwrap();
        let other = Connection::open(directory.path().join("x.db")).unwrap();
        other.execute("DELETE FROM mq_data", []).unwrap();
        one(&mut store, keep_of("a", &["1"; 5], 5)).unwrap();
    }

    #[test]
    fn a_database_that_cannot_be_one_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        std::fs::write(
            &path,
            "this is no database, and it is long enough to see that",
        )
        .unwrap();
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(
            error.contains("x.db") && error.contains("not a database"),
            "{error}"
        );
        let error = SqliteStore::open(&directory.path().join("no/x.db")).unwrap_err();
        assert!(error.contains("No such file"), "{error}");
        let path = directory.path().join("later.db");
        let later = Connection::open(&path).unwrap();
        later.pragma_update(None, "user_version", 99).unwrap();
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(error.contains("later version"), "{error}");
    }

    #[test]
    fn a_transaction_that_fails_keeps_nothing_and_can_be_tried_again() {
        let (directory, mut store) = opened();
        store.connection.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(directory.path().join("x.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let outcomes = store.perform(vec![
            keep_of("a", &["1"; 5], 5),
            Task::Store(StoreTask::Probe),
        ]);
        let locked = |outcome: &Outcome| matches!(outcome, Outcome::Store(Err(StoreFault::Failed(text))) if text.contains("locked"));
        assert!(outcomes.iter().all(locked), "{outcomes:?}");
        // Reading needs no lock.
        assert_eq!(
            one(&mut store, Task::Store(StoreTask::Probe)),
            Ok(StoreAnswer::Works)
        );
        other.execute_batch("ROLLBACK").unwrap();
        one(&mut store, keep_of("a", &["1"; 5], 5)).unwrap();
    }
}
