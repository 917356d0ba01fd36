//! What a single value cannot tell: bounds, and values that contradict each other.

use super::Config;
use super::units::format_bytes;
use crate::limits::{LIMITS, Limit, Value};
use std::time::Duration;

/// Limits for which 0 has a meaning: off, the system's own, or at once. Every other one would
/// refuse everybody.
const MAY_BE_ZERO: &[Limit] = &[
    Limit::Messages,
    Limit::Memory,
    Limit::Connections,
    Limit::TcpUserTimeout,
    Limit::LingerTime,
    Limit::OutputSoftTime,
    Limit::Gather,
    Limit::Drain,
];

/// The room of the parser for header fields.
const MOST_HEADERS: usize = 64;

/// Two values or a bound that contradict each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// The keys that are concerned; the first that was given has the blame.
    pub keys: Vec<&'static str>,
    /// One sentence with the names of the keys.
    pub message: String,
}

/// Everything that is contradictory.
pub(super) fn violations(config: &Config) -> Vec<Violation> {
    let limits = &config.limits;
    let mut found: Vec<_> = LIMITS
        .iter()
        .filter(|row| is_zero(limits.get(row.limit)) && !MAY_BE_ZERO.contains(&row.limit))
        .map(|row| Violation {
            keys: vec![row.key],
            message: format!("{}: expected more than 0", row.key),
        })
        .collect();
    if limits.headers > MOST_HEADERS {
        let key = Limit::Headers.row().key;
        found.push(Violation {
            keys: vec![key],
            message: format!(
                "{key}: expected at most {MOST_HEADERS}, not {}",
                limits.headers
            ),
        });
    }
    if limits.output_soft > limits.output {
        let (soft, hard) = (Limit::OutputSoft.row().key, Limit::Output.row().key);
        found.push(Violation {
            keys: vec![soft, hard],
            message: format!(
                "{soft} ({}) is more than {hard} ({})",
                format_bytes(limits.output_soft),
                format_bytes(limits.output)
            ),
        });
    }
    found
}

fn is_zero(value: Value) -> bool {
    matches!(
        value,
        Value::Bytes(0) | Value::Count(0) | Value::Period(Duration::ZERO)
    )
}

/// What is allowed but has no effect.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    if config.topics.secret.is_empty() && !config.topics.audience.is_empty() {
        found.push("topics.audience has no effect without topics.secret".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(change: impl Fn(&mut Config)) -> Vec<Vec<&'static str>> {
        let mut config = Config::default();
        change(&mut config);
        violations(&config).into_iter().map(|v| v.keys).collect()
    }

    #[test]
    fn the_defaults_contradict_nothing() {
        assert_eq!(violations(&Config::default()), []);
        assert_eq!(warnings(&Config::default()), [] as [String; 0]);
    }

    #[test]
    fn contradictions_are_found() {
        assert_eq!(keys_of(|c| c.limits.headers = 65), [["limits.headers"]]);
        assert_eq!(keys_of(|c| c.limits.message = 0), [["limits.message"]]);
        assert_eq!(
            keys_of(|c| c.limits.output_soft = c.limits.output + 1),
            [["limits.output_soft", "limits.output"]]
        );
        assert!(keys_of(|c| c.limits.messages = 0).is_empty());
    }

    #[test]
    fn every_limit_refuses_zero_or_gives_it_a_meaning() {
        for row in LIMITS {
            let zero = match row.default {
                Value::Bytes(_) => Value::Bytes(0),
                Value::Count(_) => Value::Count(0),
                Value::Period(_) => Value::Period(Duration::ZERO),
            };
            let mut config = Config::default();
            config.limits.set(row.limit, zero);
            let refused = violations(&config)
                .iter()
                .any(|v| v.keys == [row.key] && v.message.ends_with("more than 0"));
            assert_eq!(refused, !MAY_BE_ZERO.contains(&row.limit), "{}", row.key);
        }
    }
}
