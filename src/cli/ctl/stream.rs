//! `stream`: standard input as one message in fragments.
//!
//! The client is locked from the first to the last: whatever else is sent to it waits. If this
//! program ends before its input does, the server closes the client, since half a message is
//! none.

use super::acknowledgement::{Members, acknowledged, conclude, not_acknowledged};
use super::arguments::Connecting;
use super::format::Format;
use super::link::{Answer, Link, unexpected};
use super::message::letter;
use crate::cli::Failure;
use crate::cli::publish::input::parts;
use clap::Args;
use std::io;

/// The arguments of `stream`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The client's token, 32 bytes
    #[arg(allow_hyphen_values = true)]
    token: String,

    /// Send a binary message rather than text
    #[arg(short, long)]
    binary: bool,
}

impl Arguments {
    /// Sends until the input ends.
    ///
    /// # Errors
    /// If the client is not there, goes away, or a part is refused.
    pub(super) fn run(&self, connecting: &Connecting, format: Format) -> Result<(), Failure> {
        let link = Link::open(connecting)?;
        let lock = link.request(b'l', self.token.as_bytes())?;
        if lock.letter != b'A' {
            let reason = "no client with this token is connected, or another message in \
                          fragments is being sent to it";
            return conclude(&lock, (b'A', b'N'), reason, format);
        }
        let mut first = true;
        let mut bytes: usize = 0;
        for part in parts(io::stdin()) {
            let part = part?;
            bytes = bytes.saturating_add(part.len());
            self.send(&link, if first { b'f' } else { b'i' }, &part, format)?;
            first = false;
        }
        if first {
            self.send(&link, b'f', b"", format)?;
        }
        self.send(&link, b's', b"", format)?;
        let mut members = Members::new();
        members.insert("bytes".to_owned(), bytes.into());
        acknowledged(format, members)
    }

    fn send(&self, link: &Link, kind: u8, part: &[u8], format: Format) -> Result<(), Failure> {
        match link.request(letter(kind, self.binary), part)? {
            Answer { letter: b'a', .. } => Ok(()),
            answer @ Answer { letter: b'n', .. } => {
                let said = answer.text();
                Err(not_acknowledged(
                    format,
                    if said.is_empty() {
                        "the client went away, or the text is not UTF-8"
                    } else {
                        &said
                    },
                ))
            }
            answer => Err(unexpected(&answer)),
        }
    }
}
