//! `fantail check`: is the configuration right, and what does it serve?

use super::{Failure, configuration, output};
use crate::config::{Config, Loaded, Service};
use clap::Args;
use std::fmt::Write;

/// The arguments of `fantail check`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: configuration::Arguments,
}

/// Prints what would be served, and `ok`.
///
/// # Errors
/// Everything that is wrong with the configuration.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let loaded = Config::load(&arguments.configuration.into_sources())?;
    for warning in &loaded.warnings {
        output::complain(&format!("warning: {warning}"));
    }
    output::print(&report(&loaded))
}

fn report(loaded: &Loaded) -> String {
    let mut text = String::new();
    let _ = match &loaded.file {
        Some(path) => writeln!(text, "file: {}", path.display()),
        None => writeln!(text, "file: none"),
    };
    for listener in &loaded.config.listen {
        let services: Vec<_> = listener.serve.iter().copied().map(Service::name).collect();
        let _ = writeln!(text, "{}: {}", listener.address, services.join(", "));
    }
    let access = if loaded.config.topics.secret.is_empty() {
        "open to everybody who can connect"
    } else {
        "with a token only"
    };
    let _ = writeln!(text, "topics: {access}\nok");
    text
}
