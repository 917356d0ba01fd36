//! What the configuration says about topics.

use crate::relay::output_policy::OutputPolicy;
use crate::secret::Secret;

/// Who may see the statistics page and its feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatisticsAccess {
    /// Clients on this machine.
    #[default]
    Loopback,
    /// Anybody.
    Open,
    /// Nobody.
    Off,
}

/// A policy for the topics whose name begins with a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixPolicy {
    /// The beginning of the topic's name, with its slash: `/video`.
    pub prefix: String,
    /// What happens to its slow receivers.
    pub policy: OutputPolicy,
}

/// The `[topics]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The secret of the tokens (HMAC); empty: no tokens, everybody may send and receive.
    pub secret: Secret,
    /// What precedes the topic in a token's `aud`.
    pub audience: String,
    /// Who may see the statistics.
    pub statistics: StatisticsAccess,
    /// Origins whose pages may connect, in lower case; `*` is any. A client that sends no
    /// `Origin` (it is no browser) may always.
    pub origins: Vec<String>,
    /// What happens to slow receivers where no prefix says otherwise.
    pub policy: OutputPolicy,
    /// Policies by prefix; the longest that fits counts.
    pub policies: Vec<PrefixPolicy>,
    /// Whether messages are compressed for the clients that offer it.
    pub compression: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let drop_old = |prefix: &str| PrefixPolicy {
            prefix: prefix.to_owned(),
            policy: OutputPolicy::DropOld,
        };
        Self {
            secret: Secret::default(),
            audience: String::new(),
            statistics: StatisticsAccess::default(),
            origins: vec!["*".to_owned()],
            policy: OutputPolicy::default(),
            policies: vec![
                drop_old("/video"),
                drop_old("/in/video"),
                drop_old("/out/video"),
            ],
            compression: false,
        }
    }
}

impl Settings {
    /// What happens to slow receivers of a topic: by its longest prefix, else as usual.
    pub fn policy_of(&self, topic: &str) -> OutputPolicy {
        self.policies
            .iter()
            .filter(|policy| topic.starts_with(&policy.prefix))
            .max_by_key(|policy| policy.prefix.len())
            .map_or(self.policy, |policy| policy.policy)
    }

    /// Whether pages of this origin may connect.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let mut settings = Settings::default();
        settings.policies.push(PrefixPolicy {
            prefix: "/video/still".to_owned(),
            policy: OutputPolicy::Latest,
        });
        assert_eq!(settings.policy_of("/demo"), OutputPolicy::Close);
        assert_eq!(settings.policy_of("/video0"), OutputPolicy::DropOld);
        assert_eq!(settings.policy_of("/video/still/1"), OutputPolicy::Latest);
    }

    #[test]
    fn origins() {
        let mut settings = Settings::default();
        assert!(settings.allows_origin("http://any"));
        settings.origins = vec!["https://example.com".to_owned()];
        assert!(settings.allows_origin("HTTPS://Example.com"));
        assert!(!settings.allows_origin("https://example.com:8443"));
    }
}
