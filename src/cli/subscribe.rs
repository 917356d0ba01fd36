//! `fantail sub`: prints the messages of a topic.

use super::Failure;
use clap::Args;
use std::num::NonZeroU64;
use std::path::PathBuf;

/// The arguments of `fantail sub`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The topic, such as ws://127.0.0.1:7328/demo
    pub url: String,

    /// Print the bytes of each message and nothing between them
    #[arg(short, long)]
    pub binary: bool,

    /// End after this many messages
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub count: Option<NonZeroU64>,

    /// The token to send first; other users of this machine can see it
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,

    /// A file with the token
    #[arg(long, value_name = "PATH")]
    pub token_file: Option<PathBuf>,
}

/// Prints until the connection ends.
pub(super) fn run(_arguments: &Arguments) -> Result<(), Failure> {
    Err(Failure::Runtime("subscribing is not built yet".to_owned()))
}
