//! What was kept of a topic, on its way to a client that asked for it; then the client joins.
//!
//! No message is missing or comes twice, by construction. When the client comes, messages have
//! three places: the store, for those up to a certain id; the list of those that the store has not
//! taken yet, whose frames are copied here; and the future, whose frames are put behind them. The
//! store is asked for the first, in parts; then the others follow; and when nothing is left, the
//! client becomes a member, before the next message can be sent.
//!
//! A part goes to a client only when it has taken the one before, so that a slow one costs no more
//! memory than `limits.output` for what is sent meanwhile; past that it is closed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dialects::topics::Topics;
use crate::dialects::topics::client::Access;
use crate::dialects::topics::history::{message_type, microseconds, with_id};
use crate::dialects::topics::place::{Direction, Topic};
use crate::dialects::topics::settings::Keep;
use crate::dialects::topics::wish::{Range, Wish};
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::frame::Frame;
use crate::relay::hub::ChannelId;
use crate::relay::output_policy::OutputPolicy;
use crate::relay::task::topic::{TopicAnswer, TopicMessage, TopicQuery, TopicTask};
use crate::relay::task::{MessageId, Outcome, StoreAnswer, StoreTask, Task};

/// The wake of a client that has not taken a part yet.
pub(super) const REPLAY: u32 = 2;

/// What the task of a client is for.
const FETCH: u64 = 0;

/// Clients that ask the store at the same time; the others wait for their turn. A restart brings
/// all of them back at once, and each answer takes memory.
const FETCHES: usize = 16;

/// Messages and bytes fetched at once, at most, unless a single message has more.
const PART: usize = 256;
const PART_BYTES: usize = 128 * 1024;

/// How long a client is given to take a part before that is looked at, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(2);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Bytes that a waiting frame takes beside its own.
const OVERHEAD: usize = size_of::<(MessageId, Frame)>();

/// The name, within a topic, of the channel for clients that asked for ids.
const WITH_IDS: &str = "ids";

/// The way of one client.
#[derive(Debug)]
pub(super) struct Replay {
    /// The topic as it is kept.
    topic: Box<str>,
    /// The store is asked for messages behind this one.
    after: MessageId,
    /// And for none behind this one: they are in `behind`.
    until: MessageId,
    /// Only so many of the last.
    last: Option<usize>,
    store: Store,
    /// What follows what the store has.
    behind: VecDeque<(MessageId, Frame)>,
    /// What of it was sent since the client came, with overhead, in bytes.
    live_bytes: usize,
    /// The highest id when the client came: what is above is live.
    came_at: MessageId,
    wait: Duration,
    /// It is being closed, and must get nothing more: not even what is sent before it is.
    is_over: bool,
}

/// How far a client is with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    /// There is more to be had.
    More,
    /// It is asked.
    Asked,
    /// There is nothing more.
    Done,
}

impl Replay {
    /// True while the store is asked.
    pub(super) fn is_fetching(&self) -> bool {
        self.store == Store::Asked
    }

    /// True if the client is being closed.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Holds a live message for the client; false if it is too slow for that.
    pub(super) fn hold(&mut self, id: MessageId, frame: &Frame, limit: usize) -> bool {
        self.live_bytes += frame.len() + OVERHEAD;
        if self.is_over || self.live_bytes > limit {
            return false;
        }
        self.behind.push_back((id, frame.clone()));
        true
    }

    /// The client is to be closed.
    pub(super) fn give_up(&mut self) {
        self.is_over = true;
        self.behind.clear();
    }

    fn query(&self, cx: &Cx<'_>) -> TopicQuery {
        TopicQuery {
            topic: self.topic.clone(),
            after: self.after,
            until: self.until,
            last: self.last,
            most: PART,
            most_bytes: PART_BYTES.min(cx.limits().output_soft),
            now: microseconds(cx.now()),
        }
    }
}

impl Topics {
    /// A client that asked for something may join: at once, or behind what was kept. The channel
    /// that it may send to meanwhile is held for it.
    pub(super) fn let_in(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConnId,
        wish: Wish,
        (topic, policy): (&Topic, OutputPolicy),
    ) -> ChannelId {
        let key = cx.channel_key(&topic.path, "");
        let channel = cx.hold(key, policy);
        let with_ids = wish.ids.then(|| {
            let key = cx.channel_key(&topic.path, WITH_IDS);
            cx.hold(key, policy)
        });
        self.readers.let_in(id, channel, with_ids);
        // Senders receive what other senders send, but `/out` may have got more than that.
        let may_read = topic.direction != Direction::Send;
        let replay = wish.replay.filter(|_| may_read && self.is_kept(topic));
        match replay.and_then(|range| self.new_replay(topic, range)) {
            Some(replay) => {
                let asks = replay.store == Store::More;
                self.readers.begin(id, channel, replay);
                if asks {
                    self.ask_store(cx, id);
                } else {
                    self.send_behind(cx, id, 0);
                }
            }
            None => self.join_reader(cx, id),
        }
        channel
    }

    /// Whether what is sent to a topic is kept.
    pub(super) fn is_kept(&self, topic: &Topic) -> bool {
        self.history.has_store() && self.settings.keep_of(&topic.output()) != Keep::Nothing
    }

    fn new_replay(&self, topic: &Topic, range: Range) -> Option<Replay> {
        let Range { since, last } = range;
        let last = match self.settings.keep_of(&topic.path) {
            // Some of those that wait to be kept may have no place in the store any more.
            Keep::Last(most) => Some(last.map_or(most, |last| last.min(most))),
            Keep::Nothing | Keep::For(_) => last,
        };
        let came_at = self.history.last_id();
        let mut behind = self.history.waiting_of(&topic.path, since);
        let until = behind.front().map_or(came_at, |(first, _)| first - 1);
        let last = last.map(|last| {
            let surplus = behind.len().saturating_sub(last);
            behind.drain(..surplus);
            last - behind.len()
        });
        let store = if since >= until || last == Some(0) {
            Store::Done
        } else {
            Store::More
        };
        let nothing = store == Store::Done && behind.is_empty();
        (!nothing).then(|| Replay {
            topic: topic.path.as_str().into(),
            after: since,
            until,
            last,
            store,
            behind,
            live_bytes: 0,
            came_at,
            wait: FIRST_WAIT,
            is_over: false,
        })
    }

    /// Asks the store for the next part, when it is this client's turn.
    fn ask_store(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        self.readers.queue.push_back(id);
        self.ask_store_for_next(cx);
    }

    /// Has those ask the store whose turn it is.
    pub(super) fn ask_store_for_next(&mut self, cx: &mut Cx<'_>) {
        while self.readers.fetching < FETCHES {
            let Some(id) = self.readers.queue.pop_front() else {
                return;
            };
            let Some(replay) = self.readers.replay(id) else {
                continue;
            };
            let fetch = TopicTask::Fetch(replay.query(cx));
            let fetch = Task::Store(StoreTask::Topic(fetch));
            if cx.assign(Some(id), FETCH, fetch).is_ok() {
                replay.store = Store::Asked;
                self.readers.fetching += 1;
            } else {
                replay.store = Store::Done;
                self.send_behind(cx, id, 0);
            }
        }
    }

    /// The store has answered a client. If it has not worked, the client goes on with what there
    /// is.
    pub(super) fn fetched(&mut self, cx: &mut Cx<'_>, id: ConnId, outcome: Outcome) {
        let Some(replay) = self
            .readers
            .replay(id)
            .filter(|replay| replay.is_fetching())
        else {
            return;
        };
        replay.store = Store::Done;
        let messages = match outcome {
            Outcome::Store(Ok(StoreAnswer::Topic(TopicAnswer::Fetched { messages, more }))) => {
                if more {
                    replay.store = Store::More;
                }
                messages
            }
            _ => Vec::new(),
        };
        self.readers.fetching -= 1;
        if self.may_receive(cx, id) {
            self.send_part(cx, id, &messages);
        }
        self.ask_store_for_next(cx);
    }

    fn send_part(&mut self, cx: &mut Cx<'_>, id: ConnId, messages: &[TopicMessage]) {
        let Some(ids) = self.readers.wish(id).map(|wish| wish.ids) else {
            return;
        };
        let Some(replay) = self.readers.replay(id) else {
            return;
        };
        let bytes = messages.iter().map(|message| message.payload.len()).sum();
        if bytes > cx.limits().output_soft && !cx.is_written(id) {
            // It is fetched again when there is room for something that long.
            replay.store = Store::More;
            return wait(cx, id, replay);
        }
        for message in messages {
            let kind = if message.binary {
                MessageType::Binary
            } else {
                MessageType::Text
            };
            let frame = if ids {
                with_id(cx, message.id, kind, &message.payload)
            } else {
                cx.frame(kind, &message.payload)
            };
            if !cx.send(id, frame) {
                return;
            }
            replay.after = message.id;
            replay.wait = FIRST_WAIT;
        }
        if !messages.is_empty() {
            replay.last = None;
        }
        if replay.store == Store::More {
            wait(cx, id, replay);
        } else {
            self.send_behind(cx, id, bytes);
        }
    }

    /// A client may have taken what it was sent.
    pub(super) fn replay_woken(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(replay) = self.readers.replay(id) else {
            return;
        };
        if !cx.is_written(id) {
            wait(cx, id, replay);
        } else if replay.store == Store::More {
            self.ask_store(cx, id);
        } else {
            self.send_behind(cx, id, 0);
        }
    }

    /// Sends what follows what the store had, as far as it has room behind `waiting` bytes; when
    /// all is sent, the client joins.
    fn send_behind(&mut self, cx: &mut Cx<'_>, id: ConnId, mut waiting: usize) {
        let Some(ids) = self.readers.wish(id).map(|wish| wish.ids) else {
            return;
        };
        let room = cx.limits().output_soft;
        let Some(replay) = self.readers.replay(id) else {
            return;
        };
        while let Some((message, frame)) = replay.behind.front() {
            let has_room = waiting + frame.len() <= room || (waiting == 0 && cx.is_written(id));
            if !has_room {
                return wait(cx, id, replay);
            }
            waiting += frame.len();
            if *message > replay.came_at {
                let bytes = frame.len() + OVERHEAD;
                replay.live_bytes = replay.live_bytes.saturating_sub(bytes);
            }
            let frame = if ids {
                with_id(cx, *message, message_type(frame), frame.payload())
            } else {
                frame.clone()
            };
            replay.behind.pop_front();
            if !cx.send(id, frame) {
                return;
            }
            replay.wait = FIRST_WAIT;
        }
        self.join_reader(cx, id);
    }

    /// The client becomes a member. Who asked for ids is told from which one on it is: all later
    /// messages have higher ones.
    fn join_reader(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        self.readers.end(id);
        let topic = self.clients.get(id).and_then(|client| {
            let topic = client.description.topic.as_ref()?;
            Some((topic.path.clone(), self.settings.policy_of(&topic.output())))
        });
        let (Some(wish), Some((path, policy))) = (self.readers.wish(id), topic) else {
            return;
        };
        if wish.ids {
            let position = self.history.next_id(cx.now());
            cx.reply(id, MessageType::Text, position.to_string().as_bytes());
            let key = cx.channel_key(&path, WITH_IDS);
            cx.join(id, key, policy);
        } else {
            let key = cx.channel_key(&path, "");
            cx.join(id, key, policy);
            self.forget_reader(cx, id);
        }
    }

    /// A client is gone, or is a member like any other.
    pub(super) fn forget_reader(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        for channel in self.readers.forget(id).into_iter().flatten() {
            cx.release(channel);
        }
    }

    /// Whether a client may still receive.
    fn may_receive(&self, cx: &Cx<'_>, id: ConnId) -> bool {
        let now = cx.now().epoch_seconds();
        let access = self.clients.get(id).map(|client| client.access);
        matches!(access, Some(Access::Granted { expires, .. }) if expires > now)
    }
}

/// Looks again later whether a client has taken what it was sent.
fn wait(cx: &mut Cx<'_>, id: ConnId, replay: &mut Replay) {
    cx.wake_in(replay.wait, id, REPLAY);
    replay.wait = (replay.wait * 2).min(LONGEST_WAIT);
}
