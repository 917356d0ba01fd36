//! What the server says, as text.

use std::fmt::Write;

/// What can be wrong with a request: the error's code, its channel, its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault(pub(crate) &'static str, pub(crate) u64, &'static str);

pub(crate) const INVALID_DATA: Fault = Fault(
    "invalid_data",
    0,
    "Data sent is not an array/object or was not able to be decoded.",
);
pub(crate) const NO_COMMAND: Fault =
    Fault("missing_invalid_cmd", 0, "The 'cmd' is missing or invalid.");
pub(crate) const NAME: Fault = Fault(
    "missing_invalid_channel",
    0,
    "The 'channel' is missing or invalid.",
);
pub(crate) const PROTOCOL: Fault = Fault(
    "missing_invalid_protocol",
    0,
    "The 'protocol' is missing or invalid.",
);
pub(crate) const MODE: Fault = Fault(
    "missing_invalid_clientmode",
    0,
    "The 'clientmode' is missing or invalid.",
);
pub(crate) const EXTRA: Fault = Fault(
    "missing_invalid_extra",
    0,
    "The 'extra' option is missing or invalid.",
);
pub(crate) const NO_AUTHORITY_TO_GRANT: Fault = Fault(
    "access_denied",
    0,
    "Access denied.  Invalid or missing authorization.",
);
pub(crate) const NO_RIGHT_TO_JOIN: Fault = Fault(
    "access_denied",
    0,
    "Access denied.  Invalid or missing token.",
);
pub(crate) const NO_AUTHORITY: Fault =
    Fault("access_denied", 0, "Access denied.  Not an authority.");
pub(crate) const CHANNELS_OF_CONNECTION: Fault = Fault(
    "max_channel_limit_reached",
    0,
    "Per-connection channel limit reached.",
);
pub(crate) const CHANNELS: Fault = Fault("max_channel_limit_reached", 0, "Channel limit reached.");
pub(crate) const GRANTS: Fault = Fault(
    "max_grant_limit_reached",
    0,
    "Too many grants are outstanding.",
);
pub(crate) const MEMORY: Fault = Fault(
    "max_memory_limit_reached",
    0,
    "The server keeps too much already.",
);
pub(crate) const NO_CHANNEL: Fault = Fault("missing_channel", 0, "The 'channel' is missing.");
pub(crate) const CHANNEL: Fault = Fault("invalid_channel", 0, "The 'channel' is invalid.");
pub(crate) const ID: Fault = Fault("invalid_id", 0, "The 'id' is invalid.");
pub(crate) const RECEIVES_ONLY: Fault = Fault(
    "access_denied",
    0,
    "Access denied.  Sending is not allowed on this channel.",
);
pub(crate) const NO_RECIPIENT: Fault = Fault("missing_to", 0, "The 'to' recipient is missing.");
pub(crate) const RECIPIENT: Fault = Fault("invalid_to", 0, "The 'to' recipient is invalid.");

impl Fault {
    /// The same, answered for a channel.
    pub(crate) fn of(self, channel: u64) -> Self {
        Self(self.0, channel, self.2)
    }

    /// The answer.
    pub(crate) fn text(self) -> String {
        let Self(code, channel, error) = self;
        format!(r#"{{"channel":{channel},"success":false,"error":"{error}","errorcode":"{code}"}}"#)
    }
}

/// What a client is in a channel.
pub(crate) fn info(authority: bool, mode: i64, extra: &str) -> String {
    format!(r#"{{"auth":{authority},"mode":{mode},"extra":{extra}}}"#)
}

/// The names behind what a client is told of its own join or grant.
pub(crate) fn names(channel: &str, protocol: &str) -> String {
    format!(
        r#","channelname":{},"protocol":{}"#,
        string(channel),
        string(protocol)
    )
}

/// What is told of a client in a channel; `rest` begins with a comma, or is empty.
pub(crate) fn told(channel: u64, command: &str, id: u64, rest: &str) -> String {
    format!(r#"{{"channel":{channel},"success":true,"cmd":"{command}","from":0,"id":{id}{rest}}}"#)
}

/// JSON in ASCII, as PHP writes it without escaped slashes.
fn string(text: &str) -> String {
    let mut json = String::from("\"");
    for unit in text.encode_utf16() {
        match char::from_u32(unit.into()) {
            Some(character @ ('"' | '\\')) => json.extend(['\\', character]),
            Some('\n') => json.push_str("\\n"),
            Some(character @ ' '..='~') => json.push(character),
            _ => write!(json, "\\u{unit:04x}").unwrap(),
        }
    }
    json.push('"');
    json
}
