//! `GET /connect`: a claim or a JWT becomes a connection.

use std::rc::Rc;

use crate::dialects::dsock::directory::{Claim, Connection, NoClaim};
use crate::dialects::dsock::error::{ApiError, ErrorCode};
use crate::dialects::dsock::jwt::{self, Identity, JwtFault};
use crate::dialects::dsock::uuid::Uuid;
use crate::dialects::dsock::{Dsock, POLICY, answer, channels};
use crate::limits::Limit;
use crate::protocol::http_request::Request;
use crate::protocol::query_string::Query;
use crate::protocol::ws_handshake::Handshake;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::{Answer, Client, Cx};

/// With what a client proves who it is.
enum Proof<'a> {
    /// A claim that is there, by its id.
    Claim(&'a str),
    Jwt(Identity),
}

impl Dsock {
    /// Answers a handshake. A claim is redeemed only if nothing is wrong with it, and as the last
    /// thing that could fail.
    ///
    /// # Errors
    /// What is wrong with the proof, or too many connections of the user.
    pub(super) fn connect(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        request: &Request,
        query: &Query<'_>,
    ) -> Result<Answer, ApiError> {
        let now = cx.now().wall;
        let (proof, user) = self.authenticate(cx, client, query)?;
        let handshake = match Handshake::check(request) {
            Ok(handshake) => handshake,
            Err(fault) => {
                log::debug!(connection:% = client.id; "{fault}");
                return Ok(Answer::Respond(answer::bad_handshake()));
            }
        };
        let channel = cx.find(&channels::user(cx, &user));
        let connections = channel.map_or(0, |channel| cx.members(channel));
        if connections >= cx.limits().dsock_connections_per_user {
            return Err(ApiError::over_limit(
                ErrorCode::TooManyConnections,
                Limit::DsockConnectionsPerUser,
            ));
        }
        let random = cx.random_bytes().ok_or(ErrorCode::ErrorGettingConnection)?;
        if !cx.is_open(client.id) {
            // The client would never see that it is connected.
            return Err(ErrorCode::ErrorGettingConnection.into());
        }
        let identity = match proof {
            Proof::Claim(id) => identity(&self.directory.redeem(id, now).map_err(ErrorCode::from)?),
            Proof::Jwt(identity) => identity,
        };
        let mut channels = identity.channels;
        for name in &self.settings.default_channels {
            if !channels.contains(name) {
                channels.push(name.clone());
            }
        }
        let connection = Connection {
            uuid: Uuid::from_random(random),
            user: identity.user.into(),
            session: identity.session.into(),
            channels: channels.into_iter().map(Into::into).collect(),
            last_ping: now.as_secs(),
        };
        self.directory.insert(client.id, connection);
        Ok(Answer::Upgrade(handshake.answer(None)))
    }

    /// What a client proves who it is with, and the user that it is. What could be guessed counts
    /// against its address: a signature, but no random id of a claim, and no token that was good.
    fn authenticate<'a>(
        &self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        query: &'a Query<'_>,
    ) -> Result<(Proof<'a>, String), ApiError> {
        let now = cx.now().wall;
        let secret = &self.settings.jwt_secret;
        if let Some(id) = query.filled("claim") {
            let claim = self.directory.find_claim(id, now);
            let claim = claim.map_err(ErrorCode::from)?;
            return Ok((Proof::Claim(id), claim.user().to_owned()));
        }
        let token = query.filled("jwt").filter(|_| !secret.is_empty());
        let token = token.ok_or(ErrorCode::MissingAuthentication)?;
        let identity = jwt::authenticate(token, secret.as_bytes(), cx.limits(), now.as_secs());
        let identity = identity.map_err(|fault| {
            log::debug!("a JWT is refused: {fault}");
            if matches!(fault, JwtFault::Token(_)) {
                cx.failed_login(client.address);
            }
            ErrorCode::InvalidJwt
        })?;
        let user = identity.user.clone();
        Ok((Proof::Jwt(identity), user))
    }

    /// Puts a new connection into the channels by which messages find it.
    pub(super) fn enter(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(connection) = self.directory.get_mut(id) else {
            return;
        };
        for name in &mut connection.channels {
            // One name for all who are there.
            let channel = cx.find(&channels::channel(cx, name));
            if let Some(key) = channel.and_then(|channel| cx.key_of(channel)) {
                *name = Rc::clone(&key.1);
            }
        }
        for key in self.kinds.of_connection(cx, connection) {
            cx.join(id, key, POLICY);
        }
    }

    /// Takes a connection out of everything by which it is found.
    pub(super) fn forget(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(connection) = self.directory.remove(id) else {
            return;
        };
        for key in self.kinds.of_connection(cx, &connection) {
            if let Some(channel) = cx.find(&key) {
                cx.leave(id, channel);
            }
        }
    }
}

impl From<NoClaim> for ErrorCode {
    fn from(none: NoClaim) -> Self {
        match none {
            NoClaim::Missing => Self::MissingClaim,
            NoClaim::Ended => Self::ExpiredClaim,
        }
    }
}

fn identity(claim: &Claim) -> Identity {
    Identity {
        user: claim.user().to_owned(),
        session: claim.session().to_owned(),
        channels: claim.channels().map(str::to_owned).collect(),
    }
}
