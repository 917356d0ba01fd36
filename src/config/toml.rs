//! TOML to nodes and back.

use super::node::{Content, Entry, Node, Span};
use toml_edit::{Document, Item, Key, TableLike, Value};

/// Reads a whole file.
///
/// # Errors
/// Where the text stops being TOML, and what was expected there.
pub(super) fn parse_document(text: &str) -> Result<Node, (Span, String)> {
    Document::parse(text)
        .map(|document| from_item(document.as_item()))
        .map_err(|error| (error.span(), single_line(error.message())))
}

/// Reads a single value, such as an inline table, from a variable or a flag.
///
/// # Errors
/// A sentence that says what was expected.
pub(super) fn parse_value(text: &str) -> Result<Node, String> {
    let value: Value = text.trim().parse().map_err(|error: toml_edit::TomlError| {
        format!(
            "expected a value as in the file (TOML): {}",
            single_line(error.message())
        )
    })?;
    let mut node = from_value(&value);
    forget_spans(&mut node);
    Ok(node)
}

/// Reads a table that has a file to itself: its rows, or an inline table.
///
/// # Errors
/// A sentence that says what was expected, and on which line.
pub(super) fn parse_table(text: &str) -> Result<Node, String> {
    if text.trim_start().starts_with('{') {
        return parse_value(text);
    }
    let mut node = parse_document(text).map_err(|(span, message)| {
        let before = span.and_then(|span| text.get(..span.start));
        let line = before.unwrap_or("").matches('\n').count() + 1;
        format!("line {line}: {message}")
    })?;
    forget_spans(&mut node);
    Ok(node)
}

/// Writes a text as TOML, quoted and on one line. What JSON escapes is escaped alike in TOML,
/// which does not allow U+007F either.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

/// Writes a list of texts as TOML.
pub(super) fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<_> = items.into_iter().map(text).collect();
    format!("[{}]", items.join(", "))
}

/// Writes a table of texts as an inline table of TOML.
pub(super) fn table<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    table_of_values(rows.into_iter().map(|(name, value)| (name, text(value))))
}

/// Writes a table as an inline table of TOML; the values are TOML already.
pub(super) fn table_of_values<N: AsRef<str>>(
    rows: impl IntoIterator<Item = (N, String)>,
) -> String {
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(name, value)| format!("{} = {value}", text(name.as_ref())))
        .collect();
    if rows.is_empty() {
        "{}".to_owned()
    } else {
        format!("{{ {} }}", rows.join(", "))
    }
}

/// Writes a value as TOML, on one line.
pub(super) fn value(node: &Node) -> String {
    match &node.content {
        Content::Integer(number) => number.to_string(),
        Content::Boolean(value) => value.to_string(),
        Content::Text(value) => text(value),
        Content::List(items) => {
            let items: Vec<_> = items.iter().map(value).collect();
            format!("[{}]", items.join(", "))
        }
        Content::Table(entries) => {
            table_of_values(entries.iter().map(|row| (&row.name, value(&row.value))))
        }
        // No key takes it, so that nothing that is written has it.
        Content::Other(name) => text(name),
    }
}

fn single_line(message: &str) -> String {
    message.trim().replace('\n', "; ")
}

fn from_item(item: &Item) -> Node {
    let content = match item {
        Item::None => Content::Other("nothing"),
        Item::Value(value) => return from_value(value),
        Item::Table(table) => from_table(table),
        Item::ArrayOfTables(tables) => Content::List(
            tables
                .iter()
                .map(|table| Node {
                    content: from_table(table),
                    span: table.span(),
                })
                .collect(),
        ),
    };
    Node {
        content,
        span: item.span(),
    }
}

fn from_value(value: &Value) -> Node {
    let content = match value {
        Value::String(text) => Content::Text(text.value().clone()),
        Value::Integer(number) => Content::Integer(*number.value()),
        Value::Float(_) => Content::Other("a fraction"),
        Value::Boolean(value) => Content::Boolean(*value.value()),
        Value::Datetime(_) => Content::Other("a date or time of day"),
        Value::Array(items) => Content::List(items.iter().map(from_value).collect()),
        Value::InlineTable(table) => from_table(table),
    };
    Node {
        content,
        span: value.span(),
    }
}

fn from_table(table: &dyn TableLike) -> Content {
    let entries = table.iter().map(|(name, item)| Entry {
        name: name.to_owned(),
        span: table.key(name).and_then(Key::span),
        value: from_item(item),
    });
    Content::Table(entries.collect())
}

/// Makes a node one that stood in no file.
pub(super) fn forget_spans(node: &mut Node) {
    node.span = None;
    match &mut node.content {
        Content::List(items) => items.iter_mut().for_each(forget_spans),
        Content::Table(entries) => {
            for entry in entries {
                entry.span = None;
                forget_spans(&mut entry.value);
            }
        }
        Content::Integer(_) | Content::Boolean(_) | Content::Text(_) | Content::Other(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_writing_and_reading() {
        let wild = "a \"quoted\" \\ text\nwith \u{1b}\u{7f} and ü";
        assert_eq!(parse_value(&text(wild)), Ok(Node::text(wild)));
        assert_eq!(
            parse_value(&list(["a", wild])).map(|n| n.content),
            Ok(Content::List(vec![Node::text("a"), Node::text(wild)]))
        );
        let rows = [("/video", "latest"), (wild, "close")];
        let Ok(Content::Table(entries)) = parse_value(&table(rows)).map(|n| n.content) else {
            panic!("not a table");
        };
        let read: Vec<_> = entries
            .iter()
            .map(|e| (e.name.as_str(), e.value.as_text("").unwrap()))
            .collect();
        assert_eq!(read, rows);
    }

    #[test]
    fn names_and_values_know_where_they_stood() {
        let text = "[[listen]]\naddress = \"x\"\n\n[[listen]]\nserve = 3\n";
        let node = parse_document(text).unwrap();
        let listeners = &node.as_table("").unwrap()[0];
        let Content::List(items) = &listeners.value.content else {
            panic!("not a list");
        };
        let second = &items[1];
        assert_eq!(second.span.clone().unwrap().start, 26);
        let serve = &second.as_table("").unwrap()[0];
        assert_eq!(&text[serve.span.clone().unwrap()], "serve");
        assert_eq!(&text[serve.value.span.clone().unwrap()], "3");
    }
}
