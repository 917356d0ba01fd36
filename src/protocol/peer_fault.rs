//! What a WebSocket peer did wrong, and the close code that tells it.

use std::fmt;

use crate::limits::Limit;
use crate::protocol::ws_close::CloseCode;

/// A fault of the peer: the connection is closed with this code and reason
/// (RFC 6455 section 7.1.7, "Fail the WebSocket Connection").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerFault {
    /// The status code of the close frame.
    pub close_code: CloseCode,
    /// The reason in the close frame, at most 123 bytes.
    pub reason: &'static str,
    /// The limit that was passed, if it was one.
    pub limit: Option<Limit>,
}

impl PeerFault {
    /// A violation of the protocol (1002).
    pub const fn protocol(reason: &'static str) -> Self {
        Self {
            close_code: CloseCode::PROTOCOL_ERROR,
            reason,
            limit: None,
        }
    }

    /// Text that is not UTF-8 (1007).
    pub const fn not_utf8() -> Self {
        Self {
            close_code: CloseCode::INVALID_PAYLOAD,
            reason: "text is not valid UTF-8",
            limit: None,
        }
    }

    /// A message that cannot be inflated (1007).
    pub const fn not_deflate() -> Self {
        Self {
            close_code: CloseCode::INVALID_PAYLOAD,
            reason: "compressed message is corrupt",
            limit: None,
        }
    }

    /// A limit was passed; code and reason are the limit's.
    pub fn limit(limit: Limit) -> Self {
        Self {
            close_code: CloseCode::of_limit(limit),
            reason: limit.reason(),
            limit: Some(limit),
        }
    }
}

impl fmt::Display for PeerFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.reason, self.close_code.number())
    }
}
