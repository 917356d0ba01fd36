//! `fantail check`: is the configuration right, and what does it serve?

use super::{Failure, configuration, output, stores};
use crate::config::{Config, Control, Loaded, Service};
use crate::dialects::drc::settings::Settings as DrcSettings;
use crate::dialects::dsock::settings::Settings as DsockSettings;
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
    if loaded.config.message_broker.keep_data {
        stores::check(&loaded.config.store).map_err(Failure::Runtime)?;
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
    let _ = writeln!(text, "control: {}", control(&loaded.config.control));
    let access = if loaded.config.topics.secret.is_empty() {
        "open to everybody who can connect"
    } else {
        "with a token only"
    };
    let kept = if loaded.config.topics.keeps_anything() {
        format!("; kept in {}", loaded.config.store.path.display())
    } else {
        String::new()
    };
    let _ = writeln!(text, "topics: {access}{kept}");
    let _ = writeln!(text, "drc: {}", authorities(&loaded.config.drc));
    let _ = writeln!(text, "dsock: {}", dsock(&loaded.config.dsock));
    let _ = writeln!(text, "message-broker: {}", message_broker(&loaded.config));
    let secret = if loaded.config.wson.secret.is_empty() {
        "with cookies of a secret that is made at each start"
    } else {
        "with cookies of the secret that is configured"
    };
    let _ = writeln!(text, "wson: {secret}\nok");
    text
}

fn message_broker(config: &Config) -> String {
    let settings = &config.message_broker;
    let file = settings.users_file.as_os_str();
    let users = match (settings.users.len(), file.is_empty()) {
        (0, true) => return "no users, so nobody is let in".to_owned(),
        (0, false) => format!("users of {}", file.display()),
        (users, true) => format!("configured users: {users}"),
        (users, false) => format!("configured users: {users}, and those of {}", file.display()),
    };
    if settings.keep_data {
        format!(
            "{users}, messages are kept in {}",
            stores::place(&config.store)
        )
    } else {
        format!("{users}, messages are not kept")
    }
}

fn dsock(dsock: &DsockSettings) -> &'static str {
    match (dsock.token.is_empty(), dsock.jwt_secret.is_empty()) {
        (true, true) => "the API is off, and nobody can connect",
        (true, false) => "the API is off, clients connect with JWTs",
        (false, true) => "clients connect with claims",
        (false, false) => "clients connect with claims and JWTs",
    }
}

fn authorities(drc: &DrcSettings) -> String {
    let of = |count: usize, what: &str, more: &str| match count {
        0 => format!("no {more}"),
        1 => format!("1 {what}"),
        count => format!("{count} {more}"),
    };
    let addresses = of(
        drc.whitelist.len(),
        "address or network",
        "addresses or networks",
    );
    let tokens = of(drc.tokens.len(), "token", "tokens");
    format!("{addresses} and {tokens} for authorities")
}

fn control(control: &Control) -> String {
    let addresses: Vec<_> = control
        .listen
        .iter()
        .map(|listen| listen.address.to_string())
        .collect();
    match addresses.is_empty() {
        true => "off".to_owned(),
        false => addresses.join(", "),
    }
}
