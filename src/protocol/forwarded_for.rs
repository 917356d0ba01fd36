//! Which client a request comes from when proxies stand in between.
//!
//! Each proxy appends the address that it was called from to `X-Forwarded-For`, so the list can be
//! believed from its right end for as long as the addresses are those of proxies that we trust
//! (the field is no standard; RFC 7239 section 8.1 has the same warning for its successor).
//!
//! Invariant: what a client writes into the field itself is never taken for its address.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address of the client behind a connection from `peer`.
///
/// `lines` are the values of all `X-Forwarded-For` fields, from first to last. They count only if
/// `peer` is in `trusted`; then they are walked from the right, and the first address that is not
/// in `trusted` is the client's. If all are, it is the leftmost one. An entry that is not an address
/// ends the walk at the hop before it.
pub fn client_address<'a>(
    peer: IpAddr,
    lines: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[IpNet],
) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    forwarded_address(lines, trusted).unwrap_or(peer)
}

/// The client's address as a peer that is trusted without having an address (a proxy on a Unix
/// socket) names it; `None` if it names none.
pub fn forwarded_address<'a>(
    lines: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let entries = lines
        .rev()
        .flat_map(|line| line.rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        // Empty elements of a list do not count (RFC 9110 section 5.6.1.2).
        .filter(|entry| !entry.is_empty());
    let mut last_good = None;
    for entry in entries {
        let Some(address) = parse_entry(entry) else {
            break;
        };
        last_good = Some(address);
        if !is_trusted(address, trusted) {
            break;
        }
    }
    last_good
}

/// True if `address` is in one of the networks. An IPv4-mapped address is its IPv4 address.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| contains(network, address))
}

fn contains(network: &IpNet, address: IpAddr) -> bool {
    match (network, address) {
        // A network that was written in mapped form means IPv4 addresses.
        (IpNet::V6(mapped), IpAddr::V4(address))
            if mapped.prefix_len() >= 96 && mapped.network().to_ipv4_mapped().is_some() =>
        {
            mapped.contains(&address.to_ipv6_mapped())
        }
        _ => network.contains(&address),
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn parse_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = match bracketed {
        Some(inner) => IpAddr::V6(inner.parse::<Ipv6Addr>().ok()?),
        None => text
            .parse::<IpAddr>()
            .ok()
            .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?,
    };
    Some(address.to_canonical())
}

/// What is counted as one address by the limits for each address: an IPv4 address, or the /64 that
/// an IPv6 client can pick its addresses from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressKey {
    /// A whole IPv4 address.
    V4(u32),
    /// The first 64 bits of an IPv6 address.
    V6(u64),
}

/// The key of `address`. An IPv4-mapped address is its IPv4 address.
pub fn address_key(address: IpAddr) -> AddressKey {
    match address.to_canonical() {
        IpAddr::V4(address) => AddressKey::V4(address.to_bits()),
        IpAddr::V6(address) => AddressKey::V6((address.to_bits() >> 64) as u64),
    }
}

/// As `192.0.2.1` or `2001:db8::/64`.
impl fmt::Display for AddressKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(bits) => Ipv4Addr::from_bits(bits).fmt(formatter),
            Self::V6(bits) => write!(
                formatter,
                "{}/64",
                Ipv6Addr::from_bits(u128::from(bits) << 64)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let lines = lines.iter().map(|line| line.as_bytes());
        client_address(peer.parse().unwrap(), lines, &trusted).to_string()
    }

    #[test]
    fn the_list_is_believed_as_far_as_the_proxies_are_trusted() {
        let loopback: &[&str] = &["127.0.0.0/8", "::1/128"];
        let both: &[&str] = &["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"];
        for (peer, lines, trusted, expected) in [
            // The peer is no proxy of ours, so it may write what it likes.
            ("192.0.2.9", &["1.2.3.4"][..], loopback, "192.0.2.9"),
            ("127.0.0.1", &["1.2.3.4"], &[], "127.0.0.1"),
            ("127.0.0.1", &[], loopback, "127.0.0.1"),
            ("127.0.0.1", &[""], loopback, "127.0.0.1"),
            ("127.0.0.1", &["1.2.3.4"], loopback, "1.2.3.4"),
            // What the client sent itself stands further left.
            ("127.0.0.1", &["6.6.6.6, 1.2.3.4"], loopback, "1.2.3.4"),
            ("127.0.0.1", &["6.6.6.6", "1.2.3.4"], loopback, "1.2.3.4"),
            ("127.0.0.1", &["1.2.3.4, 10.1.1.1"], loopback, "10.1.1.1"),
            ("127.0.0.1", &["6.6.6.6,1.2.3.4 ,10.1.1.1"], both, "1.2.3.4"),
            (
                "127.0.0.1",
                &["1.2.3.4", "10.1.1.1, 2001:db8::5"],
                both,
                "1.2.3.4",
            ),
            // All are proxies: the one furthest away.
            ("127.0.0.1", &["10.9.9.9, 10.1.1.1"], both, "10.9.9.9"),
            // A malformed entry ends the walk at the last good hop.
            ("127.0.0.1", &["1.2.3.4, unknown"], loopback, "127.0.0.1"),
            (
                "127.0.0.1",
                &["1.2.3.4, nonsense, 10.1.1.1"],
                both,
                "10.1.1.1",
            ),
            ("127.0.0.1", &["1.2.3.4", "\u{e9}"], loopback, "127.0.0.1"),
            ("127.0.0.1", &["1.2.3.4, ,"], loopback, "1.2.3.4"),
            // IPv4 in IPv6 is IPv4.
            ("::ffff:127.0.0.1", &["::ffff:1.2.3.4"], loopback, "1.2.3.4"),
            ("::ffff:192.0.2.9", &["1.2.3.4"], loopback, "192.0.2.9"),
            (
                "127.0.0.1",
                &["1.2.3.4"],
                &["::ffff:127.0.0.0/104"],
                "1.2.3.4",
            ),
            ("127.0.0.1", &["1.2.3.4"], &["::/0"], "127.0.0.1"),
            // Ports and brackets.
            ("::1", &["1.2.3.4:5678"], loopback, "1.2.3.4"),
            ("::1", &["[2001:db8::7]"], loopback, "2001:db8::7"),
            ("::1", &["[2001:db8::7]:99"], loopback, "2001:db8::7"),
            ("::1", &["2001:db8::7"], loopback, "2001:db8::7"),
            ("::1", &["[1.2.3.4]"], loopback, "::1"),
            ("::1", &["1.2.3.4:99999"], loopback, "::1"),
            ("::1", &["1.2.3"], loopback, "::1"),
            ("::1", &["[::7"], loopback, "::1"),
        ] {
            assert_eq!(
                client(peer, lines, trusted),
                expected,
                "{peer} {lines:?} {trusted:?}"
            );
        }
    }

    #[test]
    fn bytes_that_are_not_text_end_the_walk() {
        let trusted = ["127.0.0.0/8".parse().unwrap()];
        let peer = "127.0.0.1".parse().unwrap();
        let lines: [&[u8]; 2] = [b"1.2.3.4", b"\xff"];
        assert_eq!(client_address(peer, lines.into_iter(), &trusted), peer);
    }

    #[test]
    fn a_proxy_without_address_names_the_client() {
        let lines: [&[u8]; 1] = [b"1.2.3.4"];
        assert_eq!(
            forwarded_address(lines.into_iter(), &[]),
            Some("1.2.3.4".parse().unwrap())
        );
        assert_eq!(forwarded_address([].into_iter(), &[]), None);
    }

    #[test]
    fn addresses_of_one_client_have_one_key() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1:2:3"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_eq!(key("192.0.2.1").to_string(), "192.0.2.1");
        assert_eq!(key("2001:db8::1").to_string(), "2001:db8::/64");
    }
}
