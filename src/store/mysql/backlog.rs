//! Reading what is kept for a channel, a part at a time.

use mysql::Row;
use mysql::prelude::Queryable;

use crate::relay::task::{KeptMessage, MessageId, StoreAnswer};
use crate::store::mysql::row::{bytes, number, size};
use crate::store::mysql::session::Session;
use crate::store::mysql::tasks::{Batch, list};
use crate::store::mysql::text::json;

impl Batch<'_> {
    /// The oldest messages of a channel behind `after`.
    ///
    /// First their lengths, so that no more is read than is wanted. What others delete between that
    /// and the reading is passed over. A message that is longer than what the server sends stays
    /// where it is.
    pub(super) fn fetch(
        &mut self,
        channel: &str,
        mut after: MessageId,
        (most, most_bytes): (usize, usize),
    ) -> mysql::Result<StoreAnswer> {
        loop {
            let found = self.lengths(channel, after, most)?;
            let mut total = 0;
            let ids: Vec<_> = found
                .iter()
                .enumerate()
                .take_while(|(index, (_, length))| {
                    total += *length;
                    *index == 0 || total <= most_bytes
                })
                .map(|(_, (id, _))| *id)
                .collect();
            let complete = ids.len() == found.len() && found.len() < most;
            let messages = self.read(&ids)?;
            match ids.last() {
                Some(last) if messages.is_empty() && !complete => after = *last,
                _ => return Ok(StoreAnswer::Fetched { messages, complete }),
            }
        }
    }

    /// The numbers and lengths of the oldest messages of a channel behind `after`.
    fn lengths(
        &mut self,
        channel: &str,
        after: MessageId,
        most: usize,
    ) -> mysql::Result<Vec<(MessageId, usize)>> {
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
        let pair = |row: Row| (number(&row, 0), size(&row, 1));
        conn.exec_map(query, (channel, channel, after), pair)
    }

    /// The messages of these numbers, if they are there.
    fn read(&mut self, ids: &[MessageId]) -> mysql::Result<Vec<KeptMessage>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let Session { conn, table, .. } = &mut *self.session;
        let query = format!(
            "SELECT data_id, data FROM {} WHERE data_id IN ({}) ORDER BY data_id",
            table.name,
            list(ids)
        );
        let message = |row: Row| KeptMessage {
            id: number(&row, 0),
            text: json(bytes(&row, 1)),
        };
        conn.query_map(query, message)
    }
}
