//! The channels of the relay that connections of dSock are in: one for each user, one for each
//! session of a user, one for each channel of dSock. The second part of a name says which it is, so
//! that no name of one kind can be made to look like one of another.

use crate::relay::dialect::Cx;
use crate::relay::hub::ChannelKey;

/// All connections of a user.
pub(super) fn user(cx: &Cx<'_>, user: &str) -> ChannelKey {
    cx.channel_key(user, "user")
}

/// Those of one session of a user.
pub(super) fn session(cx: &Cx<'_>, user: &str, session: &str) -> ChannelKey {
    cx.channel_key(user, &format!("session {session}"))
}

/// Those in a channel.
pub(super) fn channel(cx: &Cx<'_>, channel: &str) -> ChannelKey {
    cx.channel_key(channel, "channel")
}
