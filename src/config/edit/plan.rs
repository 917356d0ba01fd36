//! What a change means for the value of a key.

use crate::config::Config;
use crate::config::error::{ConfigError, ConfigErrors, Place};
use crate::config::form::Form;
use crate::config::keys::{Key, Target};
use crate::config::node::{Content, Entry, Faults, Node};
use crate::config::toml;

use super::{Change, EditError};

/// What becomes of a value.
pub(super) enum Plan {
    /// It stays as it is.
    Keep,
    /// It is written anew.
    Replace(Node),
    /// Some elements of a list or a table change.
    Elements(Elements),
}

/// What changes in a list or a table; the numbers are those of the elements before the change.
#[derive(Default)]
pub(super) struct Elements {
    /// They go.
    pub removed: Vec<usize>,
    /// Their values change.
    pub changed: Vec<(usize, Plan)>,
    /// They come, at the end.
    pub added: Vec<NewElement>,
}

/// An element that comes.
pub(super) struct NewElement {
    /// The name of a row; a list has none.
    pub name: Option<String>,
    /// The item, or what stands behind the equals sign.
    pub value: Node,
}

/// What is done, and a line for each thing that somebody may want to know of it.
pub(super) type Planned = (Plan, Vec<String>);

/// What `change` means for a key whose value is `current`.
pub(super) fn plan(target: Target, current: &Node, change: &Change) -> Result<Planned, EditError> {
    let planner = Planner {
        key: target.key,
        current,
    };
    match (change, target.from_file, target.key.form) {
        (Change::Set(values), _, _) => planner.set(target, values),
        (Change::Write(text), _, _) => planner.write(target, text),
        (Change::Add(values), false, Form::List) => planner.add_items(values),
        (Change::Remove(values), false, Form::List) => planner.remove_items(values),
        (Change::Add(values), false, Form::Protocols(names)) => {
            planner.add_protocols(names, values)
        }
        (Change::Remove(values), false, Form::Protocols(names)) => {
            planner.remove_protocols(names, values)
        }
        (Change::Add(values), false, Form::Table) => planner.add_row(values),
        (Change::Remove(values), false, Form::Table) => planner.remove_rows(values),
        _ => Err(EditError::Usage(format!(
            "{} is one value, neither a list nor a table: use set or reset",
            target.key.name
        ))),
    }
}

pub(super) struct Planner<'a> {
    pub key: &'static Key,
    pub current: &'a Node,
}

impl Planner<'_> {
    fn set(&self, target: Target, values: &[String]) -> Result<Planned, EditError> {
        if target.from_file {
            return self.set_to(target, Node::text(self.only(values)?));
        }
        if self.key.form == Form::List {
            return self.set_to(target, self.items(values)?);
        }
        let text = self.only(values)?;
        let read = self.key.form.read_text(text);
        let value = match (self.key.form, text.parse()) {
            // What has no unit is a number.
            (Form::Bytes | Form::CountOrPeriod, Ok(number)) => Node::new(Content::Integer(number)),
            _ => read.map_err(|message| self.invalid(message))?,
        };
        self.set_to(target, value)
    }

    fn write(&self, target: Target, text: &str) -> Result<Planned, EditError> {
        let value = toml::parse_value(text).map_err(|message| self.invalid(message))?;
        self.set_to(target, value)
    }

    fn set_to(&self, target: Target, value: Node) -> Result<Planned, EditError> {
        let name = self.key.name;
        let note = if target.from_file {
            format!("{name}_file = {}", toml::value(&value))
        } else {
            self.check(&value)?;
            match self.key.is_secret() {
                true => format!("{name} is set"),
                false => format!("{name} = {}", toml::value(&value)),
            }
        };
        if without_spans(&value) == without_spans(self.current) {
            return Ok((Plan::Keep, vec![format!("{note}, as it was")]));
        }
        Ok((Plan::Replace(value), vec![note]))
    }

    fn only<'v>(&self, values: &'v [String]) -> Result<&'v str, EditError> {
        match values {
            [value] => Ok(value),
            _ => Err(EditError::Usage(format!(
                "{} takes one value, not {}",
                self.key.name,
                values.len()
            ))),
        }
    }

    pub(super) fn canonical_item(&self, item: &Node) -> Result<String, Faults> {
        self.canonical(Content::List(vec![without_spans(item)]))
    }

    /// How the server would write a value.
    pub(super) fn canonical(&self, content: Content) -> Result<String, Faults> {
        let mut config = Config::default();
        self.key.set(&mut config, &Node::new(content))?;
        Ok(self.key.show(&config).unwrap_or_default())
    }

    pub(super) fn rows(&self) -> Result<&[Entry], EditError> {
        match &self.current.content {
            Content::Table(entries) => Ok(entries),
            _ => Err(self.wrong_kind("a table")),
        }
    }

    /// Whether the server would take a value.
    pub(super) fn check(&self, value: &Node) -> Result<(), EditError> {
        let read = self.key.set(&mut Config::default(), &without_spans(value));
        read.map_err(|faults| self.faults(faults))
    }

    pub(super) fn faults(&self, faults: Faults) -> EditError {
        let errors = faults.0.into_iter().map(|fault| self.error(fault.message));
        EditError::Invalid(ConfigErrors(errors.collect()))
    }

    pub(super) fn invalid(&self, message: String) -> EditError {
        EditError::Invalid(ConfigErrors(vec![self.error(message)]))
    }

    fn error(&self, message: String) -> ConfigError {
        ConfigError {
            place: Place::CommandLine(self.key.name.to_owned()),
            message,
        }
    }

    pub(super) fn has_no(&self, shown: &str) -> EditError {
        EditError::Refused(format!("{} has no {shown}", self.key.name))
    }

    pub(super) fn wrong_kind(&self, expected: &str) -> EditError {
        EditError::Refused(format!(
            "{} in the file is {}, not {expected}; set replaces it",
            self.key.name,
            self.current.content.name()
        ))
    }
}

pub(super) fn planned(elements: Elements) -> Plan {
    let Elements {
        removed,
        changed,
        added,
    } = &elements;
    if removed.is_empty() && changed.is_empty() && added.is_empty() {
        Plan::Keep
    } else {
        Plan::Elements(elements)
    }
}

pub(super) fn positions<'a, T>(
    items: &'a [T],
    fits: impl Fn(&T) -> bool + 'a,
) -> impl Iterator<Item = usize> + 'a {
    let items = items.iter().enumerate();
    items
        .filter(move |(_, item)| fits(item))
        .map(|(index, _)| index)
}

pub(super) fn row(name: &str, value: Node) -> Node {
    Node::new(Content::Table(vec![Entry {
        name: name.to_owned(),
        span: None,
        value,
    }]))
}

fn without_spans(node: &Node) -> Node {
    let mut node = node.clone();
    toml::forget_spans(&mut node);
    node
}
