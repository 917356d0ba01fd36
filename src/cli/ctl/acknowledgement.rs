//! Yes or no: what a command makes of its answer.

use super::format::{Format, print_object};
use super::link::{Answer, unexpected};
use crate::cli::{Failure, output};
use serde_json::{Map, Value};

/// The members of a JSON object.
pub(super) type Members = Map<String, Value>;

/// Tells `answer`, which is one of `yes` or `no`. What a `no` says is the reason; where it says
/// nothing, `reason` is.
///
/// # Errors
/// [`Failure::NotAcknowledged`] for a `no`, and another failure for an answer of another kind.
pub(super) fn conclude(
    answer: &Answer,
    (yes, no): (u8, u8),
    reason: &str,
    format: Format,
) -> Result<(), Failure> {
    if answer.letter == yes {
        return acknowledged(format, Members::new());
    }
    if answer.letter != no {
        return Err(unexpected(answer));
    }
    // An N repeats the token, which is no reason.
    let said = if no == b'n' {
        answer.text()
    } else {
        String::new()
    };
    Err(not_acknowledged(
        format,
        if said.is_empty() { reason } else { &said },
    ))
}

/// Tells that the server said yes: a word to a person, nothing to a program, or with JSON an object
/// that has `members` too.
///
/// # Errors
/// If it cannot be printed.
pub(super) fn acknowledged(format: Format, mut members: Members) -> Result<(), Failure> {
    match format {
        Format::Table => output::print("acknowledged\n"),
        Format::Plain => Ok(()),
        Format::Json => {
            members.insert("acknowledged".to_owned(), true.into());
            print_object(&members)
        }
    }
}

/// The failure that says that the server said no; with JSON, an object has been printed.
pub(super) fn not_acknowledged(format: Format, reason: &str) -> Failure {
    let told = format == Format::Json;
    if told {
        let mut members = Members::new();
        members.insert("acknowledged".to_owned(), false.into());
        members.insert("reason".to_owned(), reason.into());
        if let Err(failure) = print_object(&members) {
            return failure;
        }
    }
    Failure::NotAcknowledged {
        reason: reason.to_owned(),
        told,
    }
}
