//! `fantail token dsock`: a JWT with which a client of dSock connects.

use crate::cli::{Failure, configuration, output};
use crate::config::{Config, ConfigError, ConfigErrors, Place};
use crate::dialects::dsock::jwt::check_claims;
use crate::dialects::dsock::names;
use crate::protocol::json_web_token::{TokenFault, sign};
use clap::Args;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The arguments of `fantail token dsock`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Whose connection it is
    #[arg(short, long)]
    user: String,

    /// The session of that user
    #[arg(short = 'S', long)]
    session: Option<String>,

    /// The channels that the connection is in, with commas between them
    #[arg(long, value_name = "NAME,NAME")]
    channels: Option<String>,

    /// How long the token is good for, such as 60s or 24h
    #[arg(short = 'e', long, value_name = "TIME", default_value = "1h", value_parser = read_time)]
    expires: Duration,

    #[command(flatten)]
    configuration: configuration::Arguments,
}

fn read_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time.as_secs() == 0 {
        return Err("expected at least a second".to_owned());
    }
    Ok(time)
}

/// Prints the token.
///
/// # Errors
/// Everything that is wrong with the configuration, also if it has no secret.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    if arguments.user.is_empty() {
        return Err(Failure::Usage(
            "a user has at least one character".to_owned(),
        ));
    }
    let claims = claims(&arguments, super::epoch_seconds());
    let config = Config::load(&arguments.configuration.into_sources())?.config;
    let checked = check_claims(&claims, &config.limits, super::epoch_seconds());
    for (name, result) in checked {
        result.map_err(|fault| {
            Failure::Usage(format!(
                "the server would refuse this: claim {name} {fault}"
            ))
        })?;
    }
    let token = sign(&claims, config.dsock.jwt_secret.as_bytes()).map_err(|fault| match fault {
        TokenFault::Signature => no_secret(),
        fault => Failure::Usage(fault.to_string()),
    })?;
    output::print(&format!("{token}\n"))
}

fn claims(arguments: &Arguments, now: u64) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut insert = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    insert("sub", json!(arguments.user));
    insert("iat", json!(now));
    insert(
        "exp",
        json!(now.saturating_add(arguments.expires.as_secs())),
    );
    if let Some(session) = &arguments.session {
        insert("sid", json!(session));
    }
    if let Some(channels) = &arguments.channels {
        insert("channels", json!(names::split([channels.as_str()])));
    }
    claims
}

/// There is nothing to sign with, or to check with.
pub(super) fn no_secret() -> Failure {
    Failure::Configuration(ConfigErrors(vec![ConfigError {
        place: Place::Default,
        message: "dsock.jwt_secret is empty, so no client can connect with a JWT; configure one"
            .to_owned(),
    }]))
}
