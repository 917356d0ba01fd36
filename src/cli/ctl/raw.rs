//! `raw`: one frame with any letter.

use super::arguments::Connecting;
use super::link::{Answer, Link};
use crate::cli::publish::input::read_whole;
use crate::cli::{Failure, output};
use crate::protocol::control_frame::encode;
use clap::Args;
use std::io;

/// Letters whose answer may take the server a moment; after all others, a ping and its pong show
/// that there is no further answer.
const ANSWERED: &[u8] = b"cClfFiIsSmpgwktTurez";

/// The arguments of `raw`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The letter
    #[arg(value_parser = letter)]
    letter: u8,

    /// The payload; - is all of standard input
    #[arg(default_value = "")]
    payload: String,
}

fn letter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Ok(*letter),
        _ => Err("expected one letter from a to z or A to Z".to_owned()),
    }
}

impl Arguments {
    /// Sends the frame and prints the answers as they are, each on a line.
    ///
    /// # Errors
    /// [`Failure::NotAcknowledged`] after an `N` or `n`; [`Failure::Runtime`] after an `E` or if
    /// the connection breaks.
    pub(super) fn run(&self, connecting: &Connecting) -> Result<(), Failure> {
        let payload = match self.payload.as_str() {
            "-" => read_whole(io::stdin().lock(), false)?,
            text => text.as_bytes().to_vec(),
        };
        let link = Link::open(connecting)?;
        link.send(self.letter, &payload)?;
        match self.letter {
            b'q' | b'Q' => wait_for_end(&link),
            letter if ANSWERED.contains(&letter) => show(&link.answer()?),
            _ => link.synchronise(),
        }
    }
}

fn show(answer: &Answer) -> Result<(), Failure> {
    let mut line = encode(answer.letter, &answer.payload);
    line.push(b'\n');
    output::print_bytes(&line)?;
    match answer.letter {
        b'N' | b'n' => Err(Failure::NotAcknowledged {
            reason: String::new(),
            told: true,
        }),
        _ => Ok(()),
    }
}

/// The server closes: that is the answer.
fn wait_for_end(link: &Link) -> Result<(), Failure> {
    match link.receive(link.patience()) {
        Ok(Some(answer)) => show(&answer),
        Ok(None) => Err(link.silent()),
        Err(_) => Ok(()),
    }
}
