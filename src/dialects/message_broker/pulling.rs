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
    /// Some who may get it hold as much as they may.
    PassedOver,
    /// All who are there have had it, and it is owed to somebody else.
    LeftBehind,
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
            // Also what was passed over, so that nobody gets what is behind that before it.
            let first = self
                .passed_over
                .take()
                .map_or(first, |passed| first.min(passed));
            self.after = self.after.min(first - 1);
            self.left_behind = self.left_behind.filter(|left| *left < first);
        }
        (self.fetching, self.more) = (true, false);
        self.after
    }

    /// There is room at a receiver.
    fn has_room(&mut self) {
        self.stopped = false;
        self.look_again(self.after + 1);
    }

    /// There is a new receiver.
    pub(super) fn has_receiver(&mut self) {
        self.has_room();
        if let Some(left) = self.left_behind {
            self.look_again(left);
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
        if queue.pull.again_from.is_some() {
            for id in queue.acknowledging.values() {
                if let Some(client) = self.clients.get_mut(*id) {
                    client.begin_again();
                }
            }
        }
        let after = queue.pull.begin();
        queue.pull.range = (after, queue.last());
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
            self.try_again_later(cx);
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
            self.try_again_later(cx);
            return self.tidy(channel);
        };
        let (after, known) = queue.pull.range;
        let last = messages.last().map_or(after, |message| message.id);
        let last = if complete { last.max(known) } else { last };
        let missing = queue.end_missing((after, last), &messages);
        if let Some(first) = queue.pull.again_from {
            // What somebody has lost meanwhile comes before what is behind it.
            messages.retain(|message| message.id < first);
        }
        self.end_reservations(&missing);
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
                    queue.pull.passed_over.get_or_insert(id);
                }
                Offer::LeftBehind => {
                    queue.pull.after = id;
                    queue.pull.left_behind.get_or_insert(id);
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
        let Some(queue) = self.queues.get_mut(channel) else {
            return Offer::NoRoom;
        };
        queue.flight(message.id);
        let in_order: Vec<_> = queue.in_order(order).collect();
        let flight = queue.flight(message.id);
        let (mut chosen, mut next): (Vec<ConnId>, Option<u64>) = (Vec::new(), None);
        let mut passed_over = false;
        let clients = &mut self.clients;
        let mut takes = |id: ConnId| {
            let client = clients.get_mut(id).filter(|client| client.acknowledges);
            client.map(|client| client.takes(message.id, window))
        };
        for id in flight.reserved() {
            match takes(*id) {
                Some(true) => chosen.push(*id),
                Some(false) => passed_over = true,
                // It gets the message in another way.
                None => {}
            }
        }
        let mut missing = flight.owed();
        let suiting = in_order
            .iter()
            .copied()
            .filter(|(_, id)| flight.suits(*id) && !flight.reserved().contains(id));
        let (tried, fresh): (Vec<_>, Vec<_>) =
            suiting.partition(|(_, id)| flight.was_tried_with(*id));
        for (number, id) in fresh.into_iter().chain(tried) {
            if missing == 0 {
                break;
            }
            if takes(id) == Some(true) {
                chosen.push(id);
                next = Some(number);
                missing -= 1;
            } else {
                passed_over = true;
            }
        }
        queue.pull.turn = next.unwrap_or(queue.pull.turn);
        for id in &chosen {
            queue.hold(message.id, *id);
        }
        let is_free = |id: &ConnId| {
            let client = self.clients.get(*id);
            client.is_some_and(|client| client.is_free(window))
        };
        let offer = match (passed_over, missing) {
            (true, _) if in_order.iter().any(|(_, id)| is_free(id)) => Offer::PassedOver,
            (true, _) if chosen.is_empty() => Offer::NoRoom,
            (true, _) => Offer::PassedOver,
            (false, 0) => Offer::Sent,
            (false, _) => Offer::LeftBehind,
        };
        if chosen.is_empty() {
            return offer;
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
        offer
    }

    /// A receiver has acknowledged something: what waits for that can go on, once there is some
    /// room.
    pub(super) fn resume_pull(&mut self, cx: &mut Cx<'_>, channel: &str, id: ConnId) {
        let half = cx.limits().unacknowledged / 2;
        let client = self.clients.get(id);
        let has_room = client.is_some_and(|client| client.acknowledges && client.held() <= half);
        let queue = self.queues.get_mut(channel);
        let waits = |queue: &&mut Queue| queue.pull.stopped || queue.pull.passed_over.is_some();
        if has_room && let Some(queue) = queue.filter(waits) {
            queue.pull.has_room();
            self.pull(cx, channel);
        }
    }

    /// Has what the store did not do tried again in some time.
    pub(super) fn try_again_later(&mut self, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.retrying, true) {
            cx.wake_dialect_in(RETRY, RETRY_TOKEN);
        }
    }

    /// Tries again what the store did not do.
    pub(super) fn try_again(&mut self, cx: &mut Cx<'_>) {
        self.retrying = false;
        for (channel, messages) in std::mem::take(&mut self.undeleted) {
            self.delete(cx, &channel, messages);
        }
        self.pull_everywhere(cx);
    }

    /// Has all that receivers have not been sent looked at again: messages may have come, or have
    /// been deleted, that nobody has told of.
    pub(super) fn look_everywhere(&mut self, cx: &mut Cx<'_>) {
        for queue in self.queues.values_mut() {
            queue.pull.has_receiver();
        }
        self.pull_everywhere(cx);
    }

    fn pull_everywhere(&mut self, cx: &mut Cx<'_>) {
        let channels: Vec<_> = self.queues.keys().cloned().collect();
        for channel in channels {
            self.pull(cx, &channel);
        }
    }
}
