//! Channels and who is in them.
//!
//! Members stand in the order in which they joined, and a fan-out walks a plain list of names.
//! A member that leaves is found by the position kept for it, leaves a vacancy, and the list is
//! closed up when half of it is vacant: joining and leaving cost the same in a channel of ten
//! and of a million.

use std::collections::HashMap;
use std::rc::Rc;

use slab::Slab;

use crate::relay::conn_id::ConnId;
use crate::relay::dialect::DialectId;
use crate::relay::output_policy::OutputPolicy;

/// What a channel is called: by dialect, name, and what the dialect has beside the name (DRC's
/// protocol; empty where there is nothing). A tuple, so that no name can be made to look like
/// another channel's.
pub type ChannelKey = (DialectId, Rc<str>, Rc<str>);

/// The number of a channel while it has members or holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(u32);

/// A list shorter than this is not closed up.
const SMALLEST_COMPACTED: usize = 16;

const VACANT: ConnId = ConnId::from_parts(u32::MAX, u32::MAX);

/// A channel.
#[derive(Debug)]
pub struct Channel {
    key: ChannelKey,
    policy: OutputPolicy,
    members: Vec<ConnId>,
    vacancies: usize,
    holders: usize,
}

impl Channel {
    /// What happens to slow members.
    pub fn policy(&self) -> OutputPolicy {
        self.policy
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.members.len() - self.vacancies
    }

    /// True if nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name, in the words of its dialect.
    pub fn key(&self) -> &ChannelKey {
        &self.key
    }

    /// Those in it, in the order in which they joined.
    pub fn members(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.members
            .iter()
            .copied()
            .filter(|member| *member != VACANT)
    }
}

/// Where a connection stands in a channel's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Membership {
    channel: ChannelId,
    position: u32,
}

/// The channels of one connection; most have one.
#[derive(Debug, Default)]
enum Memberships {
    #[default]
    None,
    One(Membership),
    #[allow(
        clippy::box_collection,
        reason = "small for those who are in one channel"
    )]
    Many(Box<Vec<Membership>>),
}

impl Memberships {
    fn as_slice(&self) -> &[Membership] {
        match self {
            Self::None => &[],
            Self::One(membership) => std::slice::from_ref(membership),
            Self::Many(memberships) => memberships,
        }
    }

    fn find_mut(&mut self, channel: ChannelId) -> Option<&mut Membership> {
        match self {
            Self::None => None,
            Self::One(membership) => Some(membership).filter(|m| m.channel == channel),
            Self::Many(memberships) => memberships.iter_mut().find(|m| m.channel == channel),
        }
    }

    fn push(&mut self, membership: Membership) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(membership),
            Self::One(first) => Self::Many(Box::new(vec![first, membership])),
            Self::Many(mut memberships) => {
                memberships.push(membership);
                Self::Many(memberships)
            }
        };
    }

    fn remove(&mut self, channel: ChannelId) -> Option<Membership> {
        let position = self.as_slice().iter().position(|m| m.channel == channel)?;
        match self {
            Self::None => None,
            Self::One(membership) => {
                let removed = *membership;
                *self = Self::None;
                Some(removed)
            }
            Self::Many(memberships) => {
                let removed = memberships.swap_remove(position);
                if memberships.is_empty() {
                    *self = Self::None;
                }
                Some(removed)
            }
        }
    }
}

/// All channels.
#[derive(Debug, Default)]
pub struct Hub {
    channels: Slab<Channel>,
    by_key: HashMap<ChannelKey, ChannelId>,
    memberships: Vec<Memberships>,
}

impl Hub {
    /// The number of the channel of this name, if it exists.
    pub fn find(&self, key: &ChannelKey) -> Option<ChannelId> {
        self.by_key.get(key).copied()
    }

    /// The channel of this number, if it exists.
    pub fn get(&self, channel: ChannelId) -> Option<&Channel> {
        self.channels.get(channel.0 as usize)
    }

    /// How many channels there are.
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// True if there is no channel.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Makes sure that the channel exists, also without members, until [`Self::release`].
    /// `policy` counts if it is new.
    pub fn hold(&mut self, key: ChannelKey, policy: OutputPolicy) -> ChannelId {
        let channel = self.ensure(key, policy);
        if let Some(channel) = self.channels.get_mut(channel.0 as usize) {
            channel.holders += 1;
        }
        channel
    }

    /// Ends one [`Self::hold`].
    pub fn release(&mut self, channel: ChannelId) {
        if let Some(held) = self.channels.get_mut(channel.0 as usize) {
            held.holders = held.holders.saturating_sub(1);
            self.remove_if_unused(channel);
        }
    }

    /// Puts a connection into the channel of this name, which is made if it is new.
    pub fn enter(&mut self, id: ConnId, key: ChannelKey, policy: OutputPolicy) -> ChannelId {
        let channel = self.ensure(key, policy);
        self.join(id, channel);
        channel
    }

    /// Puts a connection at the end of a channel's list. False if it is in it already.
    pub fn join(&mut self, id: ConnId, channel: ChannelId) -> bool {
        if id.index() >= self.memberships.len() {
            self.memberships
                .resize_with(id.index() + 1, Memberships::default);
        }
        let memberships = &mut self.memberships[id.index()];
        let Some(joined) = self.channels.get_mut(channel.0 as usize) else {
            return false;
        };
        if memberships.find_mut(channel).is_some() {
            return false;
        }
        memberships.push(Membership {
            channel,
            position: joined.members.len() as u32,
        });
        if joined.members.capacity() == 0 {
            // Many channels never have a second member.
            joined.members.reserve_exact(1);
        }
        joined.members.push(id);
        true
    }

    /// Takes a connection out of a channel. False if it was not in it.
    pub fn leave(&mut self, id: ConnId, channel: ChannelId) -> bool {
        let Some(membership) = self
            .memberships
            .get_mut(id.index())
            .and_then(|m| m.remove(channel))
        else {
            return false;
        };
        self.vacate(membership);
        true
    }

    /// Takes a connection out of all its channels.
    pub fn leave_all(&mut self, id: ConnId) {
        let Some(memberships) = self.memberships.get_mut(id.index()) else {
            return;
        };
        let memberships = std::mem::take(memberships);
        for membership in memberships.as_slice() {
            self.vacate(*membership);
        }
    }

    fn ensure(&mut self, key: ChannelKey, policy: OutputPolicy) -> ChannelId {
        if let Some(channel) = self.find(&key) {
            return channel;
        }
        let index = self.channels.insert(Channel {
            key: key.clone(),
            policy,
            members: Vec::new(),
            vacancies: 0,
            holders: 0,
        });
        let channel = ChannelId(index as u32);
        self.by_key.insert(key, channel);
        channel
    }

    fn vacate(&mut self, membership: Membership) {
        let Some(channel) = self.channels.get_mut(membership.channel.0 as usize) else {
            return;
        };
        if let Some(place) = channel.members.get_mut(membership.position as usize) {
            *place = VACANT;
            channel.vacancies += 1;
        }
        if channel.vacancies * 2 > channel.members.len()
            && (channel.members.len() >= SMALLEST_COMPACTED || channel.is_empty())
        {
            self.close_up(membership.channel);
        }
        self.remove_if_unused(membership.channel);
    }

    /// Takes the vacancies out of a channel's list.
    fn close_up(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id.0 as usize) else {
            return;
        };
        channel.members.retain(|member| *member != VACANT);
        channel.members.shrink_to(channel.members.len() * 2);
        channel.vacancies = 0;
        for (position, member) in channel.members.iter().enumerate() {
            if let Some(membership) = self
                .memberships
                .get_mut(member.index())
                .and_then(|m| m.find_mut(id))
            {
                membership.position = position as u32;
            }
        }
    }

    fn remove_if_unused(&mut self, id: ChannelId) {
        let unused = self
            .channels
            .get(id.0 as usize)
            .is_some_and(|channel| channel.is_empty() && channel.holders == 0);
        if unused {
            let channel = self.channels.remove(id.0 as usize);
            self.by_key.remove(&channel.key);
        }
    }

    /// Checks that lists and positions agree.
    ///
    /// # Errors
    /// The first statement that does not hold.
    pub fn check_invariants(&self, lives: impl Fn(ConnId) -> bool) -> Result<(), String> {
        for (index, channel) in &self.channels {
            let id = ChannelId(index as u32);
            if self.find(&channel.key) != Some(id) {
                return Err(format!("{id:?} is not found by its name"));
            }
            if channel.is_empty() && channel.holders == 0 {
                return Err(format!("{id:?} has neither members nor holders"));
            }
            let vacancies = channel
                .members
                .iter()
                .filter(|member| **member == VACANT)
                .count();
            if vacancies != channel.vacancies {
                return Err(format!(
                    "{id:?}: {vacancies} vacancies, not {}",
                    channel.vacancies
                ));
            }
            for (position, member) in channel.members.iter().enumerate() {
                if *member == VACANT {
                    continue;
                }
                if !lives(*member) {
                    return Err(format!("{id:?}: member {member} is dead"));
                }
                let expected = Membership {
                    channel: id,
                    position: position as u32,
                };
                if !self.memberships[member.index()]
                    .as_slice()
                    .contains(&expected)
                {
                    return Err(format!(
                        "{id:?}: member {member} does not know its position"
                    ));
                }
            }
        }
        let memberships: usize = self.memberships.iter().map(|m| m.as_slice().len()).sum();
        let members: usize = self.channels.iter().map(|(_, channel)| channel.len()).sum();
        if memberships != members {
            return Err(format!("{memberships} memberships for {members} members"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECT: DialectId = DialectId::new(0);

    fn key(name: &str) -> ChannelKey {
        (DIALECT, name.into(), "".into())
    }

    fn id(index: u32) -> ConnId {
        ConnId::from_parts(index, 0)
    }

    fn members(hub: &Hub, channel: ChannelId) -> Vec<usize> {
        hub.get(channel)
            .unwrap()
            .members()
            .map(ConnId::index)
            .collect()
    }

    #[test]
    fn members_keep_the_order_of_joining_whoever_leaves() {
        let mut hub = Hub::default();
        let channel = hub.hold(key("a"), OutputPolicy::Close);
        for index in 0..100 {
            assert!(hub.join(id(index), channel));
            assert!(!hub.join(id(index), channel));
        }
        for index in (0..100).filter(|index| index % 3 != 0) {
            assert!(hub.leave(id(index), channel));
            assert!(!hub.leave(id(index), channel));
            hub.check_invariants(|_| true).unwrap();
        }
        assert!(hub.join(id(1), channel));
        let expected: Vec<usize> = (0..100).step_by(3).chain([1]).collect();
        assert_eq!(members(&hub, channel), expected);
    }

    #[test]
    fn a_channel_goes_with_its_last_member_and_holder() {
        let mut hub = Hub::default();
        let first = hub.hold(key("a"), OutputPolicy::Close);
        let second = hub.hold(key("b"), OutputPolicy::Latest);
        assert_eq!(hub.hold(key("a"), OutputPolicy::Close), first);
        for channel in [first, second] {
            hub.join(id(7), channel);
        }
        hub.release(first);
        hub.release(first);
        hub.release(second);
        hub.check_invariants(|_| true).unwrap();
        assert_eq!(hub.len(), 2);
        hub.leave_all(id(7));
        hub.check_invariants(|_| true).unwrap();
        assert!(hub.is_empty());
        assert_eq!(hub.find(&key("a")), None);
    }
}
