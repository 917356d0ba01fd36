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
