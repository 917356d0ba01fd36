//! `domain`, `reload`, `drain`, `ping` and `letters`: the server as a whole.

use super::acknowledgement::{Members, conclude};
use super::arguments::Connecting;
use super::format::{Format, milliseconds, one_line, print_object};
use super::link::{Link, unexpected};
use crate::cli::{Failure, output};
use clap::Args;
use serde_json::Value;
use std::time::Instant;

/// Prints the domain, or the address, of the listener that has the fewest connections.
///
/// # Errors
/// If the server does not tell.
pub(super) fn domain(link: &Link, format: Format) -> Result<(), Failure> {
    told(link, (b'm', b""), b'M', "domain", format)
}

/// The arguments of `letters`.
#[derive(Debug, Clone, Args)]
pub(super) struct Letters {
    /// Only these letters; the server answers with those of them that it knows
    #[arg(default_value = "")]
    letters: String,
}

impl Letters {
    /// Prints the letters.
    ///
    /// # Errors
    /// If the server does not tell.
    pub(super) fn run(&self, connecting: &Connecting, format: Format) -> Result<(), Failure> {
        let link = Link::open(connecting)?;
        let question = (b'z', self.letters.as_bytes());
        told(&link, question, b'Z', "letters", format)
    }
}

/// Asks a question that is answered with one text, and prints that.
fn told(
    link: &Link,
    (letter, payload): (u8, &[u8]),
    expected: u8,
    name: &str,
    format: Format,
) -> Result<(), Failure> {
    let answer = link.request(letter, payload)?;
    if answer.letter != expected {
        return conclude(
            &answer,
            (expected, b'n'),
            "the server does not tell",
            format,
        );
    }
    match format {
        Format::Json => print_member(name, answer.text().into()),
        Format::Plain | Format::Table => output::print(&(one_line(&answer.text()) + "\n")),
    }
}

/// Reads the configuration again.
///
/// # Errors
/// What is wrong with it; then everything stays as it was.
pub(super) fn reload(link: &Link, format: Format) -> Result<(), Failure> {
    let answer = link.request(b'r', b"")?;
    conclude(&answer, (b'a', b'n'), "see the server's log", format)
}

/// Closes all connections in order and ends the server.
///
/// # Errors
/// If the server does not.
pub(super) fn drain(link: &Link, format: Format) -> Result<(), Failure> {
    let answer = link.request(b'e', b"")?;
    conclude(&answer, (b'a', b'n'), "see the server's log", format)
}

/// Measures the way there and back.
///
/// # Errors
/// If there is no answer in time.
pub(super) fn ping(link: &Link, format: Format) -> Result<(), Failure> {
    let start = Instant::now();
    let answer = link.request(b'p', b"")?;
    let time = milliseconds(start.elapsed());
    if answer.letter != b'P' {
        return Err(unexpected(&answer));
    }
    match format {
        Format::Json => print_member("milliseconds", time.into()),
        Format::Plain => output::print(&format!("{time}\n")),
        Format::Table => output::print(&format!("{time} ms\n")),
    }
}

fn print_member(name: &str, value: Value) -> Result<(), Failure> {
    let mut members = Members::new();
    members.insert(name.to_owned(), value);
    print_object(&members)
}
