//! WSMessageBroker: named queues for users with passwords.
//!
//! A sender sends to a channel, the receivers of that channel get the message byte for byte, and
//! where nobody is there it can be kept until a receiver comes ([`backlog`]). A connection
//! receives one channel at a time, until it sends another command.
//!
//! Its clients are fragile: the 101 answer and the first frame go out in one write, and the
//! server ends a connection without a close frame unless the client has sent one.

pub mod settings;

mod backlog;
mod channel_name;
mod command;
mod confirmation;
mod handshake;
mod receivers;

use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::dialects::message_broker::backlog::Backlogs;
use crate::dialects::message_broker::channel_name::ChannelName;
use crate::dialects::message_broker::command::{Command, CommandName};
use crate::dialects::message_broker::confirmation::{Confirmation, Confirmations, NOBODY, NOTHING};
use crate::dialects::message_broker::handshake::{ACCEPTED, REJECTED, connect};
use crate::dialects::message_broker::receivers::Receivers;
use crate::dialects::message_broker::settings::Settings;
use crate::limits::Limit;
use crate::protocol::http_request::Request;
use crate::protocol::ws_frame::{MessageType, Opcode, encode_frame};
use crate::relay::conn_id::ConnId;
use crate::relay::conn_map::ConnMap;
use crate::relay::dialect::{Answer, Client as Connection, Cx, Dialect, Terms};
use crate::relay::moment::Now;
use crate::relay::output_policy::OutputPolicy;
use crate::relay::task::{KeepLimits, Outcome, StoreAnswer, StoreFault, StoreTask, Task, Users};

/// Where the broker is, on a listener that serves several dialects.
const PATH: &str = "/mq";

/// What a task is for, beside the reading of a backlog, which has numbers from here on.
const PASSWORD: u64 = 0;
const PROBE: u64 = 1;
const WRITE: u64 = 2;
const FIRST_READING: u64 = 3;

/// What a task is for that is for no connection, beside [`WRITE`]: confirmations, from here on.
const FIRST_CONFIRMATION: u64 = 3;

/// A client that was let in.
#[derive(Debug)]
struct Client {
    /// Lower numbers have been connected for longer.
    number: u64,
    /// What it receives.
    receives: Option<Rc<ChannelName>>,
}

/// The dialect.
#[derive(Debug)]
pub struct MessageBroker {
    settings: Settings,
    users: Arc<Users>,
    clients: ConnMap<Client>,
    last_client: u64,
    receivers: Receivers,
    backlogs: Backlogs,
    confirmations: Confirmations,
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
            settings,
            clients: ConnMap::default(),
            last_client: 0,
            receivers: Receivers::default(),
            backlogs: Backlogs::new(FIRST_READING),
            confirmations: Confirmations::new(FIRST_CONFIRMATION),
            store_works: true,
            watching_age: false,
        }
    }

    /// Takes over changed settings; clients stay.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.users = users_of(&settings);
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
            self.confirm_backlog(cx, id);
        }
        if command.name != CommandName::ReceiveMessage {
            self.stop_receiving(cx, id);
        }
        match command.name {
            CommandName::Ping => self.ping(cx, id),
            CommandName::ReceiveMessage => self.receive(cx, id, &command),
            CommandName::SendMessage => self.send(cx, id, &command, payload),
            CommandName::Other => return None,
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

    fn receive(&mut self, cx: &mut Cx<'_>, id: ConnId, command: &Command<'_>) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        let same = |channel: &Rc<ChannelName>| channel.exact() == command.channel;
        if client.receives.as_ref().is_some_and(same) {
            if self.settings.keep_data && !self.backlogs.is_reading(id) {
                self.read_backlog(cx, &command.channel);
            }
            return;
        }
        self.stop_receiving(cx, id);
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let channel = Rc::new(ChannelName::new(&command.channel));
        client.receives = Some(Rc::clone(&channel));
        self.receivers.add(&channel, client.number, id);
        if self.settings.keep_data {
            self.read_backlog(cx, channel.exact());
        }
    }

    fn send(&mut self, cx: &mut Cx<'_>, id: ConnId, command: &Command<'_>, payload: &[u8]) {
        let Ok(confirmation) = self.confirmation_of(cx, id, command) else {
            return;
        };
        let channel = ChannelName::new(&command.channel);
        let most = command.number_of_receiver(self.settings.number_of_receiver);
        let chosen = self.receivers.choose(&channel, most, self.settings.order);
        let keeps = self.settings.keep_data;
        if chosen.is_empty() {
            match confirmation {
                confirmation if keeps => self.keep(cx, command, confirmation),
                Some(confirmation) => confirmation.fail(cx, NOBODY),
                None => {}
            }
            return;
        }
        let backlogs = &self.backlogs;
        let is_live = |id: &ConnId| !backlogs.is_reading(*id);
        let only = keeps && !chosen.iter().any(is_live);
        if only && confirmation.is_some() {
            // What is confirmed must not be in memory alone.
            for id in chosen {
                self.spill(cx, id);
            }
            return self.keep(cx, command, confirmation);
        }
        let frame = cx.frame(MessageType::Text, payload);
        let live = chosen.iter().copied().filter(is_live);
        let mut receivers = cx.publish_to(live, &frame, OutputPolicy::Close);
        for id in chosen {
            receivers += usize::from(self.hold(cx, id, &frame, only));
        }
        if let Some(confirmation) = confirmation {
            confirmation.succeed(cx, &[], receivers);
        }
    }

    /// Keeps each element of a message's data.
    fn keep(&mut self, cx: &mut Cx<'_>, command: &Command<'_>, confirmation: Option<Confirmation>) {
        let messages: Vec<Box<str>> = command.elements().map(Box::from).collect();
        if messages.is_empty() {
            if let Some(confirmation) = confirmation {
                confirmation.fail(cx, NOTHING);
            }
            return;
        }
        let count = messages.len();
        let number = match confirmation {
            Some(confirmation) => self.confirmations.add(confirmation),
            None => WRITE,
        };
        let task = Task::Store(StoreTask::Keep {
            channel: command.channel.as_ref().into(),
            messages,
            created: cx.now().wall.as_secs(),
            limits: KeepLimits::of(cx.limits()),
            once: None,
        });
        match cx.assign(None, number, task) {
            Ok(()) => self.backlogs.has_more(&command.channel),
            Err(limit) => {
                log::warn!("{count} messages not kept: {}", limit.reason());
                if let Some(confirmation) = self.confirmations.take(number) {
                    confirmation.fail(cx, limit.reason());
                }
            }
        }
    }

    fn stop_receiving(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if let Some(channel) = client.receives.take() {
            self.receivers.remove(&channel, client.number);
            if let Some(held) = self.backlogs.forget_reader(id) {
                self.keep_held(cx, &held);
                self.read_backlog(cx, channel.exact());
            }
        }
    }

    /// What the store did not do.
    fn store_failed(&mut self, cx: &mut Cx<'_>, fault: &StoreFault) {
        match fault {
            StoreFault::Full(limit) => {
                cx.count_limit(*limit);
                log::warn!("messages not kept: {}", limit.reason());
            }
            StoreFault::Refused(reason) => log::warn!("messages not kept: {reason}"),
            StoreFault::Failed(reason) => {
                if std::mem::take(&mut self.store_works) {
                    log::error!("the store does not work: {reason}");
                }
            }
        }
    }

    fn store_answered(&mut self) {
        if !std::mem::replace(&mut self.store_works, true) {
            log::info!("the store works again");
        }
    }

    /// Has messages forgotten that are too old, now and then.
    fn watch_age(&mut self, cx: &mut Cx<'_>) {
        let age = cx.limits().store_age;
        if self.watching_age || age.is_zero() || !self.settings.keep_data {
            return;
        }
        let before = cx.now().wall.as_secs().saturating_sub(age.as_secs());
        // If there is no room for it now, there will be the next time.
        let _ = cx.assign(None, WRITE, Task::Store(StoreTask::Expire(before)));
        cx.wake_dialect_in(AGE_INTERVAL, 0);
        self.watching_age = true;
    }
}

/// How often messages are looked for that are too old.
const AGE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(60);

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
        self.clients.insert(
            connection.id,
            Client {
                number: self.last_client,
                receives: None,
            },
        );
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
        own
    }

    fn task_finished(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Option<ConnId>,
        number: u64,
        outcome: Outcome,
    ) {
        match &outcome {
            Outcome::Store(Ok(_)) => self.store_answered(),
            Outcome::Store(Err(fault)) => self.store_failed(cx, fault),
            Outcome::Unavailable if number != PASSWORD => {
                let fault = StoreFault::Failed("it was not there at the start".to_owned());
                self.store_failed(cx, &fault);
            }
            Outcome::Password(_) | Outcome::Unavailable => {}
        }
        let Some(id) = connection else {
            return self.confirm(cx, number, &outcome);
        };
        match (number, outcome) {
            (PASSWORD, outcome) => self.judge(cx, id, outcome == Outcome::Password(true)),
            (PROBE, outcome) => {
                let works = matches!(outcome, Outcome::Store(Ok(_)));
                reply_to_ping(cx, id, works);
            }
            (reading, Outcome::Store(Ok(StoreAnswer::Fetched(messages)))) => {
                self.fetched(cx, id, reading, messages);
            }
            (reading, _) => self.not_fetched(cx, id, reading),
        }
    }

    fn woken(&mut self, cx: &mut Cx<'_>, id: ConnId, token: u32) {
        self.backlog_woken(cx, id, token);
    }

    fn tick(&mut self, cx: &mut Cx<'_>, _token: u32) {
        self.watching_age = false;
        self.watch_age(cx);
    }

    fn closed(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        self.stop_receiving(cx, id);
        self.clients.remove(id);
    }

    fn describe(&self, id: ConnId, _now: Now, members: &mut Map<String, Value>) {
        let receives = self.clients.get(id).and_then(|c| c.receives.as_ref());
        if let Some(channel) = receives {
            members.insert("receives".to_owned(), channel.exact().into());
        }
    }
}

/// A text frame, to be sent behind the 101 answer.
fn text_frame(text: &str) -> Vec<u8> {
    encode_frame(Opcode::Text, text.as_bytes())
}
