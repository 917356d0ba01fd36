//! The floor: the same messages in the same table by SQLite alone, in transactions of the same size,
//! with the same settings. Nobody sends them and nobody is told.

use super::kept::{Kept, text};
use crate::support::Outcome;
use rusqlite::{Connection, params};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const TABLE: &str = "
    CREATE TABLE mq_data (
        data_id INTEGER PRIMARY KEY AUTOINCREMENT,
        channel TEXT NOT NULL,
        data TEXT NOT NULL,
        created INTEGER NOT NULL
    );
    CREATE INDEX mq_data_channel ON mq_data (channel, data_id);
";

/// A database.
pub(crate) struct SqliteFloor {
    connection: Connection,
    text: String,
    _directory: TempDir,
}

impl SqliteFloor {
    /// Makes it.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn start() -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let connection = Connection::open(directory.path().join("floor.db"))?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(TABLE)?;
        Ok(Self {
            connection,
            text: text(),
            _directory: directory,
        })
    }

    /// Keeps messages for about so long.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) fn measure(&mut self, time: Duration, batch: usize) -> Outcome<Kept> {
        let start = Instant::now();
        let mut kept = Kept::default();
        while start.elapsed() < time {
            let transaction = self.connection.transaction()?;
            {
                let mut statement = transaction.prepare_cached(
                    "INSERT INTO mq_data (channel, data, created) VALUES (?1, ?2, ?3)",
                )?;
                for _ in 0..batch.max(1) {
                    statement.insert(params!["bench", self.text, 1_800_000_000])?;
                }
            }
            transaction.commit()?;
            kept.messages += batch.max(1);
            kept.transactions += 1;
        }
        kept.time = start.elapsed();
        Ok(kept)
    }
}
