//! A connection that is set up: what is assumed of it everywhere else is seen to here.

use mysql::prelude::Queryable;
use mysql::{Conn, Row};

use crate::store::mysql::fault::OpenFault;
use crate::store::mysql::row::{number, size, text};
use crate::store::mysql::sender_ids;
use crate::store::mysql::settings::Settings;
use crate::store::mysql::table::Table;

/// Seconds to wait for another that has locked a table or a row.
const LOCK_WAIT: u32 = 5;

/// Bytes of a packet beside the message in it, more or less.
const ENVELOPE: usize = 4096;

/// Whether a table that is missing may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    Allowed,
    Forbidden,
}

/// A connection, and the table of messages.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) conn: Conn,
    pub(super) table: Table,
    /// Bytes of a message at most.
    pub(super) most_bytes: usize,
    /// True if there is a table for what senders call their messages.
    pub(super) has_sender_ids: bool,
    version: String,
}

impl Session {
    /// Connects, logs in, and looks at the table.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn open(settings: &Settings, making: Making) -> Result<Self, OpenFault> {
        let mut conn = Conn::new(settings.options())?;
        let server: Option<Row> = conn.query_first("SELECT @@version, @@max_allowed_packet")?;
        let Some(server) = server else {
            return Err(OpenFault::Refused("it tells nothing of itself".to_owned()));
        };
        configure(&mut conn)?;
        let prefix = &settings.prefix;
        if making == Making::Allowed && Table::find(&mut conn, prefix)?.is_none() {
            Table::make(&mut conn, prefix)?;
            log::info!("the table {prefix}data was made");
        }
        let Some(table) = Table::find(&mut conn, prefix)? else {
            let what = format!("there is no table {prefix}data in it");
            return Err(OpenFault::Refused(what));
        };
        let packet = size(&server, 1).saturating_sub(ENVELOPE);
        let mut session = Self {
            conn,
            most_bytes: packet.min(table.most_bytes()),
            table,
            has_sender_ids: false,
            version: text(&server, 0),
        };
        if making == Making::Allowed {
            session.has_sender_ids = sender_ids::make_table(&mut session.conn, &session.table)?;
            session.warn();
        }
        Ok(session)
    }

    /// Tells of promises that cannot be kept here.
    fn warn(&mut self) {
        if let Some(warning) = self.table.warning() {
            log::warn!("{warning}");
        }
        let flush = self
            .conn
            .query_first::<Row, _>("SELECT @@innodb_flush_log_at_trx_commit");
        if let Ok(Some(row)) = flush
            && number(&row, 0) != 1
        {
            log::warn!(
                "innodb_flush_log_at_trx_commit of the database is not 1: what was kept last may \
                 be lost with the power"
            );
        }
    }

    /// The table and the program that has it.
    pub(super) fn description(&self) -> String {
        format!("the table {} ({})", self.table.name, self.version)
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self) -> mysql::Result<()> {
        self.conn.query_drop("START TRANSACTION")
    }

    /// Ends a transaction; what it has written is on the disk.
    pub(super) fn commit(&mut self) -> mysql::Result<()> {
        self.conn.query_drop("COMMIT")
    }

    /// Ends a transaction that is to have done nothing. If that fails, the server sees to it when
    /// the connection is gone.
    pub(super) fn roll_back(&mut self) {
        if let Err(error) = self.conn.query_drop("ROLLBACK") {
            log::debug!("the database could not be told to roll back: {error}");
        }
    }
}

/// Refuses what would be cut, waits for locks only for a while, and locks nothing that is not there.
fn configure(conn: &mut Conn) -> mysql::Result<()> {
    conn.query_drop(format!(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
         SESSION lock_wait_timeout = {LOCK_WAIT}, SESSION innodb_lock_wait_timeout = {LOCK_WAIT}"
    ))?;
    // A log of statements cannot be replayed with READ COMMITTED, so that the server refuses it.
    let log: Vec<Row> = conn.query(
        "SHOW VARIABLES WHERE (variable_name = 'log_bin' AND value = 'ON') \
         OR (variable_name = 'binlog_format' AND value = 'STATEMENT')",
    )?;
    if log.len() < 2 {
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
    }
    Ok(())
}
