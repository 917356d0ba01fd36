//! `fantail man`: the manual page.

use super::{Failure, output};
use clap::Command;
use clap_mangen::Man;

/// Prints the page.
pub(super) fn run(command: Command) -> Result<(), Failure> {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::of_output(&error))?;
    output::print_bytes(&page)
}
