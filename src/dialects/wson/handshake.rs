//! The handshake, checked in the order of the original: cookies, then whether the token is
//! connected already, then the upgrade and the origin, then the user's connections.

use std::rc::Rc;

use crate::dialects::wson::credentials::check;
use crate::dialects::wson::{Client, Wson};
use crate::limits::Limit;
use crate::protocol::http_request::Request;
use crate::protocol::http_response::Refusal;
use crate::protocol::ws_handshake::Handshake;
use crate::relay::dialect::{Answer, Client as Connection, Cx};

/// When to try again with a token that is connected already, in seconds.
const RETRY_AFTER: &str = "15";

impl Wson {
    /// Answers a handshake.
    ///
    /// # Errors
    /// An answer that says what is wrong with it.
    pub(super) fn shake_hands(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        request: &Request,
    ) -> Result<Answer, Refusal> {
        let now = cx.now();
        let cookies = request.headers("Cookie");
        let lifetime = cx.limits().wson_lifetime;
        let credentials =
            check(&self.settings, cookies, lifetime, now.wall.as_secs()).map_err(|fault| {
                cx.failed_login(connection.address);
                Refusal::new(403, fault.to_string())
            })?;
        let token = *credentials.token.as_bytes();
        if self.by_token.contains_key(&token) {
            return Err(Refusal::new(429, "a client with this token is connected")
                .with_header("Retry-After", RETRY_AFTER));
        }
        let handshake = Handshake::check(request).map_err(|fault| {
            Refusal::bad_request(fault.to_string()).with_header("Sec-WebSocket-Version", "13")
        })?;
        if !self.settings.allows_origin(request.header("Origin")) {
            return Err(Refusal::bad_request("the origin is not in wson.origins"));
        }
        if let Some(user) = credentials.user.as_deref() {
            let connections = self.users.get(user).copied().unwrap_or(0);
            if connections >= cx.limits().wson_connections_per_user {
                return Err(Refusal::over_limit(Limit::WsonConnectionsPerUser));
            }
            *self.users.entry(Rc::from(user)).or_default() += 1;
        }
        self.by_token.insert(token, connection.id);
        let connected = now.moment;
        self.clients.insert(
            connection.id,
            Client {
                credentials,
                connected,
            },
        );
        Ok(Answer::Upgrade(handshake.answer(None)))
    }
}
