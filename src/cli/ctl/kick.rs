//! `kick`: disconnects a client.

use super::acknowledgement::conclude;
use super::arguments::Connecting;
use super::format::Format;
use super::link::Link;
use crate::cli::Failure;
use clap::Args;

/// The arguments of `kick`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The token of a ws(s)on client, or # and the id of any connection, as `who` lists them
    #[arg(value_name = "TOKEN|#ID", value_parser = target, allow_hyphen_values = true)]
    target: String,
}

fn target(text: &str) -> Result<String, String> {
    match text {
        "" | "#" => Err("expected a token, or # and an id".to_owned()),
        text => Ok(text.to_owned()),
    }
}

impl Arguments {
    /// Disconnects it.
    ///
    /// # Errors
    /// If it is not there, or could not be asked for.
    pub(super) fn run(&self, connecting: &Connecting, format: Format) -> Result<(), Failure> {
        let link = Link::open(connecting)?;
        let answer = link.request(b'k', self.target.as_bytes())?;
        conclude(&answer, (b'a', b'n'), "no such client", format)
    }
}
