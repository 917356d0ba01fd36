//! `fantail store`: what is kept, seen from outside. It works while a server runs, too.

mod topics;

use super::{Failure, configuration, output, stores};
use crate::config::{Config, Store};
use crate::store::inspect::Inspector;
use crate::store::inspection::{Inspection, StoredMessage};
use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{self, BufRead};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Messages that are written in one transaction.
const BATCH: usize = 1000;

/// The arguments of `fantail store`.
#[derive(Debug, Clone, Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    configuration: configuration::Arguments,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// List the channels and topics that messages are kept for: messages, bytes, the oldest, the name
    List,
    /// Print the messages of a channel, oldest first: number and text
    Show {
        /// The channel, or the topic
        channel: String,
        /// Of topics instead of queues
        #[arg(long)]
        topics: bool,
        /// At most so many
        #[arg(short = 'n', long, default_value_t = usize::MAX, hide_default_value = true)]
        most: usize,
    },
    /// Print messages as lines of JSON, for `fantail store import`
    Export {
        /// The channel, or the topic [default: all]
        channel: Option<String>,
        /// Of topics instead of queues
        #[arg(long)]
        topics: bool,
    },
    /// Keep the messages of such lines, read from standard input
    Import,
    /// Delete messages
    Purge {
        /// The channel, or the topic
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        channel: Option<String>,
        /// Those of all channels
        #[arg(long)]
        all: bool,
        /// Of topics instead of queues
        #[arg(long)]
        topics: bool,
        /// Only those that are older, such as 2days or "12h 30m"
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        older_than: Option<Duration>,
    },
}

/// Does what is asked.
///
/// # Errors
/// What is wrong with the configuration, the store, or what is to be imported.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.configuration.into_sources())?.config;
    let mut store = stores::inspector(&config.store).map_err(Failure::Runtime)?;
    let store = store.as_mut();
    match arguments.command {
        Command::List => list(store, &config.store),
        Command::Show {
            channel,
            topics: true,
            most,
        } => topics::show(&of_topics(&config.store)?, &channel, most),
        Command::Show { channel, most, .. } => {
            let mut left = most;
            print_each(store, Some(&channel), |message| {
                left = left.checked_sub(1)?;
                Some(format!("{}\t{}\n", message.id, message.data))
            })
        }
        Command::Export {
            channel,
            topics: true,
        } => topics::export(&of_topics(&config.store)?, channel.as_deref()),
        Command::Export { channel, .. } => print_each(store, channel.as_deref(), |message| {
            let StoredMessage {
                id,
                channel,
                data,
                created,
            } = message;
            let channel = Value::from(channel.as_str());
            Some(format!(
                "{{\"id\":{id},\"channel\":{channel},\"created\":{created},\"data\":{data}}}\n"
            ))
        }),
        Command::Import => import(store),
        Command::Purge {
            channel,
            topics,
            older_than,
            ..
        } => {
            let before = older_than.map_or(i64::MAX, |age| now() - seconds(age));
            let deleted = if topics {
                of_topics(&config.store)?.purge_topics(channel.as_deref(), before)
            } else {
                store.purge(channel.as_deref(), before)
            };
            let deleted = deleted.map_err(Failure::Runtime)?;
            output::print(&format!("{deleted} deleted\n"))
        }
    }
}

/// What is kept of topics.
fn of_topics(store: &Store) -> Result<Inspector, Failure> {
    let found = stores::topics(store).map_err(Failure::Runtime)?;
    let path = store.path.display();
    found.ok_or_else(|| Failure::Runtime(format!("no topics are kept: there is no {path}")))
}

fn list(store: &mut dyn Inspection, config: &Store) -> Result<(), Failure> {
    let mut text = String::new();
    let channels = store.channels().map_err(Failure::Runtime)?;
    let topics = match stores::topics(config).map_err(Failure::Runtime)? {
        Some(topics) => topics.topics().map_err(Failure::Runtime)?,
        None => Vec::new(),
    };
    let all = channels.into_iter().map(|channel| (channel, ""));
    for (summary, kind) in all.chain(topics.into_iter().map(|topic| (topic, "\ttopic"))) {
        let oldest = UNIX_EPOCH + Duration::from_secs(u64::try_from(summary.oldest).unwrap_or(0));
        text.push_str(&format!(
            "{}\t{}\t{}\t{}{kind}\n",
            summary.messages,
            summary.bytes,
            humantime::format_rfc3339_seconds(oldest),
            json!(summary.channel)
        ));
    }
    output::print(&text)
}

/// Prints what `line` makes of each message, until it makes nothing.
fn print_each(
    store: &mut dyn Inspection,
    channel: Option<&str>,
    mut line: impl FnMut(&StoredMessage) -> Option<String>,
) -> Result<(), Failure> {
    let mut printed = Ok(());
    let each = store.each(channel, &mut |message| match line(&message) {
        Some(line) => {
            printed = output::print(&line);
            printed.is_ok()
        }
        None => false,
    });
    each.map_err(Failure::Runtime).and(printed)
}

fn import(store: &mut dyn Inspection) -> Result<(), Failure> {
    let mut messages = Vec::new();
    let mut imported = 0;
    for (index, line) in io::stdin().lock().lines().enumerate() {
        let named = |what: &str| {
            let number = index + 1;
            Failure::Runtime(format!("line {number}: {what}; {imported} were imported"))
        };
        let line = line.map_err(|error| named(&error.to_string()))?;
        if line.is_empty() {
            continue;
        }
        messages.push(read(&line).ok_or_else(|| named("not a line of `fantail store export`"))?);
        if messages.len() == BATCH {
            store.add(&messages).map_err(|error| named(&error))?;
            imported += messages.len();
            messages.clear();
        }
    }
    store.add(&messages).map_err(Failure::Runtime)?;
    output::print(&format!("{} imported\n", imported + messages.len()))
}

/// A line of an export; its number is not taken.
fn read(line: &str) -> Option<StoredMessage> {
    let members: std::collections::HashMap<String, &RawValue> = serde_json::from_str(line).ok()?;
    let member = |name: &str| members.get(name).map(|value| value.get());
    let created = match member("created") {
        Some(created) => created.parse().ok()?,
        None => now(),
    };
    Some(StoredMessage {
        id: 0,
        channel: serde_json::from_str(member("channel")?).ok()?,
        data: member("data")?.to_owned(),
        created,
    })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, seconds)
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
