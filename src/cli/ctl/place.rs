//! Addresses of control ports.

use super::arguments::no_address;
use crate::cli::Failure;
use crate::config::{Address, Config, ControlListen};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Where a control port is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A socket file.
    Unix(PathBuf),
    /// A host and a port, as one text.
    Tcp(String),
}

impl Place {
    /// The first control port of the configuration that can be reached by an address.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn configured(config: &Config) -> Result<Self, Failure> {
        let place = |listen: &ControlListen| match &listen.address {
            Address::Unix(path) => Some(Self::Unix(path.clone())),
            Address::Tcp(address) => Some(Self::Tcp(address.to_string())),
            Address::Systemd(_) => None,
        };
        config
            .control
            .listen
            .iter()
            .find_map(place)
            .ok_or_else(no_address)
    }

    /// True if the server wants to hear a secret first.
    pub(super) fn wants_secret(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Connects; on TCP within `patience` for each address of the host.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn connect(&self, patience: Duration) -> io::Result<Socket> {
        match self {
            Self::Unix(path) => connect_unix(path),
            Self::Tcp(authority) => connect_tcp(authority, patience),
        }
    }
}

fn connect_unix(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}

fn connect_tcp(authority: &str, patience: Duration) -> io::Result<Socket> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream.into());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(formatter, "tcp://{authority}"),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') || path.starts_with("./") {
                Ok(Self::Unix(path.into()))
            } else {
                Err("expected a path that begins with / or ./ behind unix://".to_owned())
            };
        }
        let authority = text
            .strip_prefix("tcp://")
            .ok_or("expected unix:///path or tcp://host:port")?;
        let port = authority
            .rsplit_once(':')
            .filter(|(host, _)| !host.is_empty())
            .and_then(|(_, port)| port.parse::<u16>().ok());
        match port {
            Some(1..) => Ok(Self::Tcp(authority.to_owned())),
            _ => Err("expected a host and a port behind tcp://, such as 127.0.0.1:8098".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in [
            "unix:///run/fantail/control.sock",
            "unix://./control.sock",
            "tcp://127.0.0.1:8098",
            "tcp://localhost:8098",
            "tcp://[::1]:8098",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_addresses_are_explained() {
        for (text, part) in [
            ("/run/control.sock", "expected unix:///path"),
            ("http://127.0.0.1:1", "expected unix:///path"),
            ("unix://control.sock", "begins with /"),
            ("unix://", "begins with /"),
            ("tcp://127.0.0.1", "a host and a port"),
            ("tcp://127.0.0.1:0", "a host and a port"),
            ("tcp://127.0.0.1:65536", "a host and a port"),
            ("tcp://:8098", "a host and a port"),
        ] {
            let message = text.parse::<Place>().unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
