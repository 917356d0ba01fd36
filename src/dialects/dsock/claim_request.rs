//! The parameters of `POST /claim`.

use std::time::Duration;

use crate::dialects::dsock::error::{ApiError, ErrorCode};
use crate::dialects::dsock::names;
use crate::protocol::query_string::Query;

/// How long a claim is good for that does not say.
const USUAL_DURATION: u64 = 60;

/// The last second that has a date of four digits: 9999-12-31 23:59:59 UTC.
const LAST_SECOND: u64 = 253_402_300_799;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClaimRequest<'a> {
    /// The id, if the claim is to have a certain one.
    pub(super) id: Option<&'a str>,
    /// Whose connection it makes.
    pub(super) user: &'a str,
    /// The session; empty for none.
    pub(super) session: &'a str,
    /// The channels of the connection.
    pub(super) channels: Vec<String>,
    /// When it ends, as time since 1970.
    pub(super) expires: Duration,
}

impl<'a> ClaimRequest<'a> {
    /// Reads the parameters; `now` is the time since 1970.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order of the original.
    pub(super) fn read(query: &'a Query<'_>, now: Duration) -> Result<Self, ApiError> {
        let user = query.filled("user").ok_or(ErrorCode::UserIdRequired)?;
        Ok(Self {
            id: query.filled("id"),
            user,
            session: query.filled("session").unwrap_or_default(),
            channels: names::split(query.filled("channels")),
            expires: expires(query, now)?,
        })
    }
}

/// An expiration is a time, a duration begins now.
fn expires(query: &Query<'_>, now: Duration) -> Result<Duration, ApiError> {
    if let Some(text) = query.filled("expiration") {
        let expiration = integer(text).ok_or(ErrorCode::InvalidExpiration)?;
        let seconds = positive(expiration).ok_or(ErrorCode::NegativeExpiration)?;
        if seconds > LAST_SECOND {
            return Err(too_late(ErrorCode::InvalidExpiration, "expiration"));
        }
        let expires = Some(Duration::from_secs(seconds)).filter(|expires| *expires > now);
        return Ok(expires.ok_or(ErrorCode::InvalidExpiration)?);
    }
    let seconds = match query.filled("duration") {
        Some(text) => {
            let duration = integer(text).ok_or(ErrorCode::InvalidDuration)?;
            positive(duration).ok_or(ErrorCode::NegativeDuration)?
        }
        None => USUAL_DURATION,
    };
    now.checked_add(Duration::from_secs(seconds))
        .filter(|expires| expires.as_secs() <= LAST_SECOND)
        .ok_or_else(|| too_late(ErrorCode::InvalidDuration, "duration"))
}

/// It is an integer, which the message of the original denies.
fn too_late(code: ErrorCode, parameter: &str) -> ApiError {
    let message = format!("The {parameter} is too large: the claim would end after the year 9999");
    ApiError::with_message(code, message)
}

/// Digits with a sign or without.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(1_795_209_589_900);

    fn read(query: &str) -> Result<(u64, Vec<String>), ErrorCode> {
        let query = Query::parse(query);
        ClaimRequest::read(&query, NOW)
            .map(|request| (request.expires.as_secs(), request.channels))
            .map_err(|error| error.code)
    }

    #[test]
    fn times_are_as_recorded() {
        use ErrorCode::{InvalidDuration, InvalidExpiration, NegativeDuration, NegativeExpiration};
        for (query, expected) in [
            ("", Ok(1_795_209_649)),
            ("expiration=", Ok(1_795_209_649)),
            ("expiration=abc", Err(InvalidExpiration)),
            ("expiration=1.5", Err(InvalidExpiration)),
            ("expiration=%201", Err(InvalidExpiration)),
            ("expiration=0x10", Err(InvalidExpiration)),
            ("expiration=0", Err(NegativeExpiration)),
            ("expiration=-1", Err(NegativeExpiration)),
            ("expiration=1", Err(InvalidExpiration)),
            ("expiration=1795209589", Err(InvalidExpiration)),
            ("expiration=99999999999999999999", Err(InvalidExpiration)),
            ("expiration=253402300800", Err(InvalidExpiration)),
            ("expiration=253402300799", Ok(253_402_300_799)),
            ("expiration=1795209689", Ok(1_795_209_689)),
            ("expiration=1795209590", Ok(1_795_209_590)),
            ("expiration=abc&duration=5", Err(InvalidExpiration)),
            ("duration=abc", Err(InvalidDuration)),
            ("duration=1.5", Err(InvalidDuration)),
            ("duration=0", Err(NegativeDuration)),
            ("duration=-5", Err(NegativeDuration)),
            ("duration=%2B5", Ok(1_795_209_594)),
            ("duration=", Ok(1_795_209_649)),
            ("duration=10", Ok(1_795_209_599)),
            ("duration=9223372036854775807", Err(InvalidDuration)),
            ("duration=99999999999999999999", Err(InvalidDuration)),
        ] {
            let query = format!("user=u1&{query}");
            assert_eq!(read(&query).map(|(end, _)| end), expected, "{query}");
        }
    }

    #[test]
    fn an_integer_that_is_too_large_is_not_said_to_be_none() {
        let digits = "99999999999999999999";
        let usual = "(must be a integer)";
        for (query, message) in [
            (format!("duration={digits}"), usual),
            (format!("expiration={digits}"), usual),
            ("duration=253402300799".to_owned(), "The duration is too"),
            (
                "expiration=253402300800".to_owned(),
                "The expiration is too",
            ),
        ] {
            let query = format!("user=u1&{query}");
            let error = ClaimRequest::read(&Query::parse(&query), NOW).unwrap_err();
            assert!(error.message.contains(message), "{query}: {error:?}");
        }
    }

    #[test]
    fn a_user_is_asked_for_first() {
        assert_eq!(read("expiration=abc"), Err(ErrorCode::UserIdRequired));
        assert_eq!(read("user="), Err(ErrorCode::UserIdRequired));
        assert_eq!(read("user=u&channels=a,,b,a").unwrap().1, ["a", "b"]);
    }
}
