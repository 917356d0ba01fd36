//! A look into what is kept of topics, from outside. A database of a time without topics has none.

use rusqlite::{OptionalExtension, Row, params};

use crate::relay::task::topic::TopicMessage;
use crate::store::inspect::Inspector;
use crate::store::inspection::ChannelSummary;

/// A message of a topic as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTopicMessage {
    /// Its topic.
    pub topic: String,
    /// The message.
    pub message: TopicMessage,
    /// When it was sent, in seconds since 1970.
    pub created: i64,
}

impl Inspector {
    fn has_topics(&self) -> rusqlite::Result<bool> {
        let statement = "SELECT 1 FROM sqlite_master WHERE name = 'topic_message'";
        let found: Option<i64> = self
            .0
            .query_row(statement, [], |row| row.get(0))
            .optional()?;
        Ok(found.is_some())
    }

    /// All topics of which something is kept, by name.
    ///
    /// # Errors
    /// What does not work.
    pub fn topics(&self) -> Result<Vec<ChannelSummary>, String> {
        let read = || -> rusqlite::Result<_> {
            if !self.has_topics()? {
                return Ok(Vec::new());
            }
            let mut statement = self.0.prepare(
                "SELECT topic, count(*), sum(octet_length(payload)), min(created) \
                 FROM topic_message GROUP BY topic ORDER BY topic",
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

    /// Gives each message of a topic, or of all, to `take`, oldest first, as long as that says so.
    ///
    /// # Errors
    /// What does not work.
    pub fn each_of_topics(
        &self,
        topic: Option<&str>,
        mut take: impl FnMut(StoredTopicMessage) -> bool,
    ) -> Result<(), String> {
        let mut read = || -> rusqlite::Result<()> {
            if !self.has_topics()? {
                return Ok(());
            }
            let mut statement = self.0.prepare(
                "SELECT id, topic, is_binary, payload, created FROM topic_message \
                 WHERE ?1 IS NULL OR topic = ?1 ORDER BY id",
            )?;
            let mut rows = statement.query([topic])?;
            while let Some(row) = rows.next()? {
                if !take(stored(row)?) {
                    break;
                }
            }
            Ok(())
        };
        read().map_err(|error| error.to_string())
    }

    /// Deletes what was kept of a topic, or of all, before a time; how many those were. Their room
    /// is given back to the system.
    ///
    /// # Errors
    /// What does not work.
    pub fn purge_topics(&mut self, topic: Option<&str>, before: i64) -> Result<usize, String> {
        let write = || -> rusqlite::Result<usize> {
            if !self.has_topics()? {
                return Ok(0);
            }
            let deleted = self.0.execute(
                "DELETE FROM topic_message WHERE (?1 IS NULL OR topic = ?1) AND created < ?2",
                params![topic, before],
            )?;
            self.0.execute_batch("PRAGMA incremental_vacuum")?;
            Ok(deleted)
        };
        write().map_err(|error| error.to_string())
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredTopicMessage> {
    let payload: Vec<u8> = row.get(3)?;
    Ok(StoredTopicMessage {
        topic: row.get(1)?,
        message: TopicMessage {
            id: row.get(0)?,
            binary: row.get(2)?,
            payload: payload.into(),
        },
        created: row.get(4)?,
    })
}
