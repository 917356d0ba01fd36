//! `fantail sub`: prints the messages of a topic.

use super::client::{Connection, Ending, Incoming, Received, TokenArguments, Url};
use super::{Failure, output};
use crate::protocol::ws_frame::{MessageType, Opcode};
use clap::Args;
use std::io::{self, IsTerminal};
use std::num::NonZeroU64;
use std::time::Duration;

/// A server that is silent for this long is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(75);

/// The arguments of `fantail sub`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The topic, such as ws://127.0.0.1:7328/demo
    url: Url,

    /// Print the bytes of each message and nothing between them
    #[arg(short, long)]
    binary: bool,

    /// End after this many messages
    #[arg(short = 'n', long, value_name = "NUMBER")]
    count: Option<NonZeroU64>,

    /// Say on standard error when the connection is open
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    token: TokenArguments,
}

/// Prints until the connection ends, or until there were enough messages.
///
/// # Errors
/// If it cannot connect, or if the connection ends otherwise than with 1000.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut connection = Connection::open(&arguments.url)?;
    arguments.token.present(&mut connection)?;
    if arguments.verbose {
        output::complain(&format!("connected to {}", arguments.url));
    }
    let printer = Printer {
        separate: !arguments.binary,
        terminal: !arguments.binary && io::stdout().is_terminal(),
    };
    connection.incoming.set_patience(SILENCE)?;
    let mut left = arguments.count.map(NonZeroU64::get);
    let mut asked = false;
    while left != Some(0) {
        let received = connection.incoming.next()?;
        let silent = received == Received::Silence;
        match received {
            Received::Message(message_type, payload) => {
                printer.print(message_type, payload)?;
                left = left.map(|left| left - 1);
            }
            Received::Ping(payload) => connection.sender.send(Opcode::Pong, &payload)?,
            Received::Pong => {}
            Received::End(ending) => {
                connection.sender.answer_close(&ending);
                return if ending.is_normal() {
                    Ok(())
                } else {
                    Err(ending.into())
                };
            }
            Received::Silence if asked => {
                return Err(Failure::Runtime("the server is silent".to_owned()));
            }
            Received::Silence => connection.sender.send(Opcode::Ping, b"")?,
        }
        asked = silent;
    }
    // All that was asked for has arrived, so a server that does not take leave is no failure.
    if connection.sender.close().is_ok() {
        let _ = wait_for_end(&mut connection.incoming);
    }
    Ok(())
}

fn wait_for_end(incoming: &mut Incoming) -> Result<Ending, Failure> {
    incoming.set_patience(Duration::from_secs(1))?;
    loop {
        match incoming.next()? {
            Received::End(ending) => return Ok(ending),
            Received::Silence => return Ok(Ending::Broken),
            Received::Message(..) | Received::Ping(_) | Received::Pong => {}
        }
    }
}

/// How messages are printed.
struct Printer {
    /// With a line break behind each.
    separate: bool,
    /// For eyes: nothing that commands the terminal.
    terminal: bool,
}

impl Printer {
    fn print(&self, message_type: MessageType, mut payload: Vec<u8>) -> Result<(), Failure> {
        if self.terminal {
            payload = for_terminal(message_type, &payload).into_bytes();
        }
        if self.separate {
            payload.push(b'\n');
        }
        output::print_bytes(&payload)
    }
}

fn for_terminal(message_type: MessageType, payload: &[u8]) -> String {
    match (message_type, str::from_utf8(payload)) {
        (MessageType::Text, Ok(text)) => text
            .chars()
            .map(|c| match c {
                '\n' | '\t' => c.to_string(),
                c if c.is_control() => c.escape_default().to_string(),
                c => c.to_string(),
            })
            .collect(),
        _ => format!("({} bytes)", payload.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_commanded() {
        let show = |text: &str| for_terminal(MessageType::Text, text.as_bytes());
        assert_eq!(show("a\nb\tü"), "a\nb\tü");
        assert_eq!(show("\u{1b}[2J\r\u{9b}"), r"\u{1b}[2J\r\u{9b}");
        assert_eq!(for_terminal(MessageType::Binary, b"abc"), "(3 bytes)");
    }
}
