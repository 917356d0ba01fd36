//! Where a connection comes from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::protocol::forwarded_for::{AddressKey, address_key};

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddress {
    /// A TCP peer. An IPv4-mapped IPv6 address is kept as IPv4. The port is 0 where a proxy named
    /// the address.
    Ip(IpAddr, u16),
    /// A client of a Unix socket, which has no address.
    Unix,
}

impl PeerAddress {
    /// The address of a TCP peer.
    pub fn tcp(address: SocketAddr) -> Self {
        Self::Ip(address.ip().to_canonical(), address.port())
    }

    /// The IP address, if there is one.
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip, _) => Some(ip),
            Self::Unix => None,
        }
    }

    /// True for a client on this machine.
    pub fn is_local(self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }

    /// What limits per address count by.
    pub fn key(self) -> Option<AddressKey> {
        self.ip().map(address_key)
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            // A proxy names the address of its client, not the port.
            Self::Ip(ip, 0) => ip.fmt(formatter),
            Self::Ip(ip, port) => SocketAddr::new(ip, port).fmt(formatter),
            Self::Unix => formatter.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_is_shown_without_one() {
        let tcp = |text: &str| PeerAddress::tcp(text.parse().unwrap()).to_string();
        assert_eq!(tcp("[::ffff:192.0.2.1]:80"), "192.0.2.1:80");
        assert_eq!(tcp("[2001:db8::1]:80"), "[2001:db8::1]:80");
        assert_eq!(tcp("[2001:db8::1]:0"), "2001:db8::1");
        assert_eq!(PeerAddress::Unix.to_string(), "unix");
    }
}
