//! A look into the tables from outside, while a server may be using them.

use std::collections::BTreeMap;

use mysql::prelude::Queryable;
use mysql::{Params, Row, Value};

use crate::relay::task::MessageId;
use crate::store::inspection::{ChannelSummary, Inspection, StoredMessage};
use crate::store::mysql::fault::describe;
use crate::store::mysql::row::{bytes, number, text};
use crate::store::mysql::session::{Making, Session};
use crate::store::mysql::settings::Settings;
use crate::store::mysql::text::{escaped, json};

/// Messages that are read at once.
const PAGE: usize = 100;

/// Messages that one statement deletes, at most.
const DELETED_AT_ONCE: usize = 10_000;

/// Tables that there are.
#[derive(Debug)]
pub struct MysqlInspector(Session);

impl MysqlInspector {
    /// Connects to the database; makes no table.
    ///
    /// # Errors
    /// A sentence that names the database and says what does not work.
    pub fn open(settings: &Settings) -> Result<Self, String> {
        let session = Session::open(settings, Making::Forbidden);
        session
            .map(Self)
            .map_err(|fault| format!("the store, {}: {}", settings.place(), fault.reason()))
    }

    fn summaries(&mut self) -> mysql::Result<Vec<ChannelSummary>> {
        let Session { conn, table, .. } = &mut self.0;
        let mut summaries: BTreeMap<String, ChannelSummary> = BTreeMap::new();
        let rows = conn.query_iter(format!(
            "SELECT channel, OCTET_LENGTH(data), FLOOR(UNIX_TIMESTAMP(created)) FROM {}",
            table.name
        ))?;
        for row in rows {
            let row = row?;
            let (channel, created) = (text(&row, 0), number(&row, 2));
            let new = || ChannelSummary {
                channel: channel.clone(),
                messages: 0,
                bytes: 0,
                oldest: created,
            };
            let summary = summaries.entry(channel.clone()).or_insert_with(new);
            summary.messages += 1;
            summary.bytes += number(&row, 1);
            summary.oldest = summary.oldest.min(created);
        }
        Ok(summaries.into_values().collect())
    }

    /// Some messages behind `after`, of a channel or of all.
    fn page(
        &mut self,
        channel: Option<&str>,
        after: MessageId,
    ) -> mysql::Result<Vec<StoredMessage>> {
        let Session { conn, table, .. } = &mut self.0;
        let (condition, parameters) = condition(&table.channel_is(), channel);
        let query = format!(
            "SELECT data_id, channel, data, FLOOR(UNIX_TIMESTAMP(created)) FROM {} \
             WHERE {condition} AND data_id > {after} ORDER BY data_id LIMIT {PAGE}",
            table.name
        );
        let message = |row: Row| StoredMessage {
            id: number(&row, 0),
            channel: text(&row, 1),
            data: json(bytes(&row, 2)).into(),
            created: number(&row, 3),
        };
        conn.exec_map(query, parameters, message)
    }

    fn insert(&mut self, messages: &[StoredMessage]) -> mysql::Result<()> {
        self.0.begin()?;
        let Session { conn, table, .. } = &mut self.0;
        let insert = format!(
            "INSERT INTO {} (channel, data, created) VALUES (?, ?, FROM_UNIXTIME(?))",
            table.name
        );
        for message in messages {
            let data = match table.needs_escapes() {
                true => escaped(&message.data),
                false => (&message.data).into(),
            };
            conn.exec_drop(&insert, (&message.channel, data.as_ref(), message.created))?;
        }
        self.0.commit()
    }

    fn delete(&mut self, channel: Option<&str>, before: i64) -> mysql::Result<usize> {
        let Session { conn, table, .. } = &mut self.0;
        let (mut condition, mut parameters) = condition(&table.channel_is(), channel);
        if before < i64::MAX {
            condition.push_str(" AND created < FROM_UNIXTIME(?)");
            parameters.push(before.into());
        }
        let delete = format!(
            "DELETE FROM {} WHERE {condition} LIMIT {DELETED_AT_ONCE}",
            table.name
        );
        let mut deleted = 0;
        loop {
            conn.exec_drop(&delete, Params::from(parameters.clone()))?;
            let part = usize::try_from(conn.affected_rows()).unwrap_or(0);
            deleted += part;
            if part < DELETED_AT_ONCE {
                return Ok(deleted);
            }
        }
    }
}

/// The condition for the messages of a channel, or of all, and what it takes.
fn condition(channel_is: &str, channel: Option<&str>) -> (String, Vec<Value>) {
    match channel {
        Some(channel) => (channel_is.to_owned(), vec![channel.into(), channel.into()]),
        None => ("TRUE".to_owned(), Vec::new()),
    }
}

impl Inspection for MysqlInspector {
    fn channels(&mut self) -> Result<Vec<ChannelSummary>, String> {
        self.summaries().map_err(|error| describe(&error))
    }

    fn each(
        &mut self,
        channel: Option<&str>,
        take: &mut dyn FnMut(StoredMessage) -> bool,
    ) -> Result<(), String> {
        let mut last = 0;
        loop {
            let page = self.page(channel, last).map_err(|error| describe(&error))?;
            let Some(message) = page.last() else {
                return Ok(());
            };
            last = message.id;
            for message in page {
                if !take(message) {
                    return Ok(());
                }
            }
        }
    }

    fn add(&mut self, messages: &[StoredMessage]) -> Result<(), String> {
        for message in messages {
            if let Some(reason) = self.0.table.refuses_channel(&message.channel) {
                return Err(reason);
            }
        }
        self.insert(messages).map_err(|error| {
            self.0.roll_back();
            describe(&error)
        })
    }

    fn purge(&mut self, channel: Option<&str>, before: i64) -> Result<usize, String> {
        self.delete(channel, before)
            .map_err(|error| describe(&error))
    }
}
