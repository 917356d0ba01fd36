//! The letters of the control port, parsed: what is not a [`Command`] is answered `0E`.

use std::fmt;

use crate::protocol::control_frame::ControlFrame;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::operator::browser_command::{BrowserCommand, Position, TokenBytes};
use crate::relay::operator::events::{Selection, UnknownEvent};

/// Every letter that a program may send, in the order of the documentation.
pub const LETTERS: &[u8] = b"bBcCdDlfFiIsSmpPqQgwktTurezh";

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// For browsers.
    Browser(BrowserCommand<'a>),
    /// `m`: which listener has the fewest connections.
    LeastLoaded,
    /// `p`: are you there?
    Ping,
    /// `P`: I am.
    Pong,
    /// `q`, `Q`: that was all.
    Quit,
    /// `g`: how the server is.
    Status,
    /// `w`: who is connected, if all words of the filter fit.
    Who(&'a str),
    /// `k`: disconnect a client.
    Kick(Target<'a>),
    /// `t`, `T`: a message for a channel of any dialect.
    Publish {
        /// Text or binary.
        message_type: MessageType,
        /// The channel, by its dialect's name if it is no topic.
        channel: &'a str,
        /// The message.
        payload: &'a [u8],
    },
    /// `u`: which events to send; what is not understood is answered, not closed.
    Events(Result<Selection, UnknownEvent>),
    /// `r`: read the configuration again.
    Reload,
    /// `e`: close all connections and exit.
    Drain,
    /// `z`: which of these letters are known; of all, if none is named.
    Letters(&'a [u8]),
    /// `h`: the secret of a control port on TCP.
    Hello(&'a [u8]),
}

/// Whom to disconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// By token.
    Token(&'a TokenBytes),
    /// By the name of the connection, as `w` tells it.
    Connection(ConnId),
}

/// Why a frame is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCommand {
    /// The letter is not known.
    UnknownLetter(u8),
    /// The payload has no token of 32 bytes in front.
    NoToken(u8),
    /// A letter that stands alone has a payload.
    UnexpectedPayload(u8),
    /// The payload of a letter is to be text and is not.
    NotText(u8),
    /// The payload names no client.
    NoTarget,
    /// There is no line feed behind the channel's name.
    NoChannel,
}

impl fmt::Display for NoCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnknownLetter(letter) => write!(formatter, "letter {}: unknown", show(letter)),
            Self::NoToken(letter) => {
                write!(formatter, "letter {}: a token has 32 bytes", show(letter))
            }
            Self::UnexpectedPayload(letter) => {
                write!(formatter, "letter {}: takes no payload", show(letter))
            }
            Self::NotText(letter) => write!(formatter, "letter {}: not UTF-8", show(letter)),
            Self::NoTarget => formatter.write_str("letter k: neither a token nor #<connection>"),
            Self::NoChannel => formatter.write_str("letter t: no line feed behind the channel"),
        }
    }
}

/// The longest text that an answer repeats, in characters.
const LONGEST_QUOTE: usize = 64;

/// A text within quotation marks, or its beginning: an answer is shorter than what is asked may be.
pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn show(letter: u8) -> std::ascii::EscapeDefault {
    std::ascii::escape_default(letter)
}

impl<'a> Command<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// Why it is no command.
    pub fn parse(frame: &ControlFrame<'a>) -> Result<Self, NoCommand> {
        let (letter, payload) = (frame.letter, frame.payload);
        // Text in lower case, binary in upper case, for each letter that has both.
        let message_type = if letter.is_ascii_lowercase() {
            MessageType::Text
        } else {
            MessageType::Binary
        };
        let token = || {
            payload
                .split_first_chunk::<32>()
                .ok_or(NoCommand::NoToken(letter))
        };
        let alone = |command| {
            if payload.is_empty() {
                Ok(command)
            } else {
                Err(NoCommand::UnexpectedPayload(letter))
            }
        };
        let text = || str::from_utf8(payload).map_err(|_| NoCommand::NotText(letter));
        let fragment = |position| {
            Self::Browser(BrowserCommand::Fragment {
                position,
                message_type,
                payload,
            })
        };
        Ok(match letter {
            b'b' | b'B' => Self::Browser(BrowserCommand::Broadcast {
                message_type,
                payload,
            }),
            b'c' | b'C' | b'd' | b'D' => {
                let (token, payload) = token()?;
                let confirm = letter.eq_ignore_ascii_case(&b'c');
                Self::Browser(BrowserCommand::Send {
                    token,
                    message_type,
                    payload,
                    confirm,
                })
            }
            b'l' => match token()? {
                (token, []) => Self::Browser(BrowserCommand::Lock { token }),
                _ => return Err(NoCommand::NoToken(letter)),
            },
            b'f' | b'F' => fragment(Position::First),
            b'i' | b'I' => fragment(Position::Middle),
            b's' | b'S' => fragment(Position::Last),
            b'm' => return alone(Self::LeastLoaded),
            b'p' => return alone(Self::Ping),
            b'P' => return alone(Self::Pong),
            b'q' | b'Q' => return alone(Self::Quit),
            b'g' => return alone(Self::Status),
            b'w' => Self::Who(text()?),
            b'k' => Self::Kick(Target::parse(payload)?),
            b't' | b'T' => {
                let end = payload.iter().position(|byte| *byte == b'\n');
                let (channel, rest) = payload.split_at(end.ok_or(NoCommand::NoChannel)?);
                let channel = str::from_utf8(channel).map_err(|_| NoCommand::NotText(letter))?;
                Self::Publish {
                    message_type,
                    channel,
                    payload: &rest[1..],
                }
            }
            b'u' => Self::Events(Selection::parse(text()?)),
            b'r' => return alone(Self::Reload),
            b'e' => return alone(Self::Drain),
            b'z' => Self::Letters(payload),
            b'h' => Self::Hello(payload),
            _ => return Err(NoCommand::UnknownLetter(letter)),
        })
    }
}

impl<'a> Target<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, NoCommand> {
        if let Ok(token) = <&TokenBytes>::try_from(payload) {
            return Ok(Self::Token(token));
        }
        let id = payload
            .strip_prefix(b"#")
            .and_then(|id| str::from_utf8(id).ok());
        id.and_then(|id| id.parse().ok())
            .map(Self::Connection)
            .ok_or(NoCommand::NoTarget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(letter: u8, payload: &[u8]) -> Result<Command<'_>, NoCommand> {
        Command::parse(&ControlFrame { letter, payload })
    }

    #[test]
    fn every_letter_is_a_command_and_no_other_is() {
        let mut token_and_more = [b'x'; 33];
        token_and_more[32] = b'\n';
        for letter in 0..=u8::MAX {
            let payloads: [&[u8]; 4] = [b"", &token_and_more[..32], &token_and_more, b"a\n"];
            let known = payloads
                .iter()
                .any(|payload| parse(letter, payload).is_ok());
            assert_eq!(known, LETTERS.contains(&letter), "{}", show(letter));
        }
    }

    #[test]
    fn quotes_are_short() {
        assert_eq!(quote("a\"b"), r#""a\"b""#);
        let long = "\u{1}".repeat(1_000_000);
        assert_eq!(quote(&long), format!("{:?}...", "\u{1}".repeat(64)));
    }

    #[test]
    fn payloads() {
        let token = [b'x'; 32];
        let with_text = [&token[..], b"hi"].concat();
        let cases: &[(u8, &[u8], Result<Command<'_>, NoCommand>)] = &[
            (b'c', b"short", Err(NoCommand::NoToken(b'c'))),
            (b'l', &with_text, Err(NoCommand::NoToken(b'l'))),
            (b'p', b"x", Err(NoCommand::UnexpectedPayload(b'p'))),
            (b'w', b"\xff", Err(NoCommand::NotText(b'w'))),
            (
                b'k',
                b"#12.3",
                Ok(Command::Kick(Target::Connection(ConnId::from_parts(12, 3)))),
            ),
            (b'k', b"12.3", Err(NoCommand::NoTarget)),
            (b'k', b"#-1.3", Err(NoCommand::NoTarget)),
            (b't', b"/demo", Err(NoCommand::NoChannel)),
            (
                b'T',
                b"/demo\n\xff\n",
                Ok(Command::Publish {
                    message_type: MessageType::Binary,
                    channel: "/demo",
                    payload: b"\xff\n",
                }),
            ),
            (
                b'd',
                &with_text,
                Ok(Command::Browser(BrowserCommand::Send {
                    token: &token,
                    message_type: MessageType::Text,
                    payload: b"hi",
                    confirm: false,
                })),
            ),
        ];
        for (letter, payload, expected) in cases {
            assert_eq!(&parse(*letter, payload), expected);
        }
    }
}
