//! `fantail config`: the default file, the values in force, and changes to the file.

mod change;
mod view;

use super::{Failure, configuration, output};
use crate::config::{Config, default_file, effective};
use clap::{Args, Subcommand};

/// The arguments of `fantail config`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Print the values in force instead, and where each of them comes from; no secrets
    #[arg(short, long)]
    effective: bool,

    #[command(flatten)]
    configuration: configuration::Arguments,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Set a key in the file
    Set(change::Set),
    /// Add items to a list, a row to a table, or protocols to a row
    Add(change::Add),
    /// Remove items from a list, a row from a table, or protocols from a row
    Remove(change::Remove),
    /// Take a key out of the file, so that its default counts
    Reset(change::Reset),
    /// Print the value of a key in the file
    Get(view::Get),
    /// Print the items of a key in the file on a line each, or all keys of the file
    List(view::List),
}

/// Prints it, or changes the file.
///
/// # Errors
/// Everything that is wrong with the configuration, if it is asked for, or with the change.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Some(Command::Set(arguments)) => change::set(arguments),
        Some(Command::Add(arguments)) => change::add(arguments),
        Some(Command::Remove(arguments)) => change::remove(arguments),
        Some(Command::Reset(arguments)) => change::reset(arguments),
        Some(Command::Get(arguments)) => view::get(arguments),
        Some(Command::List(arguments)) => view::list(arguments),
        None if arguments.effective => {
            let loaded = Config::load(&arguments.configuration.into_sources())?;
            output::print(&effective(&loaded))
        }
        None => output::print(&default_file()),
    }
}
