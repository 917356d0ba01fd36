//! The table of messages: what it is like, and the statements for it.
//!
//! One that is there is used as it is, whoever has made it. What that means for text, for lengths
//! and for promises is found out at the beginning of a session.

use mysql::prelude::Queryable;
use mysql::{Conn, Row};

use crate::store::mysql::fault::OpenFault;
use crate::store::mysql::row::{number, optional_text, text};

/// The character set that holds all text.
const ALL_TEXT: &str = "utf8mb4";

/// The columns that there must be.
const COLUMNS: [&str; 4] = ["data_id", "channel", "data", "created"];

/// The engine whose transactions are what is promised.
const ENGINE: &str = "InnoDB";

/// What a column of text holds.
#[derive(Debug, Default, Clone)]
struct TextColumn {
    /// None: bytes of any kind.
    character_set: Option<String>,
    collation: Option<String>,
    /// In characters.
    most_characters: usize,
    most_bytes: usize,
}

/// The table of messages.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name, quoted.
    pub(super) name: String,
    /// The name of the table for what senders call their messages, quoted.
    pub(super) sender_ids: String,
    engine: String,
    channel: TextColumn,
    data: TextColumn,
}

impl Table {
    /// Makes the table, unless there is one.
    pub(super) fn make(conn: &mut Conn, prefix: &str) -> mysql::Result<()> {
        conn.query_drop(format!(
            "CREATE TABLE IF NOT EXISTS `{prefix}data` (
                data_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
                channel VARCHAR(100) NOT NULL,
                data LONGTEXT NOT NULL,
                created DATETIME NOT NULL,
                KEY channel (channel)
            ) ENGINE={ENGINE} DEFAULT CHARSET={ALL_TEXT} COLLATE={ALL_TEXT}_bin"
        ))
    }

    /// What the table is like; `None` if there is none.
    ///
    /// # Errors
    /// If it is another table than messages can be kept in.
    pub(super) fn find(conn: &mut Conn, prefix: &str) -> Result<Option<Self>, OpenFault> {
        let name = format!("{prefix}data");
        let engine: Option<Row> = conn.exec_first(
            "SELECT engine FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = ?",
            (&name,),
        )?;
        let Some(engine) = engine else {
            return Ok(None);
        };
        let columns: Vec<Row> = conn.exec(
            "SELECT column_name, extra, character_set_name, collation_name, \
             character_maximum_length, character_octet_length FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = ?",
            (&name,),
        )?;
        let column = |wanted: &str| {
            let found = columns
                .iter()
                .find(|row| text(row, 0).eq_ignore_ascii_case(wanted));
            found.ok_or_else(|| {
                OpenFault::Refused(format!("its table {name} has no column {wanted}"))
            })
        };
        for wanted in COLUMNS {
            column(wanted)?;
        }
        if !text(column("data_id")?, 1).contains("auto_increment") {
            let what = format!("in its table {name}, data_id is not AUTO_INCREMENT");
            return Err(OpenFault::Refused(what));
        }
        Ok(Some(Self {
            name: format!("`{name}`"),
            sender_ids: format!("`{prefix}sent`"),
            engine: text(&engine, 0),
            channel: TextColumn::of(column("channel")?),
            data: TextColumn::of(column("data")?),
        }))
    }

    /// The promise that the table cannot keep, if there is one.
    pub(super) fn warning(&self) -> Option<String> {
        let (name, engine) = (&self.name, &self.engine);
        (!engine.eq_ignore_ascii_case(ENGINE)).then(|| {
            format!(
                "the table {name} has the engine {engine}, which has no transactions as {ENGINE} \
                 has: what is kept may be lost or damaged in a crash (ALTER TABLE {name} \
                 ENGINE={ENGINE} changes that)"
            )
        })
    }

    /// The condition on the column for the channel of exactly this name; it takes the name twice.
    ///
    /// The first part finds it by the index, in the column's own character set and order, for which
    /// `C` and `c`, or names with and without spaces behind them, may be the same; the second sees
    /// to it that the bytes are.
    pub(super) fn channel_is(&self) -> String {
        match (&self.channel.character_set, &self.channel.collation) {
            (Some(set), Some(collation)) => format!(
                "channel = CONVERT(? USING {set}) COLLATE {collation} AND \
                 CAST(CONVERT(channel USING {ALL_TEXT}) AS BINARY) = CAST(? AS BINARY)"
            ),
            _ => "channel = CAST(? AS BINARY) AND channel = CAST(? AS BINARY)".to_owned(),
        }
    }

    /// True if messages must be written without characters beyond ASCII.
    pub(super) fn needs_escapes(&self) -> bool {
        self.data
            .character_set
            .as_ref()
            .is_some_and(|set| set != ALL_TEXT)
    }

    /// Why there cannot be a message in this channel.
    pub(super) fn refuses_channel(&self, channel: &str) -> Option<String> {
        let most = self.channel.most_characters;
        (channel.chars().count() > most)
            .then(|| format!("the database has room for {most} characters of the channel's name"))
    }

    /// Why a message in this character set cannot be, if the column is the reason.
    pub(super) fn unwritable_channel(&self) -> String {
        let set = self.channel.character_set.as_deref().unwrap_or("no text");
        format!("the database cannot write the channel's name, for which it has {set}")
    }

    /// Bytes of a message at most, for the column.
    pub(super) fn most_bytes(&self) -> usize {
        self.data.most_bytes
    }
}

impl TextColumn {
    /// From a row of `information_schema.columns`. What stands in statements later are names only.
    fn of(row: &Row) -> Self {
        let name = |column| {
            let is_name = |name: &String| {
                let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
                name.chars().all(allowed)
            };
            optional_text(row, column).filter(is_name)
        };
        let length = |column| match number(row, column) {
            // NULL, for something that is no text.
            0 => usize::MAX,
            length => usize::try_from(length).unwrap_or(usize::MAX),
        };
        Self {
            character_set: name(2),
            collation: name(3),
            most_characters: length(4),
            most_bytes: length(5),
        }
    }
}
