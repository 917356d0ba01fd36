//! `fantail token`: what clients prove with who they are.

mod wson;

use super::Failure;
use clap::{Args, Subcommand};

/// The arguments of `fantail token`.
#[derive(Debug, Clone, Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    dialect: Dialect,
}

#[derive(Debug, Clone, Subcommand)]
enum Dialect {
    /// Make cookies for a client of ws(s)on, signed with wson.secret
    Wson(wson::Arguments),
}

/// Prints it.
///
/// # Errors
/// What is wrong with the arguments or the configuration.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.dialect {
        Dialect::Wson(arguments) => wson::run(arguments),
    }
}
