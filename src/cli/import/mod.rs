//! `fantail import`: settings of the servers that Fantail can stand in for. A file for each.
//!
//! A file of the old server becomes values of keys ([`Imported`]); here they get into the
//! configuration file, by the way that `fantail config set` takes.

mod drc;
mod dsock;
mod message_broker;

use clap::{Args, Subcommand};
use std::fmt::Write;
use std::path::PathBuf;

use super::config_file::{self, ConfigFile};
use super::{Failure, output};
use crate::config::{Change, EditError, edit, show};

/// The arguments of `fantail import`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Clone, Subcommand)]
enum From {
    /// Take over the config.dat of php-drc
    Drc(Options),
    /// Take over the config.toml of dSock and its variables DSOCK_*
    Dsock(DsockOptions),
    /// Take over the config.ini of WSMessageBroker
    MessageBroker(Options),
}

/// What an import of a file is told.
#[derive(Debug, Clone, Args)]
struct Options {
    /// The file of the old server
    #[arg(value_name = "PATH")]
    from: PathBuf,

    #[command(flatten)]
    writing: Writing,
}

/// What the import of dSock is told.
#[derive(Debug, Clone, Args)]
struct DsockOptions {
    /// The file of the old server [default: ./config.toml, ~/.config/dsock/config.toml or
    /// /etc/dsock/config.toml, whichever exists]
    #[arg(value_name = "PATH")]
    from: Option<PathBuf>,

    #[command(flatten)]
    writing: Writing,
}

/// What all imports are told.
#[derive(Debug, Clone, Args)]
struct Writing {
    /// Replace what the configuration says already
    #[arg(long)]
    force: bool,

    /// Print what would be written, secrets too, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    file: config_file::Arguments,
}

/// What there is to be written.
struct Imported {
    /// The section.
    section: &'static str,
    /// Its keys with their values as TOML; behind them those of other sections, as
    /// `section.key`.
    values: Vec<(&'static str, String)>,
    /// Keys that would contradict these.
    instead: Vec<&'static str>,
    /// A line on each thing that was taken.
    taken: Vec<String>,
    /// A line on each thing that could not be taken, and why; no secrets.
    left: Vec<String>,
}

/// Takes over the settings of another server.
///
/// # Errors
/// If its file cannot be read, if the configuration has the keys already, or if it cannot be
/// written.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.from {
        From::Drc(options) => write(&drc::read(&options.from)?, options.writing),
        From::MessageBroker(options) => {
            write(&message_broker::read(&options.from)?, options.writing)
        }
        From::Dsock(options) => write(&dsock::read(options.from.as_deref())?, options.writing),
    }
}

fn write(imported: &Imported, options: Writing) -> Result<(), Failure> {
    for line in &imported.left {
        output::complain(&format!("not taken: {line}"));
    }
    if options.dry_run {
        return output::print(&imported.to_toml());
    }
    let file = ConfigFile::find(options.file)?;
    let written = file.rewrite(|text| {
        if !options.force {
            imported.refuse_if_present(text)?;
        }
        Ok((imported.put_into(text)?, ()))
    })?;
    let mut text = imported.taken.join("\n");
    let _ = write!(text, "\n{written}\n");
    if written.is_changed {
        text.push_str("`fantail ctl reload` applies it to a running server\n");
    }
    output::print(&text)
}

impl Imported {
    fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut last = None;
        for (key, value) in &self.values {
            let (section, key) = key.split_once('.').unwrap_or((self.section, key));
            if last != Some(section) {
                let separator = if last.is_some() { "\n" } else { "" };
                let _ = writeln!(text, "{separator}[{section}]");
                last = Some(section);
            }
            let _ = writeln!(text, "{key} = {value}");
        }
        text
    }

    fn name(&self, key: &str) -> String {
        match key.contains('.') {
            true => key.to_owned(),
            false => format!("{}.{key}", self.section),
        }
    }

    fn refuse_if_present(&self, text: &str) -> Result<(), EditError> {
        let own = self.values.iter().map(|(key, _)| *key);
        let present: Vec<_> = show(text, None, false)?
            .into_iter()
            .map(|shown| shown.name)
            .collect();
        let mut keys = own.chain(self.instead.iter().copied());
        match keys.find(|key| present.contains(&self.name(key))) {
            Some(key) => Err(EditError::Refused(format!(
                "the file has {} already; --force replaces it",
                self.name(key)
            ))),
            None => Ok(()),
        }
    }

    fn put_into(&self, text: &str) -> Result<String, EditError> {
        let mut text = text.to_owned();
        for key in &self.instead {
            text = edit(&text, &self.name(key), &Change::Reset)?.text;
        }
        for (key, value) in &self.values {
            let change = Change::Write(value.clone());
            text = edit(&text, &self.name(key), &change)?.text;
        }
        Ok(text)
    }
}
