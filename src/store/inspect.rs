//! A look into the store from outside, while a server may be using it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, TransactionBehavior, params};

use crate::relay::task::MessageId;
use crate::store::sqlite::{BUSY, step_through};

/// What is kept for a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSummary {
    /// Its name.
    pub channel: String,
    /// How many messages.
    pub messages: i64,
    /// Bytes of all of them.
    pub bytes: i64,
    /// When the oldest was kept, in seconds since 1970.
    pub oldest: i64,
}

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its number.
    pub id: MessageId,
    /// The name of its channel.
    pub channel: String,
    /// A text of JSON.
    pub data: String,
    /// When it was kept, in seconds since 1970.
    pub created: i64,
}

/// A database that there is.
#[derive(Debug)]
pub struct Inspector(pub(super) Connection);

impl Inspector {
    /// Opens the database; makes none.
    ///
    /// # Errors
    /// A sentence that names the file and says what does not work.
    pub fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: rusqlite::Error| format!("the store {}: {error}", path.display());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(failed)?;
        Ok(Self(connection))
    }

    /// All channels that something is kept for, by name.
    ///
    /// # Errors
    /// What does not work.
    pub fn channels(&self) -> Result<Vec<ChannelSummary>, String> {
        let read = || -> rusqlite::Result<_> {
            let mut statement = self.0.prepare(
                "SELECT channel, count(*), sum(octet_length(data)), min(created) FROM mq_data \
                 GROUP BY channel ORDER BY channel",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(ChannelSummary {
                    channel: row.get(0)?,
                    messages: row.get(1)?,
                    bytes: row.get(2)?,
                    oldest: row.get(3)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(|error| error.to_string())
    }

    /// Gives each message of a channel, or of all, to `take`, oldest first, as long as that says
    /// so.
    ///
    /// # Errors
    /// What does not work.
    pub fn each(
        &self,
        channel: Option<&str>,
        mut take: impl FnMut(StoredMessage) -> bool,
    ) -> Result<(), String> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.0.prepare(
                "SELECT data_id, channel, data, created FROM mq_data \
                 WHERE ?1 IS NULL OR channel = ?1 ORDER BY data_id",
            )?;
            let mut rows = statement.query([channel])?;
            while let Some(row) = rows.next()? {
                if !take(stored(row)?) {
                    break;
                }
            }
            Ok(())
        };
        read().map_err(|error| error.to_string())
    }

    /// Keeps messages, in their order, under new numbers; all of them or none.
    ///
    /// # Errors
    /// What does not work.
    pub fn add(&mut self, messages: &[StoredMessage]) -> Result<(), String> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self
                .0
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            for message in messages {
                transaction.execute(
                    "INSERT INTO mq_data (channel, data, created) VALUES (?1, ?2, ?3)",
                    params![message.channel, message.data, message.created],
                )?;
            }
            transaction.commit()
        };
        write().map_err(|error| error.to_string())
    }

    /// Deletes what was kept for a channel, or for all, before a time; how many those were. Their
    /// room is given back to the system.
    ///
    /// # Errors
    /// What does not work.
    pub fn purge(&mut self, channel: Option<&str>, before: i64) -> Result<usize, String> {
        let write = || -> rusqlite::Result<usize> {
            let deleted = self.0.execute(
                "DELETE FROM mq_data WHERE (?1 IS NULL OR channel = ?1) AND created < ?2",
                params![channel, before],
            )?;
            step_through(&self.0, "PRAGMA incremental_vacuum")?;
            Ok(deleted)
        };
        write().map_err(|error| error.to_string())
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    Ok(StoredMessage {
        id: row.get(0)?,
        channel: row.get(1)?,
        data: row.get(2)?,
        created: row.get(3)?,
    })
}
