//! The claims that wait to be redeemed.
//!
//! Each has a number. One index leads from the hash of id, user or session to the numbers of those
//! that have it, another from the hash of a channel, a third stands in the order in which they end.
//! All are plain sets of numbers: a claim that is gone leaves nothing behind, and what is found by a
//! hash is compared before it counts.
//!
//! The hash of a channel leaves its last bits to the session of the claim: those of a channel stand
//! together, and among them those of sessions of one name, without a second place for each.
//!
//! Invariants: no two claims have the same id. A claim is in the index once for each of its keys,
//! and once in the order of ends. `memory` is the sum over all claims. A claim whose time is over is
//! found by nothing but its id.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::claim::{Claim, KEY, NewClaim, milliseconds};
use crate::dialects::dsock::names::NameSet;
use crate::limits::Limit;

/// The number of a claim while it is kept. In the order in which they were made, until the numbers
/// begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ClaimNumber(u32);

/// What claims are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClaimKey<'a> {
    /// The one with this id.
    Id(&'a str),
    /// Those of a user.
    User(&'a str),
    /// Those of a user's session.
    Session(&'a str, &'a str),
    /// Those for a channel.
    Channel(&'a str),
    /// Those for a channel that have a session of this name; never an empty one.
    ChannelSession(&'a str, &'a str),
}

impl ClaimKey<'_> {
    fn fits(self, claim: &Claim) -> bool {
        match self {
            Self::Id(id) => claim.id() == id,
            Self::User(user) => claim.user() == user,
            Self::Session(user, session) => claim.session() == session && claim.user() == user,
            Self::Channel(channel) => claim.channels().any(|other| other == channel),
            Self::ChannelSession(channel, session) => {
                claim.session() == session && claim.channels().any(|other| other == channel)
            }
        }
    }
}

/// Why a claim is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimFault {
    /// There is one with this id.
    IdUsed,
    /// A name is longer than 65,535 bytes, or all numbers are given.
    TooLarge,
}

/// All claims.
#[derive(Debug, Default)]
pub struct Claims {
    claims: BTreeMap<ClaimNumber, Claim>,
    index: BTreeSet<(u32, ClaimNumber)>,
    by_channel: BTreeSet<(u32, ClaimNumber)>,
    /// The halves of the end in milliseconds, which take less room than the whole.
    ends: BTreeSet<(u32, u32, ClaimNumber)>,
    last: ClaimNumber,
    /// Bytes that all claims take.
    memory: usize,
    hasher: RandomState,
    /// How often a claim was looked at.
    #[cfg(test)]
    pub(super) looks: std::cell::Cell<usize>,
}

impl Claims {
    /// Keeps a claim.
    ///
    /// # Errors
    /// If its id is used.
    pub fn create(&mut self, new: &NewClaim<'_>, now: Duration) -> Result<ClaimNumber, ClaimFault> {
        let same = self.numbers(ClaimKey::Id(new.id)).next();
        match same {
            Some(number) if self.is_over(number, now) => drop(self.remove(number)),
            Some(_) => return Err(ClaimFault::IdUsed),
            None => {}
        }
        let claim = Claim::new(new).ok_or(ClaimFault::TooLarge)?;
        let number = self.free_number().ok_or(ClaimFault::TooLarge)?;
        for hash in hashes(&self.hasher, &claim) {
            self.index.insert((hash, number));
        }
        for hash in channel_hashes(&self.hasher, &claim) {
            self.by_channel.insert((hash, number));
        }
        self.ends.insert(end(&claim, number));
        self.memory += claim.memory();
        self.claims.insert(number, claim);
        self.last = number;
        Ok(number)
    }

    /// The claim of this number.
    pub fn get(&self, number: ClaimNumber) -> Option<&Claim> {
        #[cfg(test)]
        self.looks.set(self.looks.get() + 1);
        self.claims.get(&number)
    }

    /// The claim of this id, also if its time is over.
    pub fn by_id(&self, id: &str) -> Option<&Claim> {
        let number = self.numbers(ClaimKey::Id(id)).next()?;
        self.get(number)
    }

    /// The claims with this key whose time is not over; those of a user or a session, the oldest first.
    pub fn find(&self, key: ClaimKey<'_>, now: Duration) -> impl Iterator<Item = ClaimNumber> {
        self.numbers(key)
            .filter(move |number| !self.is_over(*number, now))
    }

    /// Takes a claim out: whoever redeems it is the only one who does.
    pub fn remove(&mut self, number: ClaimNumber) -> Option<Claim> {
        let claim = self.claims.remove(&number)?;
        for hash in hashes(&self.hasher, &claim) {
            self.index.remove(&(hash, number));
        }
        for hash in channel_hashes(&self.hasher, &claim) {
            self.by_channel.remove(&(hash, number));
        }
        self.ends.remove(&end(&claim, number));
        self.memory -= claim.memory();
        Some(claim)
    }

    /// Adds channels to a claim. Nothing is done if it has all of them.
    ///
    /// # Errors
    /// The limit that would be passed: `most_channels` of a claim, or `most_memory` of all claims.
    /// Nothing is added then.
    pub fn add_channels(
        &mut self,
        number: ClaimNumber,
        names: &NameSet<'_>,
        most_channels: usize,
        most_memory: usize,
    ) -> Result<(), Limit> {
        let Some(claim) = self.claims.get_mut(&number) else {
            return Ok(());
        };
        let missing = names.missing(claim.channels());
        if missing.is_empty() {
            return Ok(());
        }
        if claim.channels().count() + missing.len() > most_channels {
            return Err(Limit::DsockChannels);
        }
        let more: usize = missing.iter().map(|name| name.len() + 1 + KEY).sum();
        if self.memory + more > most_memory {
            return Err(Limit::DsockClaimsMemory);
        }
        self.memory -= claim.memory();
        claim.add_channels(&missing);
        self.memory += claim.memory();
        for name in missing {
            let hash = channel_hash(&self.hasher, name, claim.session());
            self.by_channel.insert((hash, number));
        }
        Ok(())
    }

    /// Takes channels away from a claim. Nothing is done if it has none of them.
    pub fn remove_channels(&mut self, number: ClaimNumber, names: &NameSet<'_>) {
        let Some(claim) = self.claims.get_mut(&number) else {
            return;
        };
        let gone = claim.channels().filter(|name| names.contains(name));
        let gone: Vec<u32> = gone
            .map(|name| channel_hash(&self.hasher, name, claim.session()))
            .collect();
        if gone.is_empty() {
            return;
        }
        self.memory -= claim.memory();
        claim.retain_channels(|name| !names.contains(name));
        self.memory += claim.memory();
        // Two channels may have one hash: what is left may still be found by it.
        let left: HashSet<u32> = channel_hashes(&self.hasher, claim).collect();
        for hash in gone.into_iter().filter(|hash| !left.contains(hash)) {
            self.by_channel.remove(&(hash, number));
        }
    }

    /// Forgets claims whose time is over, `most` at the most; how many.
    pub fn expire(&mut self, now: Duration, most: usize) -> usize {
        let now = halves(milliseconds(now));
        let mut expired = 0;
        while expired < most
            && let Some(&(high, low, number)) = self.ends.first()
            && (high, low) <= now
        {
            self.remove(number);
            expired += 1;
        }
        expired
    }

    /// When the next claim ends, as time since 1970.
    pub fn next_end(&self) -> Option<Duration> {
        let &(high, low, _) = self.ends.first()?;
        Some(Duration::from_millis(
            u64::from(high) << 32 | u64::from(low),
        ))
    }

    /// Bytes that all of them take, their indexes with them: about what was measured.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.claims.len()
    }

    /// True if none is kept.
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// Checks that the indexes are those of the claims.
    ///
    /// # Errors
    /// What is not so.
    pub fn check_invariants(&self) -> Result<(), String> {
        let (mut index, mut by_channel) = (BTreeSet::new(), BTreeSet::new());
        for (number, claim) in &self.claims {
            index.extend(hashes(&self.hasher, claim).map(|hash| (hash, *number)));
            by_channel.extend(channel_hashes(&self.hasher, claim).map(|hash| (hash, *number)));
            if !self.ends.contains(&end(claim, *number)) {
                return Err(format!("the end of claim {} is missing", number.0));
            }
            if self.numbers(ClaimKey::Id(claim.id())).count() != 1 {
                return Err(format!("claim {} is not the only one of its id", number.0));
            }
        }
        if self.memory != self.claims.values().map(Claim::memory).sum::<usize>() {
            return Err("the sum of bytes is wrong".to_owned());
        }
        if index != self.index
            || by_channel != self.by_channel
            || self.ends.len() != self.claims.len()
        {
            return Err("the index has what is not there".to_owned());
        }
        Ok(())
    }

    fn is_over(&self, number: ClaimNumber, now: Duration) -> bool {
        self.get(number).is_none_or(|claim| claim.is_expired(now))
    }

    fn numbers(&self, key: ClaimKey<'_>) -> impl Iterator<Item = ClaimNumber> {
        let (index, first, last) = match key {
            ClaimKey::Channel(name) => {
                let first = channel_hash(&self.hasher, name, "");
                (&self.by_channel, first, first | SESSIONS)
            }
            ClaimKey::ChannelSession(name, session) => {
                let hash = channel_hash(&self.hasher, name, session);
                (&self.by_channel, hash, hash)
            }
            ClaimKey::Id(_) | ClaimKey::User(_) | ClaimKey::Session(..) => {
                let hash = hash(&self.hasher, key);
                (&self.index, hash, hash)
            }
        };
        index
            .range((first, ClaimNumber(0))..=(last, ClaimNumber(u32::MAX)))
            .map(|(_, number)| *number)
            .filter(move |number| self.get(*number).is_some_and(|claim| key.fits(claim)))
    }

    /// The next number that no claim has.
    fn free_number(&self) -> Option<ClaimNumber> {
        let mut number = self.last.0;
        for _ in 0..=self.claims.len() {
            number = number.wrapping_add(1);
            if !self.claims.contains_key(&ClaimNumber(number)) {
                return Some(ClaimNumber(number));
            }
        }
        None
    }
}

fn hash(hasher: &RandomState, key: ClaimKey<'_>) -> u32 {
    hasher.hash_one(key) as u32
}

/// The hashes of id, user and session.
fn hashes(hasher: &RandomState, claim: &Claim) -> impl Iterator<Item = u32> {
    let session = Some(claim.session()).filter(|session| !session.is_empty());
    let session = session.map(|session| ClaimKey::Session(claim.user(), session));
    [ClaimKey::Id(claim.id()), ClaimKey::User(claim.user())]
        .into_iter()
        .chain(session)
        .map(|key| hash(hasher, key))
}

/// The hashes of the channels. Two may be the same.
fn channel_hashes(hasher: &RandomState, claim: &Claim) -> impl Iterator<Item = u32> {
    let session = claim.session();
    claim
        .channels()
        .map(move |name| channel_hash(hasher, name, session))
}

/// The bits that a channel's hash leaves to the session: 0 for none, another number for any.
const SESSIONS: u32 = 0xfff;

fn channel_hash(hasher: &RandomState, name: &str, session: &str) -> u32 {
    let session = match session {
        "" => 0,
        _ => 1 + hasher.hash_one(session) as u32 % SESSIONS,
    };
    hash(hasher, ClaimKey::Channel(name)) & !SESSIONS | session
}

fn halves(milliseconds: u64) -> (u32, u32) {
    ((milliseconds >> 32) as u32, milliseconds as u32)
}

fn end(claim: &Claim, number: ClaimNumber) -> (u32, u32, ClaimNumber) {
    let (high, low) = halves(claim.expires());
    (high, low, number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::dsock::names;
    use std::collections::HashMap;

    const NOW: Duration = Duration::from_secs(1_795_210_504);

    fn create(
        claims: &mut Claims,
        [id, user, session]: [&str; 3],
        channels: &[&str],
        seconds: u64,
    ) -> Result<ClaimNumber, ClaimFault> {
        let channels: Vec<String> = channels.iter().map(|name| (*name).to_owned()).collect();
        let new = NewClaim {
            id,
            user,
            session,
            channels: &channels,
            expires: NOW + Duration::from_secs(seconds),
        };
        claims.create(&new, NOW)
    }

    fn ids(claims: &Claims, key: ClaimKey<'_>) -> Vec<String> {
        let found = claims.find(key, NOW);
        let found = found.filter_map(|number| claims.get(number));
        let mut ids: Vec<String> = found.map(|claim| claim.id().to_owned()).collect();
        // Those of a channel have no certain order.
        ids.sort_unstable();
        ids
    }

    #[test]
    fn claims_are_found_by_everything_that_they_have() {
        use ClaimKey::{Channel, ChannelSession, Id, Session, User};
        let mut claims = Claims::default();
        create(&mut claims, ["c1", "u", "s"], &["a", "b"], 60).unwrap();
        create(&mut claims, ["c2", "u", ""], &["b"], 60).unwrap();
        create(&mut claims, ["c3", "us", ""], &[], 60).unwrap();
        create(&mut claims, ["c4", "v", "s"], &["u"], 60).unwrap();
        for (key, expected) in [
            (Id("c1"), &["c1"][..]),
            (Id("u"), &[]),
            (User("u"), &["c1", "c2"]),
            (User("us"), &["c3"]),
            (User(""), &[]),
            (Session("u", "s"), &["c1"]),
            (Session("us", ""), &[]),
            (Session("", "us"), &[]),
            (Channel("a"), &["c1"]),
            (Channel("b"), &["c1", "c2"]),
            (Channel("a,b"), &[]),
            (Channel("u"), &["c4"]),
            (Channel(""), &[]),
            (ChannelSession("b", "s"), &["c1"]),
            (ChannelSession("u", "s"), &["c4"]),
            (ChannelSession("s", "b"), &[]),
        ] {
            assert_eq!(ids(&claims, key), expected, "{key:?}");
        }
        claims.check_invariants().unwrap();
    }

    #[test]
    fn an_id_is_used_until_its_claim_is_gone() {
        let mut claims = Claims::default();
        let number = create(&mut claims, ["c", "u", ""], &[], 60).unwrap();
        let again = create(&mut claims, ["c", "v", ""], &[], 60);
        assert_eq!(again, Err(ClaimFault::IdUsed));
        assert_eq!(claims.remove(number).unwrap().user(), "u");
        assert_eq!(claims.remove(number), None);
        create(&mut claims, ["c", "v", ""], &[], 0).unwrap();
        // One whose time is over is in nobody's way.
        create(&mut claims, ["c", "w", ""], &[], 60).unwrap();
        assert_eq!(claims.len(), 1);
        let long = "x".repeat(70_000);
        let fault = create(&mut claims, [&long, "u", ""], &[], 60);
        assert_eq!(fault, Err(ClaimFault::TooLarge));
        claims.check_invariants().unwrap();
    }

    #[test]
    fn claims_end_in_time() {
        let mut claims = Claims::default();
        for (id, seconds) in [("c3", 3), ("c1", 1), ("c2", 2)] {
            create(&mut claims, [id, "u", ""], &[], seconds).unwrap();
        }
        assert_eq!(claims.next_end(), Some(NOW + Duration::from_secs(1)));
        let almost = NOW + Duration::from_millis(999);
        assert_eq!(claims.find(ClaimKey::User("u"), almost).count(), 3);
        assert_eq!(claims.expire(almost, 10), 0);
        let later = NOW + Duration::from_secs(2);
        assert_eq!(claims.find(ClaimKey::User("u"), later).count(), 1);
        assert_eq!(claims.expire(later, 1), 1);
        assert_eq!(claims.expire(later, 10), 1);
        assert_eq!(claims.len(), 1);
        claims.check_invariants().unwrap();
    }

    #[test]
    fn channels_change() {
        let mut claims = Claims::default();
        let number = create(&mut claims, ["c", "u", "s"], &["a"], 60).unwrap();
        let names = names::split(["b,a,é"]);
        let added = claims.add_channels(number, &NameSet::new(&names), 3, usize::MAX);
        assert_eq!(added, Ok(()));
        let channels = |claims: &Claims| -> Vec<String> {
            let channels = claims.get(number).unwrap().channels();
            channels.map(str::to_owned).collect()
        };
        assert_eq!(channels(&claims), ["a", "b", "é"]);
        assert_eq!(ids(&claims, ClaimKey::Channel("é")), ["c"]);
        assert_eq!(ids(&claims, ClaimKey::ChannelSession("é", "s")), ["c"]);
        claims.check_invariants().unwrap();
        let names = names::split(["x,a,b"]);
        claims.remove_channels(number, &NameSet::new(&names));
        assert!(ids(&claims, ClaimKey::Channel("a")).is_empty());
        assert!(ids(&claims, ClaimKey::ChannelSession("a", "s")).is_empty());
        assert_eq!(channels(&claims), ["é"]);
        claims.check_invariants().unwrap();
        let names = names::split(["é"]);
        claims.remove_channels(number, &NameSet::new(&names));
        assert!(channels(&claims).is_empty());
        assert_eq!(ids(&claims, ClaimKey::Session("u", "s")), ["c"]);
        let added = claims.add_channels(number, &NameSet::new(&names), 1, usize::MAX);
        assert_eq!(added, Ok(()));
        assert_eq!(channels(&claims), ["é"]);
        claims.check_invariants().unwrap();
    }

    #[test]
    fn a_claim_takes_no_channels_beyond_a_limit() {
        let mut claims = Claims::default();
        let number = create(&mut claims, ["c", "u", ""], &["a"], 60).unwrap();
        let names = names::split(["a,b"]);
        let names = NameSet::new(&names);
        let full = claims.add_channels(number, &names, 1, usize::MAX);
        assert_eq!(full, Err(Limit::DsockChannels));
        let memory = claims.memory();
        let full = claims.add_channels(number, &names, 2, memory);
        assert_eq!(full, Err(Limit::DsockClaimsMemory));
        assert_eq!(claims.memory(), memory);
        assert_eq!(claims.add_channels(number, &names, 2, memory + 64), Ok(()));
        // Who has all of them is not refused for being full.
        assert_eq!(claims.add_channels(number, &names, 1, 0), Ok(()));
        claims.check_invariants().unwrap();
    }

    #[test]
    fn a_claim_takes_as_much_as_was_said_before() {
        let channels = ["a".to_owned(), "bc".to_owned()];
        for (session, channels) in [
            ("", &[][..]),
            ("s", &channels[..1]),
            ("", &channels),
            ("s", &channels),
        ] {
            let new = NewClaim {
                id: "c",
                user: "u",
                session,
                channels,
                expires: NOW,
            };
            assert_eq!(Claim::new(&new).unwrap().memory(), new.memory());
        }
    }

    #[test]
    fn a_random_life_agrees_with_a_plain_table() {
        let mut random = fastrand::Rng::with_seed(5);
        let mut claims = Claims::default();
        let mut model: HashMap<String, (String, ClaimNumber)> = HashMap::new();
        for step in 0..20_000 {
            let id = format!("c{}", random.u8(0..100));
            let user = format!("u{}", random.u8(0..5));
            match random.u8(0..3) {
                0 => {
                    let made = create(&mut claims, [&id, &user, "s"], &[&user], 60);
                    assert_eq!(made.is_err(), model.contains_key(&id));
                    if let Ok(number) = made {
                        model.insert(id, (user, number));
                    }
                }
                1 => {
                    let removed = model.remove(&id);
                    let found = claims.find(ClaimKey::Id(&id), NOW).next();
                    assert_eq!(found, removed.map(|(_, number)| number));
                    if let Some(number) = found {
                        claims.remove(number);
                    }
                }
                _ => {
                    let expected = model.values().filter(|(other, _)| *other == user).count();
                    assert_eq!(claims.find(ClaimKey::User(&user), NOW).count(), expected);
                    assert_eq!(claims.find(ClaimKey::Channel(&user), NOW).count(), expected);
                }
            }
            if step % 1_000 == 0 {
                claims.check_invariants().unwrap();
            }
        }
    }
}
