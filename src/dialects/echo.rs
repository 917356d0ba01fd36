//! Echo: every message goes back to its sender. For conformance tests and for trying out a
//! network's path; a listener serves it only where it is named.

use crate::protocol::http_request::Request;
use crate::protocol::http_response::{Refusal, Response};
use crate::protocol::ws_frame::MessageType;
use crate::protocol::ws_handshake::Handshake;
use crate::relay::dialect::{Answer, Client, Cx, Dialect, Terms};

/// The dialect. It knows nothing of its connections.
#[derive(Debug, Default)]
pub struct Echo;

impl Dialect for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn claims(&self, path: &str) -> bool {
        path == "/echo"
    }

    fn terms(&self) -> Terms {
        Terms {
            compression: true,
            ..Terms::default()
        }
    }

    fn request(
        &mut self,
        _cx: &mut Cx<'_>,
        _client: Client<'_>,
        request: &Request,
        _body: &[u8],
    ) -> Answer {
        match Handshake::check(request) {
            Ok(handshake) => Answer::Upgrade(handshake.answer(None)),
            Err(fault) => Answer::Respond(Response::from(Refusal::from(fault))),
        }
    }

    fn message(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        message_type: MessageType,
        payload: &[u8],
    ) {
        cx.reply(client.id, message_type, payload);
    }
}
