//! What can be said on the command line of every bench.

use super::affinity;
use super::rounds::Extent;
use clap::Parser;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Options that all benches have.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// Rounds; in each, every program is measured once, one after the other.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,

    /// Seconds that each program is measured in each round.
    #[arg(long, default_value_t = 0.5)]
    pub(crate) seconds: f64,

    /// The server to measure; `floor` measures the floor against itself, which shows the noise.
    /// Otherwise $FANTAIL_BIN, otherwise what cargo has built along with this bench.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,

    /// Some seconds of everything, to see that it works; the figures mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Common {
    /// How much is measured: up to a minute for each program and round.
    pub(crate) fn extent(&self) -> Extent {
        let (rounds, seconds) = match self.quick {
            true => (1, 0.1),
            false => (self.rounds.max(1), self.seconds.clamp(0.05, 60.0)),
        };
        let duration = Duration::from_secs_f64(seconds);
        Extent { rounds, duration }
    }
}

/// Reads the command line and pins the driver. `cargo test --benches` runs a bench without an argument, where
/// `cargo bench` gives it `--bench`: a test wants the quick run.
pub(crate) fn parse<Options: Parser>() -> Options {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.len() == 1 {
        arguments.push("--quick".into());
    }
    let options = Options::parse_from(arguments);
    if let Err(error) = affinity::pin_to(affinity::DRIVER_CORE) {
        eprintln!("{error}: server and driver share what there is, and the figures mean little");
    }
    options
}
