//! What is kept for a channel, on its way to a receiver.
//!
//! One receiver at a time reads the backlog of a channel: the one that has been connected
//! longest. It is sent a part of it, in frames, and behind them a ping. Only when it has answered
//! that, or sent a command after all was written, are these messages deleted and the next part
//! fetched; if it goes before, they stay, and the next receiver begins with them. What is sent to
//! the channel meanwhile is held for the reader, behind the backlog, so that the order is kept. If
//! nobody else got it and the reader goes, or too much is held, it is kept with the rest.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::dialects::message_broker::MessageBroker;
use crate::dialects::message_broker::channel_name::ChannelName;
use crate::dialects::message_broker::command::Command;
use crate::limits::Limit;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::frame::Frame;
use crate::relay::output_policy::OutputPolicy;
use crate::relay::task::{KeptMessage, MessageId, StoreTask, Task};

/// Messages fetched at once, at least; more if a frame takes more.
const PART: usize = 256;

/// Bytes fetched at once, at most, unless a single message has more.
const PART_BYTES: usize = 256 * 1024;

/// When a fetch that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The wake for that; others have the number of a reading.
const RETRY_TOKEN: u32 = 0;

/// What the payload of a ping begins with; behind it stands the number of the reading and that of
/// the last message.
const PING_PREFIX: &str = "kept";

/// A receiver that reads a backlog.
#[derive(Debug)]
struct Reader {
    channel: Box<str>,
    /// The number of this reading: answers for earlier ones are of no interest.
    reading: u64,
    /// The last message that was fetched.
    last: MessageId,
    /// Fetched, and not sent yet.
    part: VecDeque<KeptMessage>,
    /// Sent, and not known to have arrived.
    sent: Vec<MessageId>,
    /// A fetch is under way.
    fetching: bool,
    /// It is not time yet for the next frame.
    delayed: bool,
    /// More was kept since the fetch that is under way.
    more: bool,
    /// Live messages that come behind the backlog.
    held: Vec<Held>,
    held_bytes: usize,
}

/// A live message that waits for its receiver to have read its backlog.
#[derive(Debug)]
pub(super) struct Held {
    frame: Frame,
    /// Nobody else got it.
    only: bool,
}

/// The receivers that read backlogs.
#[derive(Debug)]
pub(super) struct Backlogs {
    readers: HashMap<ConnId, Reader>,
    by_channel: HashMap<Box<str>, ConnId>,
    next_reading: u64,
}

impl Backlogs {
    /// Nobody reads; readings are numbered from `first` on.
    pub(super) fn new(first: u64) -> Self {
        Self {
            readers: HashMap::new(),
            by_channel: HashMap::new(),
            next_reading: first,
        }
    }

    /// True if the client reads a backlog.
    pub(super) fn is_reading(&self, id: ConnId) -> bool {
        self.readers.contains_key(&id)
    }

    /// Something was kept for a channel.
    pub(super) fn has_more(&mut self, channel: &str) {
        let reader = self.by_channel.get(channel);
        if let Some(reader) = reader.and_then(|id| self.readers.get_mut(id)) {
            reader.more = true;
        }
    }

    /// The client reads no more; what was held for it, if it did.
    pub(super) fn forget_reader(&mut self, id: ConnId) -> Option<Vec<Held>> {
        let reader = self.readers.remove(&id)?;
        self.by_channel.remove(&reader.channel);
        Some(reader.held)
    }

    /// True if this answers the ping behind what was sent last.
    pub(super) fn is_answer(&self, id: ConnId, payload: &[u8]) -> bool {
        self.readers
            .get(&id)
            .and_then(Reader::ping_payload)
            .is_some_and(|own| own.as_bytes() == payload)
    }
}

impl Reader {
    /// What the ping behind a part says; nothing if there is none under way.
    fn ping_payload(&self) -> Option<String> {
        let waits = self.part.is_empty() && !self.sent.is_empty();
        waits.then(|| format!("{PING_PREFIX} {} {}", self.reading, self.last))
    }

    /// The token of its wakes, never [`RETRY_TOKEN`].
    fn token(&self) -> u32 {
        (self.reading as u32) | 1
    }
}

/// The frame of some messages.
fn frame_text<'a>(channel: &str, messages: impl Iterator<Item = &'a KeptMessage>) -> String {
    // A text is always written.
    let channel = serde_json::to_string(channel).unwrap_or_default();
    let mut text = format!(r#"{{"command":"send-message","channel":{channel},"data":["#);
    for (index, message) in messages.enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&message.text);
    }
    text.push_str("]}");
    text
}

impl MessageBroker {
    /// Has the receiver of a channel that has been connected longest read its backlog, if nobody
    /// does yet.
    pub(super) fn read_backlog(&mut self, cx: &mut Cx<'_>, channel: &str) {
        if self.backlogs.by_channel.contains_key(channel) {
            return;
        }
        let receives = |id: &ConnId| {
            let client = self.clients.get(*id);
            let receives = client.and_then(|client| client.receives.as_ref());
            receives.is_some_and(|name| name.exact() == channel)
        };
        let name = ChannelName::new(channel);
        let Some(id) = self.receivers.all(&name).find(receives) else {
            return;
        };
        let reader = Reader {
            channel: channel.into(),
            reading: self.backlogs.next_reading,
            last: 0,
            part: VecDeque::new(),
            sent: Vec::new(),
            fetching: false,
            delayed: false,
            more: false,
            held: Vec::new(),
            held_bytes: 0,
        };
        self.backlogs.next_reading += 1;
        self.backlogs.by_channel.insert(channel.into(), id);
        self.backlogs.readers.insert(id, reader);
        self.fetch(cx, id);
    }

    fn fetch(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(reader) = self.backlogs.readers.get_mut(&id) else {
            return;
        };
        reader.fetching = true;
        reader.more = false;
        let reading = reader.reading;
        let task = Task::Store(StoreTask::Fetch {
            channel: reader.channel.clone(),
            after: reader.last,
            most: PART.max(self.settings.limit),
            most_bytes: PART_BYTES,
        });
        if cx.assign(Some(id), reading, task).is_err() {
            self.not_fetched(cx, id, reading);
        }
    }

    /// The next part of a backlog is there.
    pub(super) fn fetched(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConnId,
        reading: u64,
        messages: Vec<KeptMessage>,
    ) {
        let reader = self.backlogs.readers.get_mut(&id);
        let Some(reader) = reader.filter(|reader| reader.reading == reading) else {
            return;
        };
        reader.fetching = false;
        if let Some(last) = messages.last() {
            reader.last = last.id;
            reader.part = messages.into();
            self.send_part(cx, id);
        } else if reader.more {
            self.fetch(cx, id);
        } else {
            self.catch_up(cx, id);
        }
    }

    /// The store did not answer: the receiver goes on with what is sent to it live, and the rest is
    /// tried again later.
    pub(super) fn not_fetched(&mut self, cx: &mut Cx<'_>, id: ConnId, reading: u64) {
        let reader = self.backlogs.readers.get(&id);
        if reader.is_some_and(|reader| reader.reading == reading) {
            self.catch_up(cx, id);
            cx.wake_in(RETRY, id, RETRY_TOKEN);
        }
    }

    /// Holds a live message for a reader until it has read what was kept before; false if this is
    /// none. `only`: nobody else got it.
    pub(super) fn hold(&mut self, cx: &mut Cx<'_>, id: ConnId, frame: &Frame, only: bool) -> bool {
        let Some(reader) = self.backlogs.readers.get_mut(&id) else {
            return false;
        };
        reader.held_bytes += frame.len();
        reader.held.push(Held {
            frame: frame.clone(),
            only,
        });
        if reader.held_bytes > cx.limits().output && !self.spill(cx, id) {
            cx.close_for_limit(id, Limit::Output);
        }
        true
    }

    /// Keeps all that is held for a reader, so that it comes from the store; false if others got
    /// some of it already.
    pub(super) fn spill(&mut self, cx: &mut Cx<'_>, id: ConnId) -> bool {
        let Some(reader) = self.backlogs.readers.get_mut(&id) else {
            return false;
        };
        if !reader.held.iter().all(|held| held.only) {
            return false;
        }
        reader.held_bytes = 0;
        let held = std::mem::take(&mut reader.held);
        self.keep_held(cx, &held);
        true
    }

    /// Keeps what was held for a reader and nobody else got.
    pub(super) fn keep_held(&mut self, cx: &mut Cx<'_>, held: &[Held]) {
        for held in held.iter().filter(|held| held.only) {
            let payload = held.frame.len() - held.frame.payload_length();
            if let Some(command) = held.frame.get(payload..).and_then(Command::parse) {
                self.keep(cx, &command, None);
            }
        }
    }

    /// The backlog is read: what was held for its reader follows.
    fn catch_up(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(reader) = self.backlogs.readers.remove(&id) else {
            return;
        };
        self.backlogs.by_channel.remove(&reader.channel);
        for held in &reader.held {
            cx.publish_to(std::iter::once(id), &held.frame, OutputPolicy::Close);
        }
    }

    /// Sends what was fetched: all of it, or a frame if there is to be a delay between two.
    fn send_part(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(reader) = self.backlogs.readers.get_mut(&id) else {
            return;
        };
        while !reader.part.is_empty() {
            let count = self.settings.limit.min(reader.part.len());
            let text = frame_text(&reader.channel, reader.part.iter().take(count));
            let frame = cx.frame(MessageType::Text, text.as_bytes());
            cx.send(id, frame);
            let sent = reader.part.drain(..count).map(|message| message.id);
            reader.sent.extend(sent);
            if !self.settings.delay_send.is_zero() {
                cx.wake_in(self.settings.delay_send, id, reader.token());
                reader.delayed = true;
                break;
            }
        }
        if let Some(payload) = reader.ping_payload() {
            cx.ping(id, payload.as_bytes());
        }
    }

    /// What a reader was sent has arrived.
    pub(super) fn confirm_backlog(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(reader) = self.backlogs.readers.get_mut(&id) else {
            return;
        };
        if reader.sent.is_empty() {
            return;
        }
        let delivered = std::mem::take(&mut reader.sent);
        let is_due = reader.part.is_empty() && !reader.fetching && !reader.delayed;
        let delete = Task::Store(StoreTask::Delete(delivered));
        if cx.assign(None, super::WRITE, delete).is_err() {
            log::error!("messages that were delivered stay in the store");
        }
        if is_due {
            self.fetch(cx, id);
        }
    }

    /// A delay is over, or something that failed is to be tried again.
    pub(super) fn backlog_woken(&mut self, cx: &mut Cx<'_>, id: ConnId, token: u32) {
        if token == RETRY_TOKEN {
            let client = self.clients.get(id);
            if let Some(channel) = client.and_then(|client| client.receives.clone()) {
                self.read_backlog(cx, channel.exact());
            }
            return;
        }
        let reader = self.backlogs.readers.get_mut(&id);
        let Some(reader) = reader.filter(|reader| reader.token() == token) else {
            return;
        };
        reader.delayed = false;
        if !reader.part.is_empty() {
            self.send_part(cx, id);
        } else if reader.sent.is_empty() && !reader.fetching {
            self.fetch(cx, id);
        }
    }
}
