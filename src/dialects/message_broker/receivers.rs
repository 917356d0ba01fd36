//! Who receives which channel, in the order in which they connected.

use std::collections::{BTreeMap, HashMap};

use crate::dialects::message_broker::channel_name::{ChannelKey, ChannelName};
use crate::dialects::message_broker::settings::Order;
use crate::relay::conn_id::ConnId;

/// The receivers of a channel.
#[derive(Debug, Default)]
struct Channel {
    /// By the numbers of the clients: those that have been connected longest come first.
    receivers: BTreeMap<u64, ConnId>,
    /// The number of whom a message went to last, where they take turns.
    last: u64,
}

/// All channels that somebody receives.
#[derive(Debug, Default)]
pub(super) struct Receivers(HashMap<ChannelKey, Channel>);

impl Receivers {
    /// The client of this number receives a channel.
    pub(super) fn add(&mut self, channel: &ChannelName, number: u64, id: ConnId) {
        let channel = self.0.entry(channel.key().clone()).or_default();
        channel.receivers.insert(number, id);
    }

    /// The client of this number does not receive it any more.
    pub(super) fn remove(&mut self, channel: &ChannelName, number: u64) {
        if let Some(found) = self.0.get_mut(channel.key()) {
            found.receivers.remove(&number);
            if found.receivers.is_empty() {
                self.0.remove(channel.key());
            }
        }
    }

    /// All receivers of a channel, the one that has been connected longest first.
    pub(super) fn all(&self, channel: &ChannelName) -> impl Iterator<Item = ConnId> {
        let channel = self.0.get(channel.key());
        channel
            .into_iter()
            .flat_map(|channel| channel.receivers.values().copied())
    }

    /// Those whom a message goes to: `most` of those that have room, or all; and how many were
    /// passed over because they have none.
    pub(super) fn choose(
        &mut self,
        channel: &ChannelName,
        most: Option<usize>,
        order: Order,
        has_room: impl Fn(ConnId) -> bool,
    ) -> (Vec<ConnId>, usize) {
        let Some(most) = most else {
            return (self.all(channel).collect(), 0);
        };
        let Some(channel) = self.0.get_mut(channel.key()) else {
            return (Vec::new(), 0);
        };
        let Channel { receivers, last } = channel;
        let turn = match order {
            Order::LongestConnected => 0,
            Order::RoundRobin => *last,
        };
        let behind = receivers.range(turn.saturating_add(1)..);
        let before = receivers.range(..=turn);
        let mut passed_over = 0;
        let chosen: Vec<_> = behind
            .chain(before)
            .filter(|(_, id)| {
                let has_room = has_room(**id);
                passed_over += usize::from(!has_room);
                has_room
            })
            .take(most)
            .collect();
        if let Some((number, _)) = chosen.last() {
            *last = **number;
        }
        let chosen = chosen.into_iter().map(|(_, id)| *id).collect();
        (chosen, passed_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receivers(numbers: &[u64]) -> (Receivers, ChannelName) {
        let mut receivers = Receivers::default();
        let channel = ChannelName::new("c");
        for number in numbers {
            receivers.add(&channel, *number, ConnId::from_parts(*number as u32, 0));
        }
        (receivers, channel)
    }

    fn indexes(chosen: &[ConnId]) -> Vec<usize> {
        chosen.iter().map(|id| id.index()).collect()
    }

    #[test]
    fn those_connected_longest_come_first() {
        let (mut receivers, channel) = receivers(&[3, 1, 2]);
        let order = Order::LongestConnected;
        for (most, expected) in [
            (None, &[1, 2, 3][..]),
            (Some(1), &[1]),
            (Some(1), &[1]),
            (Some(2), &[1, 2]),
            (Some(9), &[1, 2, 3]),
        ] {
            let (chosen, _) = receivers.choose(&channel, most, order, |_| true);
            assert_eq!(indexes(&chosen), expected);
        }
    }

    #[test]
    fn who_has_no_room_is_passed_over_unless_all_are_asked() {
        let (mut receivers, channel) = receivers(&[1, 2, 3]);
        let order = Order::LongestConnected;
        let mut choose = |most| {
            let (chosen, passed) = receivers.choose(&channel, most, order, |id| id.index() != 1);
            (indexes(&chosen), passed)
        };
        assert_eq!(choose(Some(1)), (vec![2], 1));
        assert_eq!(choose(Some(3)), (vec![2, 3], 1));
        assert_eq!(choose(None), (vec![1, 2, 3], 0));
    }

    #[test]
    fn those_who_take_turns_are_asked_one_after_the_other() {
        let (mut receivers, channel) = receivers(&[3, 1, 2]);
        let mut choose = |most| {
            let order = Order::RoundRobin;
            indexes(&receivers.choose(&channel, Some(most), order, |_| true).0)
        };
        assert_eq!(choose(1), [1]);
        assert_eq!(choose(1), [2]);
        assert_eq!(choose(2), [3, 1]);
        assert_eq!(choose(1), [2]);
        assert_eq!(choose(5), [3, 1, 2]);
        receivers.remove(&channel, 3);
        receivers.remove(&channel, 1);
        receivers.remove(&channel, 2);
        assert!(receivers.0.is_empty());
    }
}
