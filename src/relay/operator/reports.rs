//! What the server tells of itself: its state, and who is connected.

use serde_json::{Map, Value, json};

use crate::relay::Relay;
use crate::relay::ServiceKind;
use crate::relay::conn_id::ConnId;
use crate::relay::moment::Now;

/// The longest answer: seven digits of length, less some room.
const LONGEST_REPORT: usize = 9_000_000;

impl Relay {
    /// The state of the server, as JSON.
    pub(super) fn status(&self, now: Now) -> String {
        let counters = &self.counters;
        let limits: Map<String, Value> = counters
            .limits()
            .map(|(limit, count)| (limit.reason().to_owned(), json!(count)))
            .collect();
        let listeners: Vec<Value> = self
            .services
            .iter()
            .zip(&self.loads)
            .map(|(service, connections)| {
                let serves: Vec<_> = match &service.kind {
                    ServiceKind::Dialects(dialects) => dialects
                        .iter()
                        .filter_map(|dialect| self.dialects.get(dialect.index()))
                        .map(|dialect| dialect.name())
                        .collect(),
                    ServiceKind::Control { .. } => vec!["control"],
                };
                json!({"address": service.label, "serves": serves, "connections": connections})
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptime": now.moment.elapsed().as_secs_f64(),
            "connections": self.peers.len(),
            "channels": self.hub.len(),
            "accepted": counters.accepted,
            "requests": counters.requests,
            "handshakes": counters.handshakes,
            "received": {
                "messages": counters.messages_received,
                "bytes": counters.bytes_received,
            },
            "delivered": {
                "messages": counters.messages_delivered,
                "bytes": counters.bytes_delivered,
            },
            "ignored": counters.messages_ignored,
            "dropped": self.outboxes.dropped(),
            "peer_faults": counters.peer_faults,
            "failed_logins": counters.failed_logins,
            "memory": {"buffers": self.memory(), "limit": self.settings.limits.memory},
            "limits": limits,
            "listeners": listeners,
        })
        .to_string()
    }

    /// A JSON line for each WebSocket that fits all words of `filter`: `name=value` compares a
    /// member, another word is looked for in the line.
    pub(super) fn who(&self, filter: &str, now: Now) -> String {
        let mut lines = String::new();
        let mut left_out = 0_usize;
        for id in self.peers.ids() {
            let Some(members) = self.describe(id, now) else {
                continue;
            };
            let line = Value::Object(members.clone()).to_string();
            if !filter
                .split_whitespace()
                .all(|word| fits(word, &members, &line))
            {
                continue;
            }
            if lines.len() + line.len() > LONGEST_REPORT {
                left_out += 1;
                continue;
            }
            lines.push_str(&line);
            lines.push('\n');
        }
        if left_out > 0 {
            lines.push_str(&json!({ "left_out": left_out }).to_string());
            lines.push('\n');
        }
        lines
    }

    /// What is known of a WebSocket.
    pub(in crate::relay) fn describe(&self, id: ConnId, now: Now) -> Option<Map<String, Value>> {
        let peer = self.peers.get(id)?;
        let dialect = self.dialects.get(peer.dialect?.index())?;
        let outbox = self.outboxes.get(id)?;
        let mut members = Map::new();
        members.insert("id".to_owned(), json!(id.to_string()));
        members.insert("dialect".to_owned(), json!(dialect.name()));
        members.insert("peer".to_owned(), json!(peer.address.to_string()));
        members.insert("waiting".to_owned(), json!(outbox.waiting()));
        dialect.describe(id, now, &mut members);
        Some(members)
    }

    /// The public name of the listener with the fewest connections, of those for clients.
    pub(super) fn least_loaded(&self) -> &str {
        self.services
            .iter()
            .zip(&self.loads)
            .filter(|(service, _)| matches!(service.kind, ServiceKind::Dialects(_)))
            .min_by_key(|(_, connections)| **connections)
            .map_or("", |(service, _)| service.label.as_str())
    }
}

fn fits(word: &str, members: &Map<String, Value>, line: &str) -> bool {
    match word.split_once('=') {
        Some((name, wanted)) => match members.get(name) {
            Some(Value::String(text)) => text == wanted,
            // Numbers and the like, as they are written.
            Some(value) => wanted.parse::<Value>().is_ok_and(|wanted| *value == wanted),
            None => false,
        },
        None => line.contains(word),
    }
}
