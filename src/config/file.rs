//! The file.

use super::error::{ConfigErrors, Place};
use super::keys::{self, SECTIONS, Target};
use super::loader::{Layer, Loader, read_bounded, unknown_key};
use super::nearest::{nearest, suggestion};
use super::node::{Content, Entry, Span, quoted};
use super::sources::{CONFIG_VARIABLE, Sources};
use super::toml;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// The longest file in bytes.
pub(super) const LONGEST_FILE: u64 = 1024 * 1024;

/// Reads the file, if there is one, into `loader`. Returns its path.
pub(super) fn load(loader: &mut Loader, sources: &Sources) -> Option<PathBuf> {
    let path = choose(loader, sources)?;
    match read_bounded(&path, LONGEST_FILE) {
        Ok(text) => load_text(loader, &path, &text),
        Err(message) => {
            let place = if sources.config_path.is_some() {
                Place::CommandLine("--config".to_owned())
            } else if sources.variable(CONFIG_VARIABLE).is_some() {
                Place::Environment(CONFIG_VARIABLE.to_owned())
            } else {
                whole(&path)
            };
            loader.error(place, message);
        }
    }
    Some(path)
}

/// As [`load`], with this text in the place of a file.
pub(super) fn load_given(loader: &mut Loader, path: &Path, text: &str) -> Option<PathBuf> {
    if text.len() as u64 > LONGEST_FILE {
        let message = format!("it would be longer than {LONGEST_FILE} bytes");
        loader.error(whole(path), message);
    } else {
        load_text(loader, path, text);
    }
    Some(path.to_owned())
}

/// The file that these sources read; where there is none, the first that they would.
pub(super) fn to_edit(sources: &Sources) -> Result<PathBuf, ConfigErrors> {
    let mut loader = Loader::default();
    let path = choose(&mut loader, sources);
    loader.into_errors()?;
    Ok(path
        .or_else(|| sources.search.first().cloned())
        .unwrap_or_default())
}

fn choose(loader: &mut Loader, sources: &Sources) -> Option<PathBuf> {
    let named = sources.config_path.clone();
    let named = named.or_else(|| sources.variable(CONFIG_VARIABLE).map(PathBuf::from));
    if named.is_some() {
        return named;
    }
    for path in &sources.search {
        match path.symlink_metadata() {
            Ok(_) => return Some(path.clone()),
            Err(error) if is_absent(&error) => {}
            Err(error) => {
                loader.error(whole(path), format!("cannot look for this file: {error}"));
            }
        }
    }
    None
}

/// A directory on the way that may not be entered hides a file as well as if there were none: a
/// service under its own user need not be able to enter a home directory.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

fn whole(path: &Path) -> Place {
    Place::File {
        path: path.to_owned(),
        position: None,
    }
}

fn load_text(loader: &mut Loader, path: &Path, text: &str) {
    let locate = |_: &str, span: &Span| Place::File {
        path: path.to_owned(),
        position: span.as_ref().map(|span| position(text, span.start)),
    };
    let root = match toml::parse_document(text) {
        Ok(root) => root,
        Err((span, message)) => return loader.error(locate("", &span), message),
    };
    let Content::Table(entries) = root.content else {
        return;
    };
    let mut layer = Layer {
        directory: path.parent().unwrap_or(Path::new("")),
        locate: &locate,
        seen: HashSet::new(),
    };
    for entry in &entries {
        if let Some(target) =
            Target::of(&entry.name).filter(|target| target.key.section().is_none())
        {
            loader.assign(&mut layer, (&entry.name, &entry.span), target, &entry.value);
        } else if SECTIONS.iter().any(|(section, _)| *section == entry.name) {
            load_section(loader, &mut layer, entry);
        } else {
            loader.error(locate("", &entry.span), unknown_section(entry));
        }
    }
}

fn load_section(loader: &mut Loader, layer: &mut Layer<'_>, section: &Entry) {
    let rows = match section.value.as_table("a section with keys") {
        Ok(rows) => rows,
        Err(fault) => {
            let place = (layer.locate)("", &section.span);
            return loader.error(place, format!("{}: {}", section.name, fault.message));
        }
    };
    for row in rows {
        let name = format!("{}.{}", section.name, row.name);
        match Target::of(&name) {
            Some(target) => loader.assign(layer, (&name, &row.span), target, &row.value),
            None => {
                let place = (layer.locate)("", &row.span);
                loader.error(place, unknown_key(&name));
            }
        }
    }
}

/// A name at the top that is neither a section nor a key: a misspelt section, or a key that
/// stands outside of its section.
fn unknown_section(entry: &Entry) -> String {
    let name = &entry.name;
    if !matches!(entry.value.content, Content::Table(_) | Content::List(_))
        && let Some(key) = keys::all().iter().find(|key| key.field() == name)
    {
        return format!("unknown key {}{}", quoted(name), suggestion(Some(key.name)));
    }
    let known = SECTIONS
        .iter()
        .map(|(section, _)| *section)
        .chain(["listen"]);
    let what = match entry.value.content {
        Content::Table(_) => "section",
        _ => "key",
    };
    let names_of_rows = || match &entry.value.content {
        Content::Table(rows) if rows.len() == 1 => {
            rows.first().map(|row| format!("{name}.{}", row.name))
        }
        _ => None,
    };
    // `limts.message = 1` is a section with one key; the whole name says more than its half.
    if let Some(full) = names_of_rows()
        && Target::of(&full).is_none()
        && nearest(&full, keys::all().iter().map(|key| key.name)).is_some()
    {
        return unknown_key(&full);
    }
    format!(
        "unknown {what} {}{}",
        quoted(name),
        suggestion(nearest(name, known))
    )
}

/// Line and column of a byte, both from 1, the column in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let text = "a\r\nüb\n\nc";
        for (byte, expected) in [
            (0, (1, 1)),
            (3, (2, 1)),
            (5, (2, 2)),
            (7, (3, 1)),
            (8, (4, 1)),
            (9, (4, 2)),
            (99, (4, 2)),
        ] {
            assert_eq!(position(text, byte), expected, "{byte}");
        }
    }
}
