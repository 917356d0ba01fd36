//! ws(s)on: clients that prove with cookies who they are, and are reached through the control
//! port by their token.
//!
//! A client may be locked by a control connection while that sends it a message in fragments;
//! what others send it meanwhile waits (see [`locks`]). What clients send is ignored, echoed or
//! broadcast, and told to the control connections that want to know.

pub mod credentials;
pub mod locks;
pub mod settings;

mod handshake;

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::dialects::wson::credentials::Credentials;
use crate::dialects::wson::locks::Locks;
use crate::dialects::wson::settings::{OnMessage, Settings};
use crate::limits::Limit;
use crate::protocol::http_request::Request;
use crate::protocol::ws_close::CloseCode;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::conn_map::ConnMap;
use crate::relay::dialect::{Answer, Client as Connection, Cx, Dialect, Terms};
use crate::relay::frame::Frame;
use crate::relay::hub::ChannelId;
use crate::relay::moment::{Moment, Now};
use crate::relay::operator::browser_command::{Acknowledgement, BrowserCommand, TokenBytes};
use crate::relay::output_policy::OutputPolicy;

/// A wake: the cookies of a client end.
const EXPIRY: u32 = 0;

/// A client.
#[derive(Debug)]
struct Client {
    credentials: Credentials,
    connected: Moment,
}

/// The dialect.
#[derive(Debug, Default)]
pub struct Wson {
    settings: Settings,
    clients: ConnMap<Client>,
    by_token: HashMap<TokenBytes, ConnId>,
    /// Connections of each user.
    users: HashMap<Rc<str>, usize>,
    /// All clients are in one channel, there while somebody is.
    channel: Option<ChannelId>,
    locks: Locks,
}

impl Wson {
    /// The dialect without clients.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Takes over changed settings; clients stay.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Sends a frame to a client, or keeps it while the client is locked. False if the client is
    /// too far behind.
    fn deliver(&mut self, cx: &mut Cx<'_>, id: ConnId, frame: Frame) -> bool {
        match self.locks.queue(id, frame, cx.limits().output) {
            Ok(None) => true,
            Ok(Some(frame)) => cx.send(id, frame),
            Err(limit) => {
                cx.close_for_limit(id, limit);
                false
            }
        }
    }

    /// Sends a message to all clients, in the order in which they connected.
    fn broadcast(&mut self, cx: &mut Cx<'_>, message_type: MessageType, payload: &[u8]) {
        let Some(channel) = self.channel else {
            return;
        };
        let frame = cx.frame(message_type, payload);
        if self.locks.is_empty() {
            cx.publish(channel, &frame, None);
            return;
        }
        for member in cx.channel_members(channel) {
            self.deliver(cx, member, frame.clone());
        }
    }

    fn send(
        &mut self,
        cx: &mut Cx<'_>,
        token: &TokenBytes,
        message_type: MessageType,
        payload: &[u8],
    ) -> bool {
        let Some(&id) = self.by_token.get(token) else {
            return false;
        };
        let frame = cx.frame(message_type, payload);
        self.deliver(cx, id, frame)
    }

    fn forget_user(&mut self, user: &str) {
        if let Some(connections) = self.users.get_mut(user) {
            *connections -= 1;
            if *connections == 0 {
                self.users.remove(user);
            }
        }
    }
}

fn is_sound(message_type: MessageType, payload: &[u8]) -> bool {
    message_type == MessageType::Binary || str::from_utf8(payload).is_ok()
}

impl Dialect for Wson {
    fn name(&self) -> &'static str {
        "wson"
    }

    fn claims(&self, path: &str) -> bool {
        path == "/wson"
    }

    fn terms(&self) -> Terms {
        Terms {
            message: Limit::WsonMessage,
            frame: None,
            ping_after: Limit::WsonPingAfter,
            pong_wait: Limit::WsonPongWait,
            ..Terms::default()
        }
    }

    fn request(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        request: &Request,
        _body: &[u8],
    ) -> Answer {
        match self.shake_hands(cx, connection, request) {
            Ok(answer) => answer,
            Err(refusal) => {
                if let Some(limit) = refusal.limit {
                    cx.count_limit(limit);
                }
                Answer::Respond(refusal.into())
            }
        }
    }

    fn opened(&mut self, cx: &mut Cx<'_>, connection: Connection<'_>) {
        let key = cx.channel_key("clients", "");
        self.channel = Some(cx.join(connection.id, key, OutputPolicy::Close));
        if let Some(client) = self.clients.get(connection.id) {
            cx.wake_at(client.credentials.expires as f64, connection.id, EXPIRY);
        }
    }

    fn message(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        message_type: MessageType,
        payload: &[u8],
    ) {
        match self.settings.on_message {
            OnMessage::Ignore => {}
            OnMessage::Echo => {
                let frame = cx.frame(message_type, payload);
                self.deliver(cx, connection.id, frame);
            }
            OnMessage::Broadcast => self.broadcast(cx, message_type, payload),
        }
    }

    fn woken(&mut self, cx: &mut Cx<'_>, id: ConnId, _token: u32) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        let expires = client.credentials.expires as f64;
        if expires <= cx.now().epoch_seconds() {
            cx.close_for_limit(id, Limit::WsonLifetime);
        } else {
            cx.wake_at(expires, id, EXPIRY);
        }
    }

    fn closed(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        self.locks.forget_client(id);
        let Some(client) = self.clients.remove(id) else {
            return;
        };
        self.by_token.remove(client.credentials.token.as_bytes());
        if let Some(user) = &client.credentials.user {
            self.forget_user(user);
        }
        // The channel went with its last member; its number may become another one's.
        let key = cx.channel_key("clients", "");
        self.channel = cx.find(&key);
    }

    fn describe(&self, id: ConnId, now: Now, members: &mut Map<String, Value>) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        let seconds = now.moment.since(client.connected).as_secs();
        members.insert("connected".to_owned(), seconds.into());
        members.insert("token".to_owned(), client.credentials.token.as_str().into());
        if let Some(user) = &client.credentials.user {
            members.insert("user".to_owned(), user.as_ref().into());
        }
        members.insert("expires".to_owned(), client.credentials.expires.into());
    }

    fn find_token(&self, token: &TokenBytes) -> Option<ConnId> {
        self.by_token.get(token).copied()
    }

    fn browser_command(
        &mut self,
        cx: &mut Cx<'_>,
        operator: ConnId,
        command: &BrowserCommand<'_>,
    ) -> Option<Acknowledgement> {
        Some(match *command {
            BrowserCommand::Broadcast {
                message_type,
                payload,
            } => {
                if !is_sound(message_type, payload) {
                    return Some(Acknowledgement::Refused);
                }
                self.broadcast(cx, message_type, payload);
                Acknowledgement::Unasked
            }
            BrowserCommand::Send {
                token,
                message_type,
                payload,
                confirm,
            } => {
                let sound = is_sound(message_type, payload);
                match (confirm, sound) {
                    (false, false) => Acknowledgement::Refused,
                    (false, true) => {
                        self.send(cx, token, message_type, payload);
                        Acknowledgement::Unasked
                    }
                    (true, _) => {
                        // A confirmed empty message only asks.
                        let sent = if payload.is_empty() {
                            self.by_token.contains_key(token)
                        } else {
                            sound && self.send(cx, token, message_type, payload)
                        };
                        Acknowledgement::Token(*token, sent)
                    }
                }
            }
            BrowserCommand::Lock { token } => {
                let locked = match self.by_token.get(token) {
                    Some(&client) => self.lock(cx, operator, client),
                    None => false,
                };
                Acknowledgement::Token(*token, locked)
            }
            BrowserCommand::Fragment {
                position,
                message_type,
                payload,
            } => {
                let Some(fragment) = self
                    .locks
                    .fragment(operator, position, message_type, payload)
                else {
                    return Some(Acknowledgement::Plain(false));
                };
                let frame = cx.encode_fragment(fragment.message_type, fragment.fin, payload);
                let sent = cx.send(fragment.client, frame);
                for frame in fragment.released {
                    cx.send(fragment.client, frame);
                }
                Acknowledgement::Plain(sent)
            }
        })
    }

    fn operator_gone(&mut self, cx: &mut Cx<'_>, operator: ConnId) {
        if let Some(client) = self.locks.forget_operator(operator) {
            cx.close(client, CloseCode::INTERNAL, "framesource lost");
        }
    }
}

impl Wson {
    fn lock(&mut self, cx: &mut Cx<'_>, operator: ConnId, client: ConnId) -> bool {
        match self.locks.lock(operator, client) {
            Some(released) => {
                for (client, frame) in released {
                    cx.send(client, frame);
                }
                true
            }
            None => false,
        }
    }
}
