//! Where a key stands in the file, and where it would stand.

use std::ops::Range;

use crate::config::node::{Content, Entry, Node};

/// Where a key is.
pub(super) enum Found<'a> {
    /// It is not there.
    Absent(Home<'a>),
    /// As `name = value`; the name is at `row.start`, the value ends the row.
    Value {
        row: Range<usize>,
        value: &'a Node,
        /// The inline table that is its section, and its place there.
        within: Option<(&'a Node, usize)>,
    },
    /// As a table with a row on each line, with a `[header]` or with dotted names.
    Rows {
        table: &'a Node,
        header: Option<Range<usize>>,
    },
}

/// Where a key would go.
pub(super) enum Home<'a> {
    /// To the end of the file, with a new section.
    NewSection,
    /// Below the header of its section.
    Header(Range<usize>),
    /// Behind this, the last row of the section, all of which have dotted names.
    Dotted(Range<usize>),
    /// Into an inline table.
    Inline(&'a Node),
}

/// How a table is written.
enum Kind {
    Inline,
    /// With this header.
    Header(Range<usize>),
    /// There is only the header of a table within it.
    Implied,
    Dotted,
}

/// Finds `section.field`.
pub(super) fn find<'a>(
    text: &str,
    root: &'a Node,
    section: &str,
    field: &str,
) -> Option<Found<'a>> {
    let Some(entry) = entry(root, section) else {
        return Some(Found::Absent(Home::NewSection));
    };
    let table = &entry.value;
    let kind = kind(text, table)?;
    let rows = rows(table);
    let Some(index) = rows.iter().position(|row| row.name == field) else {
        return Some(Found::Absent(match kind {
            Kind::Inline => Home::Inline(table),
            Kind::Header(header) => Home::Header(header),
            Kind::Implied => Home::NewSection,
            Kind::Dotted => Home::Dotted(last_row(text, table)?),
        }));
    };
    let row = rows.get(index)?;
    let is_rows = matches!(row.value.content, Content::Table(_))
        && !text.get(row.value.span.clone()?)?.starts_with('{');
    if !is_rows {
        return Some(Found::Value {
            row: row.span.clone()?.start..row.value.span.clone()?.end,
            value: &row.value,
            within: matches!(kind, Kind::Inline).then_some((table, index)),
        });
    }
    match self::kind(text, &row.value)? {
        Kind::Header(header) => Some(Found::Rows {
            table: &row.value,
            header: Some(header),
        }),
        Kind::Dotted if !matches!(kind, Kind::Inline) => Some(Found::Rows {
            table: &row.value,
            header: None,
        }),
        Kind::Dotted | Kind::Implied | Kind::Inline => None,
    }
}

/// The headers of a file, in the order of the tree.
pub(super) fn headers(text: &str, node: &Node, found: &mut Vec<Range<usize>>) {
    let inner: Vec<&Node> = match &node.content {
        Content::List(items) => items.iter().collect(),
        Content::Table(rows) => rows.iter().map(|row| &row.value).collect(),
        _ => return,
    };
    if let (Content::Table(_), Some(span)) = (&node.content, &node.span)
        && text
            .get(span.clone())
            .is_some_and(|own| own.starts_with('['))
    {
        found.push(span.clone());
    }
    for node in inner {
        headers(text, node, found);
    }
}

/// The rows of a file that have a line of their own, those of all tables, as `name = value`.
pub(super) fn lines(text: &str, table: &Node, found: &mut Vec<Range<usize>>) {
    for row in rows(table) {
        let (Some(name), Some(value)) = (&row.span, &row.value.span) else {
            continue;
        };
        let is_inline = text
            .get(value.clone())
            .is_some_and(|own| own.starts_with('{'));
        match &row.value.content {
            Content::Table(_) if !is_inline => lines(text, &row.value, found),
            Content::List(items) if text.get(value.clone()).is_some_and(is_tables) => {
                items.iter().for_each(|table| lines(text, table, found));
            }
            _ => found.push(name.start..value.end),
        }
    }
}

fn is_tables(own: &str) -> bool {
    own.starts_with("[[")
}

fn last_row(text: &str, table: &Node) -> Option<Range<usize>> {
    let mut found = Vec::new();
    lines(text, table, &mut found);
    found.into_iter().max_by_key(|row| row.end)
}

fn kind(text: &str, table: &Node) -> Option<Kind> {
    let span = table.span.clone()?;
    let before = text.get(..span.start)?;
    let line = before.rsplit('\n').next().unwrap_or("");
    Some(match text.get(span.clone())?.chars().next()? {
        '{' => Kind::Inline,
        '[' => Kind::Header(span),
        _ if line.trim_start().starts_with('[') => Kind::Implied,
        _ => Kind::Dotted,
    })
}

fn entry<'a>(table: &'a Node, name: &str) -> Option<&'a Entry> {
    rows(table).iter().find(|row| row.name == name)
}

/// The rows of a table; none of what is no table.
pub(super) fn rows(table: &Node) -> &[Entry] {
    match &table.content {
        Content::Table(rows) => rows,
        _ => &[],
    }
}
