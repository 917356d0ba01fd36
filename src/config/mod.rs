//! What the server is told: one file, the environment and flags, as one [`Config`].
//!
//! Flags come before the environment, the environment before the file, the file before the
//! defaults. Everything is read from the registry in `keys`; nothing is skipped in silence, and
//! all errors are told at once, each with its place.

mod checks;
mod control;
mod database;
mod drc;
mod edit;
mod environment;
mod error;
mod fields;
mod file;
mod form;
mod keep;
mod keys;
mod listen;
mod loader;
mod nearest;
mod node;
mod render;
mod sources;
#[cfg(test)]
mod tests;
mod toml;
mod units;
mod web;

pub use control::{Control, ControlListen};
pub use database::Mysql;
pub use edit::{Change, EditError, Edited, Shown, edit, show};
pub use environment::TOKEN_VARIABLE;
pub use error::{ConfigError, ConfigErrors, Place};
pub use listen::{Address, Listen, Service};
pub use render::{default_file, effective};
pub use sources::Sources;

use crate::dialects::drc::settings::Settings as DrcSettings;
use crate::dialects::dsock::settings::Settings as DsockSettings;
use crate::dialects::message_broker::settings::Settings as MessageBrokerSettings;
use crate::dialects::topics::settings::Settings as TopicsSettings;
use crate::dialects::wson::settings::Settings as WsonSettings;
use crate::limits::Limits;
use crate::logging::Format;
use ipnet::IpNet;
use log::LevelFilter;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// The values in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the server listens; never empty.
    pub listen: Vec<Listen>,
    /// The `[control]` section, less its limits.
    pub control: Control,
    /// The `[http]` section.
    pub http: Http,
    /// The `[topics]` section, less its limits.
    pub topics: TopicsSettings,
    /// The `[drc]` section, less its limits.
    pub drc: DrcSettings,
    /// The `[dsock]` section, less its limits.
    pub dsock: DsockSettings,
    /// The `[wson]` section, less its limits.
    pub wson: WsonSettings,
    /// The `[message_broker]` section, less its limits.
    pub message_broker: MessageBrokerSettings,
    /// The `[store]` section, less its limits.
    pub store: Store,
    /// The `[limits]` section, and the limits of other sections.
    pub limits: Limits,
    /// The `[log]` section.
    pub log: Log,
}

impl Default for Config {
    /// What holds without any configuration: all but echo, on loopback only.
    fn default() -> Self {
        Self {
            listen: vec![Listen::default()],
            control: Control::default(),
            http: Http::default(),
            topics: TopicsSettings::default(),
            drc: DrcSettings::default(),
            dsock: DsockSettings::default(),
            wson: WsonSettings::default(),
            message_broker: MessageBrokerSettings::default(),
            store: Store::default(),
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

/// The `[http]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where proxies are whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for Http {
    fn default() -> Self {
        let loopback = IpNet::new(Ipv4Addr::new(127, 0, 0, 0).into(), 8);
        let mut trusted_proxies: Vec<_> = loopback.into_iter().collect();
        trusted_proxies.push(IpNet::from(std::net::IpAddr::from(Ipv6Addr::LOCALHOST)));
        Self { trusted_proxies }
    }
}

/// The `[store]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// What it is made of.
    pub kind: StoreKind,
    /// The file of the database.
    pub path: PathBuf,
    /// Where the server is, if it is one.
    pub mysql: Mysql,
}

/// What a store is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A file of SQLite.
    Sqlite,
    /// A table of MariaDB or MySQL.
    Mysql,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            kind: StoreKind::Sqlite,
            path: PathBuf::from("fantail.db"),
            mysql: Mysql::default(),
        }
    }
}

/// The `[log]` section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// How much is logged.
    pub level: LevelFilter,
    /// How a line looks.
    pub format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: LevelFilter::Info,
            format: Format::Auto,
        }
    }
}

/// The text of a configuration file.
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub fn read_file(path: &Path) -> Result<String, String> {
    loader::read_bounded(path, file::LONGEST_FILE)
}

/// A configuration and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The values in force.
    pub config: Config,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// What is allowed but probably not meant; for the log.
    pub warnings: Vec<String>,
    /// Where each value comes from that is not a default, by the name of its key.
    pub places: BTreeMap<&'static str, Place>,
}

impl Config {
    /// Puts the configuration together from its sources. Reads the file anew each time, so that it
    /// serves for a reload too.
    ///
    /// # Errors
    /// Everything that is wrong in any of the sources, each with its place.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
        loader::load(sources, None)
    }

    /// As [`Self::load`], if this were the text of this file.
    ///
    /// # Errors
    /// As those of [`Self::load`].
    pub fn load_with(sources: &Sources, path: &Path, text: &str) -> Result<Loaded, ConfigErrors> {
        loader::load(sources, Some((path, text)))
    }
}
