//! From the configuration to the parts of the server: the only place that knows all dialects.

use super::resources;
use crate::cli::{Failure, stores};
use crate::config::{Config, Service as ServiceName};
use crate::dialects::drc::Drc;
use crate::dialects::dsock::Dsock;
use crate::dialects::echo::Echo;
use crate::dialects::message_broker::MessageBroker;
use crate::dialects::topics::Topics;
use crate::dialects::wson::Wson;
use crate::passwords::Verifier;
use crate::reactor::{Access, Binding, Workforce};
use crate::relay::dialect::{Dialect, DialectId};
use crate::relay::task::{MessageId, TaskKind};
use crate::relay::{Service, ServiceKind, Settings};
#[cfg(feature = "sqlite")]
use crate::store::temporary::TemporaryStore;

/// A control socket is for its owner.
const CONTROL_MODE: u32 = 0o600;

/// The dialects, in the order of [`ServiceName::ALL`]. `last_topic_message` is the highest id of a
/// message of a topic, if there is a store.
pub(super) fn dialects(
    config: &Config,
    last_topic_message: Option<MessageId>,
) -> Vec<Box<dyn Dialect>> {
    ServiceName::ALL
        .iter()
        .map(|name| -> Box<dyn Dialect> {
            match name {
                ServiceName::Topics => Box::new(topics(config, last_topic_message)),
                ServiceName::Drc => Box::new(Drc::new(config.drc.clone())),
                ServiceName::Dsock => Box::new(Dsock::new(config.dsock.clone())),
                ServiceName::MessageBroker => {
                    Box::new(MessageBroker::new(config.message_broker.clone()))
                }
                ServiceName::Wson => Box::new(Wson::new(config.wson.clone())),
                ServiceName::Echo => Box::new(Echo),
            }
        })
        .collect()
}

fn topics(config: &Config, last_message: Option<MessageId>) -> Topics {
    let topics = Topics::new(config.topics.clone());
    match last_message {
        Some(last) => topics.with_store(last),
        None => topics,
    }
}

/// Where to listen: for clients, and for programs that control the server.
pub(super) fn bindings(config: &Config) -> Vec<Binding> {
    let clients = config.listen.iter().map(|listen| Binding {
        address: listen.address.clone(),
        mode: listen.mode,
        access: Access::Clients,
        optional: false,
    });
    let operators = config.control.listen.iter().map(|listen| Binding {
        address: listen.address.clone(),
        mode: CONTROL_MODE,
        access: Access::Operators,
        // Nobody has asked for the one of the defaults.
        optional: config.control.is_default,
    });
    clients.chain(operators).collect()
}

/// What each listener serves, in the order of [`bindings`].
pub(super) fn services(config: &Config) -> Vec<Service> {
    let dialect = |name: &ServiceName| {
        let index = ServiceName::ALL.iter().position(|other| other == name);
        DialectId::new(index.unwrap_or_default() as u8)
    };
    let clients = config.listen.iter().map(|listen| Service {
        kind: ServiceKind::Dialects(listen.serve.iter().map(dialect).collect()),
        label: listen.domain.clone().unwrap_or_default(),
    });
    // A listener that can tell whose program it is will waive the secret.
    let operators = config.control.listen.iter().map(|_| Service::control(true));
    clients.chain(operators).collect()
}

/// The relay's settings, with the limits that depend on the machine filled in.
pub(super) fn relay_settings(config: &Config) -> Settings {
    let mut limits = config.limits.clone();
    resources::fill_in(&mut limits);
    Settings {
        limits,
        trusted_proxies: config.http.trusted_proxies.clone(),
        control_secret: config.control.secret.clone(),
    }
}

/// True if some listener serves it.
pub(super) fn serves(config: &Config, service: ServiceName) -> bool {
    let mut listeners = config.listen.iter();
    listeners.any(|listen| listen.serve.contains(&service))
}

/// Who does what may block, and the highest id of a message of a topic in the store, if there is
/// one. A store is opened only where something keeps messages.
///
/// # Errors
/// Why the store cannot be opened.
pub(super) fn workforce(config: &Config) -> Result<(Workforce, Option<MessageId>), Failure> {
    let workforce = Workforce::new().with(TaskKind::Password, Box::new(Verifier::default()));
    let (keeps_queues, keeps_topics) = (keeps_queues(config), keeps_topics(config));
    if !keeps_queues && !keeps_topics {
        let workforce = if serves(config, ServiceName::MessageBroker) {
            with_temporary_store(workforce)
        } else {
            workforce
        };
        return Ok((workforce, None));
    }
    let opened = stores::open(&config.store, keeps_queues, keeps_topics);
    let (store, last) = opened.map_err(Failure::Runtime)?;
    Ok((workforce.with(TaskKind::Store, store), last))
}

/// Whether anything that is served keeps messages.
pub(super) fn keeps_messages(config: &Config) -> bool {
    keeps_queues(config) || keeps_topics(config)
}

/// Whether queues are served and kept.
pub(super) fn keeps_queues(config: &Config) -> bool {
    serves(config, ServiceName::MessageBroker) && config.message_broker.keep_data
}

fn keeps_topics(config: &Config) -> bool {
    serves(config, ServiceName::Topics) && config.topics.keeps_anything()
}

/// For messages that wait for an acknowledgement, where nothing is kept on a disk.
fn with_temporary_store(workforce: Workforce) -> Workforce {
    #[cfg(feature = "sqlite")]
    let workforce = workforce.with(TaskKind::Store, Box::new(TemporaryStore::default()));
    workforce
}
