//! Topics: a channel per URL path, as crossbar and its successor relay have them.
//!
//! A client of `/X` sends to and receives from all other clients of `/X`; `/out/X` receives only;
//! `/in/X` sends to `/out/X` and receives what other senders send. `/stats` is a page of who is
//! here, `/ws` the feed behind it. With a secret configured, a client's first message must be a
//! token, and until then it neither sends nor receives.
//!
//! What is sent to a topic can be kept ([`history`]), and clients can ask for it ([`wish`],
//! [`replay`]).

pub mod authentication;
pub mod client;
pub mod go_text;
pub mod place;
pub mod settings;
pub mod statistics;
pub mod wish;

mod history;
mod http;
mod publishing;
mod readers;
mod replay;

use serde_json::{Map, Value};

use crate::dialects::topics::authentication::{answer, authenticate};
use crate::dialects::topics::client::{Access, Client, Description, Descriptions};
use crate::dialects::topics::history::History;
use crate::dialects::topics::place::{Direction, Place, Topic};
use crate::dialects::topics::readers::Readers;
use crate::dialects::topics::replay::REPLAY;
use crate::dialects::topics::settings::Settings;
use crate::limits::Limit;
use crate::protocol::http_request::Request;
use crate::protocol::ws_close::CloseCode;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::conn_map::ConnMap;
use crate::relay::dialect::{Answer, Client as Connection, Cx, Dialect, Terms};
use crate::relay::moment::Now;
use crate::relay::outbox::Traffic;
use crate::relay::task::{MessageId, Outcome};

/// A wake: the time for the first token is over.
const AUTHENTICATION: u32 = 0;

/// A wake: a token ends.
const EXPIRY: u32 = 1;

/// The dialect: who is where, and what the configuration says.
#[derive(Debug, Default)]
pub struct Topics {
    settings: Settings,
    clients: ConnMap<Client>,
    descriptions: Descriptions,
    history: History,
    readers: Readers,
}

impl Topics {
    /// The dialect without clients.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// The dialect with a store, in which `last` is the highest id of a message.
    #[must_use]
    pub fn with_store(mut self, last: MessageId) -> Self {
        self.history = History::with_store(last);
        self
    }

    /// Takes over changed settings; clients keep what they were granted.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    fn wants_tokens(&self) -> bool {
        !self.settings.secret.is_empty()
    }

    /// Puts a client into its topic.
    fn enter(&mut self, cx: &mut Cx<'_>, id: ConnId, expires: f64) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        let Some(topic) = &client.description.topic else {
            return;
        };
        let output_name = topic.output();
        let policy = self.settings.policy_of(&output_name);
        let output = (topic.direction == Direction::Send).then(|| {
            let key = cx.channel_key(&output_name, "");
            cx.hold(key, policy)
        });
        let channel = match self.readers.wish(id) {
            None => {
                let key = cx.channel_key(&topic.path, "");
                cx.join(id, key, policy)
            }
            Some(wish) => {
                let topic = topic.clone();
                self.let_in(cx, id, wish, (&topic, policy))
            }
        };
        if let Some(client) = self.clients.get_mut(id) {
            client.access = Access::Granted {
                expires,
                channel,
                output,
            };
        }
    }

    /// The first message of a client, where tokens are wanted.
    fn prove(&mut self, cx: &mut Cx<'_>, connection: Connection<'_>, payload: &[u8]) {
        let id = connection.id;
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let Some(topic) = &client.description.topic else {
            return;
        };
        let token = String::from_utf8_lossy(payload);
        let now = cx.now();
        let result = authenticate(&self.settings, &topic.path, &token, now);
        cx.reply(
            id,
            MessageType::Text,
            answer(&topic.path, &token, &result).as_bytes(),
        );
        match result {
            Ok(grant) if grant.expires > now.epoch_seconds() => {
                self.enter(cx, id, grant.expires);
                cx.wake_at(grant.expires, id, EXPIRY);
            }
            Ok(_) => {
                client.access = Access::Ended;
                cx.close(id, CloseCode::POLICY, "token expired");
            }
            Err(_) => {
                client.access = Access::Ended;
                cx.failed_login(connection.address);
                cx.close(id, CloseCode::POLICY, "not authorised");
            }
        }
    }

    /// Sends a report of every client, the longest connected first, as many as the feed's
    /// outbox takes.
    fn send_reports(&self, cx: &mut Cx<'_>, id: ConnId) {
        let mut clients: Vec<_> = self.clients.iter().collect();
        clients.sort_by_key(|(id, client)| (client.connected, *id));
        let mut room = cx.limits().output;
        for (other, client) in clients {
            if let Some(report) = statistics::report(client, cx.traffic(other), cx.now()) {
                room = room.saturating_sub(report.len());
                if room == 0 {
                    break;
                }
                cx.reply(id, MessageType::Text, report.as_bytes());
            }
        }
    }
}

impl Dialect for Topics {
    fn name(&self) -> &'static str {
        "topics"
    }

    fn claims(&self, _path: &str) -> bool {
        false
    }

    fn takes_the_rest(&self) -> bool {
        true
    }

    fn terms(&self) -> Terms {
        Terms {
            message: Limit::TopicsMessage,
            frame: None,
            ping_after: Limit::TopicsPingAfter,
            pong_wait: Limit::TopicsPongWait,
            compression: self.settings.compression,
            ..Terms::default()
        }
    }

    fn request(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        request: &Request,
        body: &[u8],
    ) -> Answer {
        match self.serve(cx, connection, request, body) {
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
        if !self.wants_tokens() {
            self.enter(cx, connection.id, f64::INFINITY);
        } else if self
            .clients
            .get(connection.id)
            .is_some_and(|c| c.description.topic.is_some())
        {
            cx.wake_in(
                cx.limits().authentication_time,
                connection.id,
                AUTHENTICATION,
            );
        }
    }

    fn message(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        message_type: MessageType,
        payload: &[u8],
    ) {
        let id = connection.id;
        let now = cx.now();
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let Some(topic) = &client.description.topic else {
            return self.send_reports(cx, id);
        };
        match client.access {
            Access::Unproven => self.prove(cx, connection, payload),
            Access::Granted {
                expires,
                channel,
                output,
            } if expires > now.epoch_seconds() => {
                if topic.direction == Direction::Receive {
                    return;
                }
                client.sent.messages += 1;
                client.sent.bytes += payload.len() as u64;
                client.sent.last = now.moment;
                let frame = cx.frame(message_type, payload);
                self.spread(cx, [Some(channel), output], &frame, Some(id));
            }
            Access::Granted { .. } | Access::Ended => {}
        }
    }

    fn woken(&mut self, cx: &mut Cx<'_>, id: ConnId, token: u32) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        match (token, client.access) {
            (AUTHENTICATION, Access::Unproven) => {
                cx.close_for_limit(id, Limit::AuthenticationTime);
            }
            (EXPIRY, Access::Granted { expires, .. }) => {
                let now = cx.now();
                if expires <= now.epoch_seconds() {
                    cx.close(id, CloseCode::POLICY, "token expired");
                } else {
                    cx.wake_at(expires, id, EXPIRY);
                }
            }
            (REPLAY, _) => self.replay_woken(cx, id),
            _ => {}
        }
    }

    fn task_finished(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Option<ConnId>,
        number: u64,
        outcome: Outcome,
    ) {
        match connection {
            None => self.history.task_finished(cx, number, &outcome),
            Some(id) => {
                self.history.judge(&outcome);
                self.fetched(cx, id, outcome);
            }
        }
    }

    fn tick(&mut self, cx: &mut Cx<'_>, token: u32) {
        self.history.tick(cx, token);
    }

    fn finish(&mut self, cx: &mut Cx<'_>) {
        self.history.finish(cx);
    }

    fn describe(&self, id: ConnId, now: Now, members: &mut Map<String, Value>) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        let seconds = now.moment.since(client.connected).as_secs();
        members.insert("connected".to_owned(), seconds.into());
        if let Some(topic) = &client.description.topic {
            members.insert("topic".to_owned(), topic.path.as_str().into());
        }
        let agent = client.description.user_agent.as_str();
        members.insert("user_agent".to_owned(), agent.into());
    }

    fn operator_publish(
        &mut self,
        cx: &mut Cx<'_>,
        channel: &str,
        message_type: MessageType,
        payload: &[u8],
    ) -> Option<Result<usize, String>> {
        if !channel.starts_with('/') {
            return None;
        }
        Some(match Place::parse(channel) {
            Ok(Place::Topic(topic)) => {
                cx.count_received(payload.len());
                let frame = cx.frame(message_type, payload);
                Ok(self.publish(cx, &topic, &frame))
            }
            Ok(_) => Err(format!("{channel} is no topic")),
            Err(fault) => Err(format!("topic: {fault}")),
        })
    }

    fn closed(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(client) = self.clients.remove(id) else {
            return;
        };
        if let Access::Granted {
            output: Some(output),
            ..
        } = client.access
        {
            cx.release(output);
        }
        self.descriptions.give_back(&client.description);
        if !self.readers.is_empty() {
            self.forget_reader(cx, id);
            self.ask_store_for_next(cx);
        }
    }
}

impl Topics {
    /// Remembers a client whose upgrade is about to be answered.
    fn admit(
        &mut self,
        cx: &Cx<'_>,
        connection: Connection<'_>,
        request: &Request,
        topic: Option<Topic>,
    ) {
        let description = Description::new(
            topic,
            request.header("User-Agent").unwrap_or_default(),
            connection.forwarded_for.unwrap_or_default(),
        );
        let client = Client {
            description: self.descriptions.share(description),
            access: Access::Unproven,
            connected: cx.now().moment,
            sent: Traffic::default(),
        };
        self.clients.insert(connection.id, client);
    }
}
