//! A look into a file of SQLite from outside, while a server may be using it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, TransactionBehavior, params};

use crate::store::inspection::{ChannelSummary, Inspection, StoredMessage};
use crate::store::sqlite::{BUSY, step_through};

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
}

impl Inspection for Inspector {
    fn channels(&mut self) -> Result<Vec<ChannelSummary>, String> {
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

    fn each(
        &mut self,
        channel: Option<&str>,
        take: &mut dyn FnMut(StoredMessage) -> bool,
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

    fn add(&mut self, messages: &[StoredMessage]) -> Result<(), String> {
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

    /// Their room is given back to the system.
    fn purge(&mut self, channel: Option<&str>, before: i64) -> Result<usize, String> {
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
