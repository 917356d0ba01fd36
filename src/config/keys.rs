//! The registry: every key, on one page.
//!
//! Reading the file, the environment and the flags, the default file and the documentation all
//! go over this table, so that no key can be known in one place and unknown in another. The rows
//! of [`LIMITS`] are keys by themselves; the others stand in `fields`.

use super::Config;
use super::fields::FIELDS;
use super::form::Form;
use super::node::{Content, Fault, Faults, Node};
use super::toml;
use super::units::{format_bytes, format_period, parse_bytes, parse_count, parse_period};
use crate::limits::{LIMITS, Limit, Row, Unit, Value};
use crate::secret::Secret;
use std::sync::LazyLock;

/// The sections, in the order of the default file.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    (
        "control",
        "The control port, for other programs on this machine.",
    ),
    ("http", "Requests and the proxies in front of the server."),
    ("topics", "Topics: a channel per URL path."),
    (
        "drc",
        "DRC: channels that authorities give others the right to.",
    ),
    (
        "dsock",
        "dSock: claims, and an HTTP API to send to whoever has redeemed one.",
    ),
    (
        "wson",
        "ws(s)on: clients with cookies, reached through the control port.",
    ),
    (
        "message_broker",
        "The message broker: named queues for users with passwords.",
    ),
    (
        "store",
        "Where messages are kept: those that nobody is there to receive, and the last ones of topics.",
    ),
    (
        "limits",
        "Every bound. Sizes: 4096, \"64KiB\", \"1MiB\". Times: \"500ms\", \"10s\", \"2m\".",
    ),
    ("log", "The log, on standard error."),
];

/// What the variables of the environment begin with.
pub(super) const ENVIRONMENT_PREFIX: &str = "FANTAIL_";

/// What follows the name of a secret's key where a file holds the secret.
pub(super) const FILE_SUFFIX: &str = "_file";

/// One key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// `section.name`, or only `name` for what is in no section.
    pub name: &'static str,
    /// How the value is written.
    pub form: Form,
    /// One paragraph for the default file and the documentation.
    pub description: &'static str,
    /// How it gets into a [`Config`] and out of it.
    pub access: Access,
}

/// How a key gets into a [`Config`] and out of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    /// Through the table of limits.
    Limit(Limit),
    /// Through functions of its own.
    Field {
        /// Sets the value.
        set: fn(&mut Config, &Node) -> Result<(), Faults>,
        /// Writes the value as TOML.
        show: fn(&Config) -> String,
    },
    /// A secret: it goes in, and only its user takes it out.
    Secret {
        /// Sets it.
        set: fn(&mut Config, Secret),
        /// True if it is not empty.
        is_set: fn(&Config) -> bool,
    },
    /// A list of secrets: it goes in, and only its user takes it out.
    SecretList {
        /// Sets it.
        set: fn(&mut Config, &Node) -> Result<(), Faults>,
        /// True if it is not empty.
        is_set: fn(&Config) -> bool,
    },
    /// A table whose names are secrets: it goes in, and only its user takes it out.
    SecretTable {
        /// Sets it.
        set: fn(&mut Config, &Node) -> Result<(), Faults>,
        /// True if it is not empty.
        is_set: fn(&Config) -> bool,
    },
}

/// Every key: sections in the order of [`SECTIONS`], the limits of a section behind its fields.
pub(super) fn all() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let mut keys = FIELDS.to_vec();
        keys.extend(LIMITS.iter().map(limit_key));
        keys.sort_by_key(|key| {
            SECTIONS
                .iter()
                .position(|(section, _)| Some(*section) == key.section())
        });
        keys
    });
    &KEYS
}

fn limit_key(row: &Row) -> Key {
    Key {
        name: row.key,
        form: match row.unit {
            Unit::Bytes => Form::Bytes,
            Unit::Count => Form::Count,
            Unit::Period => Form::Period,
        },
        description: row.description,
        access: Access::Limit(row.limit),
    }
}

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    all().iter().find(|key| key.name == name)
}

/// A known name: a key's own, or that of the file that holds its secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// The key.
    pub key: &'static Key,
    /// True if the value is the path of a file with the secret in it.
    pub from_file: bool,
}

impl Target {
    /// What `section.name` or `section.name_file` is for.
    pub(super) fn of(name: &str) -> Option<Self> {
        let own = find(name).map(|key| Self {
            key,
            from_file: false,
        });
        let of_file = || {
            let key = find(name.strip_suffix(FILE_SUFFIX)?)?;
            key.is_secret().then_some(Self {
                key,
                from_file: true,
            })
        };
        own.or_else(of_file)
    }

    /// True if the value must not be shown.
    pub(super) fn is_hidden(self) -> bool {
        self.key.is_secret() && !self.from_file
    }

    /// All known names with what they are for.
    pub(super) fn all() -> impl Iterator<Item = (String, Self)> {
        all().iter().flat_map(|key| {
            let own = (
                key.name.to_owned(),
                Self {
                    key,
                    from_file: false,
                },
            );
            let of_file = key.is_secret().then(|| {
                let target = Self {
                    key,
                    from_file: true,
                };
                (format!("{}{FILE_SUFFIX}", key.name), target)
            });
            std::iter::once(own).chain(of_file)
        })
    }
}

/// The variable of the environment for a name: `limits.message` is `FANTAIL_LIMITS_MESSAGE`.
pub(super) fn environment_name(name: &str) -> String {
    format!(
        "{ENVIRONMENT_PREFIX}{}",
        name.replace('.', "_").to_ascii_uppercase()
    )
}

impl Key {
    /// The section, if the key is in one.
    pub(super) fn section(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(section, _)| section)
    }

    /// The name within the section.
    pub(super) fn field(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(_, field)| field)
    }

    /// True if the value must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        self.form.is_secret()
    }

    /// The description as one line.
    pub(super) fn summary(&self) -> String {
        let words: Vec<_> = self.description.split_whitespace().collect();
        words.join(" ")
    }

    /// Sets the key from a value as it was written.
    ///
    /// # Errors
    /// Everything that is wrong with the value; `config` may have been changed in part.
    pub(super) fn set(&self, config: &mut Config, node: &Node) -> Result<(), Faults> {
        match self.access {
            Access::Field { set, .. }
            | Access::SecretList { set, .. }
            | Access::SecretTable { set, .. } => set(config, node),
            Access::Secret { set, .. } => {
                set(config, Secret::new(node.as_text("a secret")?));
                Ok(())
            }
            Access::Limit(limit) => {
                let value = read_limit(limit.row().unit, node)?;
                if config.limits.set(limit, value) {
                    Ok(())
                } else {
                    Err(node.fault("the value has a wrong unit").into())
                }
            }
        }
    }

    /// The value in force, as TOML; `None` for a secret that is set.
    pub(super) fn show(&self, config: &Config) -> Option<String> {
        match self.access {
            Access::Field { show, .. } => Some(show(config)),
            Access::Secret { is_set, .. } => (!is_set(config)).then(|| toml::text("")),
            Access::SecretList { is_set, .. } => {
                (!is_set(config)).then(|| toml::list(std::iter::empty()))
            }
            Access::SecretTable { is_set, .. } => (!is_set(config)).then(|| toml::table([])),
            Access::Limit(limit) => Some(show_limit(config.limits.get(limit))),
        }
    }

    /// The default, as TOML.
    pub(super) fn default(&self) -> String {
        self.show(&Config::default()).unwrap_or_default()
    }
}

fn read_limit(unit: Unit, node: &Node) -> Result<Value, Fault> {
    let in_node = |message: String| node.fault(message);
    match (unit, &node.content) {
        (Unit::Bytes, Content::Text(text)) => parse_bytes(text).map(Value::Bytes).map_err(in_node),
        (Unit::Bytes, Content::Integer(number)) => {
            let number = number.to_string();
            parse_bytes(&number).map(Value::Bytes).map_err(in_node)
        }
        (Unit::Count, Content::Integer(number)) => {
            parse_count(*number).map(Value::Count).map_err(in_node)
        }
        (Unit::Period, Content::Text(text)) => {
            parse_period(text).map(Value::Period).map_err(in_node)
        }
        (Unit::Bytes, other) => Err(in_node(format!(
            "expected a size such as 4096 or \"64KiB\", not {}",
            other.name()
        ))),
        (Unit::Count, other) => Err(in_node(format!(
            "expected a whole number without quotes, not {}",
            other.name()
        ))),
        (Unit::Period, other) => Err(in_node(format!(
            "expected a time with its unit, such as \"10s\", not {}",
            other.name()
        ))),
    }
}

fn show_limit(value: Value) -> String {
    match value {
        Value::Bytes(bytes) => {
            let text = format_bytes(bytes);
            if text.ends_with('B') {
                toml::text(&text)
            } else {
                text
            }
        }
        Value::Count(number) => number.to_string(),
        Value::Period(period) => toml::text(&format_period(period)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_in_every_source() {
        let mut names = HashSet::new();
        let mut variables = HashSet::new();
        for (name, _) in Target::all() {
            assert!(variables.insert(environment_name(&name)), "{name}");
            assert!(names.insert(name.clone()), "{name}");
            assert!(Target::of(&name).is_some(), "{name}");
        }
        assert!(names.contains("topics.secret_file"));
        assert!(names.contains("drc.tokens_file"));
        assert!(!names.contains("drc.whitelist_file"));
        assert!(!names.contains("topics.audience_file"));
        assert!(LIMITS.iter().all(|row| names.contains(row.key)));
    }

    #[test]
    fn every_key_is_described_and_in_a_known_section() {
        for key in all() {
            assert!(key.summary().ends_with('.'), "{}", key.name);
            let known = key
                .section()
                .is_none_or(|section| SECTIONS.iter().any(|(name, _)| *name == section));
            assert!(known, "{}", key.name);
        }
    }

    #[test]
    fn every_value_survives_writing_and_reading() {
        for key in all() {
            let config = Config::default();
            let node = toml::parse_value(&key.default()).unwrap();
            let mut copy = Config::default();
            key.set(&mut copy, &node).unwrap();
            assert_eq!(copy, config, "{}", key.name);
        }
    }

    #[test]
    fn values_of_a_wrong_kind_are_refused_by_every_key() {
        for key in all() {
            let node = Node::new(Content::Other("a date"));
            let faults = key.set(&mut Config::default(), &node).unwrap_err();
            assert!(faults.0[0].message.contains("a date"), "{}", key.name);
        }
    }
}
