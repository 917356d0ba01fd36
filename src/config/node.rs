//! A value as it was written, before anybody knows whether it fits its key.
//!
//! All sources (file, environment, command line) are turned into this one shape, so that each key
//! is read by one function wherever its value comes from. A node from a file knows where it stood.

use std::ops::Range;

/// Where in the file a node stood, in bytes. `None` outside of a file.
pub(super) type Span = Option<Range<usize>>;

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// The value.
    pub content: Content,
    /// Where it stood.
    pub span: Span,
}

/// The kinds of values that a key may ask for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order in which it was written.
    Table(Vec<Entry>),
    /// What no key takes: a fraction, a date. The text names it.
    Other(&'static str),
}

/// One row of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The name before the equals sign.
    pub name: String,
    /// Where the name stood.
    pub span: Span,
    /// What follows the equals sign.
    pub value: Node,
}

/// What is wrong with a value: what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where it stands, if that is more precise than the key's own place.
    pub span: Span,
    /// One sentence without the key and without the place.
    pub message: String,
}

/// Everything that is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Faults(pub Vec<Fault>);

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl Faults {
    /// `value` if there are no faults.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl Node {
    /// A text that stood in no file.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }

    /// A value that stood in no file.
    pub(super) fn new(content: Content) -> Self {
        Self {
            content,
            span: None,
        }
    }

    /// A fault of this node.
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault {
            span: self.span.clone(),
            message: message.into(),
        }
    }

    /// The text, or a fault that says what was expected. The fault does not repeat the value,
    /// which may be a secret.
    pub(super) fn as_text(&self, expected: &str) -> Result<&str, Fault> {
        match &self.content {
            Content::Text(text) => Ok(text),
            other => Err(self.fault(format!(
                "expected {expected} in quotes, not {}",
                other.name()
            ))),
        }
    }

    /// The truth value.
    pub(super) fn as_boolean(&self) -> Result<bool, Fault> {
        match &self.content {
            Content::Boolean(value) => Ok(*value),
            other => Err(self.fault(format!(
                "expected true or false without quotes, not {}",
                other.name()
            ))),
        }
    }

    /// The whole number, 0 or more.
    pub(super) fn as_count(&self) -> Result<usize, Fault> {
        match &self.content {
            Content::Integer(number) => {
                super::units::parse_count(*number).map_err(|message| self.fault(message))
            }
            other => Err(self.fault(format!(
                "expected a whole number without quotes, not {}",
                other.name()
            ))),
        }
    }

    /// The items of a list of texts, each through `parse`; the faults of all items.
    pub(super) fn as_list<T>(
        &self,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Faults> {
        let Content::List(items) = &self.content else {
            let found = self.content.name();
            return Err(self
                .fault(format!("expected a list of {expected}, not {found}"))
                .into());
        };
        let mut values = Vec::with_capacity(items.len());
        let mut faults = Faults::default();
        for item in items {
            let value = item
                .as_text(expected)
                .and_then(|text| parse(text).map_err(|message| item.fault(message)));
            match value {
                Ok(value) => values.push(value),
                Err(fault) => faults.0.push(fault),
            }
        }
        faults.or(values)
    }

    /// The rows of a table.
    pub(super) fn as_table(&self, expected: &str) -> Result<&[Entry], Fault> {
        match &self.content {
            Content::Table(entries) => Ok(entries),
            other => Err(self.fault(format!("expected {expected}, not {}", other.name()))),
        }
    }
}

impl Content {
    /// What this is called in a message.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

/// `text` for a message: quoted, control characters escaped, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let beginning: String = text.chars().take(LONGEST).collect();
    format!("{beginning:?}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_show_long_and_wild_texts_safely() {
        assert_eq!(quoted("a\u{1b}[2Jb"), r#""a\u{1b}[2Jb""#);
        assert_eq!(quoted(&"x".repeat(100)).len(), 65);
    }

    #[test]
    fn every_bad_item_of_a_list_is_named() {
        let list = Node::new(Content::List(vec![
            Node::text("1"),
            Node::text("x"),
            Node::new(Content::Integer(3)),
        ]));
        let faults = list
            .as_list("digits", |text| {
                text.parse::<u8>().map_err(|_| format!("bad {text}"))
            })
            .unwrap_err();
        let messages: Vec<_> = faults.0.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(
            messages,
            ["bad x", "expected digits in quotes, not a number"]
        );
    }
}
