//! Commands for browsers: the letters of ws(s)on that name a client by its token, or all.

use crate::protocol::ws_frame::MessageType;

/// A client's name on the control port: 32 bytes.
pub type TokenBytes = [u8; 32];

/// Which part of a message a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The first; it says what the message is.
    First,
    /// One in between.
    Middle,
    /// The last; it unlocks the client.
    Last,
}

/// A command for one or all browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrowserCommand<'a> {
    /// `b`, `B`: a message for all.
    Broadcast {
        /// Text or binary.
        message_type: MessageType,
        /// The message.
        payload: &'a [u8],
    },
    /// `c`, `C`, `d`, `D`: a message for one.
    Send {
        /// Whom it is for.
        token: &'a TokenBytes,
        /// Text or binary.
        message_type: MessageType,
        /// The message; for a confirmed one, an empty message only asks.
        payload: &'a [u8],
        /// Whether it is to be acknowledged.
        confirm: bool,
    },
    /// `l`: the client is to get nothing but the fragments that follow.
    Lock {
        /// Who.
        token: &'a TokenBytes,
    },
    /// `f`, `i`, `s` and their capitals: a part of a message for the locked client.
    Fragment {
        /// Which part.
        position: Position,
        /// Text or binary; counts for the first.
        message_type: MessageType,
        /// The part.
        payload: &'a [u8],
    },
}

/// What becomes of a command for browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// Nobody asked.
    Unasked,
    /// `A`, `N` with the token: the client was there, or not.
    Token(TokenBytes, bool),
    /// `a`, `n`: it was done, or not.
    Plain(bool),
    /// `E`: it cannot be done, and there is no other way to say so.
    Refused,
}
