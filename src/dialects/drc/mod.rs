//! DRC, the Data Relay Center: channels that authorities own, and grants that they give to others.
//!
//! A request is read by [`request`], and answered by the file of its command. What is wrong with
//! it is a [`fault::Fault`], which is its own answer. Channels ([`channel`]) know who may send to
//! whom, so that nobody is asked who is not concerned; the fan-out itself is the relay's.

pub mod channel;
pub mod fault;
pub mod settings;

mod channels;
mod entry;
mod grant;
mod grants;
mod handshake;
mod join;
mod json;
mod leave;
mod names;
mod number;
mod request;
mod roll;
mod send;
mod set_extra;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::dialects::drc::channel::{ClientNumber, Place};
use crate::dialects::drc::channels::Channels;
use crate::dialects::drc::fault::Fault;
use crate::dialects::drc::grants::{Grants, is_grant_like};
use crate::dialects::drc::request::Request;
use crate::dialects::drc::settings::Settings;
use crate::limits::{Limit, Limits};
use crate::protocol::http_request::Request as HttpRequest;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::conn_map::ConnMap;
use crate::relay::dialect::{Answer, Client as Connection, Cx, Dialect, Terms};
use crate::relay::moment::{Moment, Now};
use crate::relay::rate::{Rate, RateState};

/// Where DRC is, on a listener that serves several dialects.
const PATH: &str = "/drc";

/// A client.
#[derive(Debug)]
struct Client {
    number: ClientNumber,
    /// Its channels, and where it stands in each.
    channels: BTreeMap<u64, Place>,
    /// In how many of them it is no authority.
    without_authority: usize,
    /// Wrong tokens.
    failed_tokens: usize,
    /// It has shown a configured token.
    known_token: bool,
    requests: RateState,
}

impl Client {
    /// It has guessed too often.
    fn is_cut_off(&self, limits: &Limits) -> bool {
        self.failed_tokens >= limits.failed_logins
    }
}

/// The dialect.
#[derive(Debug, Default)]
pub struct Drc {
    settings: Settings,
    clients: ConnMap<Client>,
    by_number: HashMap<ClientNumber, ConnId>,
    last_client: u64,
    channels: Channels,
    grants: Grants,
    /// When a wake for the end of a grant is due.
    grants_watched: Option<Moment>,
}

impl Drc {
    /// The dialect without clients.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Takes over changed settings; clients stay what they are.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Checks that channels and clients agree.
    ///
    /// # Errors
    /// The first statement that does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        for (id, client) in self.clients.iter() {
            if self.by_number.get(&client.number) != Some(&id) {
                return Err(format!("DRC: {:?} is not found", client.number));
            }
            let member = |number: &u64, place: &Place| {
                let channel = self.channels.get(*number);
                channel.and_then(|channel| channel.member(*place))
            };
            let mut without_authority = 0;
            for (number, place) in &client.channels {
                let found = member(number, place).filter(|member| member.connection == id);
                let member =
                    found.ok_or_else(|| format!("DRC: {id} is not in channel {number}"))?;
                without_authority += usize::from(!member.authority);
            }
            if without_authority != client.without_authority {
                return Err(format!("DRC: {id} is counted wrongly"));
            }
        }
        self.channels.check_invariants()
    }

    fn answer(
        &mut self,
        cx: &mut Cx<'_>,
        client: Connection<'_>,
        message_type: MessageType,
        payload: &[u8],
    ) -> Result<(), Fault> {
        let request = Request::parse(payload)?;
        match request.command.as_str() {
            "GRANT" => self.grant(cx, client, message_type, &request),
            "JOIN" => self.join(cx, client, message_type, &request),
            "SET_EXTRA" => self.set_extra(cx, client, message_type, &request),
            "LEAVE" => self.leave(cx, client, message_type, &request),
            _ => self.send(cx, client, message_type, &request),
        }
    }

    /// The channel that a request names by its number, and the client's place there.
    fn membership(&self, id: ConnId, request: &Request<'_>) -> Result<(u64, Place), Fault> {
        if !request.has("channel") {
            return Err(Fault::MissingChannel);
        }
        let number = request.number("channel");
        let number = number.and_then(|number| u64::try_from(number).ok());
        let client = self.clients.get(id);
        let place = client.zip(number).and_then(|(client, number)| {
            let place = client.channels.get(&number)?;
            Some((number, *place))
        });
        place.ok_or(Fault::InvalidChannel)
    }

    /// The place of a client, by its number, in a channel.
    fn place_of(&self, channel: u64, client: i64) -> Option<Place> {
        let client = ClientNumber(u64::try_from(client).ok()?);
        let connection = self.by_number.get(&client)?;
        let state = self.clients.get(*connection)?;
        state.channels.get(&channel).copied()
    }

    /// True if a client is in a channel, and no authority there.
    fn is_without_authority(&self, id: ConnId, number: u64) -> bool {
        let place = self
            .clients
            .get(id)
            .and_then(|client| client.channels.get(&number));
        let channel = self.channels.get(number);
        let member = channel
            .zip(place)
            .and_then(|(channel, place)| channel.member(*place));
        member.is_some_and(|member| !member.authority)
    }

    /// The extra information of a request.
    fn extra_of<'a>(request: &Request<'a>, cx: &mut Cx<'_>) -> Result<&'a str, Fault> {
        let extra = request.container("extra");
        let extra = extra.ok_or(Fault::MissingInvalidExtra)?;
        if extra.len() > cx.limits().drc_extra {
            cx.count_limit(Limit::DrcExtra);
            return Err(Fault::MissingInvalidExtra);
        }
        Ok(extra)
    }

    fn check_room(&self, cx: &Cx<'_>, more: usize) -> Result<(), Fault> {
        let held = self.grants.bytes() + self.channels.bytes();
        if held + more > cx.limits().drc_memory {
            return Err(Fault::NoRoom(Limit::DrcMemory));
        }
        Ok(())
    }

    /// The token of a request gives no right. Guessing is counted, for the address and for the
    /// connection; but a grant's token cannot be guessed, and who shows one that is past is honest.
    fn token_failed(&mut self, cx: &mut Cx<'_>, client: Connection<'_>, request: &Request<'_>) {
        let guessed = request
            .text("token")
            .is_some_and(|token| !is_grant_like(&token));
        let Some(state) = self.clients.get_mut(client.id).filter(|_| guessed) else {
            return;
        };
        state.failed_tokens += 1;
        let refused = cx.failed_login(client.address);
        if refused || state.is_cut_off(cx.limits()) {
            state.failed_tokens = usize::MAX;
            cx.close_for_limit(client.id, Limit::FailedLogins);
        }
    }

    /// Pauses a client that is no authority and asks too much.
    fn limit_requests(&mut self, cx: &mut Cx<'_>, client: Connection<'_>) {
        let per_second = cx.limits().drc_requests;
        let Some(state) = self.clients.get_mut(client.id) else {
            return;
        };
        let authority = state.known_token || state.channels.len() > state.without_authority;
        if per_second == 0 || authority {
            return;
        }
        let now = cx.now().moment;
        let rate = Rate::new(per_second, per_second);
        let kept_again = state.requests.charge(rate, now);
        // The addresses are looked through only for who would be paused.
        if kept_again > now && !self.settings.knows_address(client.address.ip()) {
            cx.pause(kept_again, Limit::DrcRequests);
        }
    }

    /// Forgets the grants whose time is over, and asks for a wake at the end of the next one unless
    /// one is under way.
    fn watch_grants(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now().moment;
        let before = self.grants.len();
        let next = self.grants.expire(now);
        for _ in self.grants.len()..before {
            cx.count_limit(Limit::DrcGrantTime);
        }
        if let Some(next) = next
            && self.grants_watched.is_none_or(|watched| next < watched)
        {
            cx.wake_dialect_in(next.since(now), 0);
            self.grants_watched = Some(next);
        }
    }
}

impl Dialect for Drc {
    fn name(&self) -> &'static str {
        "drc"
    }

    fn claims(&self, path: &str) -> bool {
        path.strip_prefix(PATH)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn terms(&self) -> Terms {
        Terms {
            message: Limit::DrcMessage,
            frame: Some(Limit::DrcFrame),
            ping_after: Limit::DrcPingAfter,
            pong_wait: Limit::DrcPongWait,
            scattered_pings: false,
            ..Terms::default()
        }
    }

    fn request(
        &mut self,
        _cx: &mut Cx<'_>,
        _connection: Connection<'_>,
        request: &HttpRequest,
        _body: &[u8],
    ) -> Answer {
        match self.shake_hands(request) {
            Ok(answer) => Answer::Upgrade(answer),
            Err(refusal) => Answer::Refuse(refusal),
        }
    }

    fn opened(&mut self, _cx: &mut Cx<'_>, connection: Connection<'_>) {
        self.last_client += 1;
        let number = ClientNumber(self.last_client);
        self.by_number.insert(number, connection.id);
        self.clients.insert(
            connection.id,
            Client {
                number,
                channels: BTreeMap::new(),
                without_authority: 0,
                failed_tokens: 0,
                known_token: false,
                requests: RateState::default(),
            },
        );
    }

    fn message(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        message_type: MessageType,
        payload: &[u8],
    ) {
        // What follows a guess too many was sent before the end was known.
        let limits = cx.limits();
        let client = self.clients.get(connection.id);
        if client.is_none_or(|client| client.is_cut_off(limits)) {
            return;
        }
        self.limit_requests(cx, connection);
        if let Err(fault) = self.answer(cx, connection, message_type, payload) {
            if let Some(limit) = fault.limit() {
                cx.count_limit(limit);
            }
            cx.reply(connection.id, message_type, fault.to_json().as_bytes());
        }
    }

    fn tick(&mut self, cx: &mut Cx<'_>, _token: u32) {
        self.grants_watched = None;
        self.watch_grants(cx);
    }

    fn closed(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        self.disconnect(cx, id);
    }

    fn describe(&self, id: ConnId, _now: Now, members: &mut Map<String, Value>) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        members.insert("client".to_owned(), client.number.0.into());
        members.insert("channels".to_owned(), client.channels.len().into());
    }
}
