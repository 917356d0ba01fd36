//! Copies of messages from the store in the hands of receivers, until they are known to have
//! arrived: because the receiver acknowledges them, or, where it does not know how to, because it
//! answers the ping behind them or sends a command after all was written to it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::dialects::message_broker::MessageBroker;
use crate::dialects::message_broker::channel_name::ChannelName;
use crate::dialects::message_broker::queue::{Fate, Queue};
use crate::dialects::message_broker::waiting::Waiting;
use crate::limits::Limit;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::moment::Moment;
use crate::relay::task::{MessageId, StoreTask, Task};

/// What the payload of a ping begins with; behind it stands the number of the last message.
const PING_PREFIX: &str = "sent ";

/// The wake for messages that are not acknowledged in time.
pub(super) const LATE_TOKEN: u32 = 2;

/// A client that was let in.
#[derive(Debug)]
pub(super) struct Client {
    /// Lower numbers have been connected for longer.
    pub(super) number: u64,
    /// The name that it has logged in with.
    pub(super) user: Box<str>,
    /// What it receives.
    pub(super) receives: Option<Rc<ChannelName>>,
    /// It says itself what has arrived.
    pub(super) acknowledges: bool,
    /// What it was sent and has not arrived for all that is known, and until when that must be.
    held: BTreeMap<MessageId, Option<Moment>>,
    /// What it is to be sent.
    reserved: BTreeSet<MessageId>,
    /// The last message before the ping that is under way.
    proving: Option<MessageId>,
    /// A wake for what it holds is under way.
    waking: bool,
}

impl Client {
    /// A client that receives nothing yet.
    pub(super) fn new(number: u64, user: Box<str>) -> Self {
        Self {
            number,
            user,
            receives: None,
            acknowledges: false,
            held: BTreeMap::new(),
            reserved: BTreeSet::new(),
            proving: None,
            waking: false,
        }
    }

    /// True if it receives the channel of exactly this name.
    pub(super) fn receives_exactly(&self, channel: &str) -> bool {
        let receives = self.receives.as_ref();
        receives.is_some_and(|name| name.exact() == channel)
    }

    /// True if it can be sent another message before it has acknowledged those that it holds.
    pub(super) fn has_room(&self, window: usize) -> bool {
        !self.acknowledges || self.load() < window
    }

    /// Messages that it has been sent or will be.
    pub(super) fn load(&self) -> usize {
        self.held.len() + self.reserved.len()
    }
}

impl MessageBroker {
    /// Messages will be sent to a client.
    pub(super) fn reserve_for(&mut self, id: ConnId, messages: &[MessageId]) {
        if let Some(client) = self.clients.get_mut(id) {
            client.reserved.extend(messages);
        }
    }

    /// A client was sent messages that were reserved for it.
    pub(super) fn not_reserved_any_more(&mut self, id: ConnId, messages: &[MessageId]) {
        if let Some(client) = self.clients.get_mut(id) {
            for message in messages {
                client.reserved.remove(message);
            }
        }
    }

    /// A client was sent messages; one that acknowledges has to do so in time.
    pub(super) fn hold(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConnId,
        messages: impl IntoIterator<Item = MessageId>,
    ) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let deadline = client
            .acknowledges
            .then(|| cx.now().moment + cx.limits().ack_timeout);
        for message in messages {
            client.reserved.remove(&message);
            client.held.insert(message, deadline);
        }
        self.watch(cx, id);
    }

    /// A client that does not acknowledge was sent messages: a ping behind them shows when they
    /// have arrived.
    pub(super) fn hold_until_proved(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConnId,
        messages: &[MessageId],
    ) {
        self.hold(cx, id, messages.iter().copied());
        self.prove(cx, id);
    }

    fn prove(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if client.proving.is_none()
            && let Some((last, _)) = client.held.last_key_value()
        {
            client.proving = Some(*last);
            cx.ping(id, format!("{PING_PREFIX}{last}").as_bytes());
        }
    }

    /// A client answered a ping; true if it was one from here.
    pub(super) fn proved(&mut self, cx: &mut Cx<'_>, id: ConnId, payload: &[u8]) -> bool {
        let Some(client) = self.clients.get_mut(id) else {
            return false;
        };
        let last = str::from_utf8(payload).ok();
        let last = last.and_then(|text| text.strip_prefix(PING_PREFIX)?.parse().ok());
        if last.is_none() || last != client.proving {
            return false;
        }
        client.proving = None;
        let last = last.unwrap_or_default();
        let arrived: Vec<_> = client.held.range(..=last).map(|(id, _)| *id).collect();
        self.acknowledge(cx, id, arrived);
        self.prove(cx, id);
        true
    }

    /// A client that does not acknowledge sent a command: what was written to it has arrived.
    pub(super) fn prove_by_command(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        self.confirm_backlog(cx, id);
        let client = self.clients.get(id).filter(|client| !client.acknowledges);
        let arrived: Vec<_> =
            client.map_or(Vec::new(), |client| client.held.keys().copied().collect());
        if !arrived.is_empty() {
            self.acknowledge(cx, id, arrived);
        }
    }

    /// Messages have arrived at a client; those that it does not hold are of no interest.
    pub(super) fn acknowledge(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConnId,
        messages: impl IntoIterator<Item = MessageId>,
    ) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let Some(channel) = client.receives.clone() else {
            return;
        };
        let Some(queue) = self.queues.get_mut(channel.exact()) else {
            return;
        };
        let mut done = Vec::new();
        for message in messages {
            client.held.remove(&message);
            if queue.acknowledge(message, id) {
                done.push(message);
            }
        }
        self.delete(cx, channel.exact(), done);
        self.resume_pull(cx, channel.exact(), id);
    }

    /// Takes away what a client has not acknowledged in time.
    pub(super) fn take_late(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.waking = false;
        let Some(channel) = client.receives.clone() else {
            return;
        };
        let now = cx.now().moment;
        let is_late = |deadline: &Option<Moment>| deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<_> = client
            .held
            .extract_if(.., |_, deadline| is_late(deadline))
            .map(|(message, _)| message)
            .collect();
        for _ in &late {
            cx.count_limit(Limit::AckTimeout);
        }
        if !late.is_empty() {
            log::debug!(connection:% = id, messages = late.len(); "not acknowledged in time");
            self.release(cx, id, channel.exact(), late);
        }
        self.watch(cx, id);
    }

    /// Asks to be woken when something that a client holds is late.
    fn watch(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if client.waking {
            return;
        }
        if let Some(first) = client.held.values().flatten().min() {
            client.waking = true;
            cx.wake_in(first.since(cx.now().moment), id, LATE_TOKEN);
        }
    }

    /// A client receives its channel no more: what it holds goes to others.
    pub(super) fn release_all(&mut self, cx: &mut Cx<'_>, id: ConnId, channel: &str) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let held = std::mem::take(&mut client.held);
        let reserved = std::mem::take(&mut client.reserved);
        // What the ping proves when it is answered is of no interest any more.
        client.proving = None;
        let all: BTreeSet<_> = held.into_keys().chain(reserved).collect();
        self.release(cx, id, channel, all);
    }

    /// What was reserved for a client will not be sent to it.
    pub(super) fn release_reserved(&mut self, cx: &mut Cx<'_>, id: ConnId, channel: &str) {
        let client = self.clients.get_mut(id);
        let reserved = client.map(|client| std::mem::take(&mut client.reserved));
        self.release(cx, id, channel, reserved.unwrap_or_default());
    }

    /// What a client was sent, or was to be sent, goes to others.
    pub(super) fn release(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConnId,
        channel: &str,
        messages: impl IntoIterator<Item = MessageId>,
    ) {
        let Some(queue) = self.queues.get_mut(channel) else {
            return;
        };
        let (mut first_owed, mut done) = (None, Vec::new());
        for message in messages {
            match queue.release(message, id) {
                Fate::Owed => {
                    let first = first_owed.get_or_insert(message);
                    *first = message.min(*first);
                }
                Fate::Done => done.push(message),
                Fate::Dropped => {}
            }
        }
        self.delete(cx, channel, done);
        if let Some(first) = first_owed {
            self.look_again(channel, first);
            self.serve(cx, channel);
        }
    }

    /// Has what is in the store from this message on looked at again.
    fn look_again(&mut self, channel: &str, first: MessageId) {
        let Some(queue) = self.queues.get_mut(channel) else {
            return;
        };
        queue.pull.look_again(first);
        queue.pull.stopped = false;
        if let Some(reader) = queue.reader {
            self.backlogs.look_again(reader, first);
        }
    }

    /// Deletes messages that are done.
    pub(super) fn delete(&mut self, cx: &mut Cx<'_>, channel: &str, messages: Vec<MessageId>) {
        if messages.is_empty() {
            return;
        }
        let waiting = Waiting::Deletion(channel.into(), messages.clone());
        let number = self.waiting.add(waiting);
        let task = Task::Store(StoreTask::Delete(messages));
        if cx.assign(None, number, task).is_err() {
            log::error!("messages that were delivered stay in the store");
            if let Some(Waiting::Deletion(channel, messages)) = self.waiting.take(number) {
                self.forget(&channel, &messages);
            }
        }
    }

    /// Messages were deleted, or could not be: then they stay, and are sent again.
    pub(super) fn forget(&mut self, channel: &str, messages: &[MessageId]) {
        if let Some(queue) = self.queues.get_mut(channel) {
            for message in messages {
                queue.end(*message);
            }
        }
        self.tidy(channel);
    }

    /// The queue of a channel, which begins here if there is none.
    pub(super) fn queue(&mut self, channel: &str) -> &mut Queue {
        if !self.queues.contains_key(channel) {
            self.queues.insert(channel.into(), Queue::default());
        }
        self.queues.entry(channel.into()).or_default()
    }

    /// Forgets what is known of a channel that nobody is sent anything of.
    pub(super) fn tidy(&mut self, channel: &str) {
        let Some(queue) = self.queues.get_mut(channel) else {
            return;
        };
        if queue.reader.is_none() && queue.acknowledging.is_empty() && queue.waiting == 0 {
            queue.forget_idle();
        }
        if queue.is_empty() {
            self.queues.remove(channel);
        }
    }
}
