//! Who may connect, and who is connected: the state of dSock, without a word of HTTP.
//!
//! This is the boundary behind which a directory that several processes share, such as the
//! original's in Redis, would stand. The calls of the API and the handshake ask for what is below
//! and for nothing else; no number, index or table of claims is known outside of it. Each question
//! is whole: what it needs is in its arguments (values, the time, the room there is), what comes of
//! it is a value, and nobody asks twice where the answer to the first could be out of date by the
//! second. So each could be a task that is given out with [`Cx::assign`] and answered in a later turn:
//!
//! - [`Directory::create_claim`], [`Directory::forget_claims`], [`Directory::subscribe_claims`],
//!   [`Directory::unsubscribe_claims`] and [`Directory::claims`] by calls of the API;
//! - [`Directory::find_claim`] and [`Directory::redeem`] by the handshake. Only `redeem` decides:
//!   whatever was found before, of all who want a claim one gets it;
//! - [`Directory::insert`], [`Directory::remove`] and [`Directory::get_mut`] keep the connections of
//!   this process, which another one would be told of, not asked for.
//!
//! What the relay has not yet is an HTTP answer that is known later: [`Answer::Later`] sends the 101
//! in either case, while a refusal here is a status and JSON in its place.
//!
//! Whom a message goes to is the hub's to know, for the connections of this process: `receivers` and
//! `channel_of` in the dialect are the only ways to it.
//!
//! [`Cx::assign`]: crate::relay::dialect::Cx::assign
//! [`Answer::Later`]: crate::relay::dialect::Answer::Later

mod claim;
mod claims;
mod connections;

pub use claim::{Claim, LONGEST_NAME, NewClaim};
pub use claims::{ClaimFault, ClaimKey, ClaimNumber, Claims};
pub use connections::{Connection, Connections};

use std::time::Duration;

use crate::dialects::dsock::names::NameSet;
use crate::limits::{Limit, Limits};
use crate::relay::conn_id::ConnId;

/// For how long it is known of a claim that it has ended, rather than that there is none. Nothing
/// finds it meanwhile, and a new claim that has no room takes its place.
pub const ENDED_CLAIM_IS_KNOWN_FOR: Duration = Duration::from_secs(5);

/// Claims that are forgotten in one go, so that nobody has to wait long for it.
pub const ENDED_AT_ONCE: usize = 2_000;

/// Why there is no claim of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoClaim {
    /// There is none, or not any more.
    Missing,
    /// There was one a moment ago, and its time is over.
    Ended,
}

/// Why a claim is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCreated {
    /// There is one with this id.
    IdUsed,
    /// A name is longer than 65,535 bytes, or all numbers are given.
    Impossible,
    /// It would pass this limit.
    NoRoom(Limit),
}

/// What came of a change to several claims or connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changed {
    /// Somebody was changed, or had nothing to change.
    pub any: bool,
    /// The limit that kept somebody else from being changed.
    pub refused: Option<Limit>,
}

impl Changed {
    /// Adds what came of one of them.
    pub fn count(&mut self, result: Result<(), Limit>) {
        match result {
            Ok(()) => self.any = true,
            Err(limit) => self.refused = self.refused.or(Some(limit)),
        }
    }
}

/// All state.
#[derive(Debug, Default)]
pub struct Directory {
    /// Claims that wait to be redeemed.
    claims: Claims,
    /// Connections of this process.
    connections: Connections,
}

impl Directory {
    /// Makes a claim. Where there is no room, those that have ended make some.
    ///
    /// # Errors
    /// If its id is used, or there is no room.
    pub fn create_claim(
        &mut self,
        new: &NewClaim<'_>,
        limits: &Limits,
        now: Duration,
    ) -> Result<&Claim, NotCreated> {
        if self.room(new, limits).is_err() {
            self.claims.expire(now, ENDED_AT_ONCE);
        }
        self.room(new, limits).map_err(NotCreated::NoRoom)?;
        let number = self.claims.create(new, now).map_err(|fault| match fault {
            ClaimFault::IdUsed => NotCreated::IdUsed,
            ClaimFault::TooLarge => NotCreated::Impossible,
        })?;
        self.claims.get(number).ok_or(NotCreated::Impossible)
    }

    fn room(&self, new: &NewClaim<'_>, limits: &Limits) -> Result<(), Limit> {
        if self.claims.len() >= limits.dsock_claims {
            return Err(Limit::DsockClaims);
        }
        if self.claims.memory() + new.memory() > limits.dsock_claims_memory {
            return Err(Limit::DsockClaimsMemory);
        }
        Ok(())
    }

    /// Looks at the claim of this id, and leaves it where it is.
    ///
    /// # Errors
    /// If there is none.
    pub fn find_claim(&self, id: &str, now: Duration) -> Result<&Claim, NoClaim> {
        let claim = self.claims.by_id(id).ok_or(NoClaim::Missing)?;
        if claim.is_expired(now) {
            return Err(NoClaim::Ended);
        }
        Ok(claim)
    }

    /// Takes out the claim of this id: of all who want it, one gets it.
    ///
    /// # Errors
    /// If there is none.
    pub fn redeem(&mut self, id: &str, now: Duration) -> Result<Claim, NoClaim> {
        self.find_claim(id, now)?;
        let number = self.claims.find(ClaimKey::Id(id), now).next();
        let claim = number.and_then(|number| self.claims.remove(number));
        claim.ok_or(NoClaim::Missing)
    }

    /// The claims of a target whose time is not over. Those of a user stand in the order in which
    /// they were made.
    pub fn claims(&self, key: Option<ClaimKey<'_>>, now: Duration) -> impl Iterator<Item = &Claim> {
        let numbers = key.map(|key| self.claims.find(key, now));
        let numbers = numbers.into_iter().flatten();
        numbers.filter_map(|number| self.claims.get(number))
    }

    /// Forgets the claims of a target.
    pub fn forget_claims(&mut self, key: Option<ClaimKey<'_>>, now: Duration) {
        for number in self.numbers(key, now) {
            self.claims.remove(number);
        }
    }

    /// Adds channels to the claims of a target: to each all of them or, where it has no room, none.
    pub fn subscribe_claims(
        &mut self,
        key: Option<ClaimKey<'_>>,
        names: &NameSet<'_>,
        limits: &Limits,
        now: Duration,
    ) -> Changed {
        let (channels, memory) = (limits.dsock_channels, limits.dsock_claims_memory);
        let mut changed = Changed::default();
        for number in self.numbers(key, now) {
            changed.count(self.claims.add_channels(number, names, channels, memory));
        }
        changed
    }

    /// Takes channels away from the claims of a target.
    pub fn unsubscribe_claims(
        &mut self,
        key: Option<ClaimKey<'_>>,
        names: &NameSet<'_>,
        now: Duration,
    ) -> Changed {
        let mut changed = Changed::default();
        for number in self.numbers(key, now) {
            self.claims.remove_channels(number, names);
            changed.count(Ok(()));
        }
        changed
    }

    fn numbers(&self, key: Option<ClaimKey<'_>>, now: Duration) -> Vec<ClaimNumber> {
        key.map_or_else(Vec::new, |key| self.claims.find(key, now).collect())
    }

    /// Forgets claims that ended a while ago, [`ENDED_AT_ONCE`] at the most.
    pub fn forget_ended_claims(&mut self, now: Duration) {
        if let Some(long_ago) = now.checked_sub(ENDED_CLAIM_IS_KNOWN_FOR) {
            self.claims.expire(long_ago, ENDED_AT_ONCE);
        }
    }

    /// When the next claim is to be forgotten, as time since 1970.
    pub fn next_forgotten(&self) -> Option<Duration> {
        let end = self.claims.next_end()?;
        end.checked_add(ENDED_CLAIM_IS_KNOWN_FOR)
    }

    /// Adds a connection.
    pub fn insert(&mut self, id: ConnId, connection: Connection) {
        self.connections.insert(id, connection);
    }

    /// The connection of this name.
    pub fn get(&self, id: ConnId) -> Option<&Connection> {
        self.connections.get(id)
    }

    /// The connection of this name.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        self.connections.get_mut(id)
    }

    /// The connection that the API calls so.
    pub fn find(&self, uuid: &str) -> Option<ConnId> {
        self.connections.find(uuid)
    }

    /// Takes a connection out.
    pub fn remove(&mut self, id: ConnId) -> Option<Connection> {
        self.connections.remove(id)
    }

    /// How many claims are kept, those with them that ended a moment ago.
    pub fn kept_claims(&self) -> usize {
        self.claims.len()
    }

    /// Checks that the claims and their indexes agree.
    ///
    /// # Errors
    /// What is not so.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.claims.check_invariants()
    }

    /// How often a claim or connection was looked at since this was last asked.
    #[cfg(test)]
    pub(super) fn take_looks(&self) -> usize {
        self.claims.looks.take() + self.connections.looks.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Duration = Duration::from_secs(60);
    const MOMENT: Duration = Duration::from_millis(1);

    fn create(directory: &mut Directory, id: &str, limits: &Limits, now: Duration) -> bool {
        let new = NewClaim {
            id,
            user: "u",
            session: "",
            channels: &[],
            expires: now + END,
        };
        directory.create_claim(&new, limits, now).is_ok()
    }

    #[test]
    fn a_claim_is_redeemed_once_and_in_time() {
        let mut directory = Directory::default();
        for id in ["c", "late"] {
            assert!(create(
                &mut directory,
                id,
                &Limits::default(),
                Duration::ZERO
            ));
        }
        let before = END - MOMENT;
        assert_eq!(directory.redeem("c", before).unwrap().user(), "u");
        assert_eq!(directory.redeem("c", before), Err(NoClaim::Missing));
        assert_eq!(directory.redeem("nope", before), Err(NoClaim::Missing));
        assert_eq!(directory.redeem("late", END), Err(NoClaim::Ended));
    }

    #[test]
    fn it_is_known_for_a_while_that_a_claim_has_ended() {
        let mut directory = Directory::default();
        assert!(create(
            &mut directory,
            "c",
            &Limits::default(),
            Duration::ZERO
        ));
        let known_until = END + ENDED_CLAIM_IS_KNOWN_FOR;
        assert_eq!(directory.next_forgotten(), Some(known_until));
        for (now, expected) in [
            (END - MOMENT, Ok(())),
            (END, Err(NoClaim::Ended)),
            (known_until - MOMENT, Err(NoClaim::Ended)),
            (known_until, Err(NoClaim::Missing)),
        ] {
            directory.forget_ended_claims(now);
            let found = directory.find_claim("c", now).map(drop);
            assert_eq!(found, expected, "{now:?}");
            let found = directory.claims(Some(ClaimKey::User("u")), now).count();
            assert_eq!(found, usize::from(expected.is_ok()), "{now:?}");
        }
        assert_eq!(directory.kept_claims(), 0);
    }

    #[test]
    fn claims_that_have_ended_are_in_nobodys_way() {
        let mut directory = Directory::default();
        let few = Limits {
            dsock_claims: 2,
            ..Limits::default()
        };
        for id in ["a", "b"] {
            assert!(create(&mut directory, id, &few, Duration::ZERO));
        }
        assert!(!create(&mut directory, "c", &few, END - MOMENT));
        assert!(create(&mut directory, "c", &few, END));
        assert_eq!(directory.find_claim("a", END), Err(NoClaim::Missing));
        let small = Limits {
            dsock_claims_memory: 280,
            ..Limits::default()
        };
        let mut directory = Directory::default();
        for id in ["a", "b"] {
            assert!(create(&mut directory, id, &small, Duration::ZERO));
        }
        assert!(!create(&mut directory, "c", &small, END - MOMENT));
        assert!(create(&mut directory, "c", &small, END));
        directory.check_invariants().unwrap();
    }

    #[test]
    fn however_many_end_at_once_a_part_of_them_is_forgotten_at_a_time() {
        let mut directory = Directory::default();
        const CLAIMS: usize = 2 * ENDED_AT_ONCE + 1;
        for index in 0..CLAIMS {
            let id = index.to_string();
            assert!(create(
                &mut directory,
                &id,
                &Limits::default(),
                Duration::ZERO
            ));
        }
        // The clock was set, by a day.
        let now = END + Duration::from_secs(86_400);
        for left in [ENDED_AT_ONCE + 1, 1, 0] {
            assert_eq!(directory.find_claim("4000", now), Err(NoClaim::Ended));
            directory.forget_ended_claims(now);
            assert_eq!(directory.kept_claims(), left);
        }
        assert_eq!(directory.next_forgotten(), None);
        // Those that are still kept have ended all the same.
        assert!(create(&mut directory, "1", &Limits::default(), now));
        assert_eq!(directory.find_claim("1", now).unwrap().user(), "u");
    }
}
