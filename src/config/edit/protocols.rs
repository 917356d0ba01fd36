//! What changes of tables mean that say for which protocols each name counts.

use super::EditError;
use super::plan::{Elements, NewElement, Plan, Planned, Planner, planned, positions, row};
use crate::config::form::Names;
use crate::config::node::{Content, Node, quoted};
use crate::config::toml;

impl Planner<'_> {
    pub(super) fn add_protocols(
        &self,
        names: Names,
        values: &[String],
    ) -> Result<Planned, EditError> {
        let (name, protocols) = self.name_and_protocols(names, values)?;
        self.check(&row(name, rights(protocols)))?;
        let subject = self.subject(names, name);
        let Some((index, value)) = self.find_row(names, name)? else {
            let element = NewElement {
                name: Some(name.clone()),
                value: rights(protocols),
            };
            let elements = Elements {
                added: vec![element],
                ..Elements::default()
            };
            let note = format!("{subject} is added, for {}", listed(protocols));
            return Ok((planned(elements), vec![note]));
        };
        let (change, note) = match &value.content {
            Content::List(_) if protocols.is_empty() => (
                Plan::Replace(rights(&[])),
                "counts for every protocol now".to_owned(),
            ),
            Content::List(has) => {
                let has = |protocol: &String| has.iter().any(|item| is_text(item, protocol));
                let mut new: Vec<_> = protocols.iter().filter(|p| !has(p)).collect();
                new.dedup();
                if new.is_empty() {
                    return Ok(kept(format!("{subject} has {} already", listed(protocols))));
                }
                let note = format!("{} is added", listed(&new));
                let added = new.into_iter().map(|protocol| NewElement {
                    name: None,
                    value: Node::text(protocol),
                });
                let elements = Elements {
                    added: added.collect(),
                    ..Elements::default()
                };
                (planned(elements), note)
            }
            _ => return Ok(kept(format!("{subject} counts for every protocol already"))),
        };
        let elements = Elements {
            changed: vec![(index, change)],
            ..Elements::default()
        };
        Ok((planned(elements), vec![format!("{subject}: {note}")]))
    }

    pub(super) fn remove_protocols(
        &self,
        names: Names,
        values: &[String],
    ) -> Result<Planned, EditError> {
        let (name, protocols) = self.name_and_protocols(names, values)?;
        let subject = self.subject(names, name);
        let Some((index, value)) = self.find_row(names, name)? else {
            return Err(EditError::Refused(format!("{subject} is not there")));
        };
        let whole = Elements {
            removed: vec![index],
            ..Elements::default()
        };
        if protocols.is_empty() {
            return Ok((planned(whole), vec![format!("{subject} is removed")]));
        }
        let Content::List(has) = &value.content else {
            return Err(EditError::Refused(format!(
                "{subject} counts for every protocol, from which none can be taken away; remove \
                 it and add it with the protocols that it shall have"
            )));
        };
        let mut removed = Vec::new();
        for protocol in protocols {
            let found: Vec<_> = positions(has, |item| is_text(item, protocol)).collect();
            if found.is_empty() {
                let protocol = quoted(protocol);
                return Err(EditError::Refused(format!("{subject} has no {protocol}")));
            }
            removed.extend(found);
        }
        removed.sort_unstable();
        removed.dedup();
        if removed.len() == has.len() {
            let note = format!("{subject} is removed, since it has no protocol any more");
            return Ok((planned(whole), vec![note]));
        }
        let change = planned(Elements {
            removed,
            ..Elements::default()
        });
        let elements = Elements {
            changed: vec![(index, change)],
            ..Elements::default()
        };
        let note = format!("{subject}: {} is removed", listed(protocols));
        Ok((planned(elements), vec![note]))
    }

    fn name_and_protocols<'v>(
        &self,
        names: Names,
        values: &'v [String],
    ) -> Result<(&'v String, &'v [String]), EditError> {
        values.split_first().ok_or_else(|| {
            let what = match names {
                Names::Networks => "an address or a network",
                Names::Secrets => "a token",
            };
            EditError::Usage(format!(
                "{} takes {what}, and protocols if it shall not count for all",
                self.key.name
            ))
        })
    }

    /// The row of a name, however it is written.
    fn find_row(&self, names: Names, name: &str) -> Result<Option<(usize, &Node)>, EditError> {
        let canonical = |name: &str| match names {
            Names::Secrets => name.to_owned(),
            Names::Networks => self
                .canonical(row(name, rights(&[])).content)
                .unwrap_or_else(|_| name.to_owned()),
        };
        let wanted = canonical(name);
        let rows = self.rows()?;
        let found = rows.iter().position(|row| canonical(&row.name) == wanted);
        Ok(found.and_then(|index| Some((index, &rows.get(index)?.value))))
    }

    /// How a message calls a row: nobody may see a token.
    fn subject(&self, names: Names, name: &str) -> String {
        match names {
            Names::Networks => format!("{}: {}", self.key.name, toml::text(name)),
            Names::Secrets => format!("{}: the token", self.key.name),
        }
    }
}

fn kept(note: String) -> Planned {
    (Plan::Keep, vec![note])
}

/// `true`, or a list.
fn rights(protocols: &[String]) -> Node {
    if protocols.is_empty() {
        return Node::new(Content::Boolean(true));
    }
    let mut items: Vec<Node> = Vec::with_capacity(protocols.len());
    for protocol in protocols {
        if !items.iter().any(|item| is_text(item, protocol)) {
            items.push(Node::text(protocol));
        }
    }
    Node::new(Content::List(items))
}

fn listed<T: AsRef<str>>(protocols: &[T]) -> String {
    if protocols.is_empty() {
        return "every protocol".to_owned();
    }
    let names: Vec<_> = protocols.iter().map(|p| quoted(p.as_ref())).collect();
    names.join(", ")
}

fn is_text(node: &Node, text: &str) -> bool {
    matches!(&node.content, Content::Text(own) if own == text)
}
