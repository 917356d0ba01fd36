//! What one client is still to be sent. One cache line: fan-out touches one of these per
//! receiver, and nothing else.

use crate::protocol::ws_deflate::{Deflater, Window};
use crate::relay::conn_id::ConnId;
use crate::relay::frame::Frame;
use crate::relay::frame_queue::{FrameQueue, SpareRings};
use crate::relay::moment::{Moment, Tick};
use crate::relay::outboxes::Outgoing;

/// What a connection was sent, for the statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Bytes of payload of these messages.
    pub bytes: u64,
    /// When the last one was.
    pub last: Moment,
}

/// What still goes into an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// Everything.
    Open,
    /// Nothing: a close frame is in, and the peer is to answer it.
    Closed,
    /// Nothing: the last frame is in, and when it is written the write side is shut.
    Ending,
    /// Nothing: the connection is dead.
    Dead,
}

/// The outbox of one connection.
///
/// Invariant: an outbox with bytes in it is dirty (the next flush writes it) or blocked (the
/// kernel tells when it can be written).
#[derive(Debug)]
pub struct Outbox {
    pub(super) owner: ConnId,
    pub(super) queue: FrameQueue,
    /// Bytes of the first frame that are already written.
    pub(super) written: u32,
    pub(super) intake: Intake,
    pub(super) dirty: bool,
    pub(super) blocked: bool,
    /// A program's (a control connection), which may lag further behind than a client.
    pub(super) link: bool,
    /// The client's window, if it takes compressed messages.
    pub(super) window: Option<Window>,
    /// Since when the soft limit is passed.
    pub(super) soft_since: Tick,
    /// Bytes waiting.
    pub(super) waiting: usize,
    pub(super) traffic: Traffic,
}

impl Outbox {
    pub(super) fn new(owner: ConnId) -> Self {
        Self {
            owner,
            queue: FrameQueue::default(),
            written: 0,
            intake: Intake::Open,
            dirty: false,
            blocked: false,
            link: false,
            window: None,
            soft_since: Tick::NEVER,
            waiting: 0,
            traffic: Traffic::default(),
        }
    }

    /// Bytes waiting to be written.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// What waits, and the memory that the waiting takes, in bytes.
    pub fn memory(&self) -> usize {
        self.waiting + self.queue.memory()
    }

    /// What the client was sent.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Bytes of the first answer that waits and is longer than `length`, HTTP's aside; 0 if there is
    /// none.
    pub(super) fn long_answer(&self, length: usize) -> usize {
        let is_long =
            |frame: &&Frame| !frame.is_droppable() && frame.len() > length && !frame.is_http();
        self.queue
            .iter()
            .find(is_long)
            .map_or(0, |frame| frame.len())
    }

    /// The form of a frame that the client gets.
    #[inline]
    pub(super) fn form<'a>(&self, frame: &'a Frame, deflater: &mut Deflater) -> &'a Frame {
        match self.window {
            Some(window) if window.holds(frame.payload_length()) => frame.deflated(deflater),
            _ => frame,
        }
    }

    pub(super) fn enqueue(&mut self, frame: Frame, spare: &mut SpareRings) {
        self.waiting += frame.len();
        self.queue.push(frame, spare);
    }

    pub(super) fn enqueue_message(&mut self, message: &Outgoing<'_>, spare: &mut SpareRings) {
        self.traffic.messages += 1;
        self.traffic.bytes += message.payload_length;
        self.traffic.last = message.now;
        self.enqueue(message.frame.clone(), spare);
    }

    /// Drops the oldest message that has not begun to be written. False if there is none.
    pub(super) fn drop_oldest_message(&mut self, spare: &mut SpareRings) -> bool {
        match self
            .queue
            .remove_oldest(self.written > 0, Frame::is_droppable, spare)
        {
            Some(frame) => {
                self.waiting -= frame.len();
                true
            }
            None => false,
        }
    }

    /// Drops everything but what the client needs to read the next frame: the rest of one of
    /// which some bytes are out, and HTTP answers, of which the last may be the upgrade's.
    pub(super) fn drop_unsent(&mut self, spare: &mut SpareRings) {
        let mut kept = FrameQueue::default();
        let mut begun = self.written > 0;
        while let Some(frame) = self.queue.pop(spare) {
            if std::mem::take(&mut begun) || frame.is_http() {
                kept.push(frame, spare);
            }
        }
        self.queue = kept;
        self.waiting = self.parts().map(<[u8]>::len).sum();
    }

    /// Takes `count` written bytes off the front.
    pub(super) fn advance(&mut self, count: usize, spare: &mut SpareRings) {
        self.waiting = self.waiting.saturating_sub(count);
        let mut written = self.written as usize + count;
        while let Some(first) = self.queue.first() {
            if written < first.len() {
                break;
            }
            written -= first.len();
            self.queue.pop(spare);
        }
        self.written = u32::try_from(written).unwrap_or(u32::MAX);
    }

    /// The parts still to be written, in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut skip = self.written as usize;
        self.queue
            .iter()
            .map(move |frame| &frame[std::mem::take(&mut skip)..])
    }
}

const _: () = assert!(
    size_of::<Outbox>() <= 88,
    "an outbox grew: see docs/performance.md"
);
