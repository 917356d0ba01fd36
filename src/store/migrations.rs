//! The tables, and how older ones become newer ones. The number of the newest step that was made
//! stands in the database (`PRAGMA user_version`).

use rusqlite::{Connection, TransactionBehavior};

/// The steps, each from the version of its index to the next one. A step that was released is
/// never changed.
const STEPS: &[&str] = &[
    "
    CREATE TABLE mq_data (
        data_id INTEGER PRIMARY KEY AUTOINCREMENT,
        channel TEXT NOT NULL,
        data TEXT NOT NULL,
        created INTEGER NOT NULL
    );
    CREATE INDEX mq_data_channel ON mq_data (channel, data_id);
",
    "
    CREATE TABLE mq_sent (
        user TEXT NOT NULL,
        channel TEXT NOT NULL,
        id TEXT NOT NULL,
        first_data_id INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        created INTEGER NOT NULL,
        PRIMARY KEY (user, channel, id)
    ) WITHOUT ROWID;
    CREATE INDEX mq_sent_created ON mq_sent (created);
",
];

/// Brings the database up to date.
///
/// # Errors
/// A sentence that says what does not work, also if a later version of the program has made it.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), String> {
    let failed = |error: rusqlite::Error| error.to_string();
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let version: i64 = transaction
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let steps = STEPS.get(done..).ok_or_else(|| {
        format!("it is of version {version}, which a later version of this program has made")
    })?;
    for step in steps {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction
        .pragma_update(None, "user_version", STEPS.len() as i64)
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}
