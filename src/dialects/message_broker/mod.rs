//! WSMessageBroker: named queues for users with passwords.
//!
//! A sender sends to a channel ([`sending`]), the receivers of that channel get the message byte for
//! byte, and where nobody is there it can be kept until a receiver comes ([`backlog`]). Receivers
//! may acknowledge what they get ([`pulling`]). A connection receives one channel at a time, until
//! it sends another command.
//!
//! Its clients are fragile: the 101 answer and the first frame go out in one write, and the
//! server ends a connection without a close frame unless the client has sent one.

pub mod settings;

mod backlog;
mod channel_name;
mod command;
mod confirmation;
mod delivery;
mod handshake;
mod originals;
mod pulling;
mod queue;
mod receivers;
mod sending;
mod upkeep;
mod waiting;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::dialects::message_broker::backlog::Backlogs;
use crate::dialects::message_broker::channel_name::ChannelName;
use crate::dialects::message_broker::command::{Command, CommandName};
use crate::dialects::message_broker::delivery::{Client, LATE_TOKEN};
use crate::dialects::message_broker::handshake::{ACCEPTED, REJECTED, connect};
use crate::dialects::message_broker::queue::Queue;
use crate::dialects::message_broker::receivers::Receivers;
use crate::dialects::message_broker::settings::Settings;
use crate::dialects::message_broker::waiting::WaitingRoom;
use crate::limits::Limit;
use crate::protocol::http_request::Request;
use crate::protocol::ws_frame::{MessageType, Opcode, encode_frame};
use crate::relay::conn_id::ConnId;
use crate::relay::conn_map::ConnMap;
use crate::relay::dialect::{Answer, Client as Connection, Cx, Dialect, Terms};
use crate::relay::moment::Now;
use crate::relay::task::{Outcome, StoreAnswer, StoreTask, Task, Users};

/// Where the broker is, on a listener that serves several dialects.
const PATH: &str = "/mq";

/// What a task is for, beside the reading of a backlog, which has numbers from here on.
const PASSWORD: u64 = 0;
const PROBE: u64 = 1;
const WRITE: u64 = 2;
const FIRST_READING: u64 = 3;

/// What a task is for that is for no connection, beside [`WRITE`]: what [`WaitingRoom`] knows, from
/// here on.
const FIRST_WAITING: u64 = 3;

/// The dialect.
#[derive(Debug)]
pub struct MessageBroker {
    settings: Settings,
    users: Arc<Users>,
    clients: ConnMap<Client>,
    last_client: u64,
    receivers: Receivers,
    backlogs: Backlogs,
    queues: HashMap<Box<str>, Queue>,
    waiting: WaitingRoom,
    /// Who has said to be whom, until it is known whether that is right.
    logins: ConnMap<Box<str>>,
    /// Something may be in the store.
    uses_store: bool,
    /// A wake to fetch again what could not be fetched is under way.
    retrying_pulls: bool,
    /// What the store said last, so that its failing is logged once.
    store_works: bool,
    /// A wake to look for messages that are too old is under way.
    watching_age: bool,
}

impl MessageBroker {
    /// The dialect without clients.
    pub fn new(settings: Settings) -> Self {
        Self {
            users: users_of(&settings),
            uses_store: settings.keep_data,
            settings,
            clients: ConnMap::default(),
            last_client: 0,
            receivers: Receivers::default(),
            backlogs: Backlogs::new(FIRST_READING),
            queues: HashMap::new(),
            waiting: WaitingRoom::new(FIRST_WAITING),
            logins: ConnMap::default(),
            retrying_pulls: false,
            store_works: true,
            watching_age: false,
        }
    }

    /// Takes over changed settings; clients stay.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.users = users_of(&settings);
        self.uses_store |= settings.keep_data;
        self.settings = settings;
    }

    fn obey(&mut self, cx: &mut Cx<'_>, connection: Connection<'_>, payload: &[u8]) -> Option<()> {
        let command = Command::parse(payload)?;
        if command.channel.len() > cx.limits().channel_name {
            cx.count_limit(Limit::ChannelName);
            return None;
        }
        let id = connection.id;
        if cx.is_written(id) {
            self.prove_by_command(cx, id);
        }
        let acknowledges = self
            .clients
            .get(id)
            .is_some_and(|client| client.acknowledges);
        if command.name == CommandName::Ack && acknowledges {
            let arrived = command.acknowledged()?;
            self.acknowledge(cx, id, arrived);
            return Some(());
        }
        if command.name != CommandName::ReceiveMessage {
            self.stop_receiving(cx, id);
        }
        match command.name {
            CommandName::Ping => self.ping(cx, id),
            CommandName::ReceiveMessage => self.receive(cx, id, &command),
            CommandName::SendMessage => self.send(cx, id, &command, payload),
            CommandName::Ack | CommandName::Other => return None,
        }
        Some(())
    }

    /// Answers with "accepted", or "rejected" if messages are to be kept and cannot be.
    fn ping(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        if !self.settings.keep_data {
            return reply_to_ping(cx, id, true);
        }
        let probe = Task::Store(StoreTask::Probe);
        if cx.assign(Some(id), PROBE, probe).is_err() {
            reply_to_ping(cx, id, false);
        }
    }

    /// Obeys "receive-message".
    fn receive(&mut self, cx: &mut Cx<'_>, id: ConnId, command: &Command<'_>) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        let acknowledges = command.acknowledges();
        if client.receives_exactly(&command.channel) && client.acknowledges == acknowledges {
            return self.serve(cx, &command.channel);
        }
        self.stop_receiving(cx, id);
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let channel = Rc::new(ChannelName::new(&command.channel));
        client.receives = Some(Rc::clone(&channel));
        client.acknowledges = acknowledges;
        let number = client.number;
        self.receivers.add(&channel, number, id);
        if acknowledges {
            let queue = self.queue(channel.exact());
            queue.acknowledging.insert(number, id);
            queue.pull.has_room();
        }
        self.serve(cx, channel.exact());
    }

    fn stop_receiving(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let Some(channel) = client.receives.take() else {
            return;
        };
        let acknowledged = std::mem::take(&mut client.acknowledges);
        self.receivers.remove(&channel, client.number);
        if let Some(queue) = self.queues.get_mut(channel.exact()) {
            queue.acknowledging.remove(&client.number);
        }
        let read = self.backlogs.forget_reader(id);
        let others_go_on = acknowledged || read.is_some();
        if let Some(messages) = read {
            let queue = self.queue(channel.exact());
            queue.reader = None;
            queue.originals.clear();
            self.release(cx, id, channel.exact(), messages);
        }
        self.release_all(cx, id, channel.exact());
        if others_go_on {
            self.serve(cx, channel.exact());
        }
        self.tidy(channel.exact());
    }
}

fn users_of(settings: &Settings) -> Arc<Users> {
    let file = &settings.users_file;
    Arc::new(Users {
        file: (!file.as_os_str().is_empty()).then(|| file.clone()),
        lines: settings.users.clone(),
    })
}

fn reply_to_ping(cx: &mut Cx<'_>, id: ConnId, works: bool) {
    let response = if works { ACCEPTED } else { REJECTED };
    let text = connect(response, cx.now());
    cx.reply(id, MessageType::Text, text.as_bytes());
}

impl Dialect for MessageBroker {
    fn name(&self) -> &'static str {
        "message-broker"
    }

    fn claims(&self, path: &str) -> bool {
        path.strip_prefix(PATH)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn terms(&self) -> Terms {
        Terms {
            close_frames: false,
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
            Ok(answer) => Answer::Later(answer),
            Err(refusal) => Answer::Refuse(refusal),
        }
    }

    fn opened(&mut self, cx: &mut Cx<'_>, connection: Connection<'_>) {
        self.last_client += 1;
        let user = self.logins.remove(connection.id).unwrap_or_default();
        self.clients
            .insert(connection.id, Client::new(self.last_client, user));
        self.watch_age(cx);
    }

    fn message(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        _message_type: MessageType,
        payload: &[u8],
    ) {
        if self.obey(cx, connection, payload).is_none() {
            cx.count_ignored();
            log::debug!(connection:% = connection.id, bytes = payload.len(); "message ignored");
        }
    }

    fn pong(&mut self, cx: &mut Cx<'_>, client: Connection<'_>, payload: &[u8]) -> bool {
        let own = self.backlogs.is_answer(client.id, payload);
        if own {
            self.confirm_backlog(cx, client.id);
        }
        own || self.proved(cx, client.id, payload)
    }

    fn task_finished(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Option<ConnId>,
        number: u64,
        outcome: Outcome,
    ) {
        if number != PASSWORD || connection.is_none() {
            self.watch_store(cx, &outcome);
        }
        let Some(id) = connection else {
            return self.answered(cx, number, outcome);
        };
        match (number, outcome) {
            (PASSWORD, outcome) => self.judge(cx, id, outcome == Outcome::Password(true)),
            (PROBE, outcome) => {
                let works = matches!(outcome, Outcome::Store(Ok(_)));
                reply_to_ping(cx, id, works);
            }
            (reading, Outcome::Store(Ok(StoreAnswer::Fetched { messages, complete }))) => {
                self.fetched(cx, id, reading, (messages, complete));
            }
            (reading, _) => self.not_fetched(cx, id, reading),
        }
    }

    fn woken(&mut self, cx: &mut Cx<'_>, id: ConnId, token: u32) {
        if token == LATE_TOKEN {
            self.take_late(cx, id);
        } else {
            self.backlog_woken(cx, id, token);
        }
    }

    fn tick(&mut self, cx: &mut Cx<'_>, token: u32) {
        if token == pulling::RETRY_TOKEN {
            self.pull_again(cx);
        } else {
            self.watching_age = false;
            self.watch_age(cx);
        }
    }

    fn closed(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        self.stop_receiving(cx, id);
        self.clients.remove(id);
        self.logins.remove(id);
    }

    fn describe(&self, id: ConnId, _now: Now, members: &mut Map<String, Value>) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        if let Some(channel) = &client.receives {
            members.insert("receives".to_owned(), channel.exact().into());
        }
        if client.acknowledges {
            members.insert("unacknowledged".to_owned(), client.load().into());
        }
    }
}

/// A text frame, to be sent behind the 101 answer.
fn text_frame(text: &str) -> Vec<u8> {
    encode_frame(Opcode::Text, text.as_bytes())
}
