//! What the configuration says about DRC.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use ipnet::IpNet;

use crate::protocol::origin::Origin;
use crate::secret::Secret;

/// Bytes of a protocol's name; no client can ask for a longer one.
pub const LONGEST_PROTOCOL: usize = 64;

/// For which protocols an authority is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocols {
    /// For all.
    All,
    /// For these.
    Only(BTreeSet<Rc<str>>),
}

impl Protocols {
    /// Whether `protocol` is among them.
    pub fn include(&self, protocol: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(protocols) => protocols.contains(protocol),
        }
    }
}

/// The `[drc]` section, less its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Addresses whose clients are authorities.
    pub whitelist: Vec<(IpNet, Protocols)>,
    /// Tokens whose bearers are authorities.
    pub tokens: Vec<(Secret, Protocols)>,
    /// Whose pages may connect.
    pub origins: Vec<Origin>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            whitelist: vec![(
                IpNet::from(IpAddr::from(Ipv4Addr::LOCALHOST)),
                Protocols::All,
            )],
            tokens: Vec::new(),
            origins: vec![Origin::Loopback],
        }
    }
}

impl Settings {
    /// Whether a client of this address is an authority for `protocol`.
    pub fn trusts_address(&self, address: Option<IpAddr>, protocol: &str) -> bool {
        address.is_some_and(|address| {
            let mut networks = self.whitelist.iter();
            networks.any(|(network, protocols)| {
                network.contains(&address) && protocols.include(protocol)
            })
        })
    }

    /// Whether a client of this address is an authority for any protocol.
    pub fn knows_address(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| {
            let mut networks = self.whitelist.iter();
            networks.any(|(network, _)| network.contains(&address))
        })
    }

    /// Whether the bearer of this token is an authority for `protocol`. Every token is compared,
    /// each in a time that does not depend on where it differs.
    pub fn trusts_token(&self, token: &str, protocol: &str) -> bool {
        let mut trusted = false;
        for (secret, protocols) in &self.tokens {
            let equal = !secret.is_empty() && secret.matches(token.as_bytes());
            trusted |= equal && protocols.include(protocol);
        }
        trusted
    }

    /// Whether pages of this origin may connect, in any case of its letters. A client without an
    /// origin may not.
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin.map(str::to_ascii_lowercase) else {
            return false;
        };
        self.origins.iter().any(|allowed| allowed.allows(&origin))
    }
}
