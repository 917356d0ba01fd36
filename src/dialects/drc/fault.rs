//! What is wrong with a request, in the words of the original.

use crate::limits::Limit;

/// What is wrong with a request. The channel is that of the request where a fault has one: the
/// others are answered for channel 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not JSON, or neither object nor array.
    InvalidData,
    /// `cmd` is missing, no string, or one that only the server sends.
    MissingInvalidCmd,
    /// A channel's name is missing, no string, empty or too long.
    MissingInvalidChannel,
    /// The same of a protocol.
    MissingInvalidProtocol,
    /// `clientmode` is not one of three numbers.
    MissingInvalidClientmode,
    /// `extra` is neither object nor array, or too long.
    MissingInvalidExtra,
    /// A grant of somebody who is no authority for the protocol.
    GrantDenied,
    /// A join without a right to it.
    JoinDenied,
    /// A join beyond [`Limit::DrcChannelsPerConnection`], or beyond [`Limit::DrcChannels`].
    MaxChannelLimitReached(Limit),
    /// A grant or extra information for which there is no room.
    NoRoom(Limit),
    /// A channel's number is missing.
    MissingChannel,
    /// A channel that the client is not in.
    InvalidChannel,
    /// Setting extra information without being an authority.
    NotAuthority,
    /// A client that is not in the channel.
    InvalidId,
    /// Sending in the mode that only receives.
    SendingDenied(u64),
    /// No recipient.
    MissingTo(u64),
    /// A recipient that is none, or that the mode does not allow.
    InvalidTo(u64),
    /// The system has no random numbers for a token.
    NoToken,
}

impl Fault {
    /// The answer's `error` and `errorcode`.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidData => (
                "Data sent is not an array/object or was not able to be decoded.",
                "invalid_data",
            ),
            Self::MissingInvalidCmd => ("The 'cmd' is missing or invalid.", "missing_invalid_cmd"),
            Self::MissingInvalidChannel => (
                "The 'channel' is missing or invalid.",
                "missing_invalid_channel",
            ),
            Self::MissingInvalidProtocol => (
                "The 'protocol' is missing or invalid.",
                "missing_invalid_protocol",
            ),
            Self::MissingInvalidClientmode => (
                "The 'clientmode' is missing or invalid.",
                "missing_invalid_clientmode",
            ),
            Self::MissingInvalidExtra => (
                "The 'extra' option is missing or invalid.",
                "missing_invalid_extra",
            ),
            Self::GrantDenied => (
                "Access denied.  Invalid or missing authorization.",
                "access_denied",
            ),
            Self::JoinDenied => ("Access denied.  Invalid or missing token.", "access_denied"),
            Self::MaxChannelLimitReached(Limit::DrcChannels) => {
                ("Channel limit reached.", "max_channel_limit_reached")
            }
            Self::MaxChannelLimitReached(_) => (
                "Per-connection channel limit reached.",
                "max_channel_limit_reached",
            ),
            Self::NoRoom(Limit::DrcGrants) => (
                "Too many grants are outstanding.",
                "max_grant_limit_reached",
            ),
            Self::NoRoom(_) => (
                "The server keeps too much already.",
                "max_memory_limit_reached",
            ),
            Self::MissingChannel => ("The 'channel' is missing.", "missing_channel"),
            Self::InvalidChannel => ("The 'channel' is invalid.", "invalid_channel"),
            Self::NotAuthority => ("Access denied.  Not an authority.", "access_denied"),
            Self::InvalidId => ("The 'id' is invalid.", "invalid_id"),
            Self::SendingDenied(_) => (
                "Access denied.  Sending is not allowed on this channel.",
                "access_denied",
            ),
            Self::MissingTo(_) => ("The 'to' recipient is missing.", "missing_to"),
            Self::InvalidTo(_) => ("The 'to' recipient is invalid.", "invalid_to"),
            Self::NoToken => ("No token could be made.", "no_token"),
        }
    }

    /// The channel that the answer names.
    fn channel(self) -> u64 {
        match self {
            Self::SendingDenied(channel) | Self::MissingTo(channel) | Self::InvalidTo(channel) => {
                channel
            }
            _ => 0,
        }
    }

    /// The limit that was passed, to be counted.
    pub(super) fn limit(self) -> Option<Limit> {
        match self {
            Self::MaxChannelLimitReached(limit) | Self::NoRoom(limit) => Some(limit),
            _ => None,
        }
    }

    /// The answer.
    pub(super) fn to_json(self) -> String {
        let (channel, (error, code)) = (self.channel(), self.words());
        format!(r#"{{"channel":{channel},"success":false,"error":"{error}","errorcode":"{code}"}}"#)
    }
}
