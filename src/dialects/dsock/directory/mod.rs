//! Who may connect, and who is connected: the state of dSock, without a word of HTTP.
//!
//! Everything that another process could share with this one is asked for here and nowhere else,
//! so that a directory that several processes have in common can take the place of this one.

mod claim;
mod claims;
mod connections;

pub use claim::{Claim, LONGEST_NAME, NewClaim};
pub use claims::{ClaimFault, ClaimKey, ClaimNumber, Claims};
pub use connections::{Connection, Connections};

use std::time::Duration;

/// All state.
#[derive(Debug, Default)]
pub struct Directory {
    /// Claims that wait to be redeemed.
    pub claims: Claims,
    /// Connections of this process.
    pub connections: Connections,
}

impl Directory {
    /// Takes out the claim of this id, if its time is not over: of all who want it, one gets it.
    pub fn redeem(&mut self, id: &str, now: Duration) -> Option<Claim> {
        let number = self.claims.find(ClaimKey::Id(id), now).next()?;
        self.claims.remove(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_redeemed_once_and_in_time() {
        let mut directory = Directory::default();
        let end = Duration::from_secs(60);
        for id in ["c", "late"] {
            let new = NewClaim {
                id,
                user: "u",
                session: "",
                channels: &[],
                expires: end,
            };
            directory.claims.create(&new, Duration::ZERO).unwrap();
        }
        let before = end - Duration::from_millis(1);
        assert_eq!(directory.redeem("c", before).unwrap().user(), "u");
        assert_eq!(directory.redeem("c", before), None);
        assert_eq!(directory.redeem("late", end), None);
        assert_eq!(directory.redeem("nope", before), None);
    }
}
