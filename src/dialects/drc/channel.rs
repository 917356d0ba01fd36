//! Channels and what they know of their members.
//!
//! Invariants:
//! - Members stand in the order in which they first joined, also after joining again.
//! - `senders` are exactly the members who may send to any, `authorities` those who are one.
//! - What a member is to others is written down once, when it joins or its extra information
//!   changes; the list for a joiner is put together from these parts, of which [`Roll`] keeps many
//!   side by side.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use crate::dialects::drc::entry::Entry;
use crate::dialects::drc::grants::Token;
use crate::dialects::drc::json::push_string;
use crate::dialects::drc::roll::{Roll, push_entries};
use crate::relay::conn_id::ConnId;
use crate::relay::hub::ChannelId;

/// To whom a member may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To nobody.
    ReceiveOnly,
    /// To authorities.
    SendToAuthorities,
    /// To all.
    SendToAny,
}

impl Mode {
    /// The mode of this number.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::ReceiveOnly),
            1 => Some(Self::SendToAuthorities),
            2 => Some(Self::SendToAny),
            _ => None,
        }
    }
}

/// The number of a client: from 1, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ClientNumber(pub(super) u64);

/// Where a member stands in its channel's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) u64);

impl Place {
    const FIRST: Self = Self(0);

    /// Nobody stands here: it would take more joins than can ever be.
    const END: Self = Self(u64::MAX);
}

/// A client in a channel.
#[derive(Debug)]
pub(super) struct Member {
    /// The connection.
    pub(super) connection: ConnId,
    /// The client.
    pub(super) client: ClientNumber,
    /// It is an authority here.
    pub(super) authority: bool,
    /// To whom it may send.
    pub(super) mode: Mode,
    /// The token by which it came.
    pub(super) token: Option<Token>,
    /// What is said of it.
    pub(super) entry: Entry,
    /// When it was last given a list of the others, on the channel's own clock.
    listed: u64,
    /// When it last stopped being an authority: who was given a list before knows of it.
    demoted: Option<u64>,
}

impl Member {
    /// The member's `info`.
    pub(super) fn info(&self) -> &str {
        self.entry.info()
    }

    /// The member's extra information, as it was written.
    pub(super) fn extra(&self) -> &str {
        self.entry.extra()
    }

    fn bytes(&self) -> usize {
        self.entry.text.len()
    }
}

/// With what a client joins.
#[derive(Debug)]
pub(super) struct Joining<'a> {
    pub(super) connection: ConnId,
    pub(super) client: ClientNumber,
    pub(super) authority: bool,
    pub(super) mode: Mode,
    pub(super) token: Option<Token>,
    /// JSON.
    pub(super) extra: &'a str,
}

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    /// From 1, never used again.
    pub(super) number: u64,
    /// The name.
    pub(super) name: Rc<str>,
    /// The protocol.
    pub(super) protocol: Rc<str>,
    /// All members, for the relay.
    pub(super) everybody: ChannelId,
    /// `"channelname":..,"protocol":..`
    pub(super) names: Box<str>,
    members: BTreeMap<Place, Member>,
    senders: BTreeMap<Place, ConnId>,
    authorities: BTreeMap<Place, ConnId>,
    /// The entries of all members, and those of authorities.
    all_entries: Roll,
    authorities_entries: Roll,
    /// Counts joins: the next place, and what time it is for the channel.
    joins: u64,
    /// What the members' entries hold, in bytes.
    bytes: usize,
}

impl Channel {
    /// A channel without members.
    pub(super) fn new(number: u64, name: &str, protocol: &str, everybody: ChannelId) -> Self {
        let mut names = r#""channelname":"#.to_owned();
        push_string(&mut names, name);
        names.push_str(r#","protocol":"#);
        push_string(&mut names, protocol);
        Self {
            number,
            name: name.into(),
            protocol: protocol.into(),
            everybody,
            names: names.into(),
            members: BTreeMap::new(),
            senders: BTreeMap::new(),
            authorities: BTreeMap::new(),
            all_entries: Roll::default(),
            authorities_entries: Roll::default(),
            joins: 0,
            bytes: 0,
        }
    }

    /// True if nobody is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What its members' entries hold, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The member at a place.
    pub(super) fn member(&self, place: Place) -> Option<&Member> {
        self.members.get(&place)
    }

    /// Those who may send to any.
    pub(super) fn senders(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.senders.values().copied()
    }

    /// Those who are authorities.
    pub(super) fn authorities(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.authorities.values().copied()
    }

    /// Puts a client in, or, if it is in already at `place`, changes what it is there: its place, and
    /// what it was before.
    pub(super) fn join(
        &mut self,
        place: Option<Place>,
        joining: Joining<'_>,
    ) -> (Place, Option<Member>) {
        self.joins += 1;
        let place = place.unwrap_or(Place(self.joins));
        let Joining {
            connection,
            client,
            authority,
            mode,
            token,
            extra,
        } = joining;
        let before = self.remove(place);
        let demoted = before.as_ref().and_then(|before| {
            let stopped = before.authority && !authority;
            if stopped {
                Some(self.joins)
            } else {
                before.demoted
            }
        });
        let member = Member {
            connection,
            client,
            authority,
            mode,
            token,
            entry: Entry::new(client, authority, mode, extra),
            listed: self.joins,
            demoted,
        };
        if mode == Mode::SendToAny {
            self.senders.insert(place, connection);
        }
        if authority {
            self.authorities.insert(place, connection);
        }
        self.bytes += member.bytes();
        self.members.insert(place, member);
        self.changed(place, authority);
        (place, before)
    }

    /// Takes a client out.
    pub(super) fn remove(&mut self, place: Place) -> Option<Member> {
        let member = self.members.remove(&place)?;
        self.senders.remove(&place);
        self.authorities.remove(&place);
        self.bytes -= member.bytes();
        self.changed(place, member.authority);
        Some(member)
    }

    /// The entry at a place came, went or changed, or that of an authority did.
    fn changed(&mut self, place: Place, authority: bool) {
        let all = |range| entries(&self.members, range);
        self.all_entries.changed(place, all);
        if authority {
            let authorities = |range| entries_of(&self.authorities, &self.members, range);
            self.authorities_entries.changed(place, authorities);
        }
    }

    /// Changes a member's extra information.
    pub(super) fn set_extra(&mut self, place: Place, extra: &str) {
        if let Some(member) = self.members.get_mut(&place) {
            self.bytes -= member.bytes();
            member.entry = Entry::new(member.client, member.authority, member.mode, extra);
            self.bytes += member.bytes();
            let authority = member.authority;
            self.changed(place, authority);
        }
    }

    /// Those who know of a client that has left, beside those who are told of everybody.
    pub(super) fn know_of(&self, gone: &Member) -> Vec<ConnId> {
        let Some(demoted) = gone.demoted else {
            return Vec::new();
        };
        self.members
            .values()
            .filter(|member| member.mode != Mode::SendToAny && member.listed < demoted)
            .map(|member| member.connection)
            .collect()
    }

    /// Appends the entries of those whom the member at `place` may know, itself among them, to the
    /// members of an object: everybody, or the authorities only.
    pub(super) fn push_entries(&mut self, place: Place, json: &mut String) {
        let Some(own) = self.members.get(&place) else {
            return;
        };
        if own.authority || own.mode == Mode::SendToAny {
            json.reserve(self.bytes + self.members.len());
            let all = |range| entries(&self.members, range);
            self.all_entries.push(Place::FIRST..Place::END, all, json);
        } else {
            let authorities = |range| entries_of(&self.authorities, &self.members, range);
            let roll = &mut self.authorities_entries;
            roll.push(Place::FIRST..place, authorities, json);
            push_entries(json, &own.entry.text);
            roll.push(place..Place::END, authorities, json);
        }
    }

    /// Checks that the lists agree.
    ///
    /// # Errors
    /// The first statement that does not hold.
    pub(super) fn check_invariants(&self) -> Result<(), String> {
        let senders = self
            .members
            .iter()
            .filter(|(_, m)| m.mode == Mode::SendToAny);
        let authorities = self.members.iter().filter(|(_, m)| m.authority);
        let places = |list: &BTreeMap<Place, ConnId>| list.keys().copied().collect::<Vec<_>>();
        if places(&self.senders) != senders.map(|(place, _)| *place).collect::<Vec<_>>() {
            return Err("the senders differ".to_owned());
        }
        if places(&self.authorities) != authorities.map(|(place, _)| *place).collect::<Vec<_>>() {
            return Err("the authorities differ".to_owned());
        }
        let bytes: usize = self.members.values().map(Member::bytes).sum();
        if bytes != self.bytes {
            return Err(format!("{bytes} bytes, not {}", self.bytes));
        }
        let all = |range| entries(&self.members, range);
        self.all_entries.check_invariants(all)?;
        let authorities = |range| entries_of(&self.authorities, &self.members, range);
        self.authorities_entries.check_invariants(authorities)
    }
}

/// The entries of the members at these places.
fn entries(
    members: &BTreeMap<Place, Member>,
    range: Range<Place>,
) -> impl Iterator<Item = (Place, &str)> {
    let members = members.range(range);
    members.map(|(place, member)| (*place, &*member.entry.text))
}

/// The entries of some of the members, those in `some`, at these places.
fn entries_of<'a>(
    some: &BTreeMap<Place, ConnId>,
    members: &'a BTreeMap<Place, Member>,
    range: Range<Place>,
) -> impl Iterator<Item = (Place, &'a str)> {
    let places = some.range(range).map(|(place, _)| *place);
    places.filter_map(|place| Some((place, &*members.get(&place)?.entry.text)))
}
