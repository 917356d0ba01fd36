//! dSock: a back end makes a claim for a user, a browser connects with it, and the back end sends
//! messages to users, sessions and channels with plain HTTP requests.
//!
//! [`route`] finds the call, [`target`] whom it is for, and `api` does it. What is known of claims
//! and connections is in [`directory`]; whom a message goes to is in the relay's hub, so that a
//! call touches nobody but its receivers.

pub mod directory;
pub mod error;
pub mod jwt;
pub mod names;
pub mod route;
pub mod settings;
pub mod target;
pub mod uuid;

mod answer;
mod api;
mod channels;
mod claim_request;
mod connect;
mod request_id;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::dialects::dsock::channels::Kinds;
use crate::dialects::dsock::directory::Directory;
use crate::dialects::dsock::error::{ApiError, ErrorCode};
use crate::dialects::dsock::request_id::RequestIds;
use crate::dialects::dsock::route::{Call, Endpoint, Route};
use crate::dialects::dsock::settings::Settings;
use crate::dialects::dsock::subscriptions::Change;
use crate::dialects::dsock::target::Selection;
use crate::dialects::dsock::uuid::Uuid;
use crate::limits::Limit;
use crate::protocol::http_request::{Method, Request};
use crate::protocol::http_response::{Refusal, Response};
use crate::protocol::query_string::Query;
use crate::protocol::request_head::RequestHead;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::{Answer, Client, Cx, Dialect, Terms};
use crate::relay::hub::ChannelId;
use crate::relay::moment::Now;
use crate::relay::output_policy::OutputPolicy;

/// What happens to a client that does not read: it would miss messages without knowing.
const POLICY: OutputPolicy = OutputPolicy::Close;

/// How long the next look at the claims is away at most: the wall clock may have been set.
const LONGEST_WATCH: Duration = Duration::from_secs(5);

/// How long the next look at the claims is away at least.
const SHORTEST_WATCH: Duration = Duration::from_millis(10);

/// The dialect.
#[derive(Debug, Default)]
pub struct Dsock {
    settings: Settings,
    directory: Directory,
    request_ids: RequestIds,
    kinds: Kinds,
    /// The name of this process, once somebody has asked.
    worker: Option<Uuid>,
    /// A wake for the end of a claim is under way.
    watching_claims: bool,
}

impl Dsock {
    /// The dialect without clients.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Takes over changed settings; claims and connections stay.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What is known of claims and connections.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Answers a request.
    ///
    /// # Errors
    /// What is wrong with it.
    fn serve(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        endpoint: &Endpoint,
        request: &Request,
        body: &[u8],
    ) -> Result<Answer, ApiError> {
        let query = Query::parse(request.query().unwrap_or_default());
        let response = match endpoint {
            Endpoint::Ping => answer::pong(),
            Endpoint::Description => answer::description(),
            Endpoint::Connect => {
                check_query(&query)?;
                return self.connect(cx, client, request, &query);
            }
            Endpoint::Api(call) => {
                self.authorize(cx, client, request, &query)?;
                check_query(&query)?;
                self.call(cx, call, &query, body)?
            }
        };
        Ok(Answer::Respond(response))
    }

    fn call(
        &mut self,
        cx: &mut Cx<'_>,
        call: &Call,
        query: &Query<'_>,
        body: &[u8],
    ) -> Result<Response, ApiError> {
        match call {
            Call::Claim => self.claim(cx, query),
            Call::Send => self.send(cx, query, body),
            Call::Disconnect => self.disconnect(cx, query),
            Call::Info => self.info(cx, query),
            Call::Subscribe(names) => self.change_channels(cx, query, Change::Subscribe, names),
            Call::Unsubscribe(names) => self.change_channels(cx, query, Change::Unsubscribe, names),
        }
    }

    /// Looks for the token of the API in the query and behind the scheme of `Authorization`; one of
    /// the two will do.
    fn authorize(
        &self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        request: &Request,
        query: &Query<'_>,
    ) -> Result<(), ApiError> {
        let token = &self.settings.token;
        if token.is_empty() {
            return Err(ApiError::with_message(
                ErrorCode::InvalidAuthorization,
                "Invalid authorization: the API is off, since dsock.token is not set",
            ));
        }
        let header = request.headers("Authorization").next().unwrap_or_default();
        let (scheme, bearer) = header.split_at(header.len().min("Bearer ".len()));
        let by_header = scheme.eq_ignore_ascii_case(b"Bearer ") && token.matches(bearer);
        let by_query = token.matches(query.get("token").unwrap_or_default().as_bytes());
        if by_header || by_query {
            return Ok(());
        }
        cx.failed_login(client.address);
        Err(ErrorCode::InvalidAuthorization.into())
    }

    /// The name of this process.
    fn worker(&mut self, cx: &mut Cx<'_>) -> Uuid {
        *self
            .worker
            .get_or_insert_with(|| Uuid::from_random(cx.random_bytes().unwrap_or_default()))
    }

    /// The channel of the relay that has all of a selection in it, and nobody else.
    fn channel_of(&self, cx: &Cx<'_>, selection: Selection<'_>) -> Option<ChannelId> {
        let key = match selection {
            Selection::Id(_) => return None,
            Selection::Channel(channel, Some(session)) => {
                channels::channel_session(cx, channel, session)
            }
            Selection::Channel(channel, None) => channels::channel(cx, channel),
            Selection::User(user, None) => channels::user(cx, user),
            Selection::User(user, Some(session)) => channels::session(cx, user, session),
        };
        cx.find(&key)
    }

    /// The connections of a selection, in the order in which they came.
    fn receivers(&self, cx: &Cx<'_>, selection: Selection<'_>) -> Vec<ConnId> {
        match selection {
            Selection::Id(id) => self.directory.find(id).into_iter().collect(),
            _ => self
                .channel_of(cx, selection)
                .map_or_else(Vec::new, |channel| cx.channel_members(channel)),
        }
    }

    /// A client has shown that it is there.
    fn heard(&mut self, cx: &Cx<'_>, id: ConnId) {
        let now = cx.now().wall.as_secs();
        if let Some(connection) = self.directory.get_mut(id) {
            connection.last_ping = now;
        }
    }

    /// Makes sure that claims are looked at when the next one is to be forgotten, or a little later.
    fn watch_claims(&mut self, cx: &mut Cx<'_>) {
        if self.watching_claims {
            return;
        }
        let Some(next) = self.directory.next_forgotten() else {
            return;
        };
        let left = next.saturating_sub(cx.now().wall);
        cx.wake_dialect_in(left.clamp(SHORTEST_WATCH, LONGEST_WATCH), 0);
        self.watching_claims = true;
    }
}

fn check_query(query: &Query<'_>) -> Result<(), ApiError> {
    let Some(fault) = query.fault() else {
        return Ok(());
    };
    let code = ErrorCode::ErrorBindingQueryParams;
    let message = format!("{}: {fault}", code.message());
    Err(ApiError::with_message(code, message))
}

impl Dialect for Dsock {
    fn name(&self) -> &'static str {
        "dsock"
    }

    fn claims(&self, path: &str) -> bool {
        route::is_known(path)
    }

    fn terms(&self) -> Terms {
        Terms {
            ping_after: Limit::DsockPingAfter,
            pong_wait: Limit::DsockPongWait,
            scattered_pings: false,
            ..Terms::default()
        }
    }

    fn request(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        request: &Request,
        body: &[u8],
    ) -> Answer {
        let request_id = self
            .request_ids
            .choose(cx, request.header(request_id::HEADER));
        let method = request.method();
        let endpoint = match route::find(method, request.path()) {
            Route::To(endpoint) => endpoint,
            Route::Redirect(path) => {
                let is_get = matches!(method, Method::Get | Method::Head);
                let redirect = answer::redirect(&path, request.query(), is_get);
                return Answer::Respond(answer::named(redirect, request_id));
            }
            Route::Unknown => {
                return Answer::Respond(answer::named(answer::not_found(), request_id));
            }
        };
        let response = match self.serve(cx, client, &endpoint, request, body) {
            Ok(Answer::Respond(response)) => response,
            Ok(answer) => return answer,
            Err(error) => {
                if let Some(limit) = error.limit {
                    cx.count_limit(limit);
                }
                log::debug!(
                    connection:% = client.id,
                    peer:% = client.address,
                    request:% = request_id;
                    "request refused: {}",
                    error.code.code()
                );
                answer::error(&error, &request_id)
            }
        };
        Answer::Respond(answer::named(response, request_id))
    }

    fn word_refusal(
        &mut self,
        cx: &mut Cx<'_>,
        head: RequestHead<'_>,
        refusal: Refusal,
    ) -> Response {
        let request_id = self.request_ids.choose(cx, head.header(request_id::HEADER));
        let response = answer::refusal(refusal, &request_id);
        answer::named(response, request_id)
    }

    fn opened(&mut self, cx: &mut Cx<'_>, client: Client<'_>) {
        self.enter(cx, client.id);
    }

    /// Messages from clients are for nobody; the control port is told of them.
    fn message(&mut self, cx: &mut Cx<'_>, client: Client<'_>, _: MessageType, _: &[u8]) {
        self.heard(cx, client.id);
    }

    fn ping_or_pong(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        self.heard(cx, id);
    }

    fn tick(&mut self, cx: &mut Cx<'_>, _token: u32) {
        self.watching_claims = false;
        self.directory.forget_ended_claims(cx.now().wall);
        self.watch_claims(cx);
    }

    fn describe(&self, id: ConnId, _now: Now, members: &mut Map<String, Value>) {
        let Some(connection) = self.directory.get(id) else {
            return;
        };
        members.insert("connection".to_owned(), connection.uuid.to_string().into());
        members.insert("user".to_owned(), connection.user.as_ref().into());
        if !connection.session.is_empty() {
            members.insert("session".to_owned(), connection.session.as_ref().into());
        }
        let channels: Vec<&str> = connection.channels.iter().map(|name| &**name).collect();
        members.insert("channels".to_owned(), channels.into());
    }

    fn closed(&mut self, _cx: &mut Cx<'_>, id: ConnId) {
        self.directory.remove(id);
    }
}
