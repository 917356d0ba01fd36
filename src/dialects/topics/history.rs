//! The messages of topics on their way into the store, and the ids of all messages.
//!
//! Publishing does not wait for the store: a message is put onto a list, and the list is written
//! in batches, one at a time, so that the store has the messages in their order at every moment.
//! What the store has not taken yet stays here, is tried again where it failed, and is seen by
//! those who join meanwhile. The list is bounded by `store.tasks` and `store.queue`; where it is
//! full, its oldest go.
//!
//! Ids are microseconds since 1970, and each is larger than all before, whatever the clock does.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::dialects::topics::settings::Keep;
use crate::limits::{Limit, Limits};
use crate::protocol::ws_frame::{MessageType, Opcode};
use crate::relay::dialect::Cx;
use crate::relay::frame::Frame;
use crate::relay::moment::Now;
use crate::relay::task::topic::{
    NewTopicMessage, TopicAnswer, TopicMessage, TopicTask, WallMicroseconds,
};
use crate::relay::task::{
    KeepLimits, MessageId, Outcome, StoreAnswer, StoreFault, StoreTask, Task,
};

/// What a task without a connection is for: a batch, or old messages.
pub(super) const WRITE: u64 = 0;
const EXPIRE: u64 = 1;

/// What a tick of the dialect is for: a batch that failed, or old messages.
pub(super) const RETRY: u32 = 0;
pub(super) const SWEEP: u32 = 1;

/// When a batch that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often messages are looked for that are too old.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Messages and bytes of a batch, at most, unless a single message has more.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 1024 * 1024;

/// A message that the store has not taken yet.
#[derive(Debug)]
struct Waiting {
    id: MessageId,
    topic: Rc<str>,
    frame: Frame,
    created: u64,
    expires: Option<WallMicroseconds>,
    most: Option<usize>,
}

/// The messages on their way into the store.
#[derive(Debug, Default)]
pub(super) struct History {
    /// There is a store.
    has_store: bool,
    last_id: MessageId,
    waiting: VecDeque<Waiting>,
    /// The batch that the store is writing; they are older than those that wait.
    in_hand: Vec<Waiting>,
    /// Bytes of both.
    bytes: usize,
    /// A batch has failed, and it is not time yet to try again.
    is_paused: bool,
    /// The log says that the store does not work.
    is_failing: bool,
    /// The log says that messages are lost.
    is_losing: bool,
    is_sweeping: bool,
}

/// The wall clock in microseconds.
pub(super) fn microseconds(now: Now) -> WallMicroseconds {
    WallMicroseconds::try_from(now.wall.as_micros()).unwrap_or(WallMicroseconds::MAX)
}

impl History {
    /// There is a store, in which `last_id` is the highest id.
    pub(super) fn with_store(last_id: MessageId) -> Self {
        Self {
            has_store: true,
            last_id,
            ..Self::default()
        }
    }

    /// Whether there is a store.
    pub(super) fn has_store(&self) -> bool {
        self.has_store
    }

    /// The id of a message that is sent now.
    pub(super) fn next_id(&mut self, now: Now) -> MessageId {
        self.last_id = microseconds(now).max(self.last_id.saturating_add(1));
        self.last_id
    }

    /// The highest id so far.
    pub(super) fn last_id(&self) -> MessageId {
        self.last_id
    }

    /// Has a message kept, which is not to be waited for.
    pub(super) fn keep(
        &mut self,
        cx: &mut Cx<'_>,
        topic: Rc<str>,
        (id, frame): (MessageId, &Frame),
        keep: Keep,
    ) {
        let (period, most) = match keep {
            Keep::Nothing => return,
            Keep::Last(most) => (None, Some(most)),
            Keep::For(period) => (Some(period), None),
        };
        let age = Some(cx.limits().store_age).filter(|age| !age.is_zero());
        let now = cx.now();
        let expires = period.into_iter().chain(age).min().map(|age| {
            let age = WallMicroseconds::try_from(age.as_micros()).unwrap_or(WallMicroseconds::MAX);
            microseconds(now).saturating_add(age)
        });
        self.bytes += frame.len();
        self.waiting.push_back(Waiting {
            id,
            topic,
            frame: frame.clone(),
            created: now.wall.as_secs(),
            expires,
            most,
        });
        self.bound(cx);
        self.write(cx);
        self.sweep_later(cx);
    }

    /// Gives up the oldest messages that the store does not have in hand, if there are too many.
    fn bound(&mut self, cx: &mut Cx<'_>) {
        while let Some(limit) = self.passed(cx.limits()) {
            let Some(lost) = self.waiting.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(lost.frame.len());
            cx.count_limit(limit);
            if !std::mem::replace(&mut self.is_losing, true) {
                log::warn!("messages of topics are not kept: {}", limit.reason());
            }
        }
    }

    fn passed(&self, limits: &Limits) -> Option<Limit> {
        if self.waiting.len() + self.in_hand.len() > limits.store_tasks {
            Some(Limit::StoreTasks)
        } else if self.bytes > limits.store_queue {
            Some(Limit::StoreQueue)
        } else {
            None
        }
    }

    /// Gives the next batch to the store, unless that has one.
    fn write(&mut self, cx: &mut Cx<'_>) {
        if self.is_paused || !self.in_hand.is_empty() || self.waiting.is_empty() {
            return;
        }
        let count = self.next_batch();
        self.in_hand = self.waiting.drain(..count).collect();
        let keep = TopicTask::Keep {
            messages: self.in_hand.iter().map(Waiting::to_keep).collect(),
            limits: KeepLimits::of(cx.limits()),
        };
        let keep = Task::Store(StoreTask::Topic(keep));
        if cx.assign(None, WRITE, keep).is_err() {
            self.write_later(cx);
        }
    }

    /// How many messages make the next batch; at least one.
    fn next_batch(&self) -> usize {
        let mut bytes = 0;
        let fits = self.waiting.iter().take(BATCH).take_while(|waiting| {
            bytes += waiting.frame.len();
            bytes <= BATCH_BYTES
        });
        fits.count().max(1)
    }

    /// The batch waits again, before all others.
    fn write_later(&mut self, cx: &mut Cx<'_>) {
        for message in self.in_hand.drain(..).rev() {
            self.waiting.push_front(message);
        }
        self.is_paused = true;
        cx.wake_dialect_in(RETRY_AFTER, RETRY);
    }

    /// Something without a connection is done.
    pub(super) fn task_finished(&mut self, cx: &mut Cx<'_>, number: u64, outcome: &Outcome) {
        self.judge(outcome);
        if number != WRITE {
            return;
        }
        let Outcome::Store(Ok(answer)) = outcome else {
            return self.write_later(cx);
        };
        if let StoreAnswer::Topic(TopicAnswer::Kept(passed)) = answer {
            for limit in passed {
                cx.count_limit(*limit);
            }
        }
        for kept in self.in_hand.drain(..) {
            self.bytes = self.bytes.saturating_sub(kept.frame.len());
        }
        if self.waiting.is_empty() {
            self.is_losing = false;
        }
        self.write(cx);
    }

    /// Tells the log when the store begins to fail, and when it works again.
    pub(super) fn judge(&mut self, outcome: &Outcome) {
        let reason = match outcome {
            Outcome::Store(Err(StoreFault::Failed(reason) | StoreFault::Refused(reason))) => reason,
            Outcome::Store(Err(StoreFault::Full(limit))) => limit.reason(),
            Outcome::Unavailable => "it is not there",
            Outcome::Store(Ok(_)) | Outcome::Password(_) => {
                if std::mem::take(&mut self.is_failing) {
                    log::info!("the store works again for topics");
                }
                return;
            }
        };
        if !std::mem::replace(&mut self.is_failing, true) {
            log::error!("the store does not work for topics: {reason}");
        }
    }

    /// A tick of the dialect.
    pub(super) fn tick(&mut self, cx: &mut Cx<'_>, token: u32) {
        match token {
            RETRY => {
                self.is_paused = false;
                self.write(cx);
            }
            SWEEP => {
                self.is_sweeping = false;
                let expire = TopicTask::Expire(microseconds(cx.now()));
                // If there is no room for it now, there will be the next time.
                let _ = cx.assign(None, EXPIRE, Task::Store(StoreTask::Topic(expire)));
                self.sweep_later(cx);
            }
            _ => {}
        }
    }

    fn sweep_later(&mut self, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.is_sweeping, true) {
            cx.wake_dialect_in(SWEEP_INTERVAL, SWEEP);
        }
    }

    /// The server ends: the store is given all that it does not have.
    pub(super) fn finish(&mut self, cx: &mut Cx<'_>) {
        self.is_paused = false;
        while !self.waiting.is_empty() && !self.is_paused {
            self.in_hand.clear();
            self.write(cx);
        }
        if !self.waiting.is_empty() {
            log::error!("{} messages of topics are not kept", self.waiting.len());
        }
    }

    /// The messages of a topic behind `since` that the store has not taken yet, oldest first.
    pub(super) fn waiting_of(&self, topic: &str, since: MessageId) -> VecDeque<(MessageId, Frame)> {
        let all = self.in_hand.iter().chain(&self.waiting);
        all.filter(|waiting| waiting.id > since && &*waiting.topic == topic)
            .map(|waiting| (waiting.id, waiting.frame.clone()))
            .collect()
    }
}

impl Waiting {
    fn to_keep(&self) -> NewTopicMessage {
        NewTopicMessage {
            topic: (&*self.topic).into(),
            message: TopicMessage {
                id: self.id,
                binary: message_type(&self.frame) == MessageType::Binary,
                payload: self.frame.payload().into(),
            },
            created: self.created,
            expires: self.expires,
            most: self.most,
        }
    }
}

/// The type of an encoded message.
pub(super) fn message_type(frame: &Frame) -> MessageType {
    let opcode = frame.first().map_or(0, |first| first & 0x0f);
    if opcode == Opcode::Binary as u8 {
        MessageType::Binary
    } else {
        MessageType::Text
    }
}

/// A message with its id in front, as clients get it that ask for ids.
pub(super) fn with_id(cx: &Cx<'_>, id: MessageId, message: MessageType, payload: &[u8]) -> Frame {
    let mut bytes = id.to_string().into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(payload);
    cx.frame(message, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::moment::Moment;

    fn at(microseconds: u64) -> Now {
        Now {
            moment: Moment::since_start(Duration::ZERO),
            wall: Duration::from_micros(microseconds),
        }
    }

    #[test]
    fn ids_are_the_time_and_only_ever_grow() {
        let mut history = History::with_store(0);
        let wall = 1_795_210_500_624_162;
        for (now, id) in [
            (wall, 1_795_210_500_624_162),
            (wall, 1_795_210_500_624_163),
            (wall + 10, 1_795_210_500_624_172),
            (5, 1_795_210_500_624_173),
        ] {
            assert_eq!(history.next_id(at(now)), id);
        }
        assert!(history.last_id() < 1 << 53, "not safe in JavaScript");
        let mut later = History::with_store(history.last_id());
        assert_eq!(later.next_id(at(7)), history.last_id() + 1);
    }
}
