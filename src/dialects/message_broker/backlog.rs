//! What is kept for a channel, on its way to a receiver that does not acknowledge.
//!
//! One receiver at a time reads the backlog of a channel: the one that has been connected
//! longest. It is sent a part of it, in frames, and behind them a ping. Only when it has answered
//! that, or sent a command after all was written to it, are these messages deleted and the next
//! part fetched; if it goes before, they stay, and the next receiver begins with them. What is sent
//! to the channel meanwhile is kept for the reader behind the backlog, so that the order is kept.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::dialects::message_broker::MessageBroker;
use crate::dialects::message_broker::channel_name::ChannelName;
use crate::protocol::ws_frame::MessageType;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Cx;
use crate::relay::task::{KeptMessage, MessageId, StoreTask, Task};

/// Messages fetched at once, at least; more if a frame takes more.
const PART: usize = 256;

/// Bytes fetched at once, at most, unless a single message has more.
const PART_BYTES: usize = 256 * 1024;

/// When a fetch that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The wake for that.
const RETRY_TOKEN: u32 = 0;

/// The wakes of readings have their number behind this one.
const FIRST_READING_TOKEN: u32 = 16;

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
    /// The last message before the ping that is under way.
    asked: Option<MessageId>,
    /// A fetch is under way.
    fetching: bool,
    /// It is not time yet for the next frame.
    delayed: bool,
    /// More was kept since the last fetch.
    more: bool,
    /// There was nothing behind what was fetched last.
    complete: bool,
    /// The next fetch begins with this message, if it is before the last.
    again_from: Option<MessageId>,
}

/// The receivers that read backlogs.
#[derive(Debug)]
pub(super) struct Backlogs {
    readers: HashMap<ConnId, Reader>,
    next_reading: u64,
}

impl Backlogs {
    /// Nobody reads; readings are numbered from `first` on.
    pub(super) fn new(first: u64) -> Self {
        Self {
            readers: HashMap::new(),
            next_reading: first,
        }
    }

    /// True if the client reads a backlog.
    pub(super) fn is_reading(&self, id: ConnId) -> bool {
        self.readers.contains_key(&id)
    }

    /// The client reads no more; what it was sent or was to be sent, if it did.
    pub(super) fn forget_reader(&mut self, id: ConnId) -> Option<Vec<MessageId>> {
        let reader = self.readers.remove(&id)?;
        let mut messages = reader.sent;
        messages.extend(reader.part.iter().map(|message| message.id));
        Some(messages)
    }

    /// What is kept from this message on is to be looked at again.
    pub(super) fn look_again(&mut self, id: ConnId, first: MessageId) {
        if let Some(reader) = self.readers.get_mut(&id) {
            reader.again_from = Some(reader.again_from.map_or(first, |before| before.min(first)));
            reader.more = true;
        }
    }

    /// True if this answers the ping behind what was sent last.
    pub(super) fn is_answer(&mut self, id: ConnId, payload: &[u8]) -> bool {
        let Some(reader) = self.readers.get_mut(&id) else {
            return false;
        };
        let is_answer = reader
            .ping_payload()
            .is_some_and(|own| own.as_bytes() == payload);
        if is_answer {
            reader.asked = None;
        }
        is_answer
    }
}

impl Reader {
    /// What the ping behind a part says; nothing if there is none under way.
    fn ping_payload(&self) -> Option<String> {
        let asked = self.asked?;
        Some(format!("{PING_PREFIX} {} {asked}", self.reading))
    }

    /// The token of its wakes, never one of the others.
    fn token(&self) -> u32 {
        FIRST_READING_TOKEN.saturating_add(self.reading as u32)
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
    /// Something was kept for a channel.
    pub(super) fn backlog_has_more(&mut self, channel: &str) {
        let reader = self.queues.get(channel).and_then(|queue| queue.reader);
        if let Some(reader) = reader.and_then(|id| self.backlogs.readers.get_mut(&id)) {
            reader.more = true;
        }
    }

    /// Has what is in the store for a channel sent to its receivers, unless that is under way.
    pub(super) fn serve(&mut self, cx: &mut Cx<'_>, channel: &str) {
        if !self.uses_store {
            return;
        }
        match self.queues.get(channel) {
            Some(queue) if queue.reader.is_some() => {}
            Some(queue) if !queue.acknowledging.is_empty() => self.pull(cx, channel),
            _ => self.read_backlog(cx, channel),
        }
    }

    /// Has the receiver of a channel that has been connected longest read its backlog.
    fn read_backlog(&mut self, cx: &mut Cx<'_>, channel: &str) {
        let receives = |id: &ConnId| {
            let client = self.clients.get(*id);
            client.is_some_and(|client| client.receives_exactly(channel))
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
            asked: None,
            fetching: false,
            delayed: false,
            more: false,
            complete: false,
            again_from: None,
        };
        self.backlogs.next_reading += 1;
        self.backlogs.readers.insert(id, reader);
        self.queue(channel).reader = Some(id);
        self.fetch(cx, id);
    }

    fn fetch(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(reader) = self.backlogs.readers.get_mut(&id) else {
            return;
        };
        reader.fetching = true;
        reader.more = false;
        if let Some(first) = reader.again_from.take() {
            reader.last = reader.last.min(first - 1);
        }
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
        (messages, complete): (Vec<KeptMessage>, bool),
    ) {
        let reader = self.backlogs.readers.get_mut(&id);
        let Some(reader) = reader.filter(|reader| reader.reading == reading) else {
            return;
        };
        reader.fetching = false;
        reader.complete = complete;
        reader.last = messages.last().map_or(reader.last, |last| last.id);
        let Some(queue) = self.queues.get_mut(&reader.channel) else {
            return;
        };
        let part = messages.into_iter().filter(|message| {
            let is_for = queue.is_for(message.id, id);
            if is_for {
                queue.hold(message.id, id);
            }
            is_for
        });
        reader.part = part.collect();
        if reader.part.is_empty() {
            return self.read_on(cx, id);
        }
        let ids: Vec<_> = reader.part.iter().map(|message| message.id).collect();
        self.not_reserved_any_more(id, &ids);
        self.send_part(cx, id);
    }

    /// What was fetched has arrived: the reader goes on with the next part, if there is one.
    fn read_on(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let reader = self.backlogs.readers.get(&id);
        if reader.is_some_and(|reader| reader.complete && !reader.more) {
            self.catch_up(cx, id);
        } else {
            self.fetch(cx, id);
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

    /// The backlog is read, or cannot be.
    fn catch_up(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(reader) = self.backlogs.readers.remove(&id) else {
            return;
        };
        let queue = self.queue(&reader.channel);
        queue.reader = None;
        queue.originals.clear();
        self.release_reserved(cx, id, &reader.channel);
        // Receivers that acknowledge may have come meanwhile.
        self.pull(cx, &reader.channel);
        self.tidy(&reader.channel);
    }

    /// Sends what was fetched: all of it, or a frame if there is to be a delay between two.
    fn send_part(&mut self, cx: &mut Cx<'_>, id: ConnId) {
        let Some(reader) = self.backlogs.readers.get_mut(&id) else {
            return;
        };
        let queue = self.queues.get(&reader.channel);
        let originals = queue.map(|queue| &queue.originals);
        let is_live = |id: &MessageId| queue.is_some_and(|queue| queue.is_live(*id));
        let mut live = Vec::new();
        while !reader.part.is_empty() {
            let ids = reader.part.iter().map(|message| message.id);
            let original = originals.and_then(|originals| originals.next(ids.clone()));
            let (frame, count) = original.unwrap_or_else(|| {
                let is_original =
                    |id: &MessageId| originals.is_some_and(|all| all.begins_with(*id));
                let others = ids.skip(1).take_while(|id| !is_original(id)).count();
                let count = self.settings.limit.min(others + 1);
                let text = frame_text(&reader.channel, reader.part.iter().take(count));
                (cx.frame(MessageType::Text, text.as_bytes()), count)
            });
            cx.send(id, frame);
            for message in reader.part.drain(..count) {
                let list = if is_live(&message.id) {
                    &mut live
                } else {
                    &mut reader.sent
                };
                list.push(message.id);
            }
            let is_last = reader.part.is_empty() && reader.complete;
            if !self.settings.delay_send.is_zero() && !is_last {
                cx.wake_in(self.settings.delay_send, id, reader.token());
                reader.delayed = true;
                break;
            }
        }
        let is_sent = reader.part.is_empty();
        if is_sent && !reader.sent.is_empty() {
            reader.asked = reader.sent.last().copied();
            if let Some(payload) = reader.ping_payload() {
                cx.ping(id, payload.as_bytes());
            }
        }
        let goes_on = is_sent && reader.sent.is_empty() && !reader.delayed;
        self.acknowledge(cx, id, live);
        if goes_on {
            self.read_on(cx, id);
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
        let arrived = std::mem::take(&mut reader.sent);
        let is_due = reader.part.is_empty() && !reader.fetching && !reader.delayed;
        self.acknowledge(cx, id, arrived);
        if is_due {
            self.read_on(cx, id);
        }
    }

    /// A delay is over, or something that failed is to be tried again.
    pub(super) fn backlog_woken(&mut self, cx: &mut Cx<'_>, id: ConnId, token: u32) {
        if token == RETRY_TOKEN {
            let client = self.clients.get(id);
            if let Some(channel) = client.and_then(|client| client.receives.clone()) {
                self.serve(cx, channel.exact());
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
            self.read_on(cx, id);
        }
    }
}
