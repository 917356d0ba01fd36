//! What senders call their messages: a name is remembered in the transaction that keeps the
//! messages, so that they are taken once however often they are sent.
//!
//! Users, channels and names may have any length and any character; their key is a digest of them,
//! which has the same length in every database and no collation.

use mysql::prelude::Queryable;
use mysql::{Conn, Row};
use sha2::{Digest, Sha256};

use crate::relay::task::{MessageId, SenderId};
use crate::store::mysql::fault::is_forbidden;
use crate::store::mysql::row::{size, text};
use crate::store::mysql::session::Session;
use crate::store::mysql::table::Table;
use crate::store::mysql::tasks::{Batch, list};

/// Makes the table if there is none. False: there is none, and the user may not make one.
pub(super) fn make_table(conn: &mut Conn, table: &Table) -> mysql::Result<bool> {
    let name = &table.sender_ids;
    let found: Option<Row> = conn.exec_first(
        "SELECT 1 FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = ?",
        (name.trim_matches('`'),),
    )?;
    if found.is_some() {
        return Ok(true);
    }
    let made = conn.query_drop(format!(
        "CREATE TABLE IF NOT EXISTS {name} (
            sender_id BINARY(32) NOT NULL PRIMARY KEY COMMENT 'SHA-256 of user, channel and id',
            data_ids LONGTEXT NOT NULL,
            created DATETIME NOT NULL,
            KEY created (created)
        ) ENGINE=InnoDB DEFAULT CHARSET=ascii"
    ));
    match made {
        Ok(()) => Ok(true),
        Err(error) if is_forbidden(&error) => {
            log::warn!(
                "the user of the database may not make the table {name}: messages with an id are \
                 refused"
            );
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// What stands for a name in the table.
fn digest(channel: &str, sender_id: &SenderId) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in [&*sender_id.user, channel, &*sender_id.id] {
        // With their lengths, so that none can pass for a part of another.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}

impl Batch<'_> {
    /// The numbers of the messages that a sender has sent to a channel under this name, if it has.
    pub(super) fn find_sender_id(
        &mut self,
        channel: &str,
        sender_id: &SenderId,
    ) -> mysql::Result<Option<Vec<MessageId>>> {
        let Session { conn, table, .. } = &mut *self.session;
        let query = format!(
            "SELECT data_ids FROM {} WHERE sender_id = ?",
            table.sender_ids
        );
        let row: Option<Row> = conn.exec_first(query, (digest(channel, sender_id),))?;
        let ids = |row: Row| {
            let ids = text(&row, 0);
            ids.split(',').filter_map(|id| id.parse().ok()).collect()
        };
        Ok(row.map(ids))
    }

    /// Remembers the name of messages that were just kept.
    pub(super) fn remember_sender_id(
        &mut self,
        (channel, created): (&str, u64),
        sender_id: &SenderId,
        kept: &[MessageId],
    ) -> mysql::Result<()> {
        let Session { conn, table, .. } = &mut *self.session;
        let insert = format!(
            "INSERT INTO {} (sender_id, data_ids, created) VALUES (?, ?, FROM_UNIXTIME(?))",
            table.sender_ids
        );
        conn.exec_drop(insert, (digest(channel, sender_id), list(kept), created))
    }

    /// How many names are remembered.
    pub(super) fn count_sender_ids(&mut self) -> mysql::Result<usize> {
        if !self.session.has_sender_ids {
            return Ok(0);
        }
        let Session { conn, table, .. } = &mut *self.session;
        let row: Option<Row> =
            conn.query_first(format!("SELECT COUNT(*) FROM {}", table.sender_ids))?;
        Ok(row.map_or(0, |row| size(&row, 0)))
    }

    /// Forgets names from before a time, at most so many; how many those were.
    pub(super) fn delete_sender_ids(&mut self, before: u64, most: usize) -> mysql::Result<usize> {
        if !self.session.has_sender_ids {
            return Ok(0);
        }
        let Session { conn, table, .. } = &mut *self.session;
        let delete = format!(
            "DELETE FROM {} WHERE created < FROM_UNIXTIME(?) LIMIT {most}",
            table.sender_ids
        );
        conn.exec_drop(delete, (before,))?;
        Ok(usize::try_from(conn.affected_rows()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_pass_for_others() {
        let of = |user: &str, channel: &str, id: &str| {
            let (user, id) = (user.into(), id.into());
            digest(channel, &SenderId { user, id })
        };
        let all = [
            of("a", "b", "c"),
            of("ab", "", "c"),
            of("a", "bc", ""),
            of("", "ab", "c"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(!all[index + 1..].contains(one));
        }
    }
}
