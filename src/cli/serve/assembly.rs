//! From the configuration to the parts of the server: the only place that knows all dialects.

use super::resources;
use crate::config::{Config, Service as ServiceName};
use crate::dialects::echo::Echo;
use crate::dialects::topics::Topics;
use crate::relay::dialect::{Dialect, DialectId};
use crate::relay::{Service, Settings};

/// The dialects, in the order of [`ServiceName::ALL`].
pub(super) fn dialects(config: &Config) -> Vec<Box<dyn Dialect>> {
    ServiceName::ALL
        .iter()
        .map(|name| -> Box<dyn Dialect> {
            match name {
                ServiceName::Topics => Box::new(Topics::new(config.topics.clone())),
                ServiceName::Echo => Box::new(Echo),
            }
        })
        .collect()
}

/// What each listener serves.
pub(super) fn services(config: &Config) -> Vec<Service> {
    let dialect = |name: &ServiceName| {
        let index = ServiceName::ALL.iter().position(|other| other == name);
        DialectId::new(index.unwrap_or_default() as u8)
    };
    config
        .listen
        .iter()
        .map(|listen| Service {
            dialects: listen.serve.iter().map(dialect).collect(),
        })
        .collect()
}

/// The relay's settings, with the limits that depend on the machine filled in.
pub(super) fn relay_settings(config: &Config) -> Settings {
    let mut limits = config.limits.clone();
    resources::fill_in(&mut limits);
    Settings {
        limits,
        trusted_proxies: config.http.trusted_proxies.clone(),
    }
}
