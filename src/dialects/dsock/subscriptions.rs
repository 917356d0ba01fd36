//! Channels that are added to connections and claims, and taken away again.
//!
//! A connection or claim takes all names of a call or, where it has no room for them, none; the
//! others of the target do not suffer from that.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::dialects::dsock::api::{check_channels, too_many_channels, too_much_memory};
use crate::dialects::dsock::error::ApiError;
use crate::dialects::dsock::names::{self, NameSet};
use crate::dialects::dsock::target::Target;
use crate::dialects::dsock::{Dsock, POLICY, answer, channels};
use crate::limits::Limit;
use crate::protocol::http_response::Response;
use crate::protocol::query_string::Query;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::hub::ChannelKey;

/// Whether channels are added or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// They are added.
    Subscribe,
    /// They are taken away.
    Unsubscribe,
}

/// The channels of a call.
struct Wanted<'a> {
    names: NameSet<'a>,
    /// Their channels of the relay.
    keys: HashMap<&'a str, ChannelKey>,
    /// Names that do not count against the limit.
    defaults: HashSet<&'a str>,
}

impl Dsock {
    /// Changes the channels of connections and, unless they are to be left alone, of claims.
    ///
    /// # Errors
    /// If something is wrong with the call, or nobody of the target has room.
    pub(super) fn change_channels(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query<'_>,
        change: Change,
        list: &str,
    ) -> Result<Response, ApiError> {
        let target = Target::of(query);
        let selection = self.selection(target.connections())?;
        let names = names::split([list]);
        check_channels(&names, cx.limits())?;
        let defaults = self.settings.default_channels.clone();
        let wanted = Wanted {
            names: NameSet::new(&names),
            keys: names
                .iter()
                .map(|name| (name.as_str(), channels::channel(cx, name)))
                .collect(),
            defaults: defaults.iter().map(String::as_str).collect(),
        };
        let receivers = self.receivers(cx, selection);
        let claims = if query.get("ignoreClaims") == Some("true") {
            Vec::new()
        } else {
            self.claims_of(cx, target)
        };
        let (most_channels, most_memory) = {
            let limits = cx.limits();
            (limits.dsock_channels, limits.dsock_claims_memory)
        };
        let mut results = Vec::with_capacity(claims.len() + receivers.len());
        for number in claims {
            let claims = &mut self.directory.claims;
            results.push(match change {
                Change::Subscribe => {
                    claims.add_channels(number, &wanted.names, most_channels, most_memory)
                }
                Change::Unsubscribe => {
                    claims.remove_channels(number, &wanted.names);
                    Ok(())
                }
            });
        }
        for id in receivers {
            results.push(match change {
                Change::Subscribe => self.subscribe(cx, id, &wanted),
                Change::Unsubscribe => {
                    self.unsubscribe(cx, id, &wanted);
                    Ok(())
                }
            });
        }
        let Some(limit) = results.iter().find_map(|result| result.err()) else {
            return Ok(answer::success());
        };
        if results.iter().any(Result::is_ok) {
            cx.count_limit(limit);
            return Ok(answer::success());
        }
        Err(match limit {
            Limit::DsockClaimsMemory => too_much_memory(),
            _ => too_many_channels(),
        })
    }

    fn subscribe(&mut self, cx: &mut Cx<'_>, id: ConnId, wanted: &Wanted<'_>) -> Result<(), Limit> {
        let Some(connection) = self.directory.connections.get_mut(id) else {
            return Ok(());
        };
        let own = connection.channels.iter().map(|name| &**name);
        let missing = wanted.names.missing(own.clone());
        if missing.is_empty() {
            return Ok(());
        }
        let counted = own
            .chain(missing.iter().copied())
            .filter(|name| !wanted.defaults.contains(name));
        if counted.count() > cx.limits().dsock_channels {
            return Err(Limit::DsockChannels);
        }
        for key in missing.iter().filter_map(|name| wanted.keys.get(name)) {
            connection.channels.push(Rc::clone(&key.1));
            cx.join(id, key.clone(), POLICY);
        }
        Ok(())
    }

    fn unsubscribe(&mut self, cx: &mut Cx<'_>, id: ConnId, wanted: &Wanted<'_>) {
        let Some(connection) = self.directory.connections.get_mut(id) else {
            return;
        };
        connection.channels.retain(|name| {
            let key = wanted.keys.get(&**name);
            if let Some(channel) = key.and_then(|key| cx.find(key)) {
                cx.leave(id, channel);
            }
            key.is_none()
        });
    }
}
