//! `status`: how the server is.
//!
//! Nothing here depends on what exactly the server tells: members that are new are shown too.

use super::acknowledgement::conclude;
use super::format::{Format, aligned, human_bytes, human_seconds, one_line, plain, tab_separated};
use super::link::Link;
use crate::cli::{Failure, output};
use serde_json::{Map, Value};

/// What comes first, in this order; the rest follows by name.
const FIRST: &[&str] = &[
    "version",
    "uptime",
    "connections",
    "channels",
    "accepted",
    "requests",
    "handshakes",
    "received",
    "delivered",
    "dropped",
    "memory",
];

/// Asks and prints.
///
/// # Errors
/// If the server does not tell.
pub(super) fn run(link: &Link, format: Format) -> Result<(), Failure> {
    let answer = link.request(b'g', b"")?;
    if answer.letter != b'G' {
        return conclude(&answer, (b'G', b'n'), "the server does not tell", format);
    }
    if format == Format::Json {
        return output::print(&(answer.text().trim_end().to_owned() + "\n"));
    }
    let status: Map<String, Value> = serde_json::from_str(&answer.text())
        .map_err(|error| Failure::Runtime(format!("the server gave no JSON: {error}")))?;
    output::print(&match format {
        Format::Table => for_people(&status),
        Format::Plain | Format::Json => for_programs(&status),
    })
}

/// A line per value: its path, a tab, the value.
fn for_programs(status: &Map<String, Value>) -> String {
    let rows: Vec<_> = ordered(status)
        .into_iter()
        .flat_map(|(name, value)| flat(&one_line(name), value))
        .map(|(path, value)| vec![path, plain(value)])
        .collect();
    tab_separated(&rows)
}

/// Single values first, less the limits that nobody has passed, then a table for each list.
fn for_people(status: &Map<String, Value>) -> String {
    let (lists, singles): (Vec<_>, Vec<_>) = ordered(status)
        .into_iter()
        .partition(|(_, value)| is_table(value));
    let rows: Vec<_> = singles
        .into_iter()
        .flat_map(|(name, value)| flat(&one_line(name), value))
        .filter(|(path, value)| !is_unpassed_limit(path, value))
        .map(|(path, value)| vec![path.replace(['.', '_'], " "), human(&path, value)])
        .collect();
    let mut text = aligned(&rows, &[]);
    for (name, list) in lists {
        text.push_str(&format!("\n{}\n", one_line(name)));
        text.push_str(&table(list));
    }
    text
}

fn ordered(status: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut members: Vec<_> = status
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    members.sort_by_key(|(name, _)| {
        FIRST
            .iter()
            .position(|first| first == name)
            .unwrap_or(FIRST.len())
    });
    members
}

/// The single values inside `value` with their paths.
fn flat<'a>(path: &str, value: &'a Value) -> Vec<(String, &'a Value)> {
    let below = |name: &str, value: &'a Value| flat(&format!("{path}.{name}"), value);
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| below(&one_line(name), value))
            .collect(),
        Value::Array(items) if is_table(value) => items
            .iter()
            .enumerate()
            .flat_map(|(index, item)| below(&index.to_string(), item))
            .collect(),
        single => vec![(path.to_owned(), single)],
    }
}

/// True for a list of objects.
fn is_table(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object))
}

fn table(list: &Value) -> String {
    let items: Vec<_> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .collect();
    let mut columns: Vec<&str> = Vec::new();
    for name in items.iter().flat_map(|item| item.keys()) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let heading = columns.iter().map(|name| one_line(name).to_uppercase());
    let mut rows = vec![heading.collect()];
    for item in items {
        let field = |name: &&str| {
            item.get(*name)
                .map_or_else(String::new, |value| human(name, value))
        };
        rows.push(columns.iter().map(field).collect());
    }
    let indented: String = aligned(&rows, &[])
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    indented
}

/// True for the count of a limit that nobody has passed, which is most of them.
fn is_unpassed_limit(path: &str, value: &Value) -> bool {
    path.starts_with("limits.") && value.as_u64() == Some(0)
}

/// A value for people: what is bytes or seconds has a unit.
fn human(path: &str, value: &Value) -> String {
    let is_bytes = path.starts_with("memory.") || path.ends_with("bytes");
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(bytes) if is_bytes => human_bytes(bytes as u64),
            Some(seconds) if path == "uptime" => human_seconds(seconds as u64),
            _ => number.to_string(),
        },
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Map<String, Value> {
        serde_json::from_str(
            r#"{"connections":3,"listeners":[{"address":"tcp://127.0.0.1:1","serves":["topics",
            "echo"],"connections":3},{"address":"unix:///x","connections":0}],"limits":{"message":2,
            "output":0},"peer_faults":1,
            "memory":{"buffers":1536,"limit":1048576},"new":[],"uptime":75,"version":"0.1.0",
            "received":{"messages":7,"bytes":70000}}"#,
        )
        .unwrap()
    }

    #[test]
    fn programs_get_paths_and_values() {
        assert_eq!(
            for_programs(&status()),
            "version\t0.1.0\nuptime\t75\nconnections\t3\nreceived.bytes\t70000\n\
             received.messages\t7\nmemory.buffers\t1536\nmemory.limit\t1048576\n\
             limits.message\t2\nlimits.output\t0\nlisteners.0.address\ttcp://127.0.0.1:1\n\
             listeners.0.connections\t3\nlisteners.0.serves\t[\"topics\",\"echo\"]\n\
             listeners.1.address\tunix:///x\nlisteners.1.connections\t0\nnew\t[]\npeer_faults\t1\n"
        );
    }

    #[test]
    fn people_get_units_and_tables() {
        assert_eq!(
            for_people(&status()),
            "version            0.1.0\n\
             uptime             1m 15s\n\
             connections        3\n\
             received bytes     68 KiB\n\
             received messages  7\n\
             memory buffers     1.5 KiB\n\
             memory limit       1.0 MiB\n\
             limits message     2\n\
             new\n\
             peer faults        1\n\
             \nlisteners\n  \
               ADDRESS            CONNECTIONS  SERVES\n  \
               tcp://127.0.0.1:1  3            topics, echo\n  \
               unix:///x          0\n"
        );
    }
}
