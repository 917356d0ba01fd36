//! A planned change, made in the text.

use std::ops::Range;

use super::lines::{Patches, line_start, newline};
use super::place::{self, Found, Home, headers, rows};
use super::plan::{Elements, NewElement, Plan, plan};
use super::sequence::{rewrite, value_of, written};
use super::{Change, EditError};
use crate::config::keys::Target;
use crate::config::node::{Content, Entry, Node};
use crate::config::toml;

/// A file, and the key in it that changes.
pub(super) struct Editor<'a> {
    pub text: &'a str,
    pub root: &'a Node,
    pub section: &'a str,
    pub field: &'a str,
}

impl Editor<'_> {
    /// The text with the change, `None` if it cannot be made here; and what to say of it.
    pub(super) fn make(
        &self,
        found: &Found<'_>,
        target: Target,
        change: &Change,
    ) -> Result<(Option<String>, Vec<String>), EditError> {
        if let Change::Reset = change {
            let note = format!("{}.{} is the default again", self.section, self.field);
            return Ok((self.reset(found), vec![note]));
        }
        self.change(found, target, change)
    }

    fn change(
        &self,
        found: &Found<'_>,
        target: Target,
        change: &Change,
    ) -> Result<(Option<String>, Vec<String>), EditError> {
        match found {
            Found::Value { value, .. } => {
                let (plan, notes) = plan(target, value, change)?;
                Ok((self.rewrite_value(value, &plan), notes))
            }
            Found::Rows { table, header } => {
                let (plan, notes) = plan(target, table, change)?;
                Ok((self.rewrite_rows(table, header.is_some(), plan), notes))
            }
            Found::Absent(home) => {
                // What is not there is the default, and changes from there.
                let default = match target.from_file {
                    true => toml::text(""),
                    false => target.key.default(),
                };
                let default = format!("x = {default}");
                let root = toml::parse_document(&default).map_err(|_| EditError::Syntax)?;
                let Some(value) = value_of(&root, 0) else {
                    return Err(EditError::Syntax);
                };
                let (plan, notes) = plan(target, value, change)?;
                if matches!(plan, Plan::Keep)
                    && !matches!(change, Change::Set(_) | Change::Write(_))
                {
                    return Ok((Some(self.text.to_owned()), notes));
                }
                let value = rewrite(&default, value, &plan);
                Ok((value.and_then(|value| self.insert(home, &value)), notes))
            }
        }
    }

    fn rewrite_value(&self, value: &Node, plan: &Plan) -> Option<String> {
        let mut patches = Patches::of(self.text);
        patches.replace(value.span.clone()?, rewrite(self.text, value, plan)?);
        Some(patches.apply())
    }

    fn rewrite_rows(&self, table: &Node, has_header: bool, plan: Plan) -> Option<String> {
        let rows = rows(table);
        let plan = match plan {
            Plan::Keep => return Some(self.text.to_owned()),
            Plan::Elements(elements) => elements,
            Plan::Replace(new) => Elements {
                removed: (0..rows.len()).collect(),
                changed: Vec::new(),
                added: place::rows(&new)
                    .iter()
                    .map(|row| NewElement {
                        name: Some(row.name.clone()),
                        value: row.value.clone(),
                    })
                    .collect(),
            },
        };
        let mut patches = Patches::of(self.text);
        for (index, change) in &plan.changed {
            let value = value_of(table, *index)?;
            patches.replace(value.span.clone()?, rewrite(self.text, value, change)?);
        }
        let is_empty = plan.removed.len() == rows.len() && plan.added.is_empty();
        for (count, index) in plan.removed.iter().enumerate() {
            let row = row_range(rows.get(*index)?)?;
            if is_empty && !has_header && count == 0 {
                // Without any row it would be the default again.
                let before = self.before(row.start)?;
                let name = before.trim_end().strip_suffix('.')?;
                let start = row.start - before.len();
                patches.replace(start..row.end, format!("{name} = {{}}"));
            } else {
                patches.remove_lines(&row);
            }
        }
        let last = rows.iter().filter_map(row_range).max_by_key(|row| row.end);
        let (position, before) = match &last {
            Some(row) => (row.end, self.before(row.start)?),
            None => (table.span.clone()?.end, ""),
        };
        for element in &plan.added {
            patches.insert_line(position, &format!("{before}{}", written(element)));
        }
        Some(patches.apply())
    }

    /// What stands before a name on its line: an indentation, and the tables of a dotted name.
    fn before(&self, name: usize) -> Option<&str> {
        self.text.get(line_start(self.text, name)..name)
    }

    fn insert(&self, home: &Home<'_>, value: &str) -> Option<String> {
        let row = format!("{} = {value}", self.field);
        let mut patches = Patches::of(self.text);
        match home {
            Home::NewSection => {
                let newline = newline(self.text);
                let gap = if self.text.is_empty() { "" } else { newline };
                let section = format!("{gap}[{}]{newline}{row}", self.section);
                patches.insert_line(self.text.len(), &section);
            }
            Home::Header(header) => patches.insert_line(self.below_header(header.end)?, &row),
            Home::Dotted(last) => {
                patches.insert_line(last.end, &format!("{}.{row}", self.section));
            }
            Home::Inline(table) => {
                let value = toml::parse_value(value).ok()?;
                let added = vec![NewElement {
                    name: Some(self.field.to_owned()),
                    value,
                }];
                let plan = Plan::Elements(Elements {
                    added,
                    ..Elements::default()
                });
                patches.replace(table.span.clone()?, rewrite(self.text, table, &plan)?);
            }
        }
        Some(patches.apply())
    }

    /// Where a new row of a section goes: behind the line of the default file that shows the key's
    /// default, else behind the last row.
    fn below_header(&self, header: usize) -> Option<usize> {
        let (mut others, mut lines) = (Vec::new(), Vec::new());
        headers(self.text, self.root, &mut others);
        place::lines(self.text, self.root, &mut lines);
        let end = others
            .iter()
            .map(|other| other.start)
            .filter(|start| *start >= header);
        let end = end.min().unwrap_or(self.text.len());
        lines.retain(|row| (header..end).contains(&row.start));
        let is_comment = |position: usize| !lines.iter().any(|row| row.contains(&position));
        let shown = format!("#{} =", self.field);
        let section = self.text.get(header..end)?;
        let mut shown = section
            .match_indices(&shown)
            .map(|(position, _)| header + position)
            .filter(|position| line_start(self.text, *position) == *position);
        let shown = shown.find(|position| is_comment(*position));
        let last = lines.iter().map(|row| row.end).max();
        shown.or(last).or(Some(header))
    }

    fn reset(&self, found: &Found<'_>) -> Option<String> {
        let mut patches = Patches::of(self.text);
        match found {
            Found::Absent(_) => {}
            Found::Value {
                within: Some((table, index)),
                ..
            } => {
                let plan = Plan::Elements(Elements {
                    removed: vec![*index],
                    ..Elements::default()
                });
                patches.replace(table.span.clone()?, rewrite(self.text, table, &plan)?);
            }
            Found::Value { row, .. } => patches.remove_lines(row),
            Found::Rows { table, header } => {
                header
                    .iter()
                    .for_each(|header| patches.remove_lines(header));
                for row in rows(table) {
                    patches.remove_lines(&row_range(row)?);
                }
            }
        }
        Some(patches.apply())
    }

    /// True if nothing but the key is other than before.
    pub(super) fn keeps_the_rest(&self, new: &str) -> bool {
        toml::parse_document(new).is_ok_and(|new| self.rest(&new) == self.rest(self.root))
    }

    /// All other keys with their values.
    fn rest(&self, root: &Node) -> Vec<(String, Vec<Entry>)> {
        let mut root = root.clone();
        toml::forget_spans(&mut root);
        let sections = rows(&root)
            .iter()
            .map(|section| match &section.value.content {
                Content::Table(rows) => (section.name.clone(), rows.clone()),
                _ => (section.name.clone(), vec![section.clone()]),
            });
        let mut sections: Vec<_> = sections.collect();
        let own = sections.iter_mut().find(|(name, _)| name == self.section);
        if let Some((_, rows)) = own {
            rows.retain(|row| row.name != self.field);
        }
        sections.retain(|(_, rows)| !rows.is_empty());
        sections
    }
}

fn row_range(row: &Entry) -> Option<Range<usize>> {
    Some(row.span.clone()?.start..row.value.span.clone()?.end)
}
