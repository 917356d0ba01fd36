//! Reading the configuration again, on HUP.

use super::assembly;
use super::made_secrets::MadeSecrets;
use crate::config::{Config, Loaded, Sources};
use crate::dialects::drc::Drc;
use crate::dialects::dsock::Dsock;
use crate::dialects::message_broker::MessageBroker;
use crate::dialects::topics::Topics;
use crate::dialects::wson::Wson;
use crate::logging;
use crate::reactor::Reload;

/// Loads the configuration from the sources of the start and hands it to the running relay. What
/// is wrong changes nothing; what only a new start can change is named.
pub(super) fn from_sources(sources: Sources, config: &Config, made: MadeSecrets) -> Reload {
    let listen = config.listen.clone();
    let control = config.control.listen.clone();
    let has_store = assembly::keeps_messages(config);
    let keeps_queues = assembly::keeps_queues(config);
    let store = config.store.clone();
    let log_format = config.log.format;
    let tcp_user_timeout = config.limits.tcp_user_timeout;
    Box::new(move |relay| {
        let Loaded {
            mut config,
            warnings,
            ..
        } = Config::load(&sources).map_err(|errors| errors.to_string())?;
        for warning in warnings {
            log::warn!("{warning}");
        }
        let mut summary =
            "origins, limits, secrets, users, authorities, policies, log level".to_owned();
        made.fill_in(&mut config);
        if config.listen != listen || config.control.listen != control {
            summary.push_str("; changed listeners need a new start");
        }
        if config.log.format != log_format {
            summary.push_str("; a changed log.format needs a new start");
        }
        let lacks_store = (assembly::keeps_messages(&config) && !has_store)
            || (assembly::keeps_queues(&config) && !keeps_queues);
        if lacks_store || config.store != store {
            // The store is opened once: what it does not have must not be promised.
            config.message_broker.keep_data &= keeps_queues;
            summary.push_str("; a changed store needs a new start");
        }
        if config.limits.tcp_user_timeout != tcp_user_timeout {
            // Accepted sockets inherit it from their listener.
            summary.push_str("; a changed limits.tcp_user_timeout needs a new start");
        }
        relay.reconfigure(assembly::relay_settings(&config));
        if let Some(topics) = relay.dialect_mut::<Topics>() {
            topics.reconfigure(config.topics);
        }
        if let Some(drc) = relay.dialect_mut::<Drc>() {
            drc.reconfigure(config.drc);
        }
        if let Some(dsock) = relay.dialect_mut::<Dsock>() {
            dsock.reconfigure(config.dsock);
        }
        if let Some(message_broker) = relay.dialect_mut::<MessageBroker>() {
            message_broker.reconfigure(config.message_broker);
        }
        if let Some(wson) = relay.dialect_mut::<Wson>() {
            wson.reconfigure(config.wson);
        }
        logging::set_level(config.log.level);
        Ok(summary)
    })
}
