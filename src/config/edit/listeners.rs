//! The listeners: `[[listen]]` tables, or a list of inline tables.

use std::ops::Range;

use super::lines::{Patches, newline};
use super::place::rows;
use super::plan::{Elements, NewElement, Plan};
use super::sequence::rewrite;
use super::{Change, EditError};
use crate::config::Config;
use crate::config::error::{ConfigError, ConfigErrors, Place};
use crate::config::form::Form;
use crate::config::keys::Target;
use crate::config::node::{Content, Entry, Node, quoted};
use crate::config::toml;

/// What a change does to the listeners.
struct Listening {
    /// The addresses that go; `None` is all of them.
    removed: Option<Vec<String>>,
    /// The listeners that come, as tables.
    added: Vec<Node>,
}

/// The text with the change, `None` if it cannot be made by line; and what to say of it.
pub(super) fn edit(
    text: &str,
    root: &Node,
    target: Target,
    change: &Change,
) -> Result<(Option<String>, Vec<String>), EditError> {
    let row = rows(root).iter().find(|row| row.name == target.key.name);
    let default = toml::parse_value(&target.key.default());
    let default = default.map_err(|message| invalid(target, message))?;
    let current = row.map_or(&default, |row| &row.value);
    if let Change::Reset = change {
        let notes = vec!["listen is the default again".to_owned()];
        return Ok((
            row.map_or(Some(text.to_owned()), |row| reset(text, row)),
            notes,
        ));
    }
    let (mut listening, notes) = read(target, current, change)?;
    if row.is_none() {
        // What is not there is the default, and changes from there.
        let kept = tables(&default)
            .iter()
            .filter(|table| !listening.takes(table));
        listening
            .added
            .splice(0..0, kept.cloned().collect::<Vec<_>>());
    }
    let left = tables(current).iter().any(|table| !listening.takes(table));
    if !left && listening.added.is_empty() {
        let message = "nothing would be listened on; add another listener first".to_owned();
        return Err(EditError::Refused(message));
    }
    Ok((write(text, row.map(|row| &row.value), &listening), notes))
}

fn read(
    target: Target,
    current: &Node,
    change: &Change,
) -> Result<(Listening, Vec<String>), EditError> {
    let mut added = Vec::new();
    let mut removed = None;
    let notes = match change {
        Change::Set(values) => {
            added = parse(values).map_err(|message| invalid(target, message))?;
            vec![format!("listen = {}", values.join(","))]
        }
        Change::Write(text) => {
            added =
                parse(std::slice::from_ref(text)).map_err(|message| invalid(target, message))?;
            vec![format!("listen = {text}")]
        }
        Change::Add(values) => {
            added = parse(values).map_err(|message| invalid(target, message))?;
            removed = Some(Vec::new());
            let names = added.iter().filter_map(address);
            names
                .map(|name| format!("listen: {name} is added"))
                .collect()
        }
        Change::Remove(values) => {
            let known: Vec<&str> = tables(current).iter().filter_map(address).collect();
            if let Some(other) = values.iter().find(|value| !known.contains(&value.as_str())) {
                let message = format!("there is no listener on {}", quoted(other));
                return Err(EditError::Refused(message));
            }
            removed = Some(values.clone());
            let names = values.iter();
            names
                .map(|name| format!("listen: {name} is removed"))
                .collect()
        }
        Change::Reset => Vec::new(),
    };
    if !added.is_empty() || removed.is_none() {
        let value = Node::new(Content::List(added.clone()));
        let read = target.key.set(&mut Config::default(), &value);
        read.map_err(|faults| {
            let errors = faults
                .0
                .into_iter()
                .map(|fault| error(target, fault.message));
            EditError::Invalid(ConfigErrors(errors.collect()))
        })?;
    }
    Ok((Listening { removed, added }, notes))
}

/// Listeners as they are written in the environment, or as a list in TOML.
fn parse(values: &[String]) -> Result<Vec<Node>, String> {
    let mut tables = Vec::new();
    for value in values {
        match Form::Listeners.read_text(value)?.content {
            Content::List(mut more) => tables.append(&mut more),
            other => return Err(format!("expected listeners, not {}", other.name())),
        }
    }
    Ok(tables)
}

impl Listening {
    fn takes(&self, table: &Node) -> bool {
        match &self.removed {
            None => true,
            Some(removed) => address(table).is_some_and(|own| removed.iter().any(|one| one == own)),
        }
    }
}

fn write(text: &str, current: Option<&Node>, change: &Listening) -> Option<String> {
    let mut patches = Patches::of(text);
    let Some(current) = current else {
        add(&mut patches, text, text.len(), change);
        return Some(patches.apply());
    };
    let span = current.span.clone()?;
    if !text.get(span.clone())?.starts_with("[[") {
        let removed = tables(current).iter().enumerate();
        let removed = removed.filter(|(_, table)| change.takes(table));
        let added = change.added.iter().map(|table| NewElement {
            name: None,
            value: table.clone(),
        });
        let plan = Plan::Elements(Elements {
            removed: removed.map(|(index, _)| index).collect(),
            changed: Vec::new(),
            added: added.collect(),
        });
        patches.replace(span, rewrite(text, current, &plan)?);
        return Some(patches.apply());
    }
    for table in tables(current).iter().filter(|table| change.takes(table)) {
        for line in lines(table)? {
            patches.remove_lines(&line);
        }
    }
    let last = tables(current).iter().filter_map(lines).flatten();
    let last = last.map(|line| line.end).max()?;
    add(&mut patches, text, last, change);
    Some(patches.apply())
}

fn reset(text: &str, row: &Entry) -> Option<String> {
    let mut patches = Patches::of(text);
    let span = row.value.span.clone()?;
    if text.get(span.clone())?.starts_with("[[") {
        for table in tables(&row.value) {
            for line in lines(table)? {
                patches.remove_lines(&line);
            }
        }
    } else {
        patches.remove_lines(&(row.span.clone()?.start..span.end));
    }
    Some(patches.apply())
}

fn tables(list: &Node) -> &[Node] {
    match &list.content {
        Content::List(tables) => tables,
        _ => &[],
    }
}

fn address(table: &Node) -> Option<&str> {
    let row = rows(table).iter().find(|row| row.name == "address")?;
    row.value.as_text("").ok()
}

/// Where the header and the rows of a table are.
fn lines(table: &Node) -> Option<Vec<Range<usize>>> {
    let mut lines = vec![table.span.clone()?];
    for row in rows(table) {
        lines.push(row.span.clone()?.start..row.value.span.clone()?.end);
    }
    Some(lines)
}

/// Puts the new listeners behind `position`, with a blank line before each.
fn add(patches: &mut Patches<'_>, text: &str, position: usize, change: &Listening) {
    let newline = newline(text);
    for (index, table) in change.added.iter().enumerate() {
        let is_first = index == 0 && (text.is_empty() || change.removed.is_none());
        let gap = if is_first { "" } else { newline };
        let rows = rows(table).iter();
        let rows = rows.map(|row| format!("{newline}{} = {}", row.name, toml::value(&row.value)));
        let block = format!("{gap}[[listen]]{}", rows.collect::<String>());
        patches.insert_line(position, &block);
    }
}

fn invalid(target: Target, message: String) -> EditError {
    EditError::Invalid(ConfigErrors(vec![error(target, message)]))
}

fn error(target: Target, message: String) -> ConfigError {
    ConfigError {
        place: Place::CommandLine(target.key.name.to_owned()),
        message,
    }
}
