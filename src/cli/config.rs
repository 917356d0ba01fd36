//! `fantail config`: the default file, or the values in force.

use super::{Failure, configuration, output};
use crate::config::{Config, default_file, effective};
use clap::Args;

/// The arguments of `fantail config`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Print the values in force instead, and where each of them comes from; no secrets
    #[arg(short, long)]
    effective: bool,

    #[command(flatten)]
    configuration: configuration::Arguments,
}

/// Prints it.
///
/// # Errors
/// Everything that is wrong with the configuration, if it is asked for.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    if !arguments.effective {
        return output::print(&default_file());
    }
    let loaded = Config::load(&arguments.configuration.into_sources())?;
    output::print(&effective(&loaded))
}
