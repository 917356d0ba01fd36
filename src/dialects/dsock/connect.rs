//! `GET /connect`: a claim or a JWT becomes a connection.

use crate::dialects::dsock::directory::{Claim, ClaimKey, Connection};
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
            Proof::Claim(id) => {
                let claim = self.directory.redeem(id, now);
                identity(&claim.ok_or(ErrorCode::MissingClaim)?)
            }
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
        self.directory.connections.insert(client.id, connection);
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
            let claims = &self.directory.claims;
            let number = claims.find(ClaimKey::Id(id), now).next();
            let claim = number.and_then(|number| claims.get(number));
            let claim = claim.ok_or(ErrorCode::MissingClaim)?;
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
    pub(super) fn enter(&self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(connection) = self.directory.connections.get(id) else {
            return;
        };
        let Connection { user, session, .. } = connection;
        let mut keys = vec![channels::user(cx, user)];
        if !session.is_empty() {
            keys.push(channels::session(cx, user, session));
        }
        keys.extend(
            connection
                .channels
                .iter()
                .map(|name| channels::channel(cx, name)),
        );
        for key in keys {
            cx.join(id, key, POLICY);
        }
    }

    /// Takes a connection out of everything by which it is found.
    pub(super) fn forget(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(connection) = self.directory.connections.remove(id) else {
            return;
        };
        let Connection { user, session, .. } = &connection;
        let mut keys = vec![
            channels::user(cx, user),
            channels::session(cx, user, session),
        ];
        keys.extend(
            connection
                .channels
                .iter()
                .map(|name| channels::channel(cx, name)),
        );
        for key in keys {
            if let Some(channel) = cx.find(&key) {
                cx.leave(id, channel);
            }
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
