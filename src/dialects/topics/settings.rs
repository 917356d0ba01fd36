//! What the configuration says about topics.

use std::time::Duration;

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

/// How much of a topic is kept for clients that ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Nothing.
    #[default]
    Nothing,
    /// So many messages, at least one.
    Last(usize),
    /// What was sent within this time, which is not zero.
    For(Duration),
}

/// How much is kept of the topics whose name begins with a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixKeep {
    /// The beginning of the topic's name, with its slash: `/chat`.
    pub prefix: String,
    /// How much is kept.
    pub keep: Keep,
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
    /// How much is kept where no prefix says otherwise.
    pub keep: Keep,
    /// How much is kept by prefix; the longest that fits counts.
    pub keep_prefixes: Vec<PrefixKeep>,
}

impl Default for Settings {
    fn default() -> Self {
        let drop_old = |prefix: &str| PrefixPolicy {
            prefix: prefix.to_owned(),
            policy: OutputPolicy::DropOld,
        };
        let no_history = |prefix: &str| PrefixKeep {
            prefix: prefix.to_owned(),
            keep: Keep::Nothing,
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
            keep: Keep::Nothing,
            keep_prefixes: vec![no_history("/video"), no_history("/out/video")],
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

    /// How much is kept of a topic: by its longest prefix, else as usual.
    pub fn keep_of(&self, topic: &str) -> Keep {
        self.keep_prefixes
            .iter()
            .filter(|row| topic.starts_with(&row.prefix))
            .max_by_key(|row| row.prefix.len())
            .map_or(self.keep, |row| row.keep)
    }

    /// Whether anything is kept of any topic.
    pub fn keeps_anything(&self) -> bool {
        let prefixes = self.keep_prefixes.iter().map(|row| row.keep);
        prefixes
            .chain([self.keep])
            .any(|keep| keep != Keep::Nothing)
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
    fn pictures_are_not_kept_unless_it_is_said() {
        let mut settings = Settings::default();
        assert!(!settings.keeps_anything());
        settings.keep = Keep::Last(5);
        assert!(settings.keeps_anything());
        for (topic, keep) in [
            ("/demo", Keep::Last(5)),
            ("/out/x", Keep::Last(5)),
            ("/video", Keep::Nothing),
            ("/out/video0", Keep::Nothing),
        ] {
            assert_eq!(settings.keep_of(topic), keep, "{topic}");
        }
        settings.keep_prefixes.push(PrefixKeep {
            prefix: "/video/still".to_owned(),
            keep: Keep::Last(1),
        });
        assert_eq!(settings.keep_of("/video/still/1"), Keep::Last(1));
        settings.keep = Keep::Nothing;
        assert!(settings.keeps_anything());
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
