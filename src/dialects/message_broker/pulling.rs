//! Receivers that acknowledge: they are sent what is in the store for their channel, oldest first,
//! each message with its id, and no more than they may hold at once. What is sent to the channel
//! while they are there comes to them the same way.

use std::time::Duration;

use crate::dialects::message_broker::MessageBroker;
use crate::dialects::message_broker::queue::{Pull, Queue};
use crate::dialects::message_broker::settings::Order;
use crate::dialects::message_broker::waiting::Waiting;
use crate::limits::Limit;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::output_policy::OutputPolicy;
use crate::relay::task::{KeptMessage, MessageId, Outcome, StoreAnswer, StoreTask, Task};

/// Messages fetched at once, at most.
const PART: usize = 256;

/// Bytes fetched at once, at most, unless a single message has more.
const PART_BYTES: usize = 256 * 1024;

/// When a fetch that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The wake for that.
pub(super) const RETRY_TOKEN: u32 = 1;

/// What became of a message that was fetched.
enum Offer {
    /// It was sent to all who are to get it.
    Sent,
    /// Those who may get it hold as much as they may, or have had it.
    PassedOver,
    /// Nobody can be sent anything.
    NoRoom,
}

impl Pull {
    /// Has what is in the store from this message on looked at again, with the next fetch.
    pub(super) fn look_again(&mut self, first: MessageId) {
        self.again_from = Some(self.again_from.map_or(first, |before| before.min(first)));
    }

    /// Where the next fetch begins.
    fn begin(&mut self) -> MessageId {
        if let Some(first) = self.again_from.take() {
            self.after = self.after.min(first - 1);
            self.passed_over = self.passed_over.filter(|passed| *passed < first);
        }
        (self.fetching, self.more) = (true, false);
        self.after
    }

    /// A message stays behind.
    fn pass_over(&mut self, message: MessageId) {
        self.passed_over.get_or_insert(message);
    }

    /// There is a new receiver, or room at one.
    pub(super) fn has_room(&mut self) {
        self.stopped = false;
        if let Some(passed) = self.passed_over.take() {
            self.look_again(passed);
        }
    }
}

impl Queue {
    /// The acknowledging receivers in the order in which they are asked.
    fn in_order(&self, order: Order) -> impl Iterator<Item = (u64, ConnId)> {
        let turn = match order {
            Order::LongestConnected => 0,
            Order::RoundRobin => self.pull.turn,
        };
        let behind = self.acknowledging.range(turn.saturating_add(1)..);
        let before = self.acknowledging.range(..=turn);
        behind.chain(before).map(|(number, id)| (*number, *id))
    }
}

impl MessageBroker {
    /// Has the acknowledging receivers of a channel sent what is there for them.
    pub(super) fn pull(&mut self, cx: &mut Cx<'_>, channel: &str) {
        let Some(queue) = self.queues.get_mut(channel) else {
            return;
        };
        if queue.pull.fetching {
            queue.pull.more = true;
            return;
        }
        if queue.pull.stopped || !self.has_pullers(channel) {
            return;
        }
        let Some(queue) = self.queues.get_mut(channel) else {
            return;
        };
        let after = queue.pull.begin();
        let number = self.waiting.add(Waiting::Pull(channel.into()));
        let task = Task::Store(StoreTask::Fetch {
            channel: channel.into(),
            after,
            most: PART,
            most_bytes: PART_BYTES,
        });
        if cx.assign(None, number, task).is_err() {
            self.waiting.take(number);
            self.queue(channel).pull.fetching = false;
            self.retry_pulls(cx);
        }
    }

    /// True if what is in the store for a channel goes to receivers that acknowledge.
    fn has_pullers(&self, channel: &str) -> bool {
        self.queues
            .get(channel)
            .is_some_and(|queue| !queue.acknowledging.is_empty() && queue.reader.is_none())
    }

    /// Messages of a channel were fetched, or could not be.
    pub(super) fn pulled(&mut self, cx: &mut Cx<'_>, channel: &str, outcome: Outcome) {
        let Some(queue) = self.queues.get_mut(channel) else {
            return;
        };
        queue.pull.fetching = false;
        let Outcome::Store(Ok(StoreAnswer::Fetched {
            mut messages,
            complete,
        })) = outcome
        else {
            self.retry_pulls(cx);
            return self.tidy(channel);
        };
        if let Some(first) = queue.pull.again_from {
            // What somebody has lost meanwhile comes before what is behind it.
            messages.retain(|message| message.id < first);
        }
        for message in messages {
            let id = message.id;
            if !self.has_pullers(channel) {
                break;
            }
            let offer = self.offer(cx, channel, &message);
            let Some(queue) = self.queues.get_mut(channel) else {
                return;
            };
            match offer {
                Offer::Sent => queue.pull.after = id,
                Offer::PassedOver => {
                    queue.pull.after = id;
                    queue.pull.pass_over(id);
                }
                Offer::NoRoom => {
                    queue.pull.stopped = true;
                    cx.count_limit(Limit::Unacknowledged);
                    break;
                }
            }
        }
        let goes_on = self
            .queues
            .get(channel)
            .is_some_and(|queue| !complete || queue.pull.more || queue.pull.again_from.is_some());
        if goes_on {
            self.pull(cx, channel);
        }
        self.tidy(channel);
    }

    /// Sends a message to those for whom it is reserved, and to as many others as it is owed to.
    fn offer(&mut self, cx: &mut Cx<'_>, channel: &str, message: &KeptMessage) -> Offer {
        let window = cx.limits().unacknowledged;
        let order = self.settings.order;
        let clients = &self.clients;
        let Some(queue) = self.queues.get_mut(channel) else {
            return Offer::NoRoom;
        };
        let has_room = |id: ConnId| {
            clients
                .get(id)
                .is_some_and(|client| client.has_room(window))
        };
        queue.flight(message.id);
        let candidates: Vec<_> = queue.in_order(order).collect();
        let flight = queue.flight(message.id);
        let reserved = flight.reserved().iter().copied();
        let mut chosen: Vec<ConnId> = reserved
            .filter(|id| clients.get(*id).is_some_and(|client| client.acknowledges))
            .collect();
        let owed = flight.owed();
        let suiting = candidates
            .iter()
            .filter(|(_, id)| flight.suits(*id) && !chosen.contains(id) && has_room(*id));
        let (tried, fresh): (Vec<_>, Vec<_>) =
            suiting.partition(|(_, id)| flight.was_tried_with(*id));
        let next: Vec<_> = fresh.into_iter().chain(tried).take(owed).collect();
        let missing = owed - next.len();
        if let Some((number, _)) = next.last() {
            queue.pull.turn = *number;
        }
        chosen.extend(next.iter().map(|(_, id)| *id));
        for id in &chosen {
            queue.hold(message.id, *id);
        }
        if chosen.is_empty() {
            return match missing {
                0 => Offer::Sent,
                _ if candidates.iter().any(|(_, id)| has_room(*id)) => Offer::PassedOver,
                _ => Offer::NoRoom,
            };
        }
        // A text is always written.
        let name = serde_json::to_string(channel).unwrap_or_default();
        let text = format!(
            r#"{{"command":"send-message","channel":{name},"data":[{}],"id":{}}}"#,
            message.text, message.id
        );
        let frame = cx.frame(MessageType::Text, text.as_bytes());
        cx.publish_to(chosen.iter().copied(), &frame, OutputPolicy::Close);
        for id in chosen {
            self.hold(cx, id, [message.id]);
        }
        if missing == 0 {
            Offer::Sent
        } else {
            Offer::PassedOver
        }
    }

    /// A receiver has acknowledged something: what waits for that can go on, once there is some
    /// room.
    pub(super) fn resume_pull(&mut self, cx: &mut Cx<'_>, channel: &str, id: ConnId) {
        let half = cx.limits().unacknowledged / 2;
        let client = self.clients.get(id);
        let has_room = client.is_some_and(|client| client.acknowledges && client.load() <= half);
        let queue = self.queues.get_mut(channel);
        let waits = |queue: &&mut Queue| queue.pull.stopped || queue.pull.passed_over.is_some();
        if has_room && let Some(queue) = queue.filter(waits) {
            queue.pull.has_room();
            self.pull(cx, channel);
        }
    }

    fn retry_pulls(&mut self, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.retrying_pulls, true) {
            cx.wake_dialect_in(RETRY, RETRY_TOKEN);
        }
    }

    /// Tries again what has failed.
    pub(super) fn pull_again(&mut self, cx: &mut Cx<'_>) {
        self.retrying_pulls = false;
        let channels: Vec<_> = self.queues.keys().cloned().collect();
        for channel in channels {
            self.pull(cx, &channel);
        }
    }
}
