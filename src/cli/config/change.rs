//! `fantail config set`, `add`, `remove` and `reset`.

use std::io::Read;

use clap::Args;

use crate::cli::config_file::{self, ConfigFile, Written};
use crate::cli::random::random_text;
use crate::cli::{Failure, output};
use crate::config::{Change, Edited, edit};

/// What stands for a value that is read from standard input.
const STANDARD_INPUT: &str = "-";

/// The most bytes that are read from there.
const LONGEST_INPUT: u64 = 1024 * 1024;

/// The key whose names are made at random where none is given.
const TOKENS: &str = "drc.tokens";

/// The arguments of `fantail config set`.
#[derive(Debug, Clone, Args)]
pub(super) struct Set {
    /// The key, such as log.level
    #[arg(value_name = "SECTION.KEY")]
    key: String,

    /// The value, written as in a variable of the environment; of a list, its items; "-" reads it
    /// from standard input, where other users do not see it
    #[arg(value_name = "VALUE", required = true)]
    values: Vec<String>,

    #[command(flatten)]
    file: config_file::Arguments,
}

/// The arguments of `fantail config add`.
#[derive(Debug, Clone, Args)]
pub(super) struct Add {
    /// The key, such as drc.origins
    #[arg(value_name = "SECTION.KEY")]
    key: String,

    /// The items; for drc.whitelist and drc.tokens an address or a token, and protocols if it shall
    /// not count for all; "-" reads a value from standard input
    #[arg(value_name = "VALUE")]
    values: Vec<String>,

    /// Make a token for drc.tokens at random and print it, with the values as its protocols; the
    /// default without values
    #[arg(long)]
    random: bool,

    #[command(flatten)]
    file: config_file::Arguments,
}

/// The arguments of `fantail config remove`.
#[derive(Debug, Clone, Args)]
pub(super) struct Remove {
    /// The key, such as drc.origins
    #[arg(value_name = "SECTION.KEY")]
    key: String,

    /// The items; for drc.whitelist and drc.tokens an address or a token, and protocols if it shall
    /// keep the others; "-" reads a value from standard input
    #[arg(value_name = "VALUE", required = true)]
    values: Vec<String>,

    #[command(flatten)]
    file: config_file::Arguments,
}

/// The arguments of `fantail config reset`.
#[derive(Debug, Clone, Args)]
pub(super) struct Reset {
    /// The key, such as log.level
    #[arg(value_name = "SECTION.KEY")]
    key: String,

    #[command(flatten)]
    file: config_file::Arguments,
}

/// Sets a key.
pub(super) fn set(arguments: Set) -> Result<(), Failure> {
    let (values, from_input) = read_values(arguments.values)?;
    let written = make(&arguments.key, &Change::Set(values), arguments.file)?;
    warn_of_readers(&written, from_input);
    output::print(&report(&written))
}

/// Adds to a list or a table.
pub(super) fn add(arguments: Add) -> Result<(), Failure> {
    let (mut values, from_input) = read_values(arguments.values)?;
    let is_random = arguments.random || (arguments.key == TOKENS && values.is_empty());
    if is_random && arguments.key != TOKENS {
        let message = format!("--random is for {TOKENS}");
        return Err(Failure::Usage(message));
    }
    if !is_random {
        if values.is_empty() {
            return Err(Failure::Usage(format!(
                "what is to be added to {}?",
                arguments.key
            )));
        }
        let written = make(&arguments.key, &Change::Add(values), arguments.file)?;
        warn_of_readers(&written, from_input);
        return output::print(&report(&written));
    }
    let token = random_text()?;
    values.insert(0, token.clone());
    let written = make(&arguments.key, &Change::Add(values), arguments.file)?;
    // The token alone, so that a script can take it.
    output::complain(&report(&written));
    output::print(&format!("{token}\n"))
}

/// Removes from a list or a table.
pub(super) fn remove(arguments: Remove) -> Result<(), Failure> {
    let (values, _) = read_values(arguments.values)?;
    let written = make(&arguments.key, &Change::Remove(values), arguments.file)?;
    output::print(&report(&written))
}

/// Takes a key out of the file.
pub(super) fn reset(arguments: Reset) -> Result<(), Failure> {
    let written = make(&arguments.key, &Change::Reset, arguments.file)?;
    output::print(&report(&written))
}

fn make(
    key: &str,
    change: &Change,
    file: config_file::Arguments,
) -> Result<Written<Edited>, Failure> {
    let file = ConfigFile::find(file)?;
    let written = file.rewrite(|text| {
        let edited = edit(text, key, change)?;
        Ok((edited.text.clone(), edited))
    })?;
    if let Some(variable) = file.overriding(key) {
        output::complain(&format!(
            "warning: {variable} is set, and counts instead of the file wherever it is"
        ));
    }
    Ok(written)
}

/// Other users of the machine can read what stands on a command line.
fn warn_of_readers(written: &Written<Edited>, from_input: bool) {
    if written.outcome.is_secret && !from_input {
        output::complain(
            "warning: other users of this machine can see a secret on the command line; \"-\" \
             reads it from standard input",
        );
    }
}

/// The values, the one that is "-" from standard input; and whether there was such a one.
fn read_values(mut values: Vec<String>) -> Result<(Vec<String>, bool), Failure> {
    let mut found = values.iter_mut().filter(|value| *value == STANDARD_INPUT);
    let first = found.next();
    if found.next().is_some() {
        let message = "only one value can come from standard input".to_owned();
        return Err(Failure::Usage(message));
    }
    let from_input = first.is_some();
    if let Some(value) = first {
        let mut text = String::new();
        let mut input = std::io::stdin().lock().take(LONGEST_INPUT);
        input.read_to_string(&mut text).map_err(|error| {
            Failure::Runtime(format!("cannot read from standard input: {error}"))
        })?;
        text.trim_end_matches(['\r', '\n']).clone_into(value);
    }
    Ok((values, from_input))
}

fn report(written: &Written<Edited>) -> String {
    let mut lines = written.outcome.notes.clone();
    lines.push(written.to_string());
    if written.is_changed {
        lines.push(
            match written.outcome.needs_start {
                true => "a running server takes it over when it is started again",
                false => "`fantail ctl reload` applies it to a running server",
            }
            .to_owned(),
        );
    }
    lines.join("\n") + "\n"
}
