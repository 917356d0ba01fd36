//! `fantail config get` and `list`: what is in the file.

use clap::Args;

use crate::cli::config_file::{self, ConfigFile};
use crate::cli::{Failure, output};
use crate::config::{Shown, show};

/// The arguments of `fantail config get`.
#[derive(Debug, Clone, Args)]
pub(super) struct Get {
    /// The key, such as log.level
    #[arg(value_name = "SECTION.KEY")]
    key: String,

    #[command(flatten)]
    reading: Reading,
}

/// The arguments of `fantail config list`.
#[derive(Debug, Clone, Args)]
pub(super) struct List {
    /// The key, such as drc.whitelist [default: all keys in the file]
    #[arg(value_name = "SECTION.KEY")]
    key: Option<String>,

    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Clone, Args)]
#[group(skip)]
struct Reading {
    /// Print secrets too
    #[arg(long)]
    show_secrets: bool,

    #[command(flatten)]
    file: config_file::Arguments,
}

/// Prints the value of a key: a text as it is, all else as TOML on one line.
pub(super) fn get(arguments: Get) -> Result<(), Failure> {
    let shown = read(Some(&arguments.key), arguments.reading)?;
    let values = shown.iter().map(|shown| {
        let is_text = shown.value.starts_with('"');
        let value = shown.lines.first().filter(|_| is_text);
        format!("{}\n", value.unwrap_or(&shown.value))
    });
    output::print(&values.collect::<String>())
}

/// Prints the items of a key, or all keys.
pub(super) fn list(arguments: List) -> Result<(), Failure> {
    let shown = read(arguments.key.as_deref(), arguments.reading)?;
    let lines: String = match arguments.key {
        Some(_) => shown
            .iter()
            .flat_map(|shown| &shown.lines)
            .map(|line| format!("{line}\n"))
            .collect(),
        None => shown
            .iter()
            .map(|shown| format!("{} = {}\n", shown.name, shown.value))
            .collect(),
    };
    output::print(&lines)
}

fn read(key: Option<&str>, reading: Reading) -> Result<Vec<Shown>, Failure> {
    let file = ConfigFile::find(reading.file)?;
    let shown = file.read_with(|text| show(text, key, reading.show_secrets))?;
    for shown in shown.iter().filter(|shown| shown.is_default) {
        output::complain(&format!(
            "{} is not in {}; this is the default",
            shown.name,
            file.path().display()
        ));
    }
    Ok(shown)
}
