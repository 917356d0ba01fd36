//! The message of a command: an argument, or standard input.

use crate::cli::Failure;
use crate::cli::publish::input::read_whole;
use clap::Args;
use std::io;

/// The arguments for a message.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct Message {
    /// The message; without it, all of standard input
    text: Option<String>,

    /// Send a binary message rather than text
    #[arg(short, long)]
    pub binary: bool,
}

impl Message {
    /// The bytes of the message.
    ///
    /// # Errors
    /// If standard input cannot be read, is too long, or is not UTF-8 where that is wanted.
    pub(super) fn read(&self) -> Result<Vec<u8>, Failure> {
        match &self.text {
            Some(text) => Ok(text.clone().into_bytes()),
            None => read_whole(io::stdin().lock(), !self.binary),
        }
    }

    /// The letter for this kind of message.
    pub(super) fn letter(&self, text: u8) -> u8 {
        letter(text, self.binary)
    }
}

/// The letter of text in lower case, that of binary in upper case.
pub(super) fn letter(text: u8, binary: bool) -> u8 {
    if binary {
        text.to_ascii_uppercase()
    } else {
        text
    }
}
