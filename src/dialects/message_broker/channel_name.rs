//! Names of channels. The original compares them as PHP does with `==`: names that are numbers
//! are the same channel if the numbers are, so that `10`, `"010"` and `"1e1"` are one. What is
//! kept is kept under the exact name.

use crate::dialects::message_broker::command::parse_numeric;

/// Whole numbers that a double tells apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What two names have in common that are the same channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ChannelKey {
    /// A name that is no number.
    Name(Box<str>),
    /// A whole number.
    Whole(i64),
    /// Any other number, by its bits.
    Number(u64),
}

/// A name of a channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChannelName {
    exact: Box<str>,
    key: ChannelKey,
}

impl ChannelName {
    /// The name as it was sent.
    pub(super) fn new(exact: &str) -> Self {
        Self {
            key: key_of(exact),
            exact: exact.into(),
        }
    }

    /// The name as it was sent.
    pub(super) fn exact(&self) -> &str {
        &self.exact
    }

    /// What all names of the same channel have in common.
    pub(super) fn key(&self) -> &ChannelKey {
        &self.key
    }
}

fn key_of(name: &str) -> ChannelKey {
    if let Ok(whole) = name.trim_ascii().parse() {
        return ChannelKey::Whole(whole);
    }
    match parse_numeric(name) {
        Some(number) if number.fract() == 0.0 && number.abs() < EXACT => {
            ChannelKey::Whole(number as i64)
        }
        Some(number) => ChannelKey::Number(number.to_bits()),
        None => ChannelKey::Name(name.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_channel_however_they_are_written() {
        let same = |a: &str, b: &str| key_of(a) == key_of(b);
        for (a, b) in [
            ("10", "1e1"),
            ("10", "010"),
            ("10", "10.0"),
            ("1.5", "15e-1"),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("10", "10x"),
            ("", "0"),
            ("e", "0"),
            ("sms", "SMS"),
            ("9223372036854775806", "9223372036854775807"),
            ("-", "0"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }
}
