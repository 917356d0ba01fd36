//! The handshake, checked in the order of the original: method, fields, version, origin.

use crate::dialects::drc::Drc;
use crate::protocol::http_request::Request;
use crate::protocol::http_response::Refusal;
use crate::protocol::ws_handshake::{Handshake, HandshakeFault};

impl Drc {
    /// The 101 answer to a handshake.
    ///
    /// # Errors
    /// 405, 400, 426 or 403, in this order.
    pub(super) fn shake_hands(&self, request: &Request) -> Result<Vec<u8>, Refusal> {
        let handshake = Handshake::check_leniently(request).map_err(|fault| match fault {
            HandshakeFault::VersionMissing => HandshakeFault::VersionOther.into(),
            fault => Refusal::from(fault),
        })?;
        if !self.settings.allows_origin(request.header("Origin")) {
            let reason = match request.header("Origin") {
                Some(_) => "the origin is not in drc.origins",
                None => "no Origin field: clients that are no browsers have to send one, too",
            };
            return Err(Refusal::new(403, reason));
        }
        Ok(handshake.answer(None))
    }
}
