//! The Http stage: requests are routed to dialects and answered, or become WebSockets.

use serde_json::Value;

use crate::limits::Limit;
use crate::protocol::forwarded_for::{client_address, forwarded_address};
use crate::protocol::http_request::{Method, Request};
use crate::protocol::http_response::{CONTINUE, Refusal, Response};
use crate::protocol::request_head::RequestHead;
use crate::relay::address::PeerAddress;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::{Answer, Client, Dialect, DialectId};
use crate::relay::http_input::{HttpInput, Step};
use crate::relay::moment::{Now, Tick};
use crate::relay::operator::events::Event;
use crate::relay::peer::{ListenerId, Open, Stage};
use crate::relay::receive::Reading;
use crate::relay::request::CloseReason;
use crate::relay::{Relay, ServiceKind};

impl Relay {
    /// Takes requests from `input` until it is empty, the connection is upgraded or ends, or
    /// `budget` requests were answered.
    pub(super) fn receive_requests(
        &mut self,
        id: ConnId,
        input: &mut &mut [u8],
        budget: &mut usize,
        now: Now,
    ) -> Reading {
        loop {
            if *budget == 0 && !input.is_empty() {
                return Reading::Again;
            }
            let Some(peer) = self.peers.get_mut(id) else {
                return Reading::Over;
            };
            let Stage::Http(state) = &mut peer.stage else {
                return if peer.stage.is_over() {
                    Reading::Over
                } else {
                    Reading::Continue
                };
            };
            let buffered =
                |state: &Option<Box<HttpInput>>| state.as_ref().map_or(0, |input| input.buffered());
            let has_head = |state: &Option<Box<HttpInput>>| {
                state.as_ref().is_some_and(|input| input.has_head())
            };
            let (before, had_head) = (buffered(state), has_head(state));
            let step = HttpInput::step(state, input, &self.settings.limits);
            let after = buffered(state);
            if has_head(state) && !had_head {
                peer.deadline = Tick::of(now.moment).after(self.settings.limits.message_time);
            } else if before == 0 && after > 0 && peer.answered {
                peer.deadline = Tick::of(now.moment).after(self.settings.limits.handshake_time);
            }
            self.count_buffered(before, after);
            match step {
                Ok(Step::NeedMore) => return Reading::Continue,
                Ok(Step::AskForBody) => {
                    let frame = self.outboxes.frame(CONTINUE);
                    self.outboxes.push(id, frame);
                }
                Ok(Step::Complete(request, body)) => {
                    *budget -= 1;
                    self.answer(id, &request, &body, now);
                }
                Err(unserved) => {
                    let refusal = unserved.refusal.clone();
                    self.refuse(id, refusal, unserved.head(), now);
                    return Reading::Over;
                }
            }
        }
    }

    /// Answers a complete request.
    fn answer(&mut self, id: ConnId, request: &Request, body: &[u8], now: Now) {
        self.counters.requests += 1;
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let head_only = request.method() == Method::Head;
        let (address, forwarded_for) = self.client_of(peer.address, request);
        let Some(dialect) = self.route(peer.listener, Some(request.path())) else {
            let refusal = Refusal::new(404, "nothing is served here");
            return self.refuse(id, refusal, request.into(), now);
        };
        let upgrade = request.has_token("Upgrade", "websocket");
        let (proxy, counted) = (peer.address, peer.counted);
        if let Err(limit) = self.check_address(id, address, upgrade, now) {
            return self.refuse(id, Refusal::over_limit(limit), request.into(), now);
        }
        let client = Client {
            id,
            address,
            forwarded_for: forwarded_for.as_deref(),
        };
        let Some((service, mut cx)) = self.split(dialect, now) else {
            return;
        };
        match service.request(&mut cx, client, request, body) {
            Answer::Upgrade(bytes) => self.upgrade(id, dialect, address, bytes, now),
            Answer::Later(bytes) => self.await_verdict(id, dialect, address, bytes, now),
            Answer::Refuse(refusal) => {
                self.count_refusal(id, &refusal);
                self.answer_last(id, &refusal.into(), head_only, now);
            }
            Answer::Respond(response) => {
                if !counted {
                    self.discount(id, proxy);
                }
                let keep_alive = request.keep_alive() && self.drain.is_none();
                let bytes = response.encode(keep_alive, head_only);
                let frame = self.outboxes.frame(bytes);
                self.outboxes.push(id, frame);
                if !keep_alive {
                    self.finish(id, CloseReason::without_code("answered"), now);
                } else if let Some(peer) = self.peers.get_mut(id) {
                    peer.answered = true;
                    peer.deadline = Tick::of(now.moment).after(self.settings.limits.keep_alive);
                }
            }
        }
    }

    /// A connection that was counted for the client of an upgrade is its proxy's again: the next
    /// request may be another client's.
    fn discount(&mut self, id: ConnId, proxy: PeerAddress) {
        if let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.counted) {
            peer.counted = false;
            if let Some(key) = std::mem::replace(&mut peer.address, proxy).key() {
                self.addresses.disconnect(key);
            }
        }
    }

    /// The connection becomes a WebSocket of `dialect`.
    pub(super) fn upgrade(
        &mut self,
        id: ConnId,
        dialect: DialectId,
        address: PeerAddress,
        switching_protocols: Vec<u8>,
        now: Now,
    ) {
        let frame = self.outboxes.frame(switching_protocols);
        self.outboxes.push(id, frame);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.dialect = Some(dialect);
            peer.address = address;
        }
        if !self.outboxes.is_open(id) {
            // The answer had no room: there is no WebSocket that a close frame could end.
            return self.finish(id, CloseReason::limit(Limit::Output), now);
        }
        self.counters.handshakes += 1;
        if let Some(peer) = self.peers.get_mut(id) {
            peer.stage = Stage::Open(Open::new());
        }
        self.schedule(id);
        log::debug!(
            connection:% = id,
            dialect = self.dialects[dialect.index()].name(),
            peer:% = address;
            "connected"
        );
        if self.events.wants(Event::Open)
            && let Some(members) = self.describe(id, now)
        {
            let payload = Value::Object(members).to_string();
            self.events
                .tell(Event::Open, payload.as_bytes(), &mut self.outboxes);
        }
        if let Some((service, mut cx)) = self.split(dialect, now) {
            service.opened(
                &mut cx,
                Client {
                    id,
                    address,
                    forwarded_for: None,
                },
            );
        }
    }

    /// Answers with why not, and closes: behind a request that was not understood there is
    /// nothing that could be. The dialect that it would have gone to has the wording.
    fn refuse(&mut self, id: ConnId, refusal: Refusal, head: RequestHead<'_>, now: Now) {
        self.count_refusal(id, &refusal);
        let Some(listener) = self.peers.get(id).map(|peer| peer.listener) else {
            return;
        };
        let response = self.word_refusal(listener, head, refusal, now);
        let head_only = head.method_name() == Some("HEAD");
        self.answer_last(id, &response, head_only, now);
    }

    /// The words of the dialect that a request would have gone to, or plain text.
    pub(super) fn word_refusal(
        &mut self,
        listener: ListenerId,
        head: RequestHead<'_>,
        refusal: Refusal,
        now: Now,
    ) -> Response {
        let dialect = self.route(listener, head.path());
        match dialect.and_then(|dialect| self.split(dialect, now)) {
            Some((service, mut cx)) => service.word_refusal(&mut cx, head, refusal),
            None => refusal.into(),
        }
    }

    fn count_refusal(&mut self, id: ConnId, refusal: &Refusal) {
        if let Some(limit) = refusal.limit {
            self.counters.count_limit(limit);
        } else {
            self.counters.peer_faults += 1;
        }
        if let Some(peer) = self.peers.get(id) {
            log::debug!(
                connection:% = id,
                peer:% = peer.address,
                status = refusal.status,
                reason = &*refusal.reason;
                "request refused"
            );
        }
    }

    /// Sends the last answer of a connection, and closes.
    fn answer_last(&mut self, id: ConnId, response: &Response, head_only: bool, now: Now) {
        let frame = self.outboxes.frame(response.encode(false, head_only));
        self.outboxes.push(id, frame);
        self.finish(id, CloseReason::without_code("request refused"), now);
    }

    /// Who the client is, and the header of a trusted proxy that says so.
    fn client_of(&self, peer: PeerAddress, request: &Request) -> (PeerAddress, Option<String>) {
        if !self.is_trusted(peer) {
            return (peer, None);
        }
        let header = request.header("X-Forwarded-For").map(str::to_owned);
        let proxies = &self.settings.trusted_proxies;
        let lines = request.headers("X-Forwarded-For");
        let address = match peer {
            PeerAddress::Ip(ip, _) => match client_address(ip, lines, proxies) {
                client if client == ip => peer,
                client => PeerAddress::Ip(client, 0),
            },
            // A proxy on a Unix socket is on this machine.
            PeerAddress::Unix => match forwarded_address(lines, proxies) {
                Some(client) => PeerAddress::Ip(client, 0),
                None => peer,
            },
        };
        (address, header)
    }

    /// Which dialect of a listener serves a path. One that is not known is served only where
    /// there is no choice.
    fn route(&self, listener: ListenerId, path: Option<&str>) -> Option<DialectId> {
        let service = self.services.get(listener.index())?;
        let dialects = match &service.kind {
            ServiceKind::Dialects(dialects) => dialects.as_slice(),
            ServiceKind::Control { .. } => &[],
        };
        if let [only] = dialects {
            return Some(*only);
        }
        let find = |test: &dyn Fn(&dyn Dialect) -> bool| {
            dialects.iter().copied().find(|dialect| {
                self.dialects
                    .get(dialect.index())
                    .is_some_and(|dialect| test(dialect.as_ref()))
            })
        };
        let path = path?;
        find(&|dialect| dialect.claims(path)).or_else(|| find(&|d| d.takes_the_rest()))
    }

    /// The limits by address, for a client that is not trusted.
    fn check_address(
        &mut self,
        id: ConnId,
        address: PeerAddress,
        upgrade: bool,
        now: Now,
    ) -> Result<(), Limit> {
        let Some(key) = address.key().filter(|_| !self.is_trusted(address)) else {
            return Ok(());
        };
        let limits = &self.settings.limits;
        self.addresses.check_logins(key, now.moment)?;
        if !upgrade {
            return Ok(());
        }
        self.addresses.handshake(key, limits, now.moment)?;
        if let Some(peer) = self.peers.get_mut(id).filter(|peer| !peer.counted) {
            self.addresses.connect(key, limits, now.moment)?;
            peer.counted = true;
            peer.address = address;
        }
        Ok(())
    }
}
