//! Secrets that are not configured: made at random at the start, told once, kept over reloads.

use crate::cli::Failure;
use crate::cli::random::random_text;
use crate::config::{Config, Service};
use crate::secret::Secret;

/// What was made for this run of the server.
#[derive(Clone, Default)]
pub(super) struct MadeSecrets {
    wson: Option<String>,
}

impl MadeSecrets {
    /// Makes what is missing.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub(super) fn for_start(config: &Config) -> Result<Self, Failure> {
        let serves_wson = config
            .listen
            .iter()
            .any(|listen| listen.serve.contains(&Service::Wson));
        let wson = if serves_wson && config.wson.secret.is_empty() {
            Some(random_text()?)
        } else {
            None
        };
        Ok(Self { wson })
    }

    /// Puts it where nothing is configured.
    pub(super) fn fill_in(&self, config: &mut Config) {
        if let Some(secret) = &self.wson
            && config.wson.secret.is_empty()
        {
            config.wson.secret = Secret::new(secret.as_str());
        }
    }

    /// What to tell of it.
    pub(super) fn wson(&self) -> Option<&str> {
        self.wson.as_deref()
    }
}
