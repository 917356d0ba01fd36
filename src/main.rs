//! The `fantail` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    fantail::cli::run(std::env::args_os())
}
