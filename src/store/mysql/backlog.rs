//! Reading what is kept for a channel, a part at a time.

use mysql::Row;
use mysql::prelude::Queryable;

use crate::relay::task::{KeptMessage, MessageId};
use crate::store::mysql::row::{bytes, number, size};
use crate::store::mysql::session::Session;
use crate::store::mysql::tasks::{Batch, list};
use crate::store::mysql::text::json;

impl Batch<'_> {
    /// The oldest messages of a channel behind `after`.
    ///
    /// First their lengths, so that no more is read than is wanted. A message that is longer than
    /// what the server sends stays where it is.
    pub(super) fn fetch(
        &mut self,
        channel: &str,
        after: MessageId,
        (most, most_bytes): (usize, usize),
    ) -> mysql::Result<Vec<KeptMessage>> {
        let Session {
            conn,
            table,
            most_bytes: sendable,
            ..
        } = &mut *self.session;
        let query = format!(
            "SELECT data_id, OCTET_LENGTH(data) FROM {} WHERE {} AND data_id > ? \
             AND COALESCE(OCTET_LENGTH(data), 0) <= {sendable} ORDER BY data_id LIMIT {most}",
            table.name,
            table.channel_is(),
        );
        let rows: Vec<Row> = conn.exec(query, (channel, channel, after))?;
        let mut total = 0;
        let fits = |row: &&Row| {
            let is_first = total == 0;
            total += size(row, 1).max(1);
            is_first || total <= most_bytes
        };
        let ids: Vec<_> = rows
            .iter()
            .take_while(fits)
            .map(|row| number(row, 0))
            .collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let query = format!(
            "SELECT data_id, data FROM {} WHERE data_id IN ({}) ORDER BY data_id",
            table.name,
            list(&ids)
        );
        let message = |row: Row| KeptMessage {
            id: number(&row, 0),
            text: json(bytes(&row, 1)),
        };
        conn.query_map(query, message)
    }
}
