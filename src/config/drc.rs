//! Who is an authority of DRC: tables that say for which protocols each address or token counts.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use ipnet::IpNet;

use super::node::{Content, Entry, Fault, Faults, Node, quoted};
use super::toml;
use super::web::{format_network, parse_network};
use crate::dialects::drc::settings::{LONGEST_PROTOCOL, Protocols};
use crate::secret::Secret;

/// Reads the addresses.
///
/// # Errors
/// Everything that is wrong with any of them, and networks that are given twice.
pub(super) fn read_whitelist(node: &Node) -> Result<Vec<(IpNet, Protocols)>, Faults> {
    let expected = "a table of addresses and networks such as { \"10.0.0.0/8\" = true }";
    let mut seen = HashSet::new();
    read_rows(
        node,
        expected,
        |entry, _| quoted(&entry.name),
        |entry| {
            let network = parse_network(&entry.name)?;
            if seen.insert(network) {
                Ok(network)
            } else {
                Err(format!("{} is given twice", format_network(&network)))
            }
        },
    )
}

/// Reads the tokens. A message calls them by their place, since nobody may see them.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(super) fn read_tokens(node: &Node) -> Result<Vec<(Secret, Protocols)>, Faults> {
    let expected = "a table of tokens such as { \"<token>\" = true }";
    let mut place = 0;
    read_rows(
        node,
        expected,
        |_, index| format!("token {}", index + 1),
        |entry| {
            place += 1;
            if entry.name.is_empty() {
                return Err(format!("token {place} is empty"));
            }
            Ok(Secret::new(entry.name.as_str()))
        },
    )
}

/// The rows of a table, each name through `parse`; `describe` says in a message whose value is
/// wrong.
fn read_rows<T>(
    node: &Node,
    expected: &str,
    describe: impl Fn(&Entry, usize) -> String,
    mut parse: impl FnMut(&Entry) -> Result<T, String>,
) -> Result<Vec<(T, Protocols)>, Faults> {
    let entries = node.as_table(expected)?;
    let mut rows = Vec::with_capacity(entries.len());
    let mut faults = Faults::default();
    for (index, entry) in entries.iter().enumerate() {
        let name = parse(entry).map_err(|message| Fault {
            span: entry.span.clone(),
            message,
        });
        match (name, read_protocols(&entry.value)) {
            (Ok(name), Ok(protocols)) => rows.push((name, protocols)),
            (name, protocols) => {
                faults.0.extend(name.err());
                for mut fault in protocols.err().map(|faults| faults.0).into_iter().flatten() {
                    fault.message = format!("{}: {}", describe(entry, index), fault.message);
                    faults.0.push(fault);
                }
            }
        }
    }
    faults.or(rows)
}

fn read_protocols(node: &Node) -> Result<Protocols, Faults> {
    const EXPECTED: &str = "expected true, for every protocol, or a list of protocols";
    match &node.content {
        Content::Boolean(true) => Ok(Protocols::All),
        Content::List(items) if !items.is_empty() => {
            let protocols = node.as_list("protocols", parse_protocol)?;
            Ok(Protocols::Only(protocols.into_iter().collect()))
        }
        Content::List(_) => Err(node
            .fault(format!(
                "{EXPECTED}, not an empty list; leave it out instead"
            ))
            .into()),
        Content::Boolean(false) => Err(node
            .fault(format!("{EXPECTED}, not false; leave it out instead"))
            .into()),
        other => Err(node
            .fault(format!("{EXPECTED}, not {}", other.name()))
            .into()),
    }
}

fn parse_protocol(text: &str) -> Result<Rc<str>, String> {
    if (1..=LONGEST_PROTOCOL).contains(&text.len()) {
        return Ok(Rc::from(text));
    }
    Err(format!(
        "expected a protocol of 1 to {LONGEST_PROTOCOL} bytes, not {} of {}",
        quoted(text),
        text.len()
    ))
}

/// Writes the addresses so that [`read_whitelist`] reads the same ones.
pub(super) fn show_whitelist(whitelist: &[(IpNet, Protocols)]) -> String {
    let rows = whitelist.iter();
    toml::table_of_values(
        rows.map(|(network, protocols)| (format_network(network), show_protocols(protocols))),
    )
}

fn show_protocols(protocols: &Protocols) -> String {
    match protocols {
        Protocols::All => true.to_string(),
        Protocols::Only(names) => show_names(names),
    }
}

fn show_names(names: &BTreeSet<Rc<str>>) -> String {
    toml::list(names.iter().map(|name| &**name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whitelist(text: &str) -> Result<Vec<(IpNet, Protocols)>, Vec<String>> {
        read_whitelist(&toml::parse_value(text).unwrap()).map_err(messages)
    }

    fn tokens(text: &str) -> Result<Vec<(Secret, Protocols)>, Vec<String>> {
        read_tokens(&toml::parse_value(text).unwrap()).map_err(messages)
    }

    fn messages(faults: Faults) -> Vec<String> {
        faults.0.into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn whitelists_survive_reading_and_writing() {
        for (text, written) in [
            ("{}", "{}"),
            (
                r#"{ "::ffff:10.1.2.3" = true, "fe80::/10" = ["b", "a", "b"] }"#,
                r#"{ "10.1.2.3" = true, "fe80::/10" = ["a", "b"] }"#,
            ),
        ] {
            let read = whitelist(text).unwrap();
            assert_eq!(show_whitelist(&read), written);
            assert_eq!(whitelist(written), Ok(read));
        }
    }

    #[test]
    fn wrong_whitelists_are_explained() {
        let long = format!(r#"{{ "::1" = ["{}"] }}"#, "x".repeat(65));
        for (text, parts) in [
            ("true", &["expected a table of addresses and networks"][..]),
            (
                r#"{ localhost = true }"#,
                &["expected an address or a network such as 10.0.0.0/8 or ::1, not \"localhost\""],
            ),
            (
                r#"{ "::1" = false }"#,
                &["\"::1\": expected true, for every protocol, or a list of protocols, not false"],
            ),
            (
                r#"{ "::1" = "a" }"#,
                &["or a list of protocols, not a text"],
            ),
            (r#"{ "::1" = [] }"#, &["not an empty list"]),
            (
                r#"{ "::1" = ["", 3] }"#,
                &[
                    "\"::1\": expected a protocol of 1 to 64 bytes, not \"\" of 0",
                    "expected protocols in quotes, not a number",
                ],
            ),
            (&long, &["of 1 to 64 bytes, not \"xxx"]),
            (
                r#"{ "10.0.0.1" = true, "::ffff:10.0.0.1" = true, x = 1 }"#,
                &[
                    "10.0.0.1 is given twice",
                    "not \"x\"",
                    "\"x\": expected true",
                ],
            ),
        ] {
            let messages = whitelist(text).unwrap_err();
            assert_eq!(messages.len(), parts.len(), "{text}: {messages:?}");
            for (message, part) in messages.iter().zip(parts) {
                assert!(message.contains(part), "{text}: {messages:?}");
            }
        }
    }

    #[test]
    fn wrong_tokens_are_explained_and_not_shown() {
        for (text, part) in [
            ("\"hunter2\"", "expected a table of tokens"),
            (
                r#"{ a = true, hunter2 = false }"#,
                "token 2: expected true, for every protocol",
            ),
            (r#"{ hunter2 = [""] }"#, "token 1: expected a protocol of 1"),
            (r#"{ hunter2 = { a = 1 } }"#, "token 1: expected true"),
            (r#"{ a = true, "" = true }"#, "token 2 is empty"),
        ] {
            let messages = tokens(text).unwrap_err();
            assert_eq!(messages.len(), 1, "{text}: {messages:?}");
            assert!(messages[0].contains(part), "{text}: {messages:?}");
            assert!(!messages[0].contains("hunter2"), "{messages:?}");
        }
        let read = tokens(r#"{ hunter2 = ["a"], b = true }"#).unwrap();
        assert_eq!(read[0].0, Secret::new("hunter2"));
        assert_eq!(read[1].1, Protocols::All);
        assert!(!format!("{read:?}").contains("hunter2"));
    }
}
