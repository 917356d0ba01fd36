//! `fantail serve`: the server.

use super::Failure;
use super::configuration;
use crate::config::{Config, Loaded, Sources};
use crate::logging;
use clap::Args;

/// The arguments of `fantail serve`, and of `fantail` alone.
#[derive(Debug, Clone, Default, Args)]
pub struct Arguments {
    #[command(flatten)]
    configuration: configuration::Arguments,
}

impl Arguments {
    /// The sources of the configuration.
    pub fn into_sources(self) -> Sources {
        self.configuration.into_sources()
    }
}

/// Loads the configuration, starts the log and runs the server until it is told to stop.
///
/// # Errors
/// What is wrong with the configuration; then what [`run_server`] says.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let sources = arguments.into_sources();
    let Loaded {
        config,
        file,
        warnings,
        ..
    } = Config::load(&sources)?;
    logging::start(config.log.level, config.log.format);
    if let Some(path) = file {
        log::info!("configuration from {}", path.display());
    }
    for warning in warnings {
        log::warn!("{warning}");
    }
    run_server(config, sources)
}

/// Runs the server until it is told to stop. `sources` serve for reloading the configuration.
///
/// # Errors
/// Why it cannot listen, or why it had to end.
pub fn run_server(_config: Config, _sources: Sources) -> Result<(), Failure> {
    Err(Failure::Runtime("the server is not built yet".to_owned()))
}
