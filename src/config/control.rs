//! Where the control port listens.

use super::listen::{Address, takes_any_port};
use super::node::{Faults, Node};
use super::sources::Sources;
use crate::secret::Secret;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What stands in the configuration for the socket that is listened on without one.
pub(super) const DEFAULT: &str = "default";

/// The default socket within the directory of runtime files.
const SOCKET: &str = "fantail/control.sock";

/// The default socket where there is no directory of runtime files.
const SOCKET_HERE: &str = "fantail.sock";

/// The `[control]` section, less its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Where the control port listens; empty where it is off.
    pub listen: Vec<ControlListen>,
    /// What clients must send first on TCP; not empty where there is a TCP address.
    pub secret: Secret,
    /// True if a TCP address may be one that other machines can reach.
    pub exposed: bool,
    /// True if nobody has said where to listen, so that `listen` is the default socket.
    pub is_default: bool,
}

/// One address of the control port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlListen {
    /// Where.
    pub address: Address,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            listen: at(default_socket(&Sources::default())),
            secret: Secret::default(),
            exposed: false,
            is_default: true,
        }
    }
}

impl Control {
    /// Puts the default socket where these sources want it.
    pub(super) fn resolve(&mut self, sources: &Sources) {
        if self.is_default {
            self.listen = at(default_socket(sources));
        }
    }

    /// Reads the addresses.
    ///
    /// # Errors
    /// Everything that is wrong with any of them, and addresses that are given twice.
    pub(super) fn read_listen(&mut self, node: &Node) -> Result<(), Faults> {
        let addresses = node.as_list("addresses", |text| {
            if text == DEFAULT {
                return Ok(None);
            }
            text.parse()
                .map(Some)
                .map_err(|message: String| match text.split_once(':') {
                    Some(("tcp" | "unix" | "systemd", _)) => message,
                    _ => format!("{message}; \"{DEFAULT}\" is the usual socket"),
                })
        })?;
        let mut faults = Faults::default();
        let mut seen = HashSet::new();
        for address in addresses.iter().flatten() {
            if !takes_any_port(address) && !seen.insert(address) {
                let message = format!("the address {address} is given twice");
                faults.0.push(node.fault(message));
            }
        }
        let defaults = addresses.iter().filter(|address| address.is_none()).count();
        if defaults > 0 && addresses.len() > 1 {
            let message = format!("\"{DEFAULT}\" stands alone, or not at all");
            faults.0.push(node.fault(message));
        }
        let is_default = defaults > 0;
        let listen = if is_default {
            Self::default().listen
        } else {
            let addresses = addresses.into_iter().flatten();
            addresses.map(|address| ControlListen { address }).collect()
        };
        *self = faults.or(Self {
            listen,
            is_default,
            ..self.clone()
        })?;
        Ok(())
    }

    /// The addresses as [`Self::read_listen`] reads them.
    pub(super) fn written_listen(&self) -> Vec<String> {
        if self.is_default {
            return vec![DEFAULT.to_owned()];
        }
        let addresses = self.listen.iter();
        addresses.map(|listen| listen.address.to_string()).collect()
    }
}

fn at(path: PathBuf) -> Vec<ControlListen> {
    vec![ControlListen {
        address: Address::Unix(path),
    }]
}

/// `$XDG_RUNTIME_DIR` comes first, for root too; a path that is not absolute is ignored, as the
/// XDG Base Directory Specification has it.
fn default_socket(sources: &Sources) -> PathBuf {
    let runtime = sources
        .variable("XDG_RUNTIME_DIR")
        .map(Path::new)
        .filter(|path| path.is_absolute())
        .or(sources.is_superuser.then_some(Path::new("/run")));
    match runtime {
        Some(directory) => directory.join(SOCKET),
        None => sources.working_directory.join(SOCKET_HERE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::toml;

    fn read(text: &str) -> Result<Control, Vec<String>> {
        let mut control = Control::default();
        let read = control.read_listen(&toml::parse_value(text).unwrap());
        read.map(|()| control)
            .map_err(|faults| faults.0.into_iter().map(|fault| fault.message).collect())
    }

    #[test]
    fn the_default_socket_is_in_the_first_place_that_there_is() {
        for (runtime, is_superuser, expected) in [
            (
                Some("/run/user/7"),
                false,
                "/run/user/7/fantail/control.sock",
            ),
            (
                Some("/run/user/0"),
                true,
                "/run/user/0/fantail/control.sock",
            ),
            (None, true, "/run/fantail/control.sock"),
            (Some(""), true, "/run/fantail/control.sock"),
            (Some("relative"), false, "/home/a/fantail.sock"),
            (None, false, "/home/a/fantail.sock"),
        ] {
            let sources = Sources {
                environment: runtime
                    .map(|value| ("XDG_RUNTIME_DIR".into(), value.into()))
                    .into_iter()
                    .collect(),
                is_superuser,
                working_directory: "/home/a".into(),
                ..Sources::default()
            };
            let mut control = Control::default();
            control.resolve(&sources);
            assert_eq!(control.listen, at(expected.into()), "{runtime:?}");
            let mut elsewhere = read(r#"["unix:///x.sock"]"#).unwrap();
            elsewhere.resolve(&sources);
            assert_eq!(elsewhere.listen, at("/x.sock".into()));
        }
    }

    #[test]
    fn addresses_survive_reading_and_writing() {
        for (text, written) in [
            ("[]", vec![]),
            (r#"["default"]"#, vec!["default"]),
            (
                r#"["unix:///a.sock", "tcp://127.0.0.1:8098", "systemd:control"]"#,
                vec!["unix:///a.sock", "tcp://127.0.0.1:8098", "systemd:control"],
            ),
            (
                r#"["tcp://[::1]:0", "tcp://[::1]:0"]"#,
                vec!["tcp://[::1]:0", "tcp://[::1]:0"],
            ),
        ] {
            let control = read(text).unwrap();
            assert_eq!(control.written_listen(), written, "{text}");
            assert_eq!(control.is_default, text.contains("default"), "{text}");
        }
    }

    #[test]
    fn wrong_addresses_are_explained() {
        for (text, parts) in [
            (r#""default""#, vec!["expected a list of addresses"]),
            (r#"["defualt"]"#, vec!["\"default\" is the usual socket"]),
            (
                r#"["unix://x", "tcp://localhost:1"]"#,
                vec!["absolute path", "names are not looked up"],
            ),
            (r#"["default", "unix:///x"]"#, vec!["stands alone"]),
            (r#"["default", "default"]"#, vec!["stands alone"]),
            (
                r#"["unix:///x", "unix:///x"]"#,
                vec!["unix:///x is given twice"],
            ),
        ] {
            let messages = read(text).unwrap_err();
            assert_eq!(messages.len(), parts.len(), "{text}: {messages:?}");
            for (message, part) in messages.iter().zip(parts) {
                assert!(message.contains(part), "{text}: {messages:?}");
            }
        }
    }
}
