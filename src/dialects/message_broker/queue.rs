//! The messages of a channel that are in the store and on their way to receivers.
//!
//! A message in the store is *owed* to somebody until it is known to have arrived. It has a
//! [`Flight`] while that is under way: who holds a copy, for whom one is reserved, and how many
//! copies go to whoever comes next. When no copy is left, the message is done, and is deleted. A
//! message without a flight is owed to one receiver.
//!
//! Invariants:
//! - A receiver holds a message at most once, and never again what it has acknowledged.
//! - A flight that is done stays until its message is deleted, so that an answer of the store from
//!   before does not bring the message back.

use std::collections::BTreeMap;

use crate::dialects::message_broker::originals::Originals;
use crate::relay::conn_id::ConnId;
use crate::relay::task::MessageId;

/// A message on its way.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// Who was sent it, and has not said yet that it arrived.
    holders: Vec<ConnId>,
    /// Who is to be sent it.
    reserved: Vec<ConnId>,
    /// Who was sent it at any time.
    tried: Vec<ConnId>,
    /// Who has said that it arrived.
    acknowledged: Vec<ConnId>,
    /// Copies that go to whoever comes next.
    owed: usize,
    /// It is in the store only because a receiver reads what is before it there: it has arrived as
    /// soon as it is sent.
    live: bool,
    /// Others got it already: a copy that is lost is not owed.
    delivered: bool,
    /// It is done, and about to be deleted.
    deleting: bool,
}

impl Flight {
    /// A message that nobody has been sent yet.
    fn fresh() -> Self {
        Self {
            owed: 1,
            ..Self::default()
        }
    }

    /// Sent to `holders`, to be sent to `reserved`, and `owed` more copies to others.
    pub(super) fn with(holders: &[ConnId], reserved: &[ConnId], owed: usize) -> Self {
        Self {
            holders: holders.to_vec(),
            reserved: reserved.to_vec(),
            tried: holders.to_vec(),
            owed,
            ..Self::default()
        }
    }

    /// A live message for receivers that read what is before it in the store; `delivered`: others
    /// have got it already.
    pub(super) fn live(reserved: &[ConnId], delivered: bool) -> Self {
        Self {
            live: true,
            delivered,
            ..Self::with(&[], reserved, 0)
        }
    }

    /// Copies that go to whoever comes next.
    pub(super) fn owed(&self) -> usize {
        if self.deleting { 0 } else { self.owed }
    }

    /// For whom a copy is reserved.
    pub(super) fn reserved(&self) -> &[ConnId] {
        &self.reserved
    }

    /// True if the receiver may get one of the copies that are owed.
    pub(super) fn suits(&self, receiver: ConnId) -> bool {
        !self.holders.contains(&receiver) && !self.acknowledged.contains(&receiver)
    }

    /// True if the receiver was sent it before.
    pub(super) fn was_tried_with(&self, receiver: ConnId) -> bool {
        self.tried.contains(&receiver)
    }

    fn is_done(&self) -> bool {
        self.holders.is_empty() && self.reserved.is_empty() && self.owed == 0
    }

    fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.reserved.is_empty() && !self.deleting
    }
}

/// What becomes of a copy that its receiver lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Another receiver gets it.
    Owed,
    /// Nobody needs it any more: the message can be deleted.
    Done,
    /// Others still hold copies.
    Dropped,
}

/// How far the acknowledging receivers of a channel have been sent what is in the store.
#[derive(Debug, Default)]
pub(super) struct Pull {
    /// The last message that was looked at.
    pub(super) after: MessageId,
    /// A fetch is under way.
    pub(super) fetching: bool,
    /// There may be more than that fetch finds.
    pub(super) more: bool,
    /// The next fetch begins with this message, if it is before the last.
    pub(super) again_from: Option<MessageId>,
    /// All receivers hold as much as they may.
    pub(super) stopped: bool,
    /// The first message that was passed over, because those who may get it hold as much as they
    /// may.
    pub(super) passed_over: Option<MessageId>,
    /// The number of the receiver that was chosen last, where they take turns.
    pub(super) turn: u64,
}

/// A channel with messages on their way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    flights: BTreeMap<MessageId, Flight>,
    /// Messages as they were sent, for the one that reads the backlog.
    pub(super) originals: Originals,
    /// The receiver that reads the backlog; only where none acknowledges.
    pub(super) reader: Option<ConnId>,
    /// Receivers that acknowledge, by the numbers of the clients.
    pub(super) acknowledging: BTreeMap<u64, ConnId>,
    /// Messages that go to receivers once the store has them; what is sent behind them waits, too.
    pub(super) waiting: usize,
    /// For those receivers.
    pub(super) pull: Pull,
}

impl Queue {
    /// A message has been sent to some and is to be sent to others.
    pub(super) fn begin(&mut self, id: MessageId, flight: Flight) {
        self.flights.insert(id, flight);
    }

    /// The flight of a message, which begins here if there is none.
    pub(super) fn flight(&mut self, id: MessageId) -> &Flight {
        self.flights.entry(id).or_insert_with(Flight::fresh)
    }

    /// True if the message has arrived as soon as it is sent.
    pub(super) fn is_live(&self, id: MessageId) -> bool {
        self.flights.get(&id).is_some_and(|flight| flight.live)
    }

    /// True if the receiver is to be sent the message.
    pub(super) fn is_for(&mut self, id: MessageId, receiver: ConnId) -> bool {
        let flight = self.flight(id);
        flight.reserved.contains(&receiver) || flight.owed() > 0 && flight.suits(receiver)
    }

    /// The receiver is sent the message.
    pub(super) fn hold(&mut self, id: MessageId, receiver: ConnId) {
        let flight = self.flights.entry(id).or_insert_with(Flight::fresh);
        if remove(&mut flight.reserved, receiver) {
            // It was meant for this one.
        } else {
            flight.owed = flight.owed.saturating_sub(1);
        }
        flight.holders.push(receiver);
        if !flight.tried.contains(&receiver) {
            flight.tried.push(receiver);
        }
    }

    /// The message has arrived at the receiver; true if that was its last copy. One that lost its
    /// copy by taking too long may still say so.
    pub(super) fn acknowledge(&mut self, id: MessageId, receiver: ConnId) -> bool {
        let Some(flight) = self.flights.get_mut(&id) else {
            return false;
        };
        if !remove(&mut flight.holders, receiver) {
            let late = flight.owed() > 0 && flight.tried.contains(&receiver);
            if !late || flight.acknowledged.contains(&receiver) {
                return false;
            }
            flight.owed -= 1;
        }
        flight.acknowledged.push(receiver);
        flight.deleting = flight.is_done();
        flight.deleting
    }

    /// The receiver lost its copy, or will not get the one that was reserved for it.
    pub(super) fn release(&mut self, id: MessageId, receiver: ConnId) -> Fate {
        let Some(flight) = self.flights.get_mut(&id) else {
            return Fate::Dropped;
        };
        if !remove(&mut flight.holders, receiver) && !remove(&mut flight.reserved, receiver) {
            return Fate::Dropped;
        }
        if !flight.delivered {
            flight.owed += 1;
            return Fate::Owed;
        }
        flight.deleting = flight.is_done();
        if flight.deleting {
            Fate::Done
        } else {
            Fate::Dropped
        }
    }

    /// The message is not in the store any more, or nothing more is known about it.
    pub(super) fn end(&mut self, id: MessageId) {
        self.flights.remove(&id);
        self.originals.remove(id);
    }

    /// Forgets the messages that nobody holds: they are in the store.
    pub(super) fn forget_idle(&mut self) {
        self.flights.retain(|_, flight| !flight.is_idle());
    }

    /// True if nothing is known that is not in the store.
    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
            && self.reader.is_none()
            && self.acknowledging.is_empty()
            && self.waiting == 0
            && !self.pull.fetching
    }
}

/// Takes a receiver out of a list; false if it was not in it.
fn remove(list: &mut Vec<ConnId>, receiver: ConnId) -> bool {
    let place = list.iter().position(|other| *other == receiver);
    place.map(|place| list.remove(place)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(number: u32) -> ConnId {
        ConnId::from_parts(number, 0)
    }

    #[test]
    fn a_message_is_done_with_its_last_copy() {
        let (a, b, c) = (receiver(1), receiver(2), receiver(3));
        let mut queue = Queue::default();
        queue.begin(7, Flight::with(&[a], &[b], 1));
        assert!(queue.is_for(7, b) && queue.is_for(7, c) && !queue.is_for(7, a));
        queue.hold(7, b);
        assert!(!queue.acknowledge(7, a));
        assert!(!queue.is_for(7, a) && queue.is_for(7, c));
        queue.hold(7, c);
        assert!(!queue.acknowledge(7, c));
        assert!(!queue.acknowledge(7, c) && !queue.acknowledge(7, receiver(4)));
        assert!(queue.acknowledge(7, b));
        // Until it is deleted nobody is to be sent it.
        assert!(!queue.is_for(7, receiver(4)));
        queue.end(7);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_a_receiver_lost_is_owed_to_the_next_one_or_to_itself() {
        let (a, b) = (receiver(1), receiver(2));
        let mut queue = Queue::default();
        assert!(queue.is_for(1, a));
        queue.hold(1, a);
        assert!(!queue.is_for(1, b));
        assert_eq!(queue.release(1, a), Fate::Owed);
        assert_eq!(queue.release(1, a), Fate::Dropped);
        assert!(queue.is_for(1, a) && queue.is_for(1, b));
        assert!(queue.flight(1).was_tried_with(a) && !queue.flight(1).was_tried_with(b));
        // It was only late.
        assert!(queue.acknowledge(1, a));
        queue.end(1);
        // Late, and somebody else has it already: that one decides.
        queue.hold(2, a);
        queue.release(2, a);
        queue.hold(2, b);
        assert!(!queue.acknowledge(2, a));
        assert!(queue.acknowledge(2, b));
    }

    #[test]
    fn a_lost_copy_of_what_others_got_live_is_not_owed() {
        let (a, b) = (receiver(1), receiver(2));
        let mut queue = Queue::default();
        queue.begin(1, Flight::live(&[a, b], true));
        queue.hold(1, a);
        assert_eq!(queue.release(1, a), Fate::Dropped);
        assert_eq!(queue.release(1, b), Fate::Done);
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let a = receiver(1);
        let mut queue = Queue::default();
        queue.hold(1, a);
        queue.hold(2, a);
        queue.release(2, a);
        queue.hold(3, a);
        queue.acknowledge(3, a);
        queue.forget_idle();
        assert_eq!(queue.flights.keys().copied().collect::<Vec<_>>(), [1, 3]);
    }
}
