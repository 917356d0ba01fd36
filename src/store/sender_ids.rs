//! What senders call their messages: a name is remembered in the transaction that keeps the
//! messages, so that they are taken once however often they are sent.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::relay::task::{MessageId, SenderId};
use crate::store::counts::Counts;

/// The numbers of the messages that a sender has sent to a channel under this name, if it has.
pub(super) fn find(
    transaction: &Transaction<'_>,
    channel: &str,
    name: &SenderId,
) -> rusqlite::Result<Option<Vec<MessageId>>> {
    let mut statement = transaction.prepare_cached(
        "SELECT first_data_id, messages FROM mq_sent WHERE user = ?1 AND channel = ?2 AND id = ?3",
    )?;
    let range = statement
        .query_row(params![name.user, channel, name.id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(range.map(|(first, messages): (MessageId, i64)| (first..first + messages).collect()))
}

/// Remembers the name of messages that were just kept, which have numbers in a row.
pub(super) fn remember(
    transaction: &Transaction<'_>,
    counts: &mut Counts,
    (channel, created): (&str, i64),
    name: &SenderId,
    kept: &[MessageId],
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO mq_sent (user, channel, id, first_data_id, messages, created) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let first = kept.first().copied().unwrap_or(0);
    let messages = i64::try_from(kept.len()).unwrap_or(i64::MAX);
    statement.execute(params![
        name.user, channel, name.id, first, messages, created
    ])?;
    counts.add_sender_ids(1);
    Ok(())
}

/// Forgets the names from before a time; how many those were.
pub(super) fn forget(
    transaction: &Transaction<'_>,
    counts: &mut Counts,
    before: u64,
) -> rusqlite::Result<usize> {
    let before = i64::try_from(before).unwrap_or(i64::MAX);
    let forgotten = transaction.execute("DELETE FROM mq_sent WHERE created < ?1", [before])?;
    counts.remove_sender_ids(forgotten);
    Ok(forgotten)
}
