//! All outboxes. Bytes leave the relay only through [`Outboxes::push`] and
//! [`Outboxes::push_message`], which mark the outbox dirty: the classic fault of an edge-triggered
//! server, bytes queued and the write forgotten, has no place to be made.

use std::io::IoSlice;

use crate::limits::Limits;
use crate::protocol::ws_deflate::{Deflater, Window};
use crate::relay::conn_id::ConnId;
use crate::relay::frame::{Frame, FrameLedger};
use crate::relay::frame_queue::SpareRings;
use crate::relay::moment::{Moment, Tick};
use crate::relay::outbox::{Intake, Outbox, Traffic};
use crate::relay::output_policy::OutputPolicy;

/// An answer of so many bytes is not long.
const SHORT_ANSWER: usize = 16 * 1024;

/// A message on its way to its receivers; the same for all of them.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The encoded message.
    pub frame: &'a Frame,
    /// Bytes of its payload, for the statistics.
    pub payload_length: u64,
    /// The policy of the channel that it goes to.
    pub policy: OutputPolicy,
    /// When it was sent.
    pub now: Moment,
}

/// What became of a message for one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It waits to be written; older ones may have been dropped for it.
    Queued,
    /// The receiver's policy dropped it.
    Dropped,
    /// The receiver no longer takes anything.
    Refused,
}

/// The outboxes of all connections, by the index of their owner.
#[derive(Debug)]
pub struct Outboxes {
    table: Vec<Option<Outbox>>,
    dirty: Vec<ConnId>,
    overflowed: Vec<ConnId>,
    spare: SpareRings,
    ledger: FrameLedger,
    deflater: Deflater,
    output: usize,
    output_soft: usize,
    link_output: usize,
    link_output_soft: usize,
    dropped: u64,
    /// How often the soft limit began to be passed, since it was last asked.
    softly_passed: u64,
}

impl Outboxes {
    /// No outboxes, with the output limits of `limits`.
    pub fn new(limits: &Limits) -> Self {
        Self {
            table: Vec::new(),
            dirty: Vec::new(),
            overflowed: Vec::new(),
            spare: SpareRings::default(),
            ledger: FrameLedger::default(),
            deflater: Deflater::new(limits.compression),
            output: limits.output,
            output_soft: limits.output_soft,
            link_output: limits.control_output,
            link_output_soft: limits.control_output_soft,
            dropped: 0,
            softly_passed: 0,
        }
    }

    /// Takes over changed limits.
    pub fn set_limits(&mut self, limits: &Limits) {
        self.deflater.set_longest(limits.compression);
        self.output = limits.output;
        self.output_soft = limits.output_soft;
        self.link_output = limits.control_output;
        self.link_output_soft = limits.control_output_soft;
    }

    /// Makes the frame for `bytes`, counted in the ledger.
    pub fn frame(&self, bytes: impl Into<Box<[u8]>>) -> Frame {
        self.ledger.frame(bytes)
    }

    /// As [`Self::frame`], for a message that a policy may drop.
    pub fn message(&self, bytes: impl Into<Box<[u8]>>) -> Frame {
        self.ledger.message(bytes)
    }

    /// Bytes that all waiting frames hold, shared ones counted once, and those of the queues that
    /// they wait in.
    pub fn held(&self) -> usize {
        self.ledger.held() + self.spare.lent()
    }

    /// An outbox for a new connection.
    pub fn open(&mut self, id: ConnId) {
        if id.index() >= self.table.len() {
            self.table.resize_with(id.index() + 1, || None);
        }
        self.table[id.index()] = Some(Outbox::new(id));
    }

    /// The connection is a program's, with limits of its own.
    pub fn set_link(&mut self, id: ConnId) {
        if let Some(outbox) = self.get_mut(id) {
            outbox.link = true;
        }
    }

    /// The client takes compressed messages from now on, and looks back in them so far.
    pub fn set_window(&mut self, id: ConnId, window: Window) {
        if let Some(outbox) = self.get_mut(id) {
            outbox.window = Some(window);
        }
    }

    /// How many messages were too long to be compressed since this was last asked.
    pub fn take_not_compressed(&mut self) -> u64 {
        self.deflater.take_too_long()
    }

    /// The outbox of a connection, if it lives.
    pub fn get(&self, id: ConnId) -> Option<&Outbox> {
        self.table
            .get(id.index())?
            .as_ref()
            .filter(|outbox| outbox.owner == id)
    }

    fn get_mut(&mut self, id: ConnId) -> Option<&mut Outbox> {
        self.table
            .get_mut(id.index())?
            .as_mut()
            .filter(|outbox| outbox.owner == id)
    }

    /// Queues something that must arrive: an answer, a control frame. It passes the soft limit,
    /// but a client that lets twice the hard limit pile up is closed. An answer that is longer than
    /// that by itself is borne by a client that is not behind.
    pub fn push(&mut self, id: ConnId, frame: Frame) {
        let (output, link_output) = (self.output, self.link_output);
        let (output_soft, long) = (self.output_soft, self.long());
        let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut) else {
            return;
        };
        if outbox.owner != id || outbox.intake != Intake::Open || frame.is_empty() {
            return;
        }
        let frame = match outbox.window {
            Some(_) => outbox.form(&frame, &mut self.deflater).clone(),
            None => frame,
        };
        let length = frame.len();
        let limit = if outbox.link {
            link_output
        } else {
            output.saturating_mul(2)
        };
        let borne = length > limit && outbox.waiting <= output_soft;
        let passed = outbox.waiting > 0 && outbox.waiting + length > limit && !borne;
        if passed && outbox.waiting + length > limit + outbox.long_answer(long) {
            // Once is enough: a second cut would end the connection before its close frame.
            outbox.intake = Intake::Closed;
            self.overflowed.push(id);
            return;
        }
        outbox.enqueue(frame, &mut self.spare);
        mark_dirty(outbox, &mut self.dirty);
    }

    /// Answers that are longer are long, in bytes.
    fn long(&self) -> usize {
        self.output_soft.max(SHORT_ANSWER)
    }

    /// True if an answer waits for a client that is longer than the soft limit. A pong is none,
    /// however low that limit is.
    pub fn has_long_answer(&self, id: ConnId) -> bool {
        let long = self.long();
        self.get(id)
            .is_some_and(|outbox| outbox.waiting > long && outbox.long_answer(long) > 0)
    }

    /// Queues a message for one of its receivers, under the policy of its channel.
    #[inline]
    pub fn push_message(&mut self, id: ConnId, message: &Outgoing<'_>) -> Delivery {
        let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut) else {
            return Delivery::Refused;
        };
        if outbox.owner != id || outbox.intake != Intake::Open {
            return Delivery::Refused;
        }
        let deflated;
        let message = match outbox.window {
            None => message,
            Some(_) => {
                let frame = outbox.form(message.frame, &mut self.deflater);
                deflated = Outgoing { frame, ..*message };
                &deflated
            }
        };
        let length = message.frame.len();
        let only_newest = outbox.blocked && message.policy == OutputPolicy::Latest;
        if outbox.waiting + length > self.output_soft || only_newest {
            return self.push_behind(id, message);
        }
        outbox.enqueue_message(message, &mut self.spare);
        mark_dirty(outbox, &mut self.dirty);
        Delivery::Queued
    }

    /// The slow path of [`Self::push_message`]: the receiver is behind.
    #[cold]
    fn push_behind(&mut self, id: ConnId, message: &Outgoing<'_>) -> Delivery {
        let long = self.long();
        let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut) else {
            return Delivery::Refused;
        };
        let Outgoing {
            frame, policy, now, ..
        } = *message;
        let length = frame.len();
        let mut dropped = 0;
        // A single message may be larger than the limit: an outbox without a message takes one. A
        // long answer that waits must not condemn the client to whom it was given.
        let fits = |outbox: &Outbox| {
            outbox.waiting + length <= self.output
                || !outbox.queue.iter().any(Frame::is_droppable)
                || outbox.waiting + length <= self.output + outbox.long_answer(long)
        };
        if policy == OutputPolicy::Latest {
            while outbox.drop_oldest_message(&mut self.spare) {
                dropped += 1;
            }
        }
        while policy == OutputPolicy::DropOld
            && !fits(outbox)
            && outbox.drop_oldest_message(&mut self.spare)
        {
            dropped += 1;
        }
        let delivery = if fits(outbox) {
            outbox.enqueue_message(message, &mut self.spare);
            if policy == OutputPolicy::Close
                && outbox.soft_since == Tick::NEVER
                && outbox.waiting > self.output_soft
            {
                outbox.soft_since = Tick::of(now);
                self.softly_passed += 1;
            }
            mark_dirty(outbox, &mut self.dirty);
            Delivery::Queued
        } else if policy == OutputPolicy::Close {
            // What comes until the settle phase closes it has no place to go.
            outbox.intake = Intake::Closed;
            self.overflowed.push(id);
            Delivery::Refused
        } else {
            dropped += 1;
            Delivery::Dropped
        };
        self.dropped += dropped;
        delivery
    }

    /// Messages dropped by policies so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many clients have begun to be past the soft limit since this was last asked.
    pub fn take_softly_passed(&mut self) -> u64 {
        std::mem::take(&mut self.softly_passed)
    }

    /// Takes one of the connections that passed the hard output limit.
    pub fn pop_overflowed(&mut self) -> Option<ConnId> {
        self.overflowed.pop()
    }

    /// Queues `last` behind all that waits; nothing more goes in.
    pub fn push_last(&mut self, id: ConnId, last: Frame) {
        self.push(id, last);
        if let Some(outbox) = self
            .get_mut(id)
            .filter(|outbox| outbox.intake == Intake::Open)
        {
            outbox.intake = Intake::Closed;
        }
    }

    /// Gives up what a client was too slow for and queues `last`; nothing more goes in.
    pub fn replace_with(&mut self, id: ConnId, last: Frame) {
        let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut) else {
            return;
        };
        if outbox.owner != id || outbox.intake == Intake::Dead {
            return;
        }
        outbox.drop_unsent(&mut self.spare);
        outbox.enqueue(last, &mut self.spare);
        outbox.intake = Intake::Closed;
        // From here on the time to answer the close frame counts.
        outbox.soft_since = Tick::NEVER;
        mark_dirty(outbox, &mut self.dirty);
    }

    /// Gives up what a client was too slow for; nothing more goes in.
    pub fn give_up(&mut self, id: ConnId) {
        let spare = &mut self.spare;
        if let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut)
            && outbox.owner == id
            && outbox.intake != Intake::Dead
        {
            outbox.drop_unsent(spare);
            outbox.intake = Intake::Closed;
            outbox.soft_since = Tick::NEVER;
        }
    }

    /// Nothing more goes in; once all is written the write side is shut (see
    /// [`Self::is_finished`]).
    pub fn end(&mut self, id: ConnId) {
        let dirty = &mut self.dirty;
        if let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut)
            && outbox.owner == id
            && outbox.intake != Intake::Dead
        {
            outbox.intake = Intake::Ending;
            mark_dirty(outbox, dirty);
        }
    }

    /// Nothing goes in and nothing is written any more.
    pub fn kill(&mut self, id: ConnId) {
        let spare = &mut self.spare;
        if let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut)
            && outbox.owner == id
        {
            outbox.intake = Intake::Dead;
            outbox.queue.clear(spare);
            outbox.written = 0;
            outbox.waiting = 0;
            outbox.soft_since = Tick::NEVER;
        }
    }

    /// Removes the outbox of a connection whose id dies.
    pub fn bury(&mut self, id: ConnId) {
        if self.get(id).is_some() {
            self.table[id.index()] = None;
        }
    }

    /// True if all was written and nothing more will come.
    pub fn is_finished(&self, id: ConnId) -> bool {
        self.get(id)
            .is_some_and(|outbox| outbox.intake == Intake::Ending && outbox.queue.is_empty())
    }

    /// True if the outbox takes frames.
    pub fn is_open(&self, id: ConnId) -> bool {
        self.get(id)
            .is_some_and(|outbox| outbox.intake == Intake::Open)
    }

    /// True if the next flush has something to do.
    pub fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Moves the connections to be flushed into `flush`, which must be empty.
    pub fn take_dirty(&mut self, flush: &mut Vec<ConnId>) {
        debug_assert!(flush.is_empty());
        std::mem::swap(&mut self.dirty, flush);
        for id in flush.iter() {
            if let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut)
                && outbox.owner == *id
            {
                outbox.dirty = false;
            }
        }
    }

    /// Fills `slices` with the next parts to be written; how many there are. Zero: nothing waits.
    pub fn slices<'a>(&'a self, id: ConnId, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(outbox) = self.get(id) else {
            return 0;
        };
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(outbox.parts()) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        count
    }

    /// The only part that waits, if there is exactly one: it can be written without a list.
    pub fn single(&self, id: ConnId) -> Option<&[u8]> {
        let outbox = self.get(id)?;
        if outbox.queue.len() == 1 {
            outbox.parts().next()
        } else {
            None
        }
    }

    /// The kernel took `count` bytes; how many still wait.
    pub fn written(&mut self, id: ConnId, count: usize) -> usize {
        let (output_soft, link_output_soft) = (self.output_soft, self.link_output_soft);
        match self.table.get_mut(id.index()).and_then(Option::as_mut) {
            Some(outbox) if outbox.owner == id => {
                outbox.advance(count, &mut self.spare);
                let soft = if outbox.link {
                    link_output_soft
                } else {
                    output_soft
                };
                if outbox.waiting <= soft {
                    outbox.soft_since = Tick::NEVER;
                }
                outbox.waiting
            }
            _ => 0,
        }
    }

    /// The kernel takes no more; [`Self::unblock`] when it does again.
    pub fn block(&mut self, id: ConnId) {
        if let Some(outbox) = self.get_mut(id) {
            outbox.blocked = true;
        }
    }

    /// The kernel takes bytes again.
    pub fn unblock(&mut self, id: ConnId) {
        let dirty = &mut self.dirty;
        if let Some(outbox) = self.table.get_mut(id.index()).and_then(Option::as_mut)
            && outbox.owner == id
            && outbox.blocked
        {
            outbox.blocked = false;
            mark_dirty(outbox, dirty);
        }
    }

    /// Since when the client is past the soft limit; [`Tick::NEVER`] if it is not.
    pub fn soft_since(&self, id: ConnId) -> Tick {
        self.get(id).map_or(Tick::NEVER, |outbox| outbox.soft_since)
    }

    /// Looks whether a program is past its soft limit. For clients that is noted with each
    /// message; for programs, now and then is often enough.
    pub fn watch_link(&mut self, id: ConnId, now: Tick) {
        let soft = self.link_output_soft;
        if let Some(outbox) = self.get_mut(id)
            && outbox.link
            && outbox.soft_since == Tick::NEVER
            && outbox.waiting > soft
        {
            outbox.soft_since = now;
        }
    }

    /// What the client was sent.
    pub fn traffic(&self, id: ConnId) -> Traffic {
        self.get(id).map(Outbox::traffic).unwrap_or_default()
    }

    /// Checks what is said in this module about every outbox.
    ///
    /// # Errors
    /// The first statement that does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        let queues: usize = self.table.iter().flatten().map(|o| o.queue.memory()).sum();
        if queues != self.spare.lent() {
            let lent = self.spare.lent();
            return Err(format!("queues take {queues} bytes, {lent} counted"));
        }
        for outbox in self.table.iter().flatten() {
            let id = outbox.owner;
            let waiting: usize = outbox.parts().map(<[u8]>::len).sum();
            if waiting != outbox.waiting {
                return Err(format!(
                    "{id}: {waiting} bytes wait, {} counted",
                    outbox.waiting
                ));
            }
            if waiting > 0 && !outbox.dirty && !outbox.blocked {
                return Err(format!("{id}: bytes wait, but neither dirty nor blocked"));
            }
            if outbox.dirty && !self.dirty.contains(&id) {
                return Err(format!("{id}: marked dirty, but not on the list"));
            }
        }
        Ok(())
    }
}

/// A blocked outbox is not put onto the list: writing to it would be a system call for nothing.
#[inline]
fn mark_dirty(outbox: &mut Outbox, dirty: &mut Vec<ConnId>) {
    if !outbox.dirty && !outbox.blocked {
        outbox.dirty = true;
        dirty.push(outbox.owner);
    }
}
