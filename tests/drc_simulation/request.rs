//! What a client asks, by its meaning; how it is written is in `spelling`.

/// A member that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Not there, or `null`.
    Missing,
    /// There, but not numeric.
    Other,
    /// Its whole part.
    Is(i64),
}

/// The two names of a channel; nothing where there is no string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) channel: Option<String>,
    pub(crate) protocol: Option<String>,
}

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Not JSON, or neither object nor array.
    Undecodable,
    /// JSON without a command that a client may give.
    NoCommand,
    Grant {
        names: Names,
        mode: Number,
        /// As it was written, if it is an object or an array.
        extra: Option<String>,
        token: Option<String>,
        makes_authority: bool,
    },
    Join {
        names: Names,
        token: Option<String>,
        by_address: bool,
    },
    SetExtra {
        channel: Number,
        id: Number,
        extra: Option<String>,
    },
    Leave {
        channel: Number,
    },
    /// Any other command.
    Message {
        channel: Number,
        to: Number,
        /// `"cmd":..` and what passes through with it, as it was written.
        passed: String,
    },
}
