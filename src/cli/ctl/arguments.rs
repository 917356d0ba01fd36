//! The arguments that all commands of the control port share.

use super::format::Format;
use super::place::Place;
use crate::cli::Failure;
use crate::config::{Config, Sources};
use crate::secret::Secret;
use clap::Args;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// How to reach the server, and how to tell the answer.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Control port")]
#[group(skip)]
pub(in crate::cli) struct Connecting {
    /// The control port: unix:///path or tcp://host:port [default: the first of control.listen in
    /// the configuration]
    // Global arguments share one namespace with those of the program itself, hence the names.
    #[arg(
        id = "control_socket",
        long = "socket",
        value_name = "ADDRESS",
        global = true
    )]
    socket: Option<Place>,

    /// A file with the secret of a control port on TCP [default: control.secret in the
    /// configuration]
    #[arg(
        id = "control_secret_file",
        long = "secret-file",
        value_name = "PATH",
        global = true
    )]
    secret_file: Option<PathBuf>,

    /// The configuration file to take the two from
    #[arg(
        id = "control_config",
        long = "config",
        value_name = "PATH",
        global = true
    )]
    config: Option<PathBuf>,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,

    /// How long to wait for the server
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = patience, global = true)]
    timeout: Duration,
}

fn patience(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("expected more than 0".to_owned()),
        Ok(period) => Ok(period),
        Err(_) => Err("expected a time with its unit, such as 500ms or 10s".to_owned()),
    }
}

/// Where the server is, and what it wants to hear first.
#[derive(Debug)]
pub(super) struct Access {
    /// The address.
    pub place: Place,
    /// The secret, for TCP only.
    pub secret: Option<Secret>,
}

impl Connecting {
    /// How the answers are told.
    pub(super) fn format(&self) -> Format {
        Format::choose(self.json)
    }

    /// How long to wait for the server to accept, or to answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Puts the address and the secret together. The configuration is read only for what the
    /// arguments leave open.
    ///
    /// # Errors
    /// If the configuration is wrong, the secret cannot be read, or one of them is missing.
    pub(super) fn access(&self) -> Result<Access, Failure> {
        let needs_configuration = match &self.socket {
            None => true,
            Some(place) => place.wants_secret() && self.secret_file.is_none(),
        };
        let config = if needs_configuration {
            let sources = Sources::of_process(self.config.clone(), Vec::new());
            Some(Config::load(&sources)?.config)
        } else {
            None
        };
        let place = match (&self.socket, &config) {
            (Some(place), _) => place.clone(),
            (None, Some(config)) => Place::configured(config)?,
            (None, None) => return Err(no_address()),
        };
        if !place.wants_secret() {
            return Ok(Access {
                place,
                secret: None,
            });
        }
        let secret = match (&self.secret_file, config) {
            (Some(path), _) => read_secret(path)?,
            (None, Some(config)) => config.control.secret,
            (None, None) => Secret::default(),
        };
        if secret.is_empty() {
            return Err(Failure::Usage(format!(
                "{place} wants a secret: give --secret-file, or set control.secret"
            )));
        }
        Ok(Access {
            place,
            secret: Some(secret),
        })
    }
}

/// The line break at its end is not part of a secret.
fn read_secret(path: &PathBuf) -> Result<Secret, Failure> {
    fs::read_to_string(path)
        .map(|text| Secret::new(text.trim_end_matches(['\r', '\n'])))
        .map_err(|error| {
            Failure::Runtime(format!(
                "cannot read the secret: {}: {error}",
                path.display()
            ))
        })
}

/// What is said when nothing tells where the control port is.
pub(super) fn no_address() -> Failure {
    Failure::Usage(
        "the configuration has no control port (control.listen); give --socket".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(patience("500ms"), Ok(Duration::from_millis(500)));
        assert!(patience("10").is_err());
        assert!(patience("0s").is_err());
    }
}
