//! `fantail pub`: sends messages to a topic.

use super::Failure;
use clap::Args;
use std::num::NonZeroU64;
use std::path::PathBuf;

/// The arguments of `fantail pub`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The topic, such as ws://127.0.0.1:7328/demo
    pub url: String,

    /// The message; without it, all of standard input is one message
    #[arg(conflicts_with = "lines")]
    pub message: Option<String>,

    /// Each line of standard input is a message
    #[arg(short, long)]
    pub lines: bool,

    /// Send binary messages rather than text
    #[arg(short, long)]
    pub binary: bool,

    /// Send the message this often; with --lines, stop after this many lines
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub count: Option<NonZeroU64>,

    /// The token to send first; other users of this machine can see it
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,

    /// A file with the token
    #[arg(long, value_name = "PATH")]
    pub token_file: Option<PathBuf>,
}

/// Sends.
pub(super) fn run(_arguments: &Arguments) -> Result<(), Failure> {
    Err(Failure::Runtime("publishing is not built yet".to_owned()))
}
