//! What a dialect is to the relay, and what the relay is to a dialect.
//!
//! A dialect is one service that owns its tables and what it knows of each connection. It is
//! called with a [`Cx`], through which it sees the rest of the relay; what it asks for there is
//! done when the handlers are done, so that no handler sees another one running.

use std::any::Any;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::limits::{Limit, Limits};
use crate::protocol::control_frame::LONGEST_PAYLOAD;
use crate::protocol::http_request::Request as HttpRequest;
use crate::protocol::http_response::{Refusal, Response};
use crate::protocol::request_head::RequestHead;
use crate::protocol::ws_close::CloseCode;
use crate::protocol::ws_frame::{MessageType, Opcode, encode_fragment, encode_frame};
use crate::relay::address::PeerAddress;
use crate::relay::address_limits::AddressLimits;
use crate::relay::conn_id::ConnId;
use crate::relay::counters::Counters;
use crate::relay::frame::Frame;
use crate::relay::hub::{ChannelId, ChannelKey, Hub};
use crate::relay::moment::{Moment, Now};
use crate::relay::operator::browser_command::{Acknowledgement, BrowserCommand, TokenBytes};
use crate::relay::operator::events::{Event, Events};
use crate::relay::outbox::Traffic;
use crate::relay::outboxes::{Delivery, Outboxes, Outgoing};
use crate::relay::output_policy::OutputPolicy;
use crate::relay::random::RandomSource;
use crate::relay::request::{CloseReason, Request, Requests};
use crate::relay::task::{Outcome, Task, Tasks};
use crate::relay::timers::{Timers, Wake};

/// A wait for the wall clock is looked at again after this time.
const LONGEST_WAKE: Duration = Duration::from_secs(60);

/// The number of a dialect in the relay's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialectId(u8);

impl DialectId {
    /// The dialect at this place of the table.
    pub const fn new(index: u8) -> Self {
        Self(index)
    }

    /// The place in the table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a dialect is told of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The connection.
    pub id: ConnId,
    /// The client's address: the TCP peer, or whom a trusted proxy named.
    pub address: PeerAddress,
    /// The `X-Forwarded-For` of a trusted proxy, as it came; only while a request is handled.
    pub forwarded_for: Option<&'a str>,
}

/// What is done with an HTTP request.
#[derive(Debug)]
pub enum Answer {
    /// It becomes a WebSocket: the bytes are the 101 answer.
    Upgrade(Vec<u8>),
    /// Whether it becomes a WebSocket is known later, when the dialect calls [`Cx::admit`] or
    /// [`Cx::turn_away`]: the bytes are the 101 answer, sent in either case. Nothing is read until
    /// then.
    Later(Vec<u8>),
    /// It is answered.
    Respond(Response),
    /// It is answered, and the connection ends.
    Refuse(Refusal),
}

/// The limits of a dialect's WebSocket connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Which limit bounds a message.
    pub message: Limit,
    /// Which limit bounds a frame, where there is one beside that of messages.
    pub frame: Option<Limit>,
    /// Which limit says when a silent client is pinged.
    pub ping_after: Limit,
    /// Which limit says how long it has to answer.
    pub pong_wait: Limit,
    /// The time before a ping is up to a fifth more or less, by connection.
    pub scattered_pings: bool,
    /// False if its clients cannot take close frames: then a connection ends with the end of the
    /// stream alone, unless the client sent a close frame.
    pub close_frames: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            message: Limit::Message,
            frame: None,
            ping_after: Limit::PingAfter,
            pong_wait: Limit::PongWait,
            scattered_pings: true,
            close_frames: true,
        }
    }
}

/// A protocol spoken over WebSocket and HTTP.
pub trait Dialect: Any {
    /// The name in the configuration and the log.
    fn name(&self) -> &'static str;

    /// True if a request for `path` is this dialect's where a listener serves several.
    fn claims(&self, path: &str) -> bool;

    /// True if this dialect takes every path that no other claims.
    fn takes_the_rest(&self) -> bool {
        false
    }

    /// The limits of its connections.
    fn terms(&self) -> Terms {
        Terms::default()
    }

    /// Answers a complete request. If the answer is an upgrade, [`Self::opened`] follows.
    fn request(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        request: &HttpRequest,
        body: &[u8],
    ) -> Answer;

    /// Words a refusal of the relay's own, of a request that would have been this dialect's: it
    /// is malformed, too long, or its address is refused. Status and consequences are decided. The
    /// head may be incomplete, or empty where nothing was read.
    fn word_refusal(
        &mut self,
        _cx: &mut Cx<'_>,
        _head: RequestHead<'_>,
        refusal: Refusal,
    ) -> Response {
        refusal.into()
    }

    /// The 101 answer is queued: the client may be sent frames.
    fn opened(&mut self, _cx: &mut Cx<'_>, _client: Client<'_>) {}

    /// The client sent a message.
    fn message(
        &mut self,
        cx: &mut Cx<'_>,
        client: Client<'_>,
        message_type: MessageType,
        payload: &[u8],
    );

    /// The client sent a ping or a pong.
    fn ping_or_pong(&mut self, _cx: &mut Cx<'_>, _id: ConnId) {}
    /// The client answered a ping. True if it was one of this dialect's own ([`Cx::ping`]), which
    /// is not counted against the client.
    fn pong(&mut self, _cx: &mut Cx<'_>, _client: Client<'_>, _payload: &[u8]) -> bool {
        false
    }

    /// A task given out with [`Cx::assign`] is done.
    fn task_finished(
        &mut self,
        _cx: &mut Cx<'_>,
        _connection: Option<ConnId>,
        _number: u64,
        _outcome: Outcome,
    ) {
    }

    /// A wake asked for with [`Cx::wake_in`] is due.
    fn woken(&mut self, _cx: &mut Cx<'_>, _id: ConnId, _token: u32) {}

    /// A wake asked for with [`Cx::wake_dialect_in`] is due.
    fn tick(&mut self, _cx: &mut Cx<'_>, _token: u32) {}

    /// Adds what the control port tells of a client.
    fn describe(&self, _id: ConnId, _now: Now, _members: &mut Map<String, Value>) {}

    /// A command for browsers from a control connection; nothing if the dialect has none.
    fn browser_command(
        &mut self,
        _cx: &mut Cx<'_>,
        _operator: ConnId,
        _command: &BrowserCommand<'_>,
    ) -> Option<Acknowledgement> {
        None
    }

    /// The client that has this token.
    fn find_token(&self, _token: &TokenBytes) -> Option<ConnId> {
        None
    }

    /// A message from a control connection for a channel; to how many it went, or why it could
    /// not. Nothing if no channel of this dialect can have such a name.
    fn operator_publish(
        &mut self,
        _cx: &mut Cx<'_>,
        _channel: &str,
        _message_type: MessageType,
        _payload: &[u8],
    ) -> Option<Result<usize, String>> {
        None
    }

    /// A control connection is gone.
    fn operator_gone(&mut self, _cx: &mut Cx<'_>, _operator: ConnId) {}

    /// The client is gone or going: it has left all channels and gets nothing more.
    fn closed(&mut self, _cx: &mut Cx<'_>, _id: ConnId) {}
}

/// The relay, as a dialect sees it while it handles something.
#[derive(Debug)]
pub struct Cx<'a> {
    pub(super) hub: &'a mut Hub,
    pub(super) outboxes: &'a mut Outboxes,
    pub(super) requests: &'a mut Requests,
    pub(super) timers: &'a mut Timers,
    pub(super) tasks: &'a mut Tasks,
    pub(super) counters: &'a mut Counters,
    pub(super) addresses: &'a mut AddressLimits,
    pub(super) events: &'a Events,
    pub(super) limits: &'a Limits,
    pub(super) trusted_proxies: &'a [ipnet::IpNet],
    pub(super) random: &'a mut dyn RandomSource,
    pub(super) dialect: DialectId,
    pub(super) connections: usize,
    pub(super) memory: usize,
    /// Until when nothing is read from the client whose message is handled, and which limit says so.
    pub(super) paused: Option<(Moment, Limit)>,
    pub(super) now: Now,
}

impl Cx<'_> {
    /// The time.
    pub fn now(&self) -> Now {
        self.now
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        self.limits
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        self.counters
    }

    /// Messages that policies dropped.
    pub fn dropped(&self) -> u64 {
        self.outboxes.dropped()
    }

    /// Connections of all dialects, also those that have not said yet what they want.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Bytes in all buffers at the last count.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Encodes a message, once for all its receivers.
    pub fn frame(&self, message_type: MessageType, payload: &[u8]) -> Frame {
        self.outboxes
            .message(encode_frame(message_type.opcode(), payload))
    }

    /// The full name of a channel of this dialect.
    pub fn channel_key(&self, name: &str, within: &str) -> ChannelKey {
        (self.dialect, Rc::from(name), Rc::from(within))
    }

    /// As [`Self::channel_key`], of parts that are shared.
    pub fn shared_channel_key(&self, name: &Rc<str>, within: &Rc<str>) -> ChannelKey {
        (self.dialect, Rc::clone(name), Rc::clone(within))
    }

    /// The key that a channel was made with, whose parts can be shared.
    pub fn key_of(&self, channel: ChannelId) -> Option<&ChannelKey> {
        self.hub.get(channel).map(super::hub::Channel::key)
    }

    /// Puts a client into a channel.
    pub fn join(&mut self, id: ConnId, key: ChannelKey, policy: OutputPolicy) -> ChannelId {
        self.hub.enter(id, key, policy)
    }

    /// Takes a client out of a channel.
    pub fn leave(&mut self, id: ConnId, channel: ChannelId) {
        self.hub.leave(id, channel);
    }

    /// Keeps a channel for somebody who sends to it without being in it, until
    /// [`Self::release`].
    pub fn hold(&mut self, key: ChannelKey, policy: OutputPolicy) -> ChannelId {
        self.hub.hold(key, policy)
    }

    /// Ends one [`Self::hold`].
    pub fn release(&mut self, channel: ChannelId) {
        self.hub.release(channel);
    }

    /// The channel of this name, if somebody is in it or holds it.
    pub fn find(&self, key: &ChannelKey) -> Option<ChannelId> {
        self.hub.find(key)
    }

    /// The members of a channel.
    pub fn members(&self, channel: ChannelId) -> usize {
        self.hub.get(channel).map_or(0, super::hub::Channel::len)
    }

    /// Sends a frame to all members of a channel but `except`; to how many, less those whose
    /// policy dropped it.
    pub fn publish(&mut self, channel: ChannelId, frame: &Frame, except: Option<ConnId>) -> usize {
        let Some(channel) = self.hub.get(channel) else {
            return 0;
        };
        let members = channel.members().filter(|member| Some(*member) != except);
        let policy = channel.policy();
        let receivers = push_all(self.outboxes, members, frame, policy, self.now);
        self.count_delivered(receivers, frame);
        receivers
    }

    /// Sends a frame to these clients, under `policy`; to how many, less those whose policy dropped
    /// it.
    pub fn publish_to(
        &mut self,
        clients: impl Iterator<Item = ConnId>,
        frame: &Frame,
        policy: OutputPolicy,
    ) -> usize {
        let receivers = push_all(self.outboxes, clients, frame, policy, self.now);
        self.count_delivered(receivers, frame);
        receivers
    }

    fn count_delivered(&mut self, receivers: usize, frame: &Frame) {
        self.counters.messages_delivered += receivers as u64;
        self.counters.bytes_delivered += (receivers * frame.payload_length()) as u64;
    }

    /// Counts a message that came in.
    pub fn count_received(&mut self, bytes: usize) {
        self.counters.messages_received += 1;
        self.counters.bytes_received += bytes as u64;
    }

    /// Sends an answer to one client; not subject to its policy.
    pub fn reply(&mut self, id: ConnId, message_type: MessageType, payload: &[u8]) {
        let frame = self
            .outboxes
            .frame(encode_frame(message_type.opcode(), payload));
        self.outboxes.push(id, frame);
    }

    /// Closes a client with a close frame.
    pub fn close(&mut self, id: ConnId, code: CloseCode, reason: &'static str) {
        self.requests
            .push_back(Request::Close(id, CloseReason::with_code(code, reason)));
    }

    /// Closes a client that passed a limit.
    pub fn close_for_limit(&mut self, id: ConnId, limit: Limit) {
        self.requests
            .push_back(Request::Close(id, CloseReason::limit(limit)));
    }

    /// Asks for [`Dialect::woken`] when the wall clock shows `epoch_seconds`, or earlier: at the
    /// latest after a minute, since that clock may jump. Whoever is woken looks again.
    pub fn wake_at(&mut self, epoch_seconds: f64, id: ConnId, token: u32) {
        let left = Duration::try_from_secs_f64(epoch_seconds - self.now.epoch_seconds());
        self.wake_in(left.unwrap_or(LONGEST_WAKE).min(LONGEST_WAKE), id, token);
    }

    /// Asks for [`Dialect::woken`] in `duration`, with `token`.
    pub fn wake_in(&mut self, duration: Duration, id: ConnId, token: u32) {
        self.timers
            .wake_at(self.now.moment + duration, Wake::Connection(id, token));
    }

    /// Asks for [`Dialect::tick`] in `duration`, with `token`.
    pub fn wake_dialect_in(&mut self, duration: Duration, token: u32) {
        self.timers.wake_at(
            self.now.moment + duration,
            Wake::Dialect(self.dialect, token),
        );
    }

    /// Gives out a task that may block; [`Dialect::task_finished`] follows, with `number`. With a
    /// connection, only if that still lives.
    ///
    /// # Errors
    /// The limit that it would pass, which is counted.
    pub fn assign(
        &mut self,
        connection: Option<ConnId>,
        number: u64,
        task: Task,
    ) -> Result<(), Limit> {
        let who = (self.dialect, connection, number);
        self.tasks
            .assign(who, task, self.limits)
            .inspect_err(|limit| self.counters.count_limit(*limit))
    }

    /// The request that was answered with [`Answer::Later`] becomes a WebSocket; `first` is sent
    /// right behind the answer, with the same write.
    pub fn admit(&mut self, id: ConnId, first: Vec<u8>) {
        self.requests.push_back(Request::Admit(id, first));
    }

    /// The request that was answered with [`Answer::Later`] does not become a WebSocket: `last` is
    /// sent right behind the answer, with the same write, and the connection ends.
    /// `failed_login`: that is counted for its address.
    pub fn turn_away(&mut self, id: ConnId, last: Vec<u8>, failed_login: bool) {
        self.requests
            .push_back(Request::TurnAway(id, last, failed_login));
    }

    /// Counts a message that was not understood, and so had no consequence.
    pub fn count_ignored(&mut self) {
        self.counters.messages_ignored += 1;
    }

    /// Pings a client; [`Dialect::pong`] follows, once it has taken all that was sent before.
    pub fn ping(&mut self, id: ConnId, payload: &[u8]) {
        let ping = self.outboxes.frame(encode_frame(Opcode::Ping, payload));
        self.outboxes.push(id, ping);
    }

    /// True if the kernel has taken all that a client was to be sent.
    pub fn is_written(&self, id: ConnId) -> bool {
        self.outboxes
            .get(id)
            .is_some_and(|outbox| outbox.waiting() == 0)
    }

    /// Bytes that nobody can guess; nothing if the system has none to give.
    pub fn random_bytes<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        self.random.fill(&mut bytes).then_some(bytes)
    }

    /// Reads nothing from the client whose message is handled before `until`, since it has passed
    /// `limit`.
    pub fn pause(&mut self, until: Moment, limit: Limit) {
        self.paused = Some((until, limit));
    }

    /// True if a client can be sent something.
    pub fn is_open(&self, id: ConnId) -> bool {
        self.outboxes.is_open(id)
    }

    /// Counts a failed authentication for the client's address. True if the address is refused from
    /// now on.
    pub fn failed_login(&mut self, address: PeerAddress) -> bool {
        self.counters.failed_logins += 1;
        let trusted = |ip| self.trusted_proxies.iter().any(|proxy| proxy.contains(&ip));
        let key = address.ip().filter(|ip| !trusted(*ip)).and(address.key());
        let (limits, now) = (self.limits, self.now.moment);
        key.is_some_and(|key| self.addresses.failed_login(key, limits, now))
    }

    /// True if a control connection wants to be told of such an event.
    pub(super) fn wants(&self, event: Event) -> bool {
        self.events.wants(event)
    }

    /// Tells the control connections that want to know: a line of JSON, and the message behind
    /// it, if it is one. Of a message that has no room in a frame, its length is told.
    pub(super) fn tell(&mut self, event: Event, mut members: Map<String, Value>, message: &[u8]) {
        let is_message = matches!(event, Event::Text | Event::Binary);
        let mut payload = Value::Object(members.clone()).to_string().into_bytes();
        if is_message && payload.len() + 1 + message.len() <= LONGEST_PAYLOAD {
            payload.push(b'\n');
            payload.extend_from_slice(message);
        } else if is_message {
            members.insert("left_out".to_owned(), message.len().into());
            payload = Value::Object(members).to_string().into_bytes();
            payload.push(b'\n');
        }
        self.events.tell(event, &payload, self.outboxes);
    }

    /// Queues a message, or a part of one, for one client; [`Self::encode_fragment`] makes parts.
    /// False if the client takes no more.
    pub fn send(&mut self, id: ConnId, frame: Frame) -> bool {
        if !self.outboxes.is_open(id) {
            return false;
        }
        self.counters.messages_delivered += u64::from(frame.ends_message());
        self.counters.bytes_delivered += frame.payload_length() as u64;
        self.outboxes.push(id, frame);
        self.outboxes.is_open(id)
    }

    /// The members of a channel, in the order in which they joined.
    pub fn channel_members(&self, channel: ChannelId) -> Vec<ConnId> {
        self.hub
            .get(channel)
            .map(|channel| channel.members().collect())
            .unwrap_or_default()
    }

    /// Encodes a part of a message; a continuation if it has no type.
    pub fn encode_fragment(
        &self,
        message_type: Option<MessageType>,
        fin: bool,
        payload: &[u8],
    ) -> Frame {
        let opcode = message_type.map_or(Opcode::Continuation, MessageType::opcode);
        self.outboxes.frame(encode_fragment(opcode, fin, payload))
    }

    /// Counts a passing of a limit that the dialect itself answers.
    pub fn count_limit(&mut self, limit: Limit) {
        self.counters.count_limit(limit);
    }

    /// What a client was sent.
    pub fn traffic(&self, id: ConnId) -> Traffic {
        self.outboxes.traffic(id)
    }
}

/// The loop of a fan-out: one shared frame into every outbox.
fn push_all(
    outboxes: &mut Outboxes,
    clients: impl Iterator<Item = ConnId>,
    frame: &Frame,
    policy: OutputPolicy,
    now: Now,
) -> usize {
    let message = Outgoing {
        frame,
        payload_length: frame.payload_length() as u64,
        policy,
        now: now.moment,
    };
    clients
        .filter(|client| outboxes.push_message(*client, &message) == Delivery::Queued)
        .count()
}
