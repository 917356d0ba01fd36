//! Standard output and standard error, without panics when nobody reads them.

use super::exit::Failure;
use std::io::{self, Write};

/// Writes to standard output, at once.
///
/// # Errors
/// [`Failure::OutputClosed`] if the reader is gone.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// As [`print`].
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::of_output(&error))
}

/// Writes a line for each line of `text` to standard error, with the program's name before it. If
/// that is closed too, nobody can be told.
pub(super) fn complain(text: &str) {
    let lines: String = text
        .lines()
        .map(|line| format!("fantail: {line}\n"))
        .collect();
    let _ = io::stderr().lock().write_all(lines.as_bytes());
}
