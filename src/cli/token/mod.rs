//! `fantail token`: what clients prove with who they are.

mod dsock;
mod explain;
mod wson;

use super::Failure;
use clap::{Args, Subcommand};
use std::time::{SystemTime, UNIX_EPOCH};

/// The arguments of `fantail token`.
#[derive(Debug, Clone, Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    dialect: Dialect,
}

#[derive(Debug, Clone, Subcommand)]
enum Dialect {
    /// Make a JWT for a client of dSock, signed with dsock.jwt_secret
    Dsock(dsock::Arguments),
    /// Say whether a client of dSock could connect with a JWT, and if not, which claim fails and why
    Explain(explain::Arguments),
    /// Make cookies for a client of ws(s)on, signed with wson.secret
    Wson(wson::Arguments),
}

/// Prints it.
///
/// # Errors
/// What is wrong with the arguments or the configuration.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.dialect {
        Dialect::Dsock(arguments) => dsock::run(arguments),
        Dialect::Explain(arguments) => explain::run(arguments),
        Dialect::Wson(arguments) => wson::run(arguments),
    }
}

fn epoch_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
