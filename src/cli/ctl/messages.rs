//! `broadcast`, `send` and `ask`: messages to ws(s)on clients.

use super::acknowledgement::{Members, acknowledged, conclude};
use super::arguments::Connecting;
use super::format::Format;
use super::link::Link;
use super::message::Message;
use crate::cli::Failure;
use clap::Args;

/// What is said of a client that the server does not know.
pub(super) const NOT_CONNECTED: &str = "no client with this token is connected, or the message \
                                        is not UTF-8";

/// The arguments of `broadcast`.
#[derive(Debug, Clone, Args)]
pub(super) struct Broadcast {
    #[command(flatten)]
    message: Message,
}

impl Broadcast {
    /// Sends, and ends when the server has taken it.
    ///
    /// # Errors
    /// Why the server has not.
    pub(super) fn run(&self, connecting: &Connecting, format: Format) -> Result<(), Failure> {
        let message = self.message.read()?;
        let link = Link::open(connecting)?;
        link.send(self.message.letter(b'b'), &message)?;
        link.synchronise()?;
        acknowledged(format, Members::new())
    }
}

/// The arguments of `send`.
#[derive(Debug, Clone, Args)]
pub(super) struct Send {
    /// The client's token, 32 bytes
    #[arg(allow_hyphen_values = true)]
    token: String,

    #[command(flatten)]
    message: Message,

    /// Learn whether the client is there; the default
    #[arg(short, long, conflicts_with = "no_confirm")]
    confirm: bool,

    /// Do not ask whether the client is there
    #[arg(long)]
    no_confirm: bool,
}

impl Send {
    /// Sends, and tells whether the client was there.
    ///
    /// # Errors
    /// If it was not, or could not be asked.
    pub(super) fn run(&self, connecting: &Connecting, format: Format) -> Result<(), Failure> {
        let message = self.message.read()?;
        if message.is_empty() && !self.no_confirm {
            return Err(Failure::Usage(
                "an empty message can only be sent with --no-confirm".to_owned(),
            ));
        }
        let link = Link::open(connecting)?;
        let payload = [self.token.as_bytes(), &message].concat();
        if self.no_confirm {
            link.send(self.message.letter(b'd'), &payload)?;
            link.synchronise()?;
            return acknowledged(format, Members::new());
        }
        let answer = link.request(self.message.letter(b'c'), &payload)?;
        conclude(&answer, (b'A', b'N'), NOT_CONNECTED, format)
    }
}

/// The arguments of `ask`.
#[derive(Debug, Clone, Args)]
pub(super) struct Ask {
    /// The client's token, 32 bytes
    #[arg(allow_hyphen_values = true)]
    token: String,
}

impl Ask {
    /// Tells with the exit code whether the client is there.
    ///
    /// # Errors
    /// If it is not, or could not be asked.
    pub(super) fn run(&self, connecting: &Connecting, format: Format) -> Result<(), Failure> {
        let link = Link::open(connecting)?;
        let answer = link.request(b'c', self.token.as_bytes())?;
        conclude(
            &answer,
            (b'A', b'N'),
            "no client with this token is connected",
            format,
        )
    }
}
