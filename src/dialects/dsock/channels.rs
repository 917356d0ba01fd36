//! The channels of the relay that connections of dSock are in: one for each user, one for each
//! session of a user, one for each channel of dSock, one for each name of a session in a channel: a
//! target is one of them, so that nobody else is touched for it. The second part of a name says which it is, so
//! that no name of one kind can be made to look like one of another.

use std::rc::Rc;

use crate::dialects::dsock::directory::Connection;
use crate::relay::dialect::Cx;
use crate::relay::hub::ChannelKey;

const USER: &str = "user";

const CHANNEL: &str = "channel";

/// All connections of a user.
pub(super) fn user(cx: &Cx<'_>, user: &str) -> ChannelKey {
    cx.channel_key(user, USER)
}

/// Those of one session of a user.
pub(super) fn session(cx: &Cx<'_>, user: &str, session: &str) -> ChannelKey {
    cx.channel_key(user, &of_user(session))
}

fn of_user(session: &str) -> String {
    format!("session {session}")
}

/// Those in a channel.
pub(super) fn channel(cx: &Cx<'_>, channel: &str) -> ChannelKey {
    cx.channel_key(channel, CHANNEL)
}

/// Those in a channel that have a session of this name, whoever's it is.
pub(super) fn channel_session(cx: &Cx<'_>, channel: &str, session: &str) -> ChannelKey {
    cx.channel_key(channel, &within_session(session))
}

/// What is behind the name in [`channel_session`].
pub(super) fn within_session(session: &str) -> String {
    format!("channel, session {session}")
}

/// The kinds of channels of which there may be one for each connection.
#[derive(Debug)]
pub(super) struct Kinds {
    user: Rc<str>,
    channel: Rc<str>,
}

impl Default for Kinds {
    fn default() -> Self {
        Self {
            user: USER.into(),
            channel: CHANNEL.into(),
        }
    }
}

impl Kinds {
    /// All channels of a connection. They share what can be shared: there may be many connections.
    pub(super) fn of_connection(&self, cx: &Cx<'_>, connection: &Connection) -> Vec<ChannelKey> {
        let Connection { user, session, .. } = connection;
        let mut keys = vec![cx.shared_channel_key(user, &self.user)];
        let names = &connection.channels;
        keys.extend(
            names
                .iter()
                .map(|name| cx.shared_channel_key(name, &self.channel)),
        );
        if !session.is_empty() {
            let of_user = of_user(session).into();
            keys.push(cx.shared_channel_key(user, &of_user));
            let of_channel = within_session(session).into();
            keys.extend(
                names
                    .iter()
                    .map(|name| cx.shared_channel_key(name, &of_channel)),
            );
        }
        keys
    }
}
