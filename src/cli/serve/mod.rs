//! `fantail serve`: the server.

mod assembly;
mod banner;
mod made_secrets;
mod reload;
mod resources;

use super::Failure;
use super::configuration;
use super::output;
use super::random::SystemRandom;
use crate::config::{Config, Loaded, Sources};
use crate::logging;
use crate::reactor::Reactor;
use crate::relay::Relay;
use clap::Args;
use made_secrets::MadeSecrets;

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
/// What is wrong with the configuration, why it cannot listen, or why it had to end.
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
    run_server(&config, sources)
}

/// Runs the server until it is told to stop. `sources` serve for reloading the configuration.
///
/// # Errors
/// Why it cannot listen, or why it had to end.
fn run_server(config: &Config, sources: Sources) -> Result<(), Failure> {
    let made = MadeSecrets::for_start(config)?;
    let mut config = config.clone();
    made.fill_in(&mut config);
    let settings = assembly::relay_settings(&config);
    log::info!(
        "{}",
        resources::describe(&settings.limits, |service| assembly::serves(
            &config, service
        ))
    );
    let workforce = assembly::workforce(&config)?;
    let relay = Relay::new(
        settings,
        assembly::dialects(&config),
        assembly::services(&config),
    )
    .with_random_source(Box::new(SystemRandom));
    let reload = reload::from_sources(sources, &config, made.clone());
    let reactor = Reactor::bind(&assembly::bindings(&config), relay, reload, workforce)
        .map_err(|error| Failure::Runtime(error.to_string()))?;
    output::print(&banner::text(&config, &made, &reactor.addresses()))?;
    reactor
        .run()
        .map_err(|error| Failure::Runtime(format!("the event loop failed: {error}")))
}
