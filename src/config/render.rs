//! A configuration as text: the commented default file, and the values in force.

use super::Loaded;
use super::keys::{self, Key, SECTIONS};
use super::listen::{FIELDS, Listen};
use std::fmt::Write;

const WIDTH: usize = 94;

/// The default file: every key with its description, and its default commented out, so that a
/// default that changes in a later version is not held back by a copy of this file.
pub fn default_file() -> String {
    let mut text = String::from(
        "# Configuration of Fantail. Every line that begins with a single # and no space shows a\n\
         # default; remove the # to change it. `fantail check` tests the file.\n\
         # Each key is also a variable of the environment: limits.message is\n\
         # FANTAIL_LIMITS_MESSAGE.\n",
    );
    listeners(&mut text);
    for (section, description) in SECTIONS {
        let _ = write!(text, "\n# {description}\n[{section}]\n");
        for key in keys_of(section) {
            text.push('\n');
            comment(&mut text, &key.summary());
            let _ = writeln!(text, "#{} = {}", key.field(), key.default());
        }
    }
    text
}

fn keys_of(section: &str) -> impl Iterator<Item = &'static Key> {
    keys::all()
        .iter()
        .filter(move |key| key.section() == Some(section))
}

fn listeners(text: &mut String) {
    if let Some(key) = keys::find("listen") {
        text.push('\n');
        comment(text, &key.summary());
    }
    text.push_str("#[[listen]]\n");
    for field in FIELDS {
        text.push('\n');
        comment(text, field.description);
        match (field.name, field.default) {
            // Another kind of address needs this one; with the default it would be an error.
            ("mode", default) => {
                let _ = writeln!(text, "# mode = {default}");
            }
            (name, "") => {
                let _ = writeln!(text, "# {name} = \"ws.example.com\"");
            }
            (name, default) => {
                let _ = writeln!(text, "#{name} = {default}");
            }
        }
    }
}

fn comment(text: &mut String, paragraph: &str) {
    let mut width = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count() + 1;
        if width == 0 || width + length > WIDTH {
            text.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        text.push(' ');
        text.push_str(word);
        width += length;
    }
    text.push('\n');
}

/// The values in force, as a file that would give the same again, with the place of each that is
/// no default. Secrets are not in it.
pub fn effective(loaded: &Loaded) -> String {
    let mut text = String::new();
    let place = |key: &Key| {
        loaded
            .places
            .get(key.name)
            .map(|place| format!("  # {place}"))
            .unwrap_or_default()
    };
    for listener in &loaded.config.listen {
        show_listener(&mut text, listener);
    }
    for (section, _) in SECTIONS {
        let _ = writeln!(text, "[{section}]");
        for key in keys_of(section) {
            let field = key.field();
            let _ = match key.show(&loaded.config) {
                Some(value) => writeln!(text, "{field} = {value}{}", place(key)),
                None => writeln!(text, "# {field} is not shown{}", place(key)),
            };
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn show_listener(text: &mut String, listener: &Listen) {
    text.push_str("[[listen]]\n");
    for (name, value) in super::fields::listener_rows(listener) {
        let _ = writeln!(text, "{name} = {value}");
    }
    text.push('\n');
}

/// The table of all keys for the documentation, in Markdown.
#[cfg(test)]
fn key_table() -> String {
    let mut text = String::from("| key | default | meaning |\n|---|---|---|\n");
    let mut row = |name: &str, default: &str, meaning: &str| {
        let default = if default.is_empty() {
            String::new()
        } else {
            format!("`{default}`")
        };
        let _ = writeln!(text, "| `{name}` | {default} | {meaning} |");
    };
    for field in FIELDS {
        let name = format!("listen.{}", field.name);
        row(&name, field.default, field.description);
    }
    for key in keys::all().iter().filter(|key| key.section().is_some()) {
        let default = key.default();
        row(key.name, &default, &key.summary());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};
    use std::io::Write as _;

    fn load(text: &str) -> Loaded {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let sources = Sources {
            config_path: Some(file.path().to_owned()),
            ..Sources::default()
        };
        Config::load(&sources).unwrap()
    }

    #[test]
    fn the_default_file_gives_the_defaults_also_when_its_lines_are_made_active() {
        let text = default_file();
        assert_eq!(load(&text).config, Config::default());

        let active: Vec<_> = text
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => rest,
                _ => line,
            })
            .collect();
        let loaded = load(&active.join("\n"));
        assert_eq!(loaded.config, Config::default());
        for key in keys::all() {
            assert!(loaded.places.contains_key(key.name), "{}", key.name);
        }
        assert!(
            text.lines()
                .all(|line| line.len() <= 100 || !line.starts_with("# "))
        );
    }

    #[test]
    fn the_effective_values_give_the_same_configuration() {
        let first = load(
            "listen = [{ address = \"unix:///x.sock\", mode = \"0600\", domain = \"a.b\" }]\n\
             [limits]\nmessage = \"2MiB\"\nhead = 5000\n[topics]\npolicies = {}\n",
        );
        let text = effective(&first);
        assert!(text.contains("message = \"2MiB\"  # "), "{text}");
        assert_eq!(load(&text).config, first.config, "{text}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let text = effective(&load("[topics]\nsecret = \"hunter2\"\n"));
        assert!(text.contains("# secret is not shown  # "), "{text}");
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn the_document_has_every_key_with_its_default() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let document = std::fs::read_to_string(path).unwrap();
        for row in key_table().lines() {
            assert!(
                document.lines().any(|line| line == row),
                "docs/configuration.md lacks this row:\n{row}"
            );
        }
    }
}
