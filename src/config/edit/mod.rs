//! Changes to the file that keep the rest of it, comments and order included, to the byte.
//!
//! A change is planned for the value as such ([`plan`]), then made in the text, at the places
//! that the parser names. Afterwards the text is parsed again: if anything but the key has
//! changed, it is not used.

mod editor;
mod items;
mod lines;
mod listeners;
mod place;
mod plan;
mod protocols;
mod sequence;
mod show;
#[cfg(test)]
mod tests;

use super::error::ConfigErrors;
use super::keys::Target;
use super::loader::unknown_flag;
use super::toml;
use editor::Editor;
use place::find;
pub use show::{Shown, show};

/// What only a new start of the server can change.
const NEEDS_START: &[&str] = &[
    "listen",
    "control.listen",
    "log.format",
    "limits.tcp_user_timeout",
];

/// What is to become of a key in the file. Values are written as in the environment.
pub enum Change {
    /// It is set to this; a list to these items.
    Set(Vec<String>),
    /// It is set to this, which is TOML.
    Write(String),
    /// Items are added to a list. To a table a row is added: its name, and a value or, where there
    /// are protocols, any number of them.
    Add(Vec<String>),
    /// Items are removed from a list, or rows from a table, or protocols from a row.
    Remove(Vec<String>),
    /// It is taken out of the file, so that the default counts.
    Reset,
}

/// A changed file.
pub struct Edited {
    /// All of it.
    pub text: String,
    /// What was done, a line each; no secrets.
    pub notes: Vec<String>,
    /// True if the value is a secret.
    pub is_secret: bool,
    /// True if a running server takes it over only at its next start.
    pub needs_start: bool,
}

/// Why a change was not made.
pub enum EditError {
    /// The key or the value is wrong.
    Invalid(ConfigErrors),
    /// The change makes no sense for this key.
    Usage(String),
    /// The change does not fit what is in the file.
    Refused(String),
    /// The file is not TOML; the loader says where.
    Syntax,
}

/// Makes a change in the text of a file.
///
/// # Errors
/// Why it cannot be made.
pub fn edit(text: &str, name: &str, change: &Change) -> Result<Edited, EditError> {
    let target = target(name)?;
    let root = toml::parse_document(text).map_err(|_| EditError::Syntax)?;
    let unclear = || {
        EditError::Refused(format!(
            "{name} is written in a way that only a text editor can change"
        ))
    };
    // The listeners are in no section.
    let (section, field) = name.split_once('.').unwrap_or((name, name));
    let editor = Editor {
        text,
        root: &root,
        section,
        field,
    };
    let (new, notes) = if section == field {
        listeners::edit(text, &root, target, change)?
    } else {
        let found = find(text, &root, section, field).ok_or_else(unclear)?;
        editor.make(&found, target, change)?
    };
    let new = new.ok_or_else(unclear)?;
    if !editor.keeps_the_rest(&new) {
        return Err(unclear());
    }
    Ok(Edited {
        text: new,
        notes,
        is_secret: target.is_hidden(),
        needs_start: NEEDS_START.contains(&name),
    })
}

fn target(name: &str) -> Result<Target, EditError> {
    Target::of(name).ok_or_else(|| EditError::Invalid(ConfigErrors(vec![unknown_flag(name)])))
}
