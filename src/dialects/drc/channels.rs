//! All channels, by number and by name.
//!
//! Invariants:
//! - A channel is there while it has members.
//! - The pair of name and protocol is the key: no text is put together that two pairs could share.

use std::collections::HashMap;
use std::rc::Rc;

use crate::dialects::drc::channel::{Channel, Joining, Member, Place};
use crate::relay::hub::ChannelId;

/// All channels.
#[derive(Debug, Default)]
pub(super) struct Channels {
    by_number: HashMap<u64, Channel>,
    by_name: HashMap<(Rc<str>, Rc<str>), u64>,
    last: u64,
    bytes: usize,
}

impl Channels {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// What all members' entries hold, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The channel of this number.
    pub(super) fn get(&self, number: u64) -> Option<&Channel> {
        self.by_number.get(&number)
    }

    /// The number of the channel of this name and protocol.
    pub(super) fn find(&self, name: &str, protocol: &str) -> Option<u64> {
        self.by_name.get(&(name.into(), protocol.into())).copied()
    }

    /// Makes a channel, which must get a member at once; its number.
    pub(super) fn open(&mut self, name: &str, protocol: &str, everybody: ChannelId) -> u64 {
        self.last += 1;
        let channel = Channel::new(self.last, name, protocol, everybody);
        let key = (Rc::clone(&channel.name), Rc::clone(&channel.protocol));
        self.by_name.insert(key, self.last);
        self.by_number.insert(self.last, channel);
        self.last
    }

    /// Puts a client into a channel, or, if it is in it at `place`, changes what it is there: its
    /// place, and what it was before.
    pub(super) fn join(
        &mut self,
        number: u64,
        place: Option<Place>,
        joining: Joining<'_>,
    ) -> Option<(Place, Option<Member>)> {
        let channel = self.by_number.get_mut(&number)?;
        let bytes = channel.bytes();
        let joined = channel.join(place, joining);
        self.bytes = self.bytes - bytes + channel.bytes();
        Some(joined)
    }

    /// Takes a client out of a channel; the channel stays, also empty, for those who are told.
    pub(super) fn remove(&mut self, number: u64, place: Place) -> Option<Member> {
        let channel = self.by_number.get_mut(&number)?;
        let before = channel.bytes();
        let member = channel.remove(place);
        self.bytes = self.bytes - before + channel.bytes();
        member
    }

    /// Changes a member's extra information.
    pub(super) fn set_extra(&mut self, number: u64, place: Place, extra: &str) {
        if let Some(channel) = self.by_number.get_mut(&number) {
            let before = channel.bytes();
            channel.set_extra(place, extra);
            self.bytes = self.bytes - before + channel.bytes();
        }
    }

    /// Appends the entries of those whom a member may know, as [`Channel::push_entries`] does.
    pub(super) fn push_entries(&mut self, number: u64, place: Place, json: &mut String) {
        if let Some(channel) = self.by_number.get_mut(&number) {
            channel.push_entries(place, json);
        }
    }

    /// Checks that the tables agree.
    ///
    /// # Errors
    /// The first statement that does not hold.
    pub(super) fn check_invariants(&self) -> Result<(), String> {
        let bytes: usize = self.by_number.values().map(Channel::bytes).sum();
        if bytes != self.bytes {
            return Err(format!("DRC: {bytes} bytes, not {}", self.bytes));
        }
        if self.by_number.len() != self.by_name.len() {
            return Err("DRC: a channel without a name".to_owned());
        }
        self.by_number.values().try_for_each(|channel| {
            let fault = |what| format!("DRC channel {}: {what}", channel.number);
            if channel.is_empty() {
                return Err(fault("nobody is in it".to_owned()));
            }
            channel.check_invariants().map_err(fault)
        })
    }

    /// Forgets a channel if nobody is in it.
    pub(super) fn forget_if_empty(&mut self, number: u64) {
        if self.get(number).is_some_and(Channel::is_empty)
            && let Some(channel) = self.by_number.remove(&number)
        {
            self.by_name.remove(&(channel.name, channel.protocol));
        }
    }
}
