//! What is sent to a channel, on its way to its receivers.
//!
//! A message that nobody has asked anything about goes to those who are there at once. One that is
//! to be confirmed or has an id of its sender's, or that goes to receivers that acknowledge, goes
//! into the store first, and to its receivers when it is there; what is sent to the same channel
//! behind it waits, too, so that the order is kept.

use std::rc::Rc;

use crate::dialects::message_broker::MessageBroker;
use crate::dialects::message_broker::channel_name::ChannelName;
use crate::dialects::message_broker::command::Command;
use crate::dialects::message_broker::confirmation::{Confirmation, NOBODY, NOTHING};
use crate::dialects::message_broker::queue::Flight;
use crate::dialects::message_broker::waiting::Waiting;
use crate::limits::Limit;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::frame::Frame;
use crate::relay::output_policy::OutputPolicy;
use crate::relay::task::{
    KeepLimits, MessageId, Outcome, SenderId, StoreAnswer, StoreFault, StoreTask, Task,
};

/// A message on its way into the store.
#[derive(Debug)]
pub(super) struct Submission {
    channel: Rc<ChannelName>,
    /// The message as it came.
    frame: Frame,
    confirmation: Option<Confirmation>,
    receivers: Receivers,
}

/// Who gets a message once the store has it.
#[derive(Debug)]
enum Receivers {
    /// Those who are there then, and at most so many.
    Chosen(Option<usize>),
    /// These, who read what was kept before. `delivered`: so many others have got it already.
    Reading {
        readers: Vec<ConnId>,
        delivered: usize,
    },
    /// Nobody was there.
    Nobody,
}

impl MessageBroker {
    /// Obeys "send-message".
    pub(super) fn send(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConnId,
        command: &Command<'_>,
        payload: &[u8],
    ) {
        let Ok(confirmation) = self.confirmation_of(cx, id, command) else {
            return;
        };
        let once = match self.sender_id_of(cx, id, command) {
            Ok(once) => once,
            Err(limit) => {
                if let Some(confirmation) = confirmation {
                    confirmation.fail(cx, limit.reason());
                }
                return;
            }
        };
        let channel = ChannelName::new(&command.channel);
        let most = command.number_of_receiver(self.settings.number_of_receiver);
        let keeps = self.settings.keep_data;
        let is_asked = once.is_some() || keeps && confirmation.is_some();
        if is_asked || self.must_wait(&channel) {
            let messages: Vec<Box<str>> = command.elements().map(Box::from).collect();
            if !messages.is_empty() && (keeps || self.receivers.all(&channel).next().is_some()) {
                let submission = Submission {
                    channel: Rc::new(channel),
                    frame: cx.frame(MessageType::Text, payload),
                    confirmation,
                    receivers: Receivers::Chosen(most),
                };
                return self.submit(cx, submission, messages, once);
            }
        }
        self.send_live(cx, (channel, most), (command, payload), confirmation);
    }

    /// True if what is sent to a channel goes through the store.
    fn must_wait(&self, channel: &ChannelName) -> bool {
        self.queues
            .get(channel.exact())
            .is_some_and(|queue| queue.waiting > 0 || !queue.acknowledging.is_empty())
    }

    /// The id that a sender gives a message, if it does.
    fn sender_id_of(
        &self,
        cx: &mut Cx<'_>,
        sender: ConnId,
        command: &Command<'_>,
    ) -> Result<Option<SenderId>, Limit> {
        let (Some(id), Some(client)) = (command.id(), self.clients.get(sender)) else {
            return Ok(None);
        };
        if id.len() > cx.limits().sender_id {
            let limit = Limit::SenderId;
            cx.count_limit(limit);
            return Err(limit);
        }
        Ok(Some(SenderId {
            user: client.user.clone(),
            id: id.into(),
        }))
    }

    /// Sends a message to those who are there, and keeps it for those who are not.
    fn send_live(
        &mut self,
        cx: &mut Cx<'_>,
        (channel, most): (ChannelName, Option<usize>),
        (command, payload): (&Command<'_>, &[u8]),
        confirmation: Option<Confirmation>,
    ) {
        let order = self.settings.order;
        let (chosen, _) = self.receivers.choose(&channel, most, order, |_| true);
        if chosen.is_empty() && !self.settings.keep_data {
            if let Some(confirmation) = confirmation {
                confirmation.fail(cx, NOBODY);
            }
            return;
        }
        let frame = cx.frame(MessageType::Text, payload);
        let is_reading = |id: &ConnId| self.backlogs.is_reading(*id);
        let (readers, live): (Vec<_>, Vec<_>) = chosen.into_iter().partition(is_reading);
        let receivers = cx.publish_to(live.into_iter(), &frame, OutputPolicy::Close);
        if readers.is_empty() && (receivers > 0 || !self.settings.keep_data) {
            match confirmation {
                // The connections of those who were there have just ended.
                Some(confirmation) if receivers == 0 => confirmation.fail(cx, NOBODY),
                Some(confirmation) => confirmation.succeed(cx, &[], receivers),
                None => {}
            }
            return;
        }
        let messages: Vec<Box<str>> = command.elements().map(Box::from).collect();
        if messages.is_empty() {
            // There is nothing that could be kept: who reads gets it at once.
            let receivers =
                receivers + cx.publish_to(readers.into_iter(), &frame, OutputPolicy::Close);
            match confirmation {
                Some(confirmation) if receivers == 0 => confirmation.fail(cx, NOTHING),
                Some(confirmation) => confirmation.succeed(cx, &[], receivers),
                None => {}
            }
            return;
        }
        let receivers = if readers.is_empty() {
            Receivers::Nobody
        } else {
            Receivers::Reading {
                delivered: receivers,
                readers,
            }
        };
        let submission = Submission {
            channel: Rc::new(channel),
            frame,
            confirmation,
            receivers,
        };
        self.submit(cx, submission, messages, None);
    }

    /// Has a message kept.
    fn submit(
        &mut self,
        cx: &mut Cx<'_>,
        submission: Submission,
        messages: Vec<Box<str>>,
        once: Option<SenderId>,
    ) {
        let count = messages.len();
        let channel = Rc::clone(&submission.channel);
        if count > cx.limits().store_elements {
            let limit = Limit::StoreElements;
            cx.count_limit(limit);
            log::warn!("{count} messages not kept: {}", limit.reason());
            return self.not_kept(cx, submission, limit.reason());
        }
        let mut limits = KeepLimits::of(cx.limits());
        if !self.settings.keep_data {
            limits.bytes = limits.bytes.min(cx.limits().store_memory);
        }
        let task = Task::Store(StoreTask::Keep {
            channel: channel.exact().into(),
            messages,
            created: cx.now().wall.as_secs(),
            limits,
            once,
        });
        match submission.receivers {
            Receivers::Chosen(_) => self.queue(channel.exact()).waiting += 1,
            Receivers::Reading { .. } => self.queue(channel.exact()).copies += 1,
            Receivers::Nobody => {}
        }
        let number = self.waiting.add(Waiting::Submission(submission));
        match cx.assign(None, number, task) {
            Ok(()) => {
                self.uses_store = true;
                self.watch_age(cx);
                self.backlog_has_more(channel.exact());
            }
            Err(limit) => {
                log::warn!("{count} messages not kept: {}", limit.reason());
                if let Some(Waiting::Submission(submission)) = self.waiting.take(number) {
                    self.end_waiting(&submission);
                    self.not_kept(cx, submission, limit.reason());
                    self.tidy(channel.exact());
                }
            }
        }
    }

    fn end_waiting(&mut self, submission: &Submission) {
        let queue = self.queue(submission.channel.exact());
        match submission.receivers {
            Receivers::Chosen(_) => queue.waiting = queue.waiting.saturating_sub(1),
            Receivers::Reading { .. } => queue.copies = queue.copies.saturating_sub(1),
            Receivers::Nobody => {}
        }
    }

    /// The store has done, or not, what a message waits for.
    pub(super) fn submitted(&mut self, cx: &mut Cx<'_>, submission: Submission, outcome: Outcome) {
        self.end_waiting(&submission);
        let channel = Rc::clone(&submission.channel);
        match outcome {
            Outcome::Store(Ok(StoreAnswer::Kept(ids))) => self.kept(cx, &submission, &ids),
            Outcome::Store(Ok(StoreAnswer::Repeated(ids))) => {
                if let Some(confirmation) = submission.confirmation {
                    confirmation.repeat(cx, &ids);
                }
            }
            Outcome::Store(Err(StoreFault::Full(limit))) => {
                self.not_kept(cx, submission, limit.reason());
            }
            Outcome::Store(Err(StoreFault::Refused(reason) | StoreFault::Failed(reason))) => {
                self.not_kept(cx, submission, &reason);
            }
            _ => self.not_kept(cx, submission, "there is no store"),
        }
        self.tidy(channel.exact());
    }

    /// The message is in the store: it goes to its receivers.
    fn kept(&mut self, cx: &mut Cx<'_>, submission: &Submission, ids: &[MessageId]) {
        let channel = submission.channel.exact();
        let receivers = match &submission.receivers {
            Receivers::Chosen(most) => self.deliver(cx, submission, ids, *most),
            Receivers::Reading { readers, delivered } => {
                self.reserve(cx, submission, ids, (readers, *delivered > 0));
                readers.len() + delivered
            }
            Receivers::Nobody => 0,
        };
        if let Some(confirmation) = &submission.confirmation {
            confirmation.succeed(cx, ids, receivers);
        }
        self.pull(cx, channel);
    }

    /// Sends a message that is in the store to those who are there now; to how many.
    fn deliver(
        &mut self,
        cx: &mut Cx<'_>,
        submission: &Submission,
        ids: &[MessageId],
        most: Option<usize>,
    ) -> usize {
        let channel = &submission.channel;
        let clients = &self.clients;
        let window = cx.limits().unacknowledged;
        let has_room = |id| clients.get(id).is_none_or(|client| client.has_room(window));
        let order = self.settings.order;
        let (chosen, full) = self.receivers.choose(channel, most, order, has_room);
        let (mut live, mut reserved, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
        for id in chosen {
            let Some(client) = self.clients.get(id) else {
                continue;
            };
            // A receiver that spells the name in another way does not find it in the store.
            if !client.receives_exactly(channel.exact()) {
                elsewhere.push(id);
            } else if client.acknowledges || self.backlogs.is_reading(id) {
                reserved.push(id);
            } else {
                live.push(id);
            }
        }
        let all = live.iter().chain(&elsewhere).copied();
        let receivers = cx.publish_to(all, &submission.frame, OutputPolicy::Close) + reserved.len();
        let owed = most.map_or(0, |most| full.min(most.saturating_sub(receivers)));
        if live.is_empty() && reserved.is_empty() && owed == 0 {
            if receivers > 0 {
                self.delete(cx, channel.exact(), ids.to_vec());
            }
            return receivers;
        }
        let queue = self.queue(channel.exact());
        for message in ids {
            queue.begin(*message, Flight::with(&live, &reserved, owed));
        }
        if reserved.iter().any(|id| self.backlogs.is_reading(*id)) {
            self.keep_original(cx, submission, ids);
        }
        for id in reserved {
            self.reserve_for(id, ids);
        }
        for id in live {
            self.hold_until_proved(cx, id, ids);
        }
        receivers
    }

    /// Reserves a message that is in the store for those who read what was kept before.
    fn reserve(
        &mut self,
        cx: &mut Cx<'_>,
        submission: &Submission,
        ids: &[MessageId],
        (readers, delivered): (&[ConnId], bool),
    ) {
        let channel = submission.channel.exact();
        let is_there = |id: &&ConnId| {
            let client = self.clients.get(**id);
            client.is_some_and(|client| client.receives_exactly(channel))
        };
        let (reading, live): (Vec<_>, Vec<_>) = readers
            .iter()
            .filter(is_there)
            .copied()
            .partition(|id| self.backlogs.is_reading(*id));
        let arrived = cx.publish_to(live.into_iter(), &submission.frame, OutputPolicy::Close);
        let delivered = delivered || arrived > 0;
        if reading.is_empty() {
            if delivered {
                self.delete(cx, channel, ids.to_vec());
            } else {
                self.serve(cx, channel);
            }
            return;
        }
        let queue = self.queue(channel);
        for message in ids {
            queue.begin(*message, Flight::live(&reading, delivered));
        }
        self.keep_original(cx, submission, ids);
        for id in reading {
            self.reserve_for(id, ids);
        }
    }

    fn keep_original(&mut self, cx: &Cx<'_>, submission: &Submission, ids: &[MessageId]) {
        let most = cx.limits().output;
        let queue = self.queue(submission.channel.exact());
        queue.originals.add(&submission.frame, ids, most);
    }

    /// The message is not in the store. Who asked is told so; a message that nobody has asked
    /// about goes to those who are there all the same.
    fn not_kept(&mut self, cx: &mut Cx<'_>, submission: Submission, reason: &str) {
        let Submission {
            channel,
            frame,
            confirmation,
            receivers,
            ..
        } = submission;
        if let Some(confirmation) = confirmation {
            return confirmation.fail(cx, reason);
        }
        let receivers = match receivers {
            Receivers::Chosen(most) => {
                let order = self.settings.order;
                self.receivers.choose(&channel, most, order, |_| true).0
            }
            Receivers::Reading { readers, .. } => {
                let is_there = |id: &ConnId| {
                    let client = self.clients.get(*id);
                    client.is_some_and(|client| client.receives_exactly(channel.exact()))
                };
                readers.into_iter().filter(is_there).collect()
            }
            Receivers::Nobody => Vec::new(),
        };
        cx.publish_to(receivers.into_iter(), &frame, OutputPolicy::Close);
    }
}
