//! Origins and networks, as they stand in lists.

use super::node::quoted;
use crate::protocol::origin::Origin;
use ipnet::IpNet;
use std::net::IpAddr;

/// Every origin.
const ANY: &str = "*";

/// The origins of this machine.
const LOOPBACK: &str = "loopback";

/// The bits of `::ffff:0:0/96`, which stand before IPv4 in an IPv6 address.
const MAPPED_PREFIX: u8 = 96;

/// Reads an origin as browsers send it (RFC 6454 section 6.2), in lower case and without the
/// scheme's own port; or `*`, which is any, or `null`, which is a page without one.
///
/// # Errors
/// A sentence that says what was expected.
pub(super) fn parse_origin(text: &str) -> Result<String, String> {
    parse_origin_or(text, "\"*\"")
}

/// As [`parse_origin`]; `loopback` is those of this machine.
///
/// # Errors
/// A sentence that says what was expected.
pub(super) fn parse_origin_or_loopback(text: &str) -> Result<Origin, String> {
    if text == LOOPBACK {
        return Ok(Origin::Loopback);
    }
    let origin = parse_origin_or(text, "\"*\" or \"loopback\"")?;
    Ok(if origin == ANY {
        Origin::Any
    } else {
        Origin::Exact(origin)
    })
}

/// As [`parse_origin_or_loopback`], with the port as it is given: where origins are compared as a
/// whole, the scheme's own port makes a difference.
///
/// # Errors
/// A sentence that says what was expected.
pub(super) fn parse_whole_origin_or_loopback(text: &str) -> Result<Origin, String> {
    Ok(match parse_origin_or_loopback(text)? {
        Origin::Exact(_) => Origin::Exact(text.to_ascii_lowercase()),
        other => other,
    })
}

/// Writes an origin so that [`parse_origin_or_loopback`] reads the same one.
pub(super) fn origin_text(origin: &Origin) -> &str {
    match origin {
        Origin::Any => ANY,
        Origin::Loopback => LOOPBACK,
        Origin::Exact(origin) => origin,
    }
}

fn parse_origin_or(text: &str, others: &str) -> Result<String, String> {
    let origin = text.to_ascii_lowercase();
    if origin == ANY || origin == "null" {
        return Ok(origin);
    }
    let expected = || {
        format!(
            "expected an origin such as https://www.example.com (no path, no final slash) or {others}, \
             not {}",
            quoted(text)
        )
    };
    let (scheme, authority) = origin.split_once("://").ok_or_else(expected)?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_authority = |c: char| c.is_ascii_graphic() && !"/?#@*\\,".contains(c);
    let fits = !scheme.is_empty()
        && scheme.chars().all(is_scheme)
        && !authority.is_empty()
        && authority.chars().all(is_authority);
    if !fits {
        return Err(expected());
    }
    let own_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Ok(origin),
    };
    let host = authority.strip_suffix(own_port).unwrap_or(authority);
    Ok(format!("{scheme}://{host}"))
}

/// Reads a network such as `10.0.0.0/8`, or a single address. IPv4 in an IPv6 address (RFC 4291
/// section 2.5.5.2) is IPv4.
///
/// # Errors
/// A sentence that says what was expected.
pub(super) fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map(|network| unmapped(network).trunc())
        .map_err(|_| {
            format!(
                "expected an address or a network such as 10.0.0.0/8 or ::1, not {}",
                quoted(text)
            )
        })
}

/// `10.0.0.0/8` for `::ffff:10.0.0.0/104`, since clients are known by their IPv4 addresses.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let mapped = v6.addr().to_ipv4_mapped();
    mapped
        .zip(v6.prefix_len().checked_sub(MAPPED_PREFIX))
        .and_then(|(address, length)| IpNet::new(address.into(), length).ok())
        .unwrap_or(network)
}

/// Writes a network so that [`parse_network`] reads the same one; one address without `/32`.
pub(super) fn format_network(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_brought_into_the_form_that_browsers_send() {
        for (text, origin) in [
            ("*", "*"),
            ("null", "null"),
            ("https://Example.COM", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://example.com:80", "http://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("chrome-extension://abc", "chrome-extension://abc"),
        ] {
            assert_eq!(parse_origin(text).as_deref(), Ok(origin), "{text}");
        }
        for text in [
            "",
            "example.com",
            "https://",
            "://x",
            "https://example.com/",
            "https://*.example.com",
            "https://a b",
            "https://user@host",
        ] {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_an_origin_where_it_is_asked_for() {
        for (text, origin) in [
            ("*", Origin::Any),
            ("loopback", Origin::Loopback),
            ("null", Origin::Exact("null".to_owned())),
            (
                "HTTPS://A.example:443",
                Origin::Exact("https://a.example".to_owned()),
            ),
        ] {
            let read = parse_origin_or_loopback(text).unwrap();
            assert_eq!(read, origin);
            assert_eq!(parse_origin_or_loopback(origin_text(&read)), Ok(origin));
        }
        let message = parse_origin_or_loopback("localhost").unwrap_err();
        assert!(
            message.contains("or \"*\" or \"loopback\", not"),
            "{message}"
        );
        assert!(parse_origin("loopback").is_err());
    }

    #[test]
    fn networks_survive_reading_and_writing() {
        for (text, written) in [
            ("127.0.0.0/8", "127.0.0.0/8"),
            ("127.0.0.1/8", "127.0.0.0/8"),
            ("::1", "::1"),
            ("10.0.0.1", "10.0.0.1"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(format_network(&parse_network(text).unwrap()), written);
        }
        for text in ["", "10.0.0.0/33", "localhost", "10.0.0"] {
            assert!(parse_network(text).is_err(), "{text}");
        }
    }
}
