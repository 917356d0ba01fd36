//! What changes of lists and of plain tables mean.

use super::EditError;
use super::plan::{Elements, NewElement, Plan, Planned, Planner, planned, positions, row};
use crate::config::node::{Content, Node};
use crate::config::toml;

impl Planner<'_> {
    pub(super) fn add_items(&self, values: &[String]) -> Result<Planned, EditError> {
        let mut known = self.known_items()?;
        let (mut elements, mut notes) = (Elements::default(), Vec::new());
        for item in self.new_items(values)? {
            let shown = toml::value(&item);
            let canonical = self.canonical_item(&item).map_err(|f| self.faults(f))?;
            if known.contains(&canonical) {
                notes.push(format!("{} has {shown} already", self.key.name));
                continue;
            }
            known.push(canonical);
            notes.push(format!("{}: {shown} is added", self.key.name));
            elements.added.push(NewElement {
                name: None,
                value: item,
            });
        }
        Ok((planned(elements), notes))
    }

    pub(super) fn remove_items(&self, values: &[String]) -> Result<Planned, EditError> {
        let known = self.known_items()?;
        let (mut elements, mut notes) = (Elements::default(), Vec::new());
        for item in self.new_items(values)? {
            let shown = toml::value(&item);
            let wanted = self.canonical_item(&item).unwrap_or_else(|_| shown.clone());
            let found: Vec<_> = positions(&known, |known| *known == wanted).collect();
            if found.is_empty() {
                return Err(self.has_no(&shown));
            }
            elements.removed.extend(found);
            notes.push(format!("{}: {shown} is removed", self.key.name));
        }
        elements.removed.sort_unstable();
        elements.removed.dedup();
        Ok((planned(elements), notes))
    }

    /// The items that are there, each in the form in which the server has it.
    fn known_items(&self) -> Result<Vec<String>, EditError> {
        let Content::List(items) = &self.current.content else {
            return Err(self.wrong_kind("a list"));
        };
        let canonical = |item| {
            self.canonical_item(item)
                .unwrap_or_else(|_| toml::value(item))
        };
        Ok(items.iter().map(canonical).collect())
    }

    /// All items of the values, each of which may be several.
    pub(super) fn items(&self, values: &[String]) -> Result<Node, EditError> {
        self.new_items(values)
            .map(|items| Node::new(Content::List(items)))
    }

    fn new_items(&self, values: &[String]) -> Result<Vec<Node>, EditError> {
        let mut items = Vec::new();
        for value in values {
            let read = self.key.form.read_text(value);
            match read.map_err(|message| self.invalid(message))?.content {
                Content::List(mut more) => items.append(&mut more),
                other => return Err(self.invalid(format!("expected a list, not {}", other.name()))),
            }
        }
        Ok(items)
    }

    pub(super) fn add_row(&self, values: &[String]) -> Result<Planned, EditError> {
        let [name, value] = values else {
            let message = format!("{} takes a name and a value", self.key.name);
            return Err(EditError::Usage(message));
        };
        self.check(&row(name, Node::text(value)))?;
        let rows = self.rows()?;
        let note = format!(
            "{}: {} = {} is added",
            self.key.name,
            toml::text(name),
            toml::text(value)
        );
        let mut elements = Elements::default();
        match rows.iter().position(|row| row.name == *name) {
            Some(index) => elements
                .changed
                .push((index, Plan::Replace(Node::text(value)))),
            None => elements.added.push(NewElement {
                name: Some(name.clone()),
                value: Node::text(value),
            }),
        }
        Ok((planned(elements), vec![note]))
    }

    pub(super) fn remove_rows(&self, values: &[String]) -> Result<Planned, EditError> {
        let rows = self.rows()?;
        let (mut elements, mut notes) = (Elements::default(), Vec::new());
        for name in values {
            let Some(index) = rows.iter().position(|row| row.name == *name) else {
                return Err(self.has_no(&toml::text(name)));
            };
            elements.removed.push(index);
            notes.push(format!(
                "{}: {} is removed",
                self.key.name,
                toml::text(name)
            ));
        }
        elements.removed.sort_unstable();
        elements.removed.dedup();
        Ok((planned(elements), notes))
    }
}
