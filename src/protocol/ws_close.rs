//! Close codes and the payload of close frames (RFC 6455 sections 5.5.1 and 7.4).

use crate::limits::Limit;
use crate::protocol::peer_fault::PeerFault;

/// The longest reason that fits into a close frame, in bytes: 125 less the code.
pub const MAX_REASON: usize = 123;

/// A status code that may stand in a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1007: the payload does not fit its type.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: the peer broke a rule of this server.
    pub const POLICY: Self = Self(1008);
    /// 1009: the message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL: Self = Self(1011);

    /// The code if it may be sent: 1000-1003, 1007-1014 and 3000-4999 (section 7.4.2 and the
    /// registry that it founded).
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(number)),
            _ => None,
        }
    }

    /// The code that tells a peer that it passed `limit`.
    pub fn of_limit(limit: Limit) -> Self {
        Self::new(limit.close_code()).unwrap_or(Self::POLICY)
    }

    /// The code as it stands in the frame.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// What a close frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseStatus<'a> {
    /// The status code; none if the frame was empty.
    pub code: Option<CloseCode>,
    /// The reason; empty without a code.
    pub reason: &'a str,
}

impl<'a> CloseStatus<'a> {
    /// Reads the payload of a close frame.
    ///
    /// # Errors
    /// 1002 for a payload of one byte or a code that must not be sent, 1007 for a reason that
    /// is not UTF-8.
    pub fn parse(payload: &'a [u8]) -> Result<Self, PeerFault> {
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            return if payload.is_empty() {
                Ok(Self {
                    code: None,
                    reason: "",
                })
            } else {
                Err(PeerFault::protocol("close frame of one byte"))
            };
        };
        let code = CloseCode::new(u16::from_be_bytes(*code))
            .ok_or(PeerFault::protocol("invalid close code"))?;
        let reason = str::from_utf8(reason).map_err(|_| PeerFault::not_utf8())?;
        Ok(Self {
            code: Some(code),
            reason,
        })
    }

    /// The payload of a close frame; a reason that is too long is cut at a character's end.
    pub fn encode(&self) -> Vec<u8> {
        let Some(code) = self.code else {
            return Vec::new();
        };
        let reason = &self.reason[..self.reason.floor_char_boundary(MAX_REASON)];
        let mut payload = Vec::with_capacity(2 + reason.len());
        payload.extend_from_slice(&code.number().to_be_bytes());
        payload.extend_from_slice(reason.as_bytes());
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent() {
        for number in 0..=u16::MAX {
            let allowed = (1000..=1003).contains(&number)
                || (1007..=1014).contains(&number)
                || (3000..=4999).contains(&number);
            assert_eq!(CloseCode::new(number).is_some(), allowed, "{number}");
        }
    }

    #[test]
    fn every_limit_has_a_code_that_may_be_sent() {
        for row in crate::limits::LIMITS {
            assert!(
                CloseCode::new(row.limit.close_code()).is_some(),
                "{}",
                row.key
            );
        }
    }

    #[test]
    fn payloads() {
        let nothing = CloseStatus {
            code: None,
            reason: "",
        };
        assert_eq!(CloseStatus::parse(b""), Ok(nothing));
        assert_eq!(nothing.encode(), b"");
        let bye = CloseStatus {
            code: Some(CloseCode::NORMAL),
            reason: "bye",
        };
        assert_eq!(CloseStatus::parse(b"\x03\xe8bye"), Ok(bye));
        assert_eq!(bye.encode(), b"\x03\xe8bye");
        assert_eq!(
            CloseStatus::parse(b"\x03").unwrap_err().close_code.number(),
            1002
        );
        assert_eq!(
            CloseStatus::parse(b"\x03\xed").unwrap_err().reason,
            "invalid close code"
        );
        assert_eq!(
            CloseStatus::parse(b"\x03\xe8\xff")
                .unwrap_err()
                .close_code
                .number(),
            1007
        );
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let reason = "é".repeat(100);
        let payload = CloseStatus {
            code: Some(CloseCode::NORMAL),
            reason: &reason,
        }
        .encode();
        assert_eq!(payload.len(), 2 + 122);
        assert!(CloseStatus::parse(&payload).is_ok());
    }
}
