//! What a world's server is told: who is an authority, and its limits.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use fantail::dialects::drc::settings::{Protocols, Settings as DrcSettings};
use fantail::limits::Limits;
use fantail::protocol::origin::Origin;
use fantail::relay::Settings;
use fantail::relay::address::PeerAddress;
use fantail::secret::Secret;

/// Names of protocols: the last one is the longest that there may be.
pub(crate) const PROTOCOLS: [&str; 3] = [
    "p",
    "q",
    "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp",
];

/// Addresses of clients, and which rows of [`WHITELIST`] are for them.
pub(crate) const ADDRESSES: [(&str, &[usize]); 8] = [
    ("127.0.0.1", &[0]),
    ("::ffff:127.0.0.1", &[0]),
    ("192.0.2.7", &[1, 3]),
    ("192.0.2.100", &[1]),
    ("192.0.2.200", &[]),
    ("2001:db8::1", &[2]),
    ("2001:db8:0:1::1", &[]),
    ("198.51.100.9", &[]),
];

/// Networks that may be authorities: for these protocols, or for all.
const WHITELIST: [(&str, Option<&[&str]>); 4] = [
    ("127.0.0.1/32", None),
    ("192.0.2.0/25", Some(&[PROTOCOLS[0]])),
    ("2001:db8::/64", Some(&[PROTOCOLS[1], PROTOCOLS[2]])),
    ("192.0.2.7/32", Some(&[PROTOCOLS[1]])),
];

/// Tokens that may be configured: for these protocols, or for all.
pub(crate) const TOKENS: [(&str, Option<&[&str]>); 3] = [
    ("alpha-1", Some(&[PROTOCOLS[0]])),
    ("beta", None),
    ("g\u{e4}mma", Some(&[PROTOCOLS[1]])),
];

/// A proxy that is trusted.
pub(crate) const PROXY: &str = "10.0.0.1";

fn includes(protocols: Option<&[&str]>, protocol: &str) -> bool {
    protocols.is_none_or(|protocols| protocols.contains(&protocol))
}

/// Which rows are in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    whitelist: [bool; WHITELIST.len()],
    tokens: [bool; TOKENS.len()],
}

impl Rules {
    /// Some rules.
    pub(crate) fn new(rng: &mut fastrand::Rng) -> Self {
        let mut rules = Self::default();
        for row in rules.whitelist.iter_mut().chain(&mut rules.tokens) {
            *row = rng.u8(..3) > 0;
        }
        rules
    }

    /// Whether a client of this address is an authority.
    pub(crate) fn trust_address(&self, address: usize, protocol: &str) -> bool {
        let (_, rows) = ADDRESSES[address];
        rows.iter()
            .any(|row| self.whitelist[*row] && includes(WHITELIST[*row].1, protocol))
    }

    /// Whether this is a token of an authority.
    pub(crate) fn trust_token(&self, token: &str, protocol: &str) -> bool {
        (0..TOKENS.len()).any(|row| {
            let (text, protocols) = TOKENS[row];
            self.tokens[row] && text == token && includes(protocols, protocol)
        })
    }

    /// The same, as the server is told.
    pub(crate) fn to_settings(&self) -> DrcSettings {
        let protocols = |protocols: Option<&[&str]>| match protocols {
            None => Protocols::All,
            Some(names) => {
                let names: BTreeSet<_> = names.iter().map(|name| (*name).into()).collect();
                Protocols::Only(names)
            }
        };
        let whitelist = WHITELIST.iter().zip(self.whitelist);
        let tokens = TOKENS.iter().zip(self.tokens);
        DrcSettings {
            whitelist: whitelist
                .filter(|(_, is_on)| *is_on)
                .map(|((network, only), _)| (network.parse().unwrap(), protocols(*only)))
                .collect(),
            tokens: tokens
                .filter(|(_, is_on)| *is_on)
                .map(|((token, only), _)| (Secret::new(*token), protocols(*only)))
                .collect(),
            origins: vec![Origin::Loopback],
        }
    }
}

/// An address as the reactor hands it on.
pub(crate) fn peer_address(text: &str) -> PeerAddress {
    PeerAddress::tcp(SocketAddr::new(text.parse().unwrap(), 4_000))
}

/// The relay's settings of a world, some of them narrow.
pub(crate) fn relay_settings(rng: &mut fastrand::Rng) -> Settings {
    let mut narrow = |narrow: usize, wide: usize| if rng.bool() { narrow } else { wide };
    let channels_per_connection = narrow(2, 256);
    let channels = narrow(5, 100_000);
    let grants = narrow(3, 100_000);
    let extra = narrow(30, 2_000);
    let drc_memory = narrow(2_000, 64_000_000);
    let failed_logins = narrow(6, 1_000_000);
    let output = narrow(3_000, 1_000_000);
    let memory = narrow(40_000, 1_000_000_000);
    let limits = Limits {
        drc_channels_per_connection: channels_per_connection + rng.usize(..3),
        drc_channels: channels,
        drc_grants: grants + rng.usize(..3),
        drc_extra: extra,
        drc_memory: drc_memory + rng.usize(..2_000),
        drc_grant_time: Duration::from_secs(30),
        drc_ping_after: Duration::from_secs(1_000_000),
        output,
        output_soft: if output < 1_000_000 {
            rng.usize(500..=output)
        } else {
            output
        },
        output_soft_time: Duration::from_secs(rng.u64(1..10)),
        memory,
        failed_logins,
        message_time: Duration::from_secs(1_000_000),
        handshake_time: Duration::from_secs(1_000_000),
        close_time: Duration::from_secs(1_000_000),
        linger_time: Duration::from_secs(1_000_000),
        control_frames: 1_000_000,
        control_frames_burst: 1_000_000,
        connections: 1_000,
        connections_per_address: 1_000,
        handshakes_per_address: 1_000_000,
        handshakes_per_address_burst: 1_000_000,
        frames_per_turn: 1_000_000,
        ..Limits::default()
    };
    Settings {
        limits,
        trusted_proxies: vec![format!("{PROXY}/32").parse().unwrap()],
        control_secret: Secret::default(),
    }
}
