//! The frames that wait for one client. An empty queue and a queue of one frame hold no memory of
//! their own: nearly every connection has one or the other nearly always.

use std::collections::VecDeque;

use crate::relay::frame::Frame;

/// Rings kept for queues that will need one; more are given back to the allocator.
const SPARE_RINGS: usize = 64;

/// A ring that grew beyond this is not kept.
const SPARE_RING_CAPACITY: usize = 64;

/// Rings without an owner, so that a queue that fills and empties does not allocate, and the
/// account of those that have one.
#[derive(Debug, Default)]
pub struct SpareRings {
    rings: Vec<Ring>,
    /// The memory of all rings that queues have, in bytes.
    lent: usize,
}

/// Boxed, so that a queue without one is small.
#[allow(
    clippy::box_collection,
    reason = "a queue is small because its ring is elsewhere"
)]
type Ring = Box<VecDeque<Frame>>;

impl SpareRings {
    /// The memory of all rings that queues have, in bytes. A message without payload is two bytes
    /// long and takes eight in each ring that it waits in: without this account a queue of many
    /// small messages would take several times what it is said to.
    pub fn lent(&self) -> usize {
        self.lent
    }

    fn take(&mut self) -> Ring {
        let ring = self
            .rings
            .pop()
            .unwrap_or_else(|| Box::new(VecDeque::with_capacity(SPARE_RING_CAPACITY / 4)));
        self.lent += memory(&ring);
        ring
    }

    fn give_back(&mut self, ring: Ring) {
        self.lent = self.lent.saturating_sub(memory(&ring));
        if self.rings.len() < SPARE_RINGS && ring.capacity() <= SPARE_RING_CAPACITY {
            self.rings.push(ring);
        }
    }
}

fn memory(ring: &Ring) -> usize {
    size_of::<VecDeque<Frame>>() + ring.capacity() * size_of::<Frame>()
}

/// Frames in the order in which they are sent. `ring` is there only while it has a frame, and
/// then `first` is too.
#[derive(Debug, Default)]
pub struct FrameQueue {
    first: Option<Frame>,
    ring: Option<Ring>,
}

impl FrameQueue {
    /// True if no frame waits.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The frame to be sent next.
    pub fn first(&self) -> Option<&Frame> {
        self.first.as_ref()
    }

    /// How many frames wait.
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.ring.as_ref().map_or(0, |ring| ring.len())
    }

    /// The memory of the queue beside its frames, in bytes.
    pub fn memory(&self) -> usize {
        self.ring.as_ref().map_or(0, memory)
    }

    /// All frames, the next one first.
    pub fn iter(&self) -> impl Iterator<Item = &Frame> {
        self.first
            .iter()
            .chain(self.ring.iter().flat_map(|ring| ring.iter()))
    }

    /// Adds a frame at the end.
    pub fn push(&mut self, frame: Frame, spare: &mut SpareRings) {
        if self.first.is_none() {
            self.first = Some(frame);
        } else {
            let ring = self.ring.get_or_insert_with(|| spare.take());
            let capacity = ring.capacity();
            ring.push_back(frame);
            spare.lent += (ring.capacity() - capacity) * size_of::<Frame>();
        }
    }

    /// Takes the next frame.
    pub fn pop(&mut self, spare: &mut SpareRings) -> Option<Frame> {
        let next = self.ring.as_mut().and_then(|ring| ring.pop_front());
        if self.ring.as_ref().is_some_and(|ring| ring.is_empty())
            && let Some(ring) = self.ring.take()
        {
            spare.give_back(ring);
        }
        std::mem::replace(&mut self.first, next)
    }

    /// Drops all frames.
    pub fn clear(&mut self, spare: &mut SpareRings) {
        self.first = None;
        if let Some(mut ring) = self.ring.take() {
            ring.clear();
            spare.give_back(ring);
        }
    }

    /// Takes out the oldest frame that `may_go` says yes to, leaving the first where it is if
    /// `keep_first`.
    pub fn remove_oldest(
        &mut self,
        keep_first: bool,
        may_go: impl Fn(&Frame) -> bool,
        spare: &mut SpareRings,
    ) -> Option<Frame> {
        if !keep_first && self.first.as_ref().is_some_and(&may_go) {
            return self.pop(spare);
        }
        let ring = self.ring.as_mut()?;
        let position = ring.iter().position(may_go)?;
        let removed = ring.remove(position);
        if ring.is_empty()
            && let Some(ring) = self.ring.take()
        {
            spare.give_back(ring);
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::frame::FrameLedger;

    fn bytes(queue: &FrameQueue) -> Vec<u8> {
        queue.iter().map(|frame| frame[0]).collect()
    }

    #[test]
    fn frames_leave_in_their_order_and_leave_nothing_behind() {
        let ledger = FrameLedger::default();
        let mut spare = SpareRings::default();
        let mut queue = FrameQueue::default();
        for round in 0..3_u8 {
            for number in 0..10 {
                queue.push(ledger.frame([number + round]), &mut spare);
            }
            assert_eq!(queue.len(), 10);
            for number in 0..10 {
                assert_eq!(
                    queue.pop(&mut spare).map(|frame| frame[0]),
                    Some(number + round)
                );
            }
            assert!(queue.is_empty() && queue.pop(&mut spare).is_none() && queue.ring.is_none());
        }
        assert_eq!(ledger.held(), 0);
    }

    #[test]
    fn the_memory_of_rings_is_counted_while_a_queue_has_them() {
        let ledger = FrameLedger::default();
        let mut spare = SpareRings::default();
        let mut queues = [FrameQueue::default(), FrameQueue::default()];
        for (queue, length) in queues.iter_mut().zip([1000, 2]) {
            for _ in 0..length {
                queue.push(ledger.frame([0]), &mut spare);
            }
        }
        assert!(queues[0].memory() >= 999 * size_of::<Frame>());
        assert_eq!(spare.lent(), queues[0].memory() + queues[1].memory());
        queues[0].clear(&mut spare);
        assert_eq!(spare.lent(), queues[1].memory());
        while queues[1].pop(&mut spare).is_some() {}
        assert_eq!(spare.lent(), 0);
    }

    #[test]
    fn the_oldest_that_may_go_is_removed() {
        let ledger = FrameLedger::default();
        let mut spare = SpareRings::default();
        let mut queue = FrameQueue::default();
        for number in [1, 2, 3, 4] {
            queue.push(ledger.frame([number]), &mut spare);
        }
        let even = |frame: &Frame| frame[0].is_multiple_of(2);
        let odd = |frame: &Frame| frame[0] % 2 == 1;
        assert!(queue.remove_oldest(true, even, &mut spare).is_some());
        assert_eq!(bytes(&queue), [1, 3, 4]);
        assert!(queue.remove_oldest(true, odd, &mut spare).is_some());
        assert_eq!(bytes(&queue), [1, 4]);
        assert!(queue.remove_oldest(false, odd, &mut spare).is_some());
        assert_eq!(bytes(&queue), [4]);
        assert!(queue.remove_oldest(true, even, &mut spare).is_none());
    }
}
