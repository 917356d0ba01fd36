//! `ws://` addresses (RFC 6455 section 3).

use std::fmt::{self, Write};
use std::str::FromStr;

/// Where to connect and what to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Url {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// The port; 80 if none is given.
    pub port: u16,
    /// The value of the `Host` header field.
    pub authority: String,
    /// Path and query, percent-encoded, with the leading slash.
    pub target: String,
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ws://{}{}", self.authority, self.target)
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("expected an address such as ws://127.0.0.1:7328/demo")?;
        match scheme.to_ascii_lowercase().as_str() {
            "ws" => {}
            "wss" => return Err("wss:// (TLS) is not supported, only ws://".to_owned()),
            _ => return Err(format!("expected ws://, not {scheme:?}://")),
        }
        if rest.contains('#') {
            return Err("an address of a WebSocket has no fragment (#); write %23".to_owned());
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = split_authority(authority)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            target: encode(&format!("{slash}{target}")),
        })
    }
}

fn split_authority(authority: &str) -> Result<(&str, u16), String> {
    if authority.contains('@') {
        return Err("a user name in the address is not supported".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or("the bracket of the IPv6 address is not closed")?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| format!("{host:?} is no IPv6 address"))?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() || !host.chars().all(|c| c.is_ascii_graphic()) {
        return Err(format!("{host:?} is no host name"));
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 80,
        None => return Err(format!("expected a port, not {port:?}")),
        Some(digits) => digits
            .parse()
            .map_err(|_| format!("{digits:?} is no port"))?,
    };
    Ok((host, port))
}

/// Encodes what may not stand in a request line; what is encoded already stays as it is.
fn encode(target: &str) -> String {
    target.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (text, host, port, target) in [
            ("ws://127.0.0.1:7328/demo", "127.0.0.1", 7328, "/demo"),
            ("WS://Example.com", "Example.com", 80, "/"),
            ("ws://[::1]:1/a?b=c", "::1", 1, "/a?b=c"),
            ("ws://[::1]", "::1", 80, "/"),
            ("ws://h?q", "h", 80, "/?q"),
            ("ws://h/ä b%20c", "h", 80, "/%C3%A4%20b%20c"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!(
                (url.host.as_str(), url.port, url.target.as_str()),
                (host, port, target)
            );
        }
    }

    #[test]
    fn wrong_addresses_are_explained() {
        for (text, part) in [
            ("127.0.0.1:7328/demo", "expected an address such as"),
            ("http://h/", "expected ws://"),
            ("wss://h/", "TLS"),
            ("ws:///demo", "no host name"),
            ("ws://h:/", "no port"),
            ("ws://h:99999/", "no port"),
            ("ws://h:1:2/", "no port"),
            ("ws://u@h/", "user name"),
            ("ws://[::1/", "not closed"),
            ("ws://[x]/", "no IPv6 address"),
            ("ws://[::1]1/", "expected a port"),
            ("ws://h/#x", "fragment"),
            ("ws://a b/", "no host name"),
            ("ws://h\r\nX: y/", "no host name"),
        ] {
            let message = text.parse::<Url>().unwrap_err();
            assert!(message.contains(part), "{text:?}: {message}");
        }
    }
}
