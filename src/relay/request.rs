//! What is decided while input is handled but done in the settle phase, when no handler runs.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::limits::Limit;
use crate::protocol::ws_close::CloseCode;
use crate::relay::conn_id::ConnId;

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// The code sent or received; none where the connection ended without a close frame.
    pub code: Option<CloseCode>,
    /// The reason in words.
    pub text: Cow<'static, str>,
    /// The limit that caused it.
    pub limit: Option<Limit>,
}

impl CloseReason {
    /// The connection ended without a close frame.
    pub const fn without_code(text: &'static str) -> Self {
        Self {
            code: None,
            text: Cow::Borrowed(text),
            limit: None,
        }
    }

    /// A close frame with `code`.
    pub fn with_code(code: CloseCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: Some(code),
            text: text.into(),
            limit: None,
        }
    }

    /// A limit was passed.
    pub fn limit(limit: Limit) -> Self {
        Self {
            code: Some(CloseCode::of_limit(limit)),
            text: Cow::Borrowed(limit.reason()),
            limit: Some(limit),
        }
    }
}

/// Something to do when the handlers are done.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Close a WebSocket with a close frame.
    Close(ConnId, CloseReason),
    /// A request that waited for its verdict becomes a WebSocket, with these bytes behind the answer.
    Admit(ConnId, Vec<u8>),
    /// A request that waited for its verdict ends, with these bytes behind the answer; true if that counts as
    /// a failed login of its address.
    TurnAway(ConnId, Vec<u8>, bool),
    /// A connection no longer takes part: its dialect and the hub forget it.
    Forget(ConnId, CloseReason),
    /// The memory limit is passed.
    FreeMemory,
}

/// The requests of a turn, in the order in which they were made.
pub type Requests = VecDeque<Request>;
