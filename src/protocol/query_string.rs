//! The query of a request as names with values (`application/x-www-form-urlencoded`, as HTML forms
//! and `URLSearchParams` write it).
//!
//! What cannot be read is told, with its place, and is never guessed: two programs could read it
//! differently. What can be read is there nevertheless.

use std::borrow::Cow;
use std::fmt;

/// A part of a query that cannot be read. Positions are byte offsets in the query as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFault {
    /// A `%` that two hexadecimal digits do not follow.
    Escape {
        /// Where the `%` is.
        position: usize,
    },
    /// A name or value that is not UTF-8 once decoded.
    NotUtf8 {
        /// Where it begins.
        position: usize,
    },
}

impl fmt::Display for QueryFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escape { position } => write!(
                formatter,
                "the query has a % without two hexadecimal digits at byte {position}"
            ),
            Self::NotUtf8 { position } => {
                write!(formatter, "the query is not UTF-8 behind byte {position}")
            }
        }
    }
}

impl std::error::Error for QueryFault {}

/// The names and values of a query, in their order.
#[derive(Clone, Default)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    fault: Option<QueryFault>,
}

impl<'a> Query<'a> {
    /// Reads `raw`, which is what follows the `?`. `+` is a space, a name without `=` has an empty
    /// value.
    pub fn parse(raw: &'a str) -> Self {
        let mut query = Self::default();
        let mut position = 0;
        for pair in raw.split('&') {
            if !pair.is_empty() {
                match decode_pair(pair, position) {
                    Ok(pair) => query.pairs.push(pair),
                    Err(fault) => query.fault = query.fault.or(Some(fault)),
                }
            }
            position += pair.len() + 1;
        }
        query
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs.iter();
        let (_, value) = pairs.find(|(other, _)| other == name)?;
        Some(value)
    }

    /// As [`Self::get`], but an empty value is none.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The first part that could not be read, and is not among the values.
    pub fn fault(&self) -> Option<QueryFault> {
        self.fault
    }
}

/// Values can be secrets, so they are not shown.
impl fmt::Debug for Query<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Query({})", self.pairs.len())
    }
}

fn decode_pair(pair: &str, position: usize) -> Result<(Cow<'_, str>, Cow<'_, str>), QueryFault> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let value_position = position + (name.len() + 1).min(pair.len());
    Ok((decode(name, position)?, decode(value, value_position)?))
}

/// Decodes one name or value that begins at `position`.
fn decode(raw: &str, position: usize) -> Result<Cow<'_, str>, QueryFault> {
    if !raw.contains(['%', '+']) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let position = position + raw.len() - behind.len() - 1;
                let fault = QueryFault::Escape { position };
                let (digits, behind) = behind.split_first_chunk::<2>().ok_or(fault)?;
                decoded.push(escaped_byte(*digits).ok_or(fault)?);
                rest = behind;
            }
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| QueryFault::NotUtf8 { position })
}

fn escaped_byte([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded_and_the_first_counts() {
        let query = Query::parse("&a=1&b=x+y%20z&&a=2&c&d=&=e&%c3%a9=%E2%82%ac&f==g&h=i;j=k");
        for (name, value) in [
            ("a", Some("1")),
            ("b", Some("x y z")),
            ("c", Some("")),
            ("d", Some("")),
            ("", Some("e")),
            ("é", Some("€")),
            ("f", Some("=g")),
            ("h", Some("i;j=k")),
            ("j", None),
        ] {
            assert_eq!(query.get(name), value, "{name}");
        }
        assert_eq!(query.filled("d"), None);
        assert_eq!(query.fault(), None);
        assert_eq!(format!("{query:?}"), "Query(9)");
    }

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_is_there() {
        for (raw, fault) in [
            ("%", QueryFault::Escape { position: 0 }),
            ("ok=1&a=%4", QueryFault::Escape { position: 7 }),
            ("ok=1&%zz=1", QueryFault::Escape { position: 5 }),
            ("a=%+1&ok=1", QueryFault::Escape { position: 2 }),
            ("ok=1&a=x%ff", QueryFault::NotUtf8 { position: 7 }),
            ("%ff=1&b=%", QueryFault::NotUtf8 { position: 0 }),
        ] {
            let query = Query::parse(raw);
            assert_eq!(query.fault(), Some(fault), "{raw}");
            let ok = raw.contains("ok").then_some("1");
            assert_eq!(query.get("ok"), ok, "{raw}");
        }
    }
}
