//! What the tasks of a batch are in statements.
//!
//! How much is kept is known from the last count and from what was done since. Others may change the
//! table as well, so the count is repeated: before messages are kept, if it is half a minute old,
//! and before something is refused for want of room, if it is a second old; but never so often that
//! it takes more than a twentieth of the time.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use mysql::Row;
use mysql::prelude::Queryable;

use crate::limits::Limit;
use crate::relay::task::{KeepLimits, MessageId, SenderId, StoreAnswer, StoreFault, StoreTask};
use crate::store::counts::Counts;
use crate::store::mysql::fault::is_not_in_character_set;
use crate::store::mysql::row::{number, size, text};
use crate::store::mysql::session::Session;
use crate::store::mysql::text::escaped;

/// When a count is repeated before messages are kept.
const COUNT_AGE: Duration = Duration::from_secs(30);

/// When a count is repeated before messages are refused.
const REFUSAL_AGE: Duration = Duration::from_secs(1);

/// A count may take one part in so many of the time.
const PARTS: u32 = 20;

/// Messages that one statement deletes, at most.
const DELETED_AT_ONCE: usize = 1000;

/// Messages that are too old and go in one transaction, at most; the next ones go with the next.
const EXPIRED_AT_ONCE: usize = 50_000;

pub(super) type Answer = Result<StoreAnswer, StoreFault>;

/// How much was kept, and when that was looked at.
#[derive(Debug)]
pub(super) struct Counted {
    counts: Counts,
    at: Instant,
    took: Duration,
}

impl Counted {
    fn is_older_than(&self, age: Duration) -> bool {
        self.at.elapsed() > age.max(self.took * PARTS)
    }
}

/// A transaction.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) session: &'a mut Session,
    counted: &'a mut Option<Counted>,
}

impl<'a> Batch<'a> {
    /// A transaction that has begun, if it is to write.
    pub(super) fn new(session: &'a mut Session, counted: &'a mut Option<Counted>) -> Self {
        Self { session, counted }
    }

    /// Does a task.
    ///
    /// # Errors
    /// If the whole transaction is to be rolled back.
    pub(super) fn perform(&mut self, task: &StoreTask) -> mysql::Result<Answer> {
        match task {
            StoreTask::Keep {
                channel,
                messages,
                created,
                limits,
                once,
            } => self.keep_once((channel, *created), messages, limits, once.as_ref()),
            StoreTask::Fetch {
                channel,
                after,
                most,
                most_bytes,
            } => self.fetch(channel, *after, (*most, *most_bytes)).map(Ok),
            StoreTask::Delete(ids) => self
                .delete(ids)
                .map(|deleted| Ok(StoreAnswer::Deleted(deleted))),
            StoreTask::Expire(before) => self
                .expire(*before)
                .map(|deleted| Ok(StoreAnswer::Deleted(deleted))),
            StoreTask::ForgetSenderIds(before) => self
                .forget_sender_ids(*before)
                .map(|forgotten| Ok(StoreAnswer::Deleted(forgotten))),
            StoreTask::Topic(_) => {
                let reason = "topics are kept in SQLite";
                Ok(Err(StoreFault::Refused(reason.to_owned())))
            }
            StoreTask::Probe => {
                let table = &self.session.table.name;
                let query = format!("SELECT MAX(data_id) FROM {table}");
                self.session.conn.query_drop(query)?;
                Ok(Ok(StoreAnswer::Works))
            }
        }
    }

    fn keep_once(
        &mut self,
        (channel, created): (&str, u64),
        messages: &[Box<str>],
        limits: &KeepLimits,
        once: Option<&SenderId>,
    ) -> mysql::Result<Answer> {
        let Some(sender_id) = once else {
            return self.keep((channel, created), messages, limits, 0);
        };
        if !self.session.has_sender_ids {
            let reason = "the database has no table for what senders call their messages";
            return Ok(Err(StoreFault::Refused(reason.to_owned())));
        }
        if let Some(ids) = self.find_sender_id(channel, sender_id)? {
            return Ok(Ok(StoreAnswer::Repeated(ids)));
        }
        let answer = self.keep((channel, created), messages, limits, 1)?;
        if let Ok(StoreAnswer::Kept(ids)) = &answer {
            self.remember_sender_id((channel, created), sender_id, ids)?;
            if let Some(counted) = self.counted {
                counted.counts.add_sender_ids(1);
            }
        }
        Ok(answer)
    }

    /// Keeps messages, to which `sender_ids` ids of senders will belong.
    fn keep(
        &mut self,
        (channel, created): (&str, u64),
        messages: &[Box<str>],
        limits: &KeepLimits,
        sender_ids: usize,
    ) -> mysql::Result<Answer> {
        let table = &self.session.table;
        if let Some(reason) = table.refuses_channel(channel) {
            return Ok(Err(StoreFault::Refused(reason)));
        }
        let escapes = table.needs_escapes();
        let texts: Vec<Cow<'_, str>> = messages
            .iter()
            .map(|message| match escapes {
                true => escaped(message),
                false => Cow::Borrowed(&**message),
            })
            .collect();
        let most = self.session.most_bytes;
        if texts.iter().any(|text| text.len() > most) {
            let reason = format!("the database takes {most} bytes of a message");
            return Ok(Err(StoreFault::Refused(reason)));
        }
        let bytes = texts.iter().map(|text| text.len()).sum();
        let size = (texts.len(), bytes, sender_ids);
        if let Err(limit) = self.check_room(channel, size, limits)? {
            return Ok(Err(StoreFault::Full(limit)));
        }
        let mut ids = Vec::with_capacity(texts.len());
        for text in &texts {
            match self.insert(channel, text, created) {
                Ok(id) => ids.push(id),
                // The name is the same in each: none was written yet.
                Err(error) if ids.is_empty() && is_not_in_character_set(&error) => {
                    let reason = self.session.table.unwritable_channel();
                    return Ok(Err(StoreFault::Refused(reason)));
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(counted) = self.counted {
            counted.counts.add(channel, texts.len(), bytes);
        }
        Ok(Ok(StoreAnswer::Kept(ids)))
    }

    fn insert(&mut self, channel: &str, text: &str, created: u64) -> mysql::Result<MessageId> {
        let Session { conn, table, .. } = &mut *self.session;
        let insert = format!(
            "INSERT INTO {} (channel, data, created) VALUES (?, ?, FROM_UNIXTIME(?))",
            table.name
        );
        conn.exec_drop(insert, (channel, text, created))?;
        Ok(MessageId::try_from(conn.last_insert_id()).unwrap_or(MessageId::MAX))
    }

    /// Says whether there is room, by a count that is new enough.
    fn check_room(
        &mut self,
        channel: &str,
        (messages, bytes, sender_ids): (usize, usize, usize),
        limits: &KeepLimits,
    ) -> mysql::Result<Result<(), Limit>> {
        let old = |counted: &Option<Counted>, age| {
            let counted = counted.as_ref();
            counted.is_none_or(|counted| counted.is_older_than(age))
        };
        if old(self.counted, COUNT_AGE) {
            self.count(limits)?;
        }
        let check = |counted: &Option<Counted>| {
            let Some(Counted { counts, .. }) = counted else {
                return Ok(());
            };
            counts.check_room(channel, (messages, bytes), limits)?;
            match sender_ids {
                0 => Ok(()),
                _ => counts.check_sender_id(limits),
            }
        };
        let room = check(self.counted);
        if room.is_ok() || !old(self.counted, REFUSAL_AGE) {
            return Ok(room);
        }
        self.count(limits)?;
        Ok(check(self.counted))
    }

    /// Counts what is kept, up to what is too much in any case. The rows come one by one, so that
    /// each has the time that the whole of a slow answer may not take.
    fn count(&mut self, limits: &KeepLimits) -> mysql::Result<()> {
        let begin = Instant::now();
        let Session { conn, table, .. } = &mut *self.session;
        let mut counts = Counts::default();
        let rows = conn.query_iter(format!(
            "SELECT channel, OCTET_LENGTH(data) FROM {} LIMIT {}",
            table.name,
            limits.messages.saturating_add(1)
        ))?;
        for row in rows {
            let row = row?;
            counts.add(&text(&row, 0), 1, size(&row, 1));
        }
        counts.add_sender_ids(self.count_sender_ids()?);
        let took = begin.elapsed();
        log::debug!("counting what is kept took {took:?}");
        *self.counted = Some(Counted {
            counts,
            at: begin,
            took,
        });
        Ok(())
    }

    /// Deletes messages; how many were there.
    fn delete(&mut self, ids: &[MessageId]) -> mysql::Result<usize> {
        let Session { conn, table, .. } = &mut *self.session;
        let table = &table.name;
        let mut deleted = 0;
        for ids in ids.chunks(DELETED_AT_ONCE) {
            let ids = list(ids);
            let mut gone = Vec::new();
            if self.counted.is_some() {
                let query = format!(
                    "SELECT channel, OCTET_LENGTH(data) FROM {table} \
                     WHERE data_id IN ({ids}) FOR UPDATE"
                );
                gone = conn.query::<Row, _>(query)?;
            }
            conn.query_drop(format!("DELETE FROM {table} WHERE data_id IN ({ids})"))?;
            deleted += usize::try_from(conn.affected_rows()).unwrap_or(0);
            if let Some(counted) = self.counted {
                for row in gone {
                    counted.counts.remove(&text(&row, 0), size(&row, 1));
                }
            }
        }
        Ok(deleted)
    }

    /// Forgets what senders called what they sent before a time; how many names those were.
    fn forget_sender_ids(&mut self, before: u64) -> mysql::Result<usize> {
        let forgotten = self.delete_sender_ids(before, EXPIRED_AT_ONCE)?;
        if let Some(counted) = self.counted {
            counted.counts.remove_sender_ids(forgotten);
        }
        Ok(forgotten)
    }

    /// Deletes what is older; how many that were.
    fn expire(&mut self, before: u64) -> mysql::Result<usize> {
        let query = format!(
            "SELECT data_id FROM {} WHERE created < FROM_UNIXTIME(?) ORDER BY data_id LIMIT {}",
            self.session.table.name, EXPIRED_AT_ONCE
        );
        let rows: Vec<Row> = self.session.conn.exec(query, (before,))?;
        let ids: Vec<_> = rows.iter().map(|row| number(row, 0)).collect();
        let deleted = self.delete(&ids)?;
        if deleted > 0 {
            log::info!("{deleted} kept messages were too old");
        }
        Ok(deleted)
    }
}

/// Numbers as a part of a statement.
pub(super) fn list(ids: &[MessageId]) -> String {
    let ids: Vec<_> = ids.iter().map(MessageId::to_string).collect();
    ids.join(",")
}
