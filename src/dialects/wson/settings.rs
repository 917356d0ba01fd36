//! What the configuration says about ws(s)on.

use crate::protocol::origin::Origin;
use crate::secret::Secret;

/// How the cookies are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DigestKind {
    /// MD5 of the secret and the fields, as the original has it.
    #[default]
    Md5,
    /// HMAC-SHA-256 of the fields, each with its length.
    HmacSha256,
}

/// What happens to a message from a client, beside the events of the control port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMessage {
    /// Nothing.
    #[default]
    Ignore,
    /// It goes back to its sender.
    Echo,
    /// It goes to all clients.
    Broadcast,
}

/// The `[wson]` section, less its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The secret of the digest. Where it is empty, nobody is let in.
    pub secret: Secret,
    /// Whose pages may connect.
    pub origins: Vec<Origin>,
    /// How the cookies are signed.
    pub digest: DigestKind,
    /// What happens to messages from clients.
    pub on_message: OnMessage,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            secret: Secret::default(),
            origins: vec![Origin::Loopback],
            digest: DigestKind::default(),
            on_message: OnMessage::default(),
        }
    }
}

impl Settings {
    /// Whether pages of this origin may connect. Without an `Origin` a client may only where any
    /// will do.
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        self.origins
            .iter()
            .any(|allowed| origin.map_or(*allowed == Origin::Any, |origin| allowed.allows(origin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_on_any_port() {
        let settings = Settings::default();
        for origin in [
            "http://localhost",
            "https://localhost",
            "http://localhost:8080",
            "http://127.0.0.1",
            "https://127.0.0.1:65535",
            "http://127.8.9.10:1",
            "http://[::1]",
            "http://[::1]:8080",
        ] {
            assert!(settings.allows_origin(Some(origin)), "{origin}");
        }
        for origin in [
            "",
            "null",
            "*",
            "localhost",
            "//localhost",
            "ws://localhost",
            "file://localhost",
            "http://",
            "http://localhost.example.com",
            "http://localhost.",
            "http://xlocalhost",
            "http://LOCALHOST",
            "http://localhost:",
            "http://localhost:x",
            "http://localhost:+80",
            "http://localhost:65536",
            "http://localhost:80@example.com",
            "http://localhost:80:80",
            "http://localhost/",
            "http://localhost ",
            "http://user@localhost",
            "http://example.com",
            "http://128.0.0.1",
            "http://127.1",
            "http://0.0.0.0",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1:127",
            "http://[::1",
            "http://[::2]",
            "http://::1",
            "http://[::1]x",
            "http://[::1]:80]",
        ] {
            assert!(!settings.allows_origin(Some(origin)), "{origin}");
        }
        assert!(!settings.allows_origin(None));
    }

    #[test]
    fn other_origins_are_compared_exactly() {
        let mut settings = Settings {
            origins: vec![Origin::Exact("https://a.example".to_owned())],
            ..Settings::default()
        };
        assert!(settings.allows_origin(Some("https://a.example")));
        for origin in [
            "http://a.example",
            "https://a.example:8443",
            "https://A.example",
            "https://a.example/",
            "http://localhost",
        ] {
            assert!(!settings.allows_origin(Some(origin)), "{origin}");
        }
        assert!(!settings.allows_origin(None));
        settings.origins.push(Origin::Any);
        assert!(settings.allows_origin(Some("anything")) && settings.allows_origin(None));
        settings.origins.clear();
        assert!(!settings.allows_origin(Some("http://localhost")));
    }
}
