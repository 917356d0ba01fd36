//! Whose pages may connect, by the `Origin` field of their requests (RFC 6454 section 7).

use std::net::Ipv4Addr;

/// Whose pages may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Everybody's, and clients that send no `Origin`.
    Any,
    /// Those of this machine, by HTTP or HTTPS and on any port.
    Loopback,
    /// This one: in lower case, without the scheme's own port.
    Exact(String),
}

impl Origin {
    /// Whether a page of `origin`, as the browser sends it (RFC 6454 section 7), is meant.
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Loopback => is_loopback(origin),
            Self::Exact(exact) => exact == origin,
        }
    }
}

/// True for `http://localhost`, `https://127.0.0.1:8443`, `http://[::1]:80` and the like.
fn is_loopback(origin: &str) -> bool {
    let Some(authority) = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    // The colons of an IPv6 address are in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    port.is_none_or(is_port)
        && (host == "localhost"
            || host == "[::1]"
            || host
                .parse::<Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback()))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}
