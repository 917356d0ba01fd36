//! Lists and inline tables as they are written: elements with commas, line breaks and comments
//! between them. What is not changed stays as it is, to the byte.

use std::fmt;
use std::ops::Range;

use super::plan::{Elements, NewElement, Plan};
use crate::config::node::{Content, Node};
use crate::config::toml;

/// What a value looks like after `plan`; `None` for what is not written as one piece, such as a
/// table of dotted keys.
pub(super) fn rewrite(text: &str, node: &Node, plan: &Plan) -> Option<String> {
    let own = text.get(node.span.clone()?)?;
    match plan {
        Plan::Keep => Some(own.to_owned()),
        Plan::Replace(new) => Some(toml::value(new)),
        Plan::Elements(elements) => {
            let mut sequence = Sequence::read(text, node)?;
            sequence.apply(text, node, elements)?;
            Some(sequence.to_string())
        }
    }
}

/// An element with what belongs to it.
struct Element {
    /// From the end of the line of the element before it, comments on lines of their own included.
    lead: String,
    text: String,
    /// What stands before its comma.
    trail: String,
    /// A comment behind its comma, on the same line.
    after: String,
}

struct Sequence {
    open: char,
    elements: Vec<Element>,
    /// True if a comma stands behind the last element.
    final_comma: bool,
    tail: String,
    close: char,
}

impl Sequence {
    fn read(text: &str, node: &Node) -> Option<Self> {
        let span = node.span.clone()?;
        let own = text.get(span.clone())?;
        let (open, close) = match own.chars().next()? {
            open @ '[' => (open, ']'),
            open @ '{' => (open, '}'),
            _ => return None,
        };
        let inner = span.start + 1..span.end.checked_sub(1)?;
        let mut sequence = Self {
            open,
            elements: Vec::new(),
            final_comma: false,
            tail: String::new(),
            close,
        };
        let mut end = inner.start;
        for range in ranges(text, node)? {
            let gap = text.get(end..range.start)?;
            let lead = match sequence.elements.last_mut() {
                Some(previous) => previous.end_with(gap.split_at_checked(comma(gap)?)?),
                None => gap.to_owned(),
            };
            sequence.elements.push(Element {
                lead,
                text: text.get(range.clone())?.to_owned(),
                trail: String::new(),
                after: String::new(),
            });
            end = range.end;
        }
        let gap = text.get(end..inner.end)?;
        sequence.tail = match (sequence.elements.last_mut(), comma(gap)) {
            (Some(last), Some(comma)) => {
                sequence.final_comma = true;
                last.end_with(gap.split_at_checked(comma)?)
            }
            (Some(last), None) => {
                let (comment, rest) = split_comment(gap);
                last.after = comment.to_owned();
                rest.to_owned()
            }
            (None, _) => gap.to_owned(),
        };
        Some(sequence)
    }

    fn apply(&mut self, text: &str, node: &Node, plan: &Elements) -> Option<()> {
        for (index, change) in &plan.changed {
            let value = value_of(node, *index)?;
            let new = rewrite(text, value, change)?;
            let element = self.elements.get_mut(*index)?;
            let name = element.text.len() - value.span.clone()?.len();
            element.text.truncate(name);
            element.text.push_str(&new);
        }
        let mut removed = plan.removed.clone();
        removed.sort_unstable();
        for index in removed.into_iter().rev() {
            self.remove(index);
        }
        for element in &plan.added {
            self.push(written(element));
        }
        Some(())
    }

    /// Takes an element away, and the comment on its line. Comments on lines of their own stay.
    fn remove(&mut self, index: usize) {
        if index >= self.elements.len() {
            return;
        }
        let lead = self.elements.remove(index).lead;
        let comments = lead.rfind('\n').map(|end| lead.get(..end).unwrap_or(""));
        let is_last = index == self.elements.len();
        let next = match self.elements.get_mut(index) {
            Some(next) => &mut next.lead,
            None => &mut self.tail,
        };
        if next.contains('\n') {
            next.insert_str(0, comments.unwrap_or(""));
        } else if !is_last {
            *next = lead;
        } else if comments.is_some_and(|comments| comments.contains('#')) {
            *next = format!("{}\n", comments.unwrap_or(""));
        }
        if self.elements.is_empty() {
            self.final_comma = false;
            if self.tail.trim().is_empty() {
                self.tail.clear();
            }
        }
    }

    /// Puts an element behind the others, as the last of them is placed.
    fn push(&mut self, text: String) {
        let lead = match self.elements.last() {
            Some(last) => match last.lead.rfind('\n') {
                Some(line) => format!("\n{}", last.lead.get(line + 1..).unwrap_or("")),
                None => " ".to_owned(),
            },
            None => match self.tail.rfind('\n') {
                Some(line) => {
                    let indent = self.tail.split_off(line);
                    let before = std::mem::replace(&mut self.tail, indent);
                    format!("{before}{}  ", self.tail)
                }
                None if self.open == '{' => {
                    " ".clone_into(&mut self.tail);
                    " ".to_owned()
                }
                None => {
                    self.tail.clear();
                    String::new()
                }
            },
        };
        self.elements.push(Element {
            lead,
            text,
            trail: String::new(),
            after: String::new(),
        });
    }
}

impl Element {
    /// Takes what belongs to this element from what stands before the comma, and from it on; the
    /// rest.
    fn end_with(&mut self, (before, from_comma): (&str, &str)) -> String {
        let (comment, rest) = split_comment(from_comma.get(1..).unwrap_or(""));
        before.clone_into(&mut self.trail);
        comment.clone_into(&mut self.after);
        rest.to_owned()
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.open)?;
        let mut in_comment = false;
        let last = self.elements.len().saturating_sub(1);
        for (index, element) in self.elements.iter().enumerate() {
            end_comment(formatter, in_comment, &element.lead)?;
            let comma = if index < last || self.final_comma {
                ","
            } else {
                ""
            };
            write!(
                formatter,
                "{}{}{}{comma}{}",
                element.lead, element.text, element.trail, element.after
            )?;
            in_comment = element.after.contains('#');
        }
        end_comment(formatter, in_comment, &self.tail)?;
        write!(formatter, "{}{}", self.tail, self.close)
    }
}

/// A comment lasts until the end of its line; what followed on the next one may be gone.
fn end_comment(formatter: &mut fmt::Formatter<'_>, in_comment: bool, next: &str) -> fmt::Result {
    if in_comment && !next.trim_start_matches([' ', '\t', '\r']).starts_with('\n') {
        formatter.write_str("\n")?;
    }
    Ok(())
}

/// The TOML of a new element.
pub(super) fn written(element: &NewElement) -> String {
    let value = toml::value(&element.value);
    match &element.name {
        Some(name) => format!("{} = {value}", toml::text(name)),
        None => value,
    }
}

/// The value of an element.
pub(super) fn value_of(node: &Node, index: usize) -> Option<&Node> {
    match &node.content {
        Content::List(items) => items.get(index),
        Content::Table(entries) => entries.get(index).map(|entry| &entry.value),
        _ => None,
    }
}

/// Where the elements stand; `None` if they are not side by side.
fn ranges(text: &str, node: &Node) -> Option<Vec<Range<usize>>> {
    let is_piece = |node: &Node| {
        let own = node.span.clone().and_then(|span| text.get(span));
        let is_table = matches!(node.content, Content::Table(_));
        own.filter(|own| !is_table || own.starts_with('{'))
            .is_some()
    };
    match &node.content {
        Content::List(items) => items.iter().map(|item| item.span.clone()).collect(),
        Content::Table(entries) => entries
            .iter()
            .map(|entry| {
                let end = entry.value.span.clone()?.end;
                is_piece(&entry.value).then_some(entry.span.clone()?.start..end)
            })
            .collect(),
        _ => None,
    }
}

/// Where the comma is in what stands between two elements.
fn comma(gap: &str) -> Option<usize> {
    let mut in_comment = false;
    gap.bytes().position(|byte| {
        in_comment = byte == b'#' || (in_comment && byte != b'\n');
        byte == b',' && !in_comment
    })
}

/// A comment at the beginning, up to the end of its line, and the rest.
fn split_comment(gap: &str) -> (&str, &str) {
    let line = gap.split('\n').next().unwrap_or("");
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('#') {
        gap.split_at(line.len())
    } else {
        ("", gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(value: &str, removed: &[usize], added: &[&str]) -> String {
        let text = format!("x = {value}\n");
        let root = toml::parse_document(&text).unwrap();
        let Content::Table(entries) = &root.content else {
            panic!("not a table");
        };
        let node = &entries[0].value;
        let is_table = matches!(node.content, Content::Table(_));
        let added = added.iter().map(|name| NewElement {
            name: is_table.then(|| (*name).to_owned()),
            value: if is_table {
                Node::new(Content::Boolean(true))
            } else {
                Node::text(*name)
            },
        });
        let plan = Plan::Elements(Elements {
            removed: removed.to_vec(),
            changed: Vec::new(),
            added: added.collect(),
        });
        let new = rewrite(&text, node, &plan).unwrap();
        toml::parse_document(&format!("x = {new}\n")).unwrap_or_else(|_| panic!("{new}"));
        new
    }

    #[test]
    fn what_is_not_changed_stays_as_it_is() {
        for text in [
            "[]",
            "[ ]",
            "[\n  # none yet\n]",
            "['a', \"b\" , ]",
            "[ # first\n  'a', # one\n  # two\n  'b' # three\n  , # four\n  'c', # five, six\n]",
            "{ a = 1,\r\n # c\r\n 'b'=2,\r\n}",
        ] {
            assert_eq!(edited(text, &[], &[]), text);
        }
    }

    #[test]
    fn elements_are_added_as_the_others_are_written() {
        for (text, expected) in [
            ("[]", "[\"x\"]"),
            ("[ ]", "[\"x\"]"),
            ("{}", "{ \"x\" = true }"),
            ("['a']", "['a', \"x\"]"),
            ("['a',]", "['a', \"x\",]"),
            ("{ a = 1 }", "{ a = 1, \"x\" = true }"),
            ("{a=1}", "{a=1, \"x\" = true}"),
            ("[\n  # none, yet\n]", "[\n  # none, yet\n  \"x\"\n]"),
            ("[\n\t'a',\n]", "[\n\t'a',\n\t\"x\",\n]"),
            ("[\n  'a' # b, c\n]", "[\n  'a', # b, c\n  \"x\"\n]"),
            ("['a', # b\n]", "['a', # b\n \"x\",\n]"),
        ] {
            assert_eq!(edited(text, &[], &["x"]), expected, "{text}");
        }
    }

    #[test]
    fn elements_go_with_the_comment_on_their_line_and_leave_the_others() {
        let list = "[ # first\n  'a', # one\n  # two\n  'b', # three\n  'c', # four\n  # five\n]";
        for (text, removed, expected) in [
            ("['a']", &[0][..], "[]"),
            ("{ a = 1 }", &[0], "{}"),
            ("{ a = 1, b = 2 }", &[1], "{ a = 1 }"),
            ("{ a = 1, b = 2 }", &[0], "{ b = 2 }"),
            ("['a', 'b', 'c']", &[2, 0], "['b']"),
            (
                list,
                &[0],
                "[ # first\n  # two\n  'b', # three\n  'c', # four\n  # five\n]",
            ),
            (
                list,
                &[1],
                "[ # first\n  'a', # one\n  # two\n  'c', # four\n  # five\n]",
            ),
            (
                list,
                &[2],
                "[ # first\n  'a', # one\n  # two\n  'b', # three\n  # five\n]",
            ),
            (list, &[0, 1, 2], "[ # first\n  # two\n  # five\n]"),
            ("['a', # one\n 'b', 'c']", &[1], "['a', # one\n 'c']"),
            ("['a', # one\n 'b']", &[1], "['a' # one\n]"),
            ("[ # head\n 'b']", &[0], "[ # head\n]"),
        ] {
            assert_eq!(edited(text, removed, &[]), expected, "{text} {removed:?}");
        }
    }
}
