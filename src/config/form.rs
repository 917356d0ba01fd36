//! How the value of a key is written, in a file and as plain text.

use super::listen;
use super::node::{Content, Node, quoted};
use super::toml;

/// How the value of a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Bytes: a number, or a text such as `64KiB`.
    Bytes,
    /// A whole number.
    Count,
    /// A text such as `10s`.
    Period,
    /// A whole number, or a text such as `1h`.
    CountOrPeriod,
    /// `true` or `false`.
    Boolean,
    /// Any text.
    Text,
    /// The path of a file, relative to the directory of the file in which it stands.
    Path,
    /// Any text that must not be shown; `<key>_file` reads it from a file.
    Secret,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// A list of texts; as plain text, with commas between them.
    List,
    /// A table; as plain text, an inline table of TOML.
    Table,
    /// A table that says for which protocols each name counts: `true`, which is all, or a list. As
    /// plain text, an inline table of TOML.
    Protocols(Names),
    /// The listeners; as plain text, as `listen::parse_list` says.
    Listeners,
}

/// What the names of a [`Form::Protocols`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Addresses and networks.
    Networks,
    /// Secrets; `<key>_file` reads the table from a file.
    Secrets,
}

impl Form {
    /// True if a value must not be shown.
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::Protocols(Names::Secrets))
    }

    /// Turns the plain text of a variable or a flag into what would stand in a file.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub(super) fn read_text(self, text: &str) -> Result<Node, String> {
        match self {
            Self::Bytes
            | Self::Period
            | Self::CountOrPeriod
            | Self::Text
            | Self::Path
            | Self::Secret
            | Self::Choice(_) => Ok(Node::text(text)),
            Self::Count => text
                .trim()
                .parse()
                .map(|number| Node::new(Content::Integer(number)))
                .map_err(|_| format!("expected a whole number, not {}", quoted(text))),
            Self::Boolean => text
                .trim()
                .parse()
                .map(|value| Node::new(Content::Boolean(value)))
                .map_err(|_| format!("expected true or false, not {}", quoted(text))),
            Self::List => Ok(Node::new(Content::List(
                split_list(text).map(Node::text).collect(),
            ))),
            Self::Table | Self::Protocols(_) => toml::parse_value(text),
            Self::Listeners if text.trim_start().starts_with('[') => toml::parse_value(text),
            Self::Listeners => Ok(listen::parse_list(text)),
        }
    }

    /// Turns the text of a file of its own into what would stand in the configuration.
    ///
    /// # Errors
    /// A sentence that says what was expected, and on which line.
    pub(super) fn read_file(self, text: String) -> Result<Node, String> {
        match self {
            Self::Protocols(_) => toml::parse_table(&text),
            _ => Ok(Node::text(text)),
        }
    }
}

/// The items of a list with commas; an empty text is an empty list.
pub(super) fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim();
    text.split(',')
        .map(str::trim)
        .filter(move |_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_at_commas() {
        let items = |text| split_list(text).collect::<Vec<_>>();
        assert!(items("  ").is_empty());
        assert_eq!(items("a"), ["a"]);
        assert_eq!(items(" a , b,,c"), ["a", "b", "", "c"]);
    }

    #[test]
    fn text_becomes_what_a_file_would_hold() {
        let file = toml::parse_value(r#"{ "/video" = "latest" }"#).unwrap();
        assert_eq!(
            Form::Table.read_text(r#"{"/video"="latest"}"#).map(names),
            Ok(names(file))
        );
        assert_eq!(
            Form::Count.read_text(" 12 "),
            Ok(Node::new(Content::Integer(12)))
        );
        assert_eq!(
            Form::Boolean.read_text(" true "),
            Ok(Node::new(Content::Boolean(true)))
        );
        for text in ["", "True", "yes", "1"] {
            assert!(Form::Boolean.read_text(text).is_err(), "{text}");
        }
        assert!(Form::Count.read_text("12s").is_err());
        assert!(Form::Table.read_text("{").is_err());
    }

    fn names(node: Node) -> Vec<String> {
        match node.content {
            Content::Table(entries) => entries.into_iter().map(|e| e.name).collect(),
            _ => Vec::new(),
        }
    }
}
