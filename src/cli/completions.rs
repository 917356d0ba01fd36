//! `fantail completions`: scripts that complete commands and arguments in a shell.

use super::{Failure, output};
use clap::{Args, Command};
use clap_complete::Shell;

/// The arguments of `fantail completions`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(arguments: &Arguments, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "fantail", &mut script);
    output::print_bytes(&script)
}
