//! Channels that are added to connections and claims, and taken away again.
//!
//! A connection or claim takes all names of a call or, where it has no room for them, none; the
//! others of the target do not suffer from that.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::dialects::dsock::api::{check_channels, too_many_channels, too_much_memory};
use crate::dialects::dsock::directory::Changed;
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
        let mut changed = if query.get("ignoreClaims") == Some("true") {
            Changed::default()
        } else {
            let (now, claims) = (cx.now().wall, target.claims());
            let directory = &mut self.directory;
            match change {
                Change::Subscribe => {
                    directory.subscribe_claims(claims, &wanted.names, cx.limits(), now)
                }
                Change::Unsubscribe => directory.unsubscribe_claims(claims, &wanted.names, now),
            }
        };
        for id in self.receivers(cx, selection) {
            changed.count(match change {
                Change::Subscribe => self.subscribe(cx, id, &wanted),
                Change::Unsubscribe => {
                    self.unsubscribe(cx, id, &wanted);
                    Ok(())
                }
            });
        }
        match changed.refused {
            Some(Limit::DsockClaimsMemory) if !changed.any => Err(too_much_memory()),
            Some(_) if !changed.any => Err(too_many_channels()),
            Some(limit) => {
                cx.count_limit(limit);
                Ok(answer::success())
            }
            None => Ok(answer::success()),
        }
    }

    fn subscribe(&mut self, cx: &mut Cx<'_>, id: ConnId, wanted: &Wanted<'_>) -> Result<(), Limit> {
        let Some(connection) = self.directory.get_mut(id) else {
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
        let within = within_session(&connection.session);
        for key in missing.iter().filter_map(|name| wanted.keys.get(name)) {
            connection.channels.push(Rc::clone(&key.1));
            cx.join(id, key.clone(), POLICY);
            if let Some(within) = &within {
                cx.join(id, cx.shared_channel_key(&key.1, within), POLICY);
            }
        }
        Ok(())
    }

    fn unsubscribe(&mut self, cx: &mut Cx<'_>, id: ConnId, wanted: &Wanted<'_>) {
        let Some(connection) = self.directory.get_mut(id) else {
            return;
        };
        let within = within_session(&connection.session);
        connection.channels.retain(|name| {
            let Some(key) = wanted.keys.get(&**name) else {
                return true;
            };
            let of_session = within
                .as_ref()
                .map(|within| cx.shared_channel_key(name, within));
            for key in [Some(key), of_session.as_ref()].into_iter().flatten() {
                if let Some(channel) = cx.find(key) {
                    cx.leave(id, channel);
                }
            }
            false
        });
    }
}

/// What is behind the name of each channel that those of a session are in; nothing without one.
fn within_session(session: &str) -> Option<Rc<str>> {
    (!session.is_empty()).then(|| channels::within_session(session).into())
}
