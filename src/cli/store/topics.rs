//! What is kept of topics, as `fantail store` shows it.

use super::super::{Failure, output};
use crate::relay::task::topic::TopicMessage;
use crate::store::inspect::Inspector;
use crate::store::inspect_topics::StoredTopicMessage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Prints the messages of a topic: id, and text in quotes or base64.
pub(super) fn show(store: &Inspector, topic: &str, most: usize) -> Result<(), Failure> {
    let mut left = most;
    print_each(store, Some(topic), |stored| {
        left = left.checked_sub(1)?;
        let message = &stored.message;
        Some(match text(message) {
            Some(text) => format!("{}\t{}\n", message.id, Value::from(text)),
            None => format!("{}\tbase64:{}\n", message.id, base64(message)),
        })
    })
}

/// Prints messages as lines of JSON.
pub(super) fn export(store: &Inspector, topic: Option<&str>) -> Result<(), Failure> {
    print_each(store, topic, |stored| {
        let StoredTopicMessage {
            topic,
            message,
            created,
        } = stored;
        let mut line = json!({ "id": message.id, "topic": topic, "created": created });
        match text(message) {
            Some(text) => line["text"] = text.into(),
            None => line["base64"] = base64(message).into(),
        }
        Some(format!("{line}\n"))
    })
}

/// Prints what `line` makes of each message, until it makes nothing.
fn print_each(
    store: &Inspector,
    topic: Option<&str>,
    mut line: impl FnMut(&StoredTopicMessage) -> Option<String>,
) -> Result<(), Failure> {
    let mut printed = Ok(());
    let each = store.each_of_topics(topic, |message| match line(&message) {
        Some(line) => {
            printed = output::print(&line);
            printed.is_ok()
        }
        None => false,
    });
    each.map_err(Failure::Runtime).and(printed)
}

fn text(message: &TopicMessage) -> Option<&str> {
    if message.binary {
        return None;
    }
    str::from_utf8(&message.payload).ok()
}

fn base64(message: &TopicMessage) -> String {
    STANDARD.encode(&message.payload)
}
