//! The broker as its page describes it: who receives, to whom a message goes, what is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::driver::workers::{Done, ModelStore};
use super::rules::{CHANNELS, Rules};
use super::wire::Sending;

/// An element of a message.
#[derive(Debug)]
pub(crate) struct Element {
    /// The exact name of its channel.
    pub(crate) channel: usize,
    /// The server read its message as this one; those of a message have numbers in a row.
    pub(crate) arrival: u64,
    /// Whoever received the channel then was alone all the time. Of several, one reads what was kept
    /// while the others get what is live, and what one of them leaves behind comes later.
    pub(crate) in_order: bool,
    /// How many times somebody has read it.
    pub(crate) reads: u64,
    /// It has been in the store.
    pub(crate) was_kept: bool,
    /// It is not there any more.
    pub(crate) was_deleted: bool,
    /// A receiver had it and has shown so.
    pub(crate) arrived: bool,
    /// It stays in the store until then: nobody was there, or its sender asked for a confirmation, or
    /// it was behind such a message. What else is in the store is there for a receiver that reads what
    /// was kept before, and is deleted as soon as it is sent.
    needs_proof: bool,
    /// Nobody was there, so that it must be kept; unless the store fails.
    must_keep: bool,
}

/// What a sender is to be told.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Receivers that were there.
    pub(crate) receivers: usize,
    /// Of those, they whose connections nothing has ended.
    pub(crate) healthy: usize,
    pub(crate) elements: Vec<Rc<str>>,
    /// Something may have kept the store from it.
    pub(crate) may_fail: bool,
}

/// The receivers of a channel.
#[derive(Debug, Default)]
struct Channel {
    /// By their numbers: those that have been connected longest come first.
    receivers: BTreeSet<u64>,
    /// Whom a message went to last, where they take turns.
    last: u64,
}

/// The model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) rules: Rules,
    channels: BTreeMap<usize, Channel>,
    pub(crate) elements: BTreeMap<Rc<str>, Element>,
    /// What waits for the store, by the first element.
    through: BTreeMap<Rc<str>, Rc<Sending>>,
    arrivals: u64,
    pub(crate) tally: BTreeMap<&'static str, u64>,
}

impl Model {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            channels: BTreeMap::new(),
            elements: BTreeMap::new(),
            through: BTreeMap::new(),
            arrivals: 0,
            tally: BTreeMap::new(),
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_insert(0) += 1;
    }

    /// A client receives a channel; who else does.
    pub(crate) fn add_receiver(&mut self, channel: usize, number: u64) -> Vec<u64> {
        let channel = self.channels.entry(CHANNELS[channel].2).or_default();
        let others = channel.receivers.iter().copied().collect();
        channel.receivers.insert(number);
        others
    }

    /// A client does not receive a channel any more.
    pub(crate) fn remove_receiver(&mut self, channel: usize, number: u64) {
        let key = CHANNELS[channel].2;
        if let Some(channel) = self.channels.get_mut(&key) {
            channel.receivers.remove(&number);
            if channel.receivers.is_empty() {
                self.channels.remove(&key);
            }
        }
    }

    /// All connections are gone.
    pub(crate) fn forget_receivers(&mut self) {
        self.channels.clear();
        self.through.clear();
    }

    /// Whether a message goes through the store: its sender asks for a confirmation, or it is behind
    /// one that does. `other_names`: its channel has others.
    pub(crate) fn take(
        &mut self,
        sending: &Rc<Sending>,
        in_order: bool,
        other_names: bool,
    ) -> bool {
        let waits = self.through.values();
        let waits = waits
            .into_iter()
            .any(|other| other.channel == sending.channel);
        let first = sending.elements.first();
        let first = first.filter(|_| self.rules.keep_data && (waits || sending.confirm.is_some()));
        if let Some(first) = first {
            self.through.insert(Rc::clone(first), Rc::clone(sending));
        }
        let through = first.is_some();
        let nobody = !self.channels.contains_key(&CHANNELS[sending.channel].2);
        for text in &sending.elements {
            self.arrivals += 1;
            let element = Element {
                channel: sending.channel,
                arrival: self.arrivals,
                in_order,
                reads: 0,
                was_kept: false,
                was_deleted: false,
                arrived: false,
                needs_proof: (through || nobody) && !other_names,
                must_keep: (through || nobody) && self.rules.keep_data,
            };
            let before = self.elements.insert(Rc::clone(text), element);
            assert!(before.is_none(), "{text} twice");
        }
        through
    }

    /// The store has been told to keep these: the message, if it waits for that.
    pub(crate) fn kept(&mut self, texts: &[Box<str>]) -> Option<Rc<Sending>> {
        self.through.remove(&**texts.first()?)
    }

    /// To whom a message goes, of those who are there now: their numbers.
    pub(crate) fn route(&mut self, sending: &Sending) -> Vec<u64> {
        let chosen = self.choose(CHANNELS[sending.channel].2, sending.most);
        self.count(match chosen.len() {
            0 => "sent to nobody",
            1 => "sent to one",
            _ => "sent to several",
        });
        chosen
    }

    fn choose(&mut self, key: usize, most: Option<usize>) -> Vec<u64> {
        let Some(channel) = self.channels.get_mut(&key) else {
            return Vec::new();
        };
        let most = match most.unwrap_or(self.rules.number_of_receiver) {
            0 => return channel.receivers.iter().copied().collect(),
            most => most,
        };
        let mut order: Vec<u64> = channel.receivers.iter().copied().collect();
        if self.rules.round_robin {
            let next = order.partition_point(|number| *number <= channel.last);
            order.rotate_left(next);
        }
        let left_out = order.len() > most;
        order.truncate(most);
        if let Some(last) = order.last().filter(|_| self.rules.round_robin) {
            channel.last = *last;
        }
        if left_out {
            self.count("sent to some of them");
        }
        order
    }

    /// Whether all of a message is or was in the store, from which it comes anew.
    pub(crate) fn keeps(&self, elements: &[Rc<str>]) -> bool {
        let was_kept = |text: &Rc<str>| self.elements[text].was_kept;
        self.rules.keep_data && elements.iter().all(was_kept)
    }

    /// The store may not have got what it was to keep until now.
    pub(crate) fn excuse_store(&mut self) {
        for element in self.elements.values_mut() {
            element.must_keep &= element.was_kept;
        }
    }

    /// What the store did, which it may have done only for a reason.
    pub(crate) fn see_store(&mut self, store: &mut ModelStore) {
        for done in store.done.drain(..) {
            match done {
                Done::Kept(ids) => {
                    for id in ids {
                        let text = &store.kept.get(&id).expect("it was just kept").text;
                        let element = self.elements.get_mut(&**text);
                        let element = element.unwrap_or_else(|| panic!("kept, never sent: {text}"));
                        // Each of a channel's names may have a receiver that reads what is kept; a
                        // message that is held for several of them may be kept for each.
                        let names = CHANNELS
                            .iter()
                            .filter(|row| row.2 == CHANNELS[element.channel].2);
                        assert!(!element.was_kept || names.count() > 1, "kept twice: {text}");
                        element.was_kept = true;
                        self.count("kept");
                    }
                }
                Done::Deleted(gone) => {
                    for (_, kept) in gone {
                        let element = self.elements.get_mut(&*kept.text).expect("it was sent");
                        let may_go = element.arrived || !element.needs_proof;
                        assert!(may_go, "deleted before it had arrived: {}", kept.text);
                        element.was_deleted = true;
                        self.count("deleted");
                    }
                }
            }
        }
    }

    /// All has been done: what was to be kept was.
    pub(crate) fn check_kept(&self) {
        for (text, element) in &self.elements {
            assert!(!element.must_keep || element.was_kept, "not kept: {text}");
        }
    }

    /// All has been received: what was kept has arrived.
    pub(crate) fn check_arrived(&self) {
        for (text, element) in &self.elements {
            let is_lost = element.was_kept && element.needs_proof && !element.arrived;
            assert!(!is_lost, "lost: {text}");
        }
    }
}
