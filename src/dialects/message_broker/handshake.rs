//! The handshake: 101 in either case, and behind it whether the client is let in.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::dialects::message_broker::{MessageBroker, PASSWORD, text_frame};
use crate::protocol::http_request::Request;
use crate::protocol::http_response::Refusal;
use crate::protocol::ws_handshake::{Handshake, HandshakeFault, accept_key, switching_protocols};
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::{Client, Cx};
use crate::relay::moment::Now;
use crate::relay::task::Task;
use crate::secret::Secret;

/// The scheme of RFC 7617.
const SCHEME: &str = "Basic";

/// Base64 with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Drafts of RFC 6455 whose handshake and frames are those of version 13.
const LIKE_13: std::ops::RangeInclusive<u8> = 7..=12;

/// What the server says first, and to a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Response {
    code: &'static str,
    text: &'static str,
}

/// The client is let in; all is well.
pub(super) const ACCEPTED: Response = Response {
    code: "00",
    text: "Accepted",
};

/// The client is not let in; messages cannot be kept.
pub(super) const REJECTED: Response = Response {
    code: "01",
    text: "Rejected",
};

/// The "connect" message; its time has no fractions.
pub(super) fn connect(response: Response, now: Now) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(now.wall.as_secs());
    let time = humantime::format_rfc3339_millis(time);
    let Response { code, text } = response;
    format!(
        r#"{{"command":"connect","response_code":"{code}","response_text":"{text}","data":[{{"time_stamp":"{time}"}}]}}"#
    )
}

impl MessageBroker {
    /// The 101 answer. Whether the client is let in is said later.
    ///
    /// # Errors
    /// 400 if this is no handshake.
    pub(super) fn shake_hands(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        request: &Request,
    ) -> Result<Vec<u8>, Refusal> {
        let answer = match Handshake::check(request) {
            Ok(handshake) => handshake.answer(None),
            Err(HandshakeFault::VersionOther) if is_like_13(request) => {
                let key = request.header("Sec-WebSocket-Key").unwrap_or_default();
                switching_protocols(&accept_key(key), None)
            }
            Err(fault) => {
                return Err(Refusal::bad_request(fault.to_string())
                    .with_header("Sec-WebSocket-Version", "13"));
            }
        };
        let rejected = || text_frame(&connect(REJECTED, cx.now()));
        let Some((user, password)) = request.header("Authorization").and_then(credentials) else {
            let rejected = rejected();
            cx.turn_away(client.id, rejected, true);
            return Ok(answer);
        };
        let rejected = rejected();
        self.logins.insert(client.id, user.as_str().into());
        let verify = Task::VerifyPassword {
            users: self.users.clone(),
            user,
            password,
        };
        if cx.assign(Some(client.id), PASSWORD, verify).is_err() {
            log::debug!(connection:% = client.id; "too many passwords wait to be verified");
            cx.turn_away(client.id, rejected, false);
        }
        Ok(answer)
    }

    /// It is known whether the client is let in.
    pub(super) fn judge(&mut self, cx: &mut Cx<'_>, id: ConnId, accepted: bool) {
        let response = if accepted { ACCEPTED } else { REJECTED };
        let frame = text_frame(&connect(response, cx.now()));
        if accepted {
            cx.admit(id, frame);
        } else {
            self.logins.remove(id);
            cx.turn_away(id, frame, true);
        }
    }
}

fn is_like_13(request: &Request) -> bool {
    let version = request.header("Sec-WebSocket-Version");
    version
        .and_then(|version| version.trim().parse().ok())
        .is_some_and(|version| LIKE_13.contains(&version))
}

/// User and password (RFC 7617 section 2); the scheme may be in any case.
fn credentials(header: &str) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let decoded = BASE64.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_rfc_7617_has_them() {
        for (header, expected) in [
            ("Basic cWE6NGx0MEAxMjM0", Some(("qa", "4lt0@1234"))),
            ("bAsIc  cWE6NGx0MEAxMjM0 ", Some(("qa", "4lt0@1234"))),
            ("Basic YTpiOmM", Some(("a", "b:c"))),
            ("Basic YTo=", Some(("a", ""))),
            ("Bearer cWE6NGx0MEAxMjM0", None),
            ("Basic", None),
            ("Basic !!", None),
            ("Basic YQ==", None),
            ("Basic YTr/", None),
        ] {
            let expected =
                expected.map(|(user, password)| (user.to_owned(), Secret::new(password)));
            assert_eq!(credentials(header), expected, "{header}");
        }
    }
}
