//! The `config.dat` of php-drc: a JSON object with `whitelist`, `tokens` and `origins`.
//!
//! PHP writes an empty table as `[]`, and may write a list as an object with numbers for names.

use std::path::Path;

use serde_json::{Map, Value};

use super::Imported;
use crate::cli::Failure;
use crate::config::{Change, EditError, edit, read_file, show};

/// Reads the file.
///
/// # Errors
/// If it cannot be read, or is something else.
pub(super) fn read(path: &Path) -> Result<Imported, Failure> {
    let text = read_file(path).map_err(Failure::Runtime)?;
    let wrong = |what: &str| Failure::Runtime(format!("{}: {what}", path.display()));
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| wrong(&format!("this is no config.dat: {error}")))?;
    let members = match &value {
        Value::Object(members) => members,
        _ => return Err(wrong("this is no config.dat: a JSON object was expected")),
    };
    if !["whitelist", "tokens", "origins"]
        .iter()
        .any(|name| members.contains_key(*name))
    {
        return Err(wrong(
            "there is neither whitelist nor tokens nor origins in it",
        ));
    }
    Ok(import(members))
}

fn import(members: &Map<String, Value>) -> Imported {
    let mut reader = Reader {
        values: Vec::new(),
        taken: Vec::new(),
        left: Vec::new(),
    };
    if let Some(whitelist) = members.get("whitelist") {
        reader.authorities(&WHITELIST, whitelist);
    }
    if let Some(tokens) = members.get("tokens") {
        reader.authorities(&TOKENS, tokens);
    }
    if let Some(origins) = members.get("origins") {
        reader.origins(origins);
    }
    for name in members.keys() {
        if !["whitelist", "tokens", "origins"].contains(&name.as_str()) {
            reader
                .left
                .push(format!("{name:?}: Fantail has nothing like it"));
        }
    }
    Imported {
        section: "drc",
        values: reader.values,
        instead: if members.contains_key("tokens") {
            vec!["tokens_file"]
        } else {
            Vec::new()
        },
        taken: reader.taken,
        left: reader.left,
    }
}

/// A table of authorities.
struct Table {
    member: &'static str,
    key: &'static str,
    /// True if its names must not be shown.
    is_secret: bool,
}

const WHITELIST: Table = Table {
    member: "whitelist",
    key: "drc.whitelist",
    is_secret: false,
};

const TOKENS: Table = Table {
    member: "tokens",
    key: "drc.tokens",
    is_secret: true,
};

const ORIGINS: &str = "drc.origins";

struct Reader {
    values: Vec<(&'static str, String)>,
    taken: Vec<String>,
    left: Vec<String>,
}

impl Reader {
    fn authorities(&mut self, table: &Table, value: &Value) {
        let empty = Map::new();
        let rows = match value {
            Value::Object(rows) => rows,
            Value::Array(items) if items.is_empty() => &empty,
            _ => return self.left.push(format!("{}: it is no table", table.member)),
        };
        let mut file = format!("[drc]\n{} = {{}}\n", table.member);
        let mut count = 0;
        for (index, (name, rights)) in rows.iter().enumerate() {
            let shown = if table.is_secret {
                format!("token {}", index + 1)
            } else {
                format!("{} {name:?}", table.member)
            };
            let before = file.len();
            let is_text = |items: &Vec<Value>| items.iter().all(Value::is_string);
            if !rights.as_array().is_none_or(is_text) {
                self.left
                    .push(format!("{shown}: a protocol that is no text"));
            }
            match protocols(rights) {
                Some(protocols) if protocols.is_empty() => {
                    self.add(table, &shown, &mut file, name, None);
                }
                Some(protocols) => {
                    for protocol in protocols {
                        self.add(table, &shown, &mut file, name, Some(protocol));
                    }
                }
                None => self
                    .left
                    .push(format!("{shown}: it counts for no protocol")),
            }
            count += usize::from(file.len() != before);
        }
        self.take(table.member, table.key, &file, count);
    }

    /// Adds a row, or a protocol to it, as `fantail config add` would.
    fn add(
        &mut self,
        table: &Table,
        shown: &str,
        file: &mut String,
        name: &str,
        protocol: Option<&str>,
    ) {
        let values = std::iter::once(name).chain(protocol);
        let change = Change::Add(values.map(str::to_owned).collect());
        match edit(file, table.key, &change) {
            Ok(edited) => *file = edited.text,
            Err(error) => {
                let line = format!("{shown}: {}", reason(&error));
                if !self.left.contains(&line) {
                    self.left.push(line);
                }
            }
        }
    }

    fn origins(&mut self, value: &Value) {
        let items: Vec<&Value> = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(items) => items.values().collect(),
            _ => return self.left.push("origins: it is no list".to_owned()),
        };
        let mut file = "[drc]\norigins = []\n".to_owned();
        let mut count = 0;
        for item in items {
            let Some(origin) = item.as_str() else {
                self.left.push(format!("origin {item}: it is no text"));
                continue;
            };
            match edit(&file, ORIGINS, &Change::Add(vec![origin.to_owned()])) {
                Ok(edited) => {
                    file = edited.text;
                    count += 1;
                }
                Err(error) => self
                    .left
                    .push(format!("origin {origin:?}: {}", reason(&error))),
            }
        }
        self.take("origins", ORIGINS, &file, count);
        if count == 0 {
            self.taken.push(
                "no client can connect without an origin: add some with `fantail config add \
                 drc.origins`"
                    .to_owned(),
            );
        }
    }

    fn take(&mut self, member: &'static str, key: &str, file: &str, count: usize) {
        let shown = show(file, Some(key), true).unwrap_or_default();
        if let Some(shown) = shown.into_iter().next() {
            self.values.push((member, shown.value));
            self.taken.push(format!("{key}: {count} taken"));
        }
    }
}

/// For which protocols something counts; empty is for all. `None` is for none.
fn protocols(rights: &Value) -> Option<Vec<&str>> {
    let found: Vec<&str> = match rights {
        Value::Bool(true) => return Some(Vec::new()),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Object(rows) => rows
            .iter()
            .filter_map(|(name, value)| match value {
                Value::Bool(true) => Some(name.as_str()),
                value => value.as_str(),
            })
            .collect(),
        _ => return None,
    };
    Some(found).filter(|found| !found.is_empty())
}

/// Why something is not taken; the key is known, and a token has no number of its own.
fn reason(error: &EditError) -> String {
    match error {
        EditError::Invalid(errors) => {
            let messages = errors.0.iter().map(|error| {
                let message = error.message.as_str();
                message.strip_prefix("token 1: ").unwrap_or(message)
            });
            messages.collect::<Vec<_>>().join("; ")
        }
        EditError::Usage(message) | EditError::Refused(message) => message.clone(),
        EditError::Syntax => "it cannot be written".to_owned(),
    }
}
