//! The keys of a file, for reading.

use super::{EditError, target};
use crate::config::form::Form;
use crate::config::keys::Target;
use crate::config::node::{Content, Node};
use crate::config::toml;

use super::place::rows;

const HIDDEN: &str = "(a secret)";

/// A key as it is in a file.
pub struct Shown {
    /// `section.name`.
    pub name: String,
    /// The value as TOML.
    pub value: String,
    /// The value as it is; of a list or a table, the items or rows.
    pub lines: Vec<String>,
    /// True if it is the default, since the file does not have it.
    pub is_default: bool,
}

/// The keys in the text of a file: all, or the one of this name, or else its default. Secrets are
/// shown only if that is asked for.
///
/// # Errors
/// If the key is not known or the text is not TOML.
pub fn show(text: &str, name: Option<&str>, secrets: bool) -> Result<Vec<Shown>, EditError> {
    let root = toml::parse_document(text).map_err(|_| EditError::Syntax)?;
    let mut found = Vec::new();
    for section in rows(&root) {
        if Target::of(&section.name).is_some() {
            found.push(shown(section.name.clone(), &section.value, secrets));
            continue;
        }
        for row in rows(&section.value) {
            let own = format!("{}.{}", section.name, row.name);
            found.push(shown(own, &row.value, secrets));
        }
    }
    let Some(name) = name else {
        return Ok(found);
    };
    found.retain(|shown| shown.name == name);
    if found.is_empty() {
        let target = target(name)?;
        let default = if target.from_file {
            Node::text("")
        } else {
            toml::parse_value(&target.key.default()).unwrap_or_else(Node::text)
        };
        let mut default = shown(name.to_owned(), &default, true);
        default.is_default = true;
        found.push(default);
    }
    Ok(found)
}

fn shown(name: String, value: &Node, secrets: bool) -> Shown {
    let target = Target::of(&name);
    // What nobody knows may be a secret whose name is misspelt.
    let hidden = !secrets && target.is_none_or(Target::is_hidden);
    let has_tokens = target.is_some_and(|t| matches!(t.key.form, Form::Protocols(_)));
    let lines = match &value.content {
        Content::Table(_) if hidden && has_tokens => numbered(value),
        _ if hidden => vec![HIDDEN.to_owned()],
        Content::List(items) => items.iter().map(plain).collect(),
        Content::Table(rows) => rows
            .iter()
            .map(|row| format!("{} = {}", toml::text(&row.name), toml::value(&row.value)))
            .collect(),
        _ => vec![plain(value)],
    };
    Shown {
        name,
        value: match hidden {
            true => HIDDEN.to_owned(),
            false => toml::value(value),
        },
        lines,
        is_default: false,
    }
}

/// The rows of a table whose names are secrets.
fn numbered(table: &Node) -> Vec<String> {
    let values = rows(table).iter().map(|row| toml::value(&row.value));
    values
        .enumerate()
        .map(|(index, value)| format!("(token {}) = {value}", index + 1))
        .collect()
}

fn plain(value: &Node) -> String {
    match &value.content {
        Content::Text(text) => text.clone(),
        _ => toml::value(value),
    }
}
