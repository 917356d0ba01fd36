//! JWTs that a client connects with: which claims count, and what is wrong with them.
//!
//! `sub` is the user, `sid` the session, `channels` the channels. A token ends at `exp`, or where
//! that is missing a minute after `iat`; one that has neither would be good for ever and is refused.
//! Times are whole numbers, as the original has them. A claim that is `null` is not there.

use std::fmt;

use serde_json::{Map, Value};

use crate::dialects::dsock::directory::LONGEST_NAME;
use crate::dialects::dsock::names;
use crate::limits::{Limit, Limits};
use crate::protocol::json_web_token::{TokenFault, verify};

/// Seconds from `iat` for which a token without `exp` is good.
const USUAL_LIFETIME: i64 = 60;

/// Who connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user; not empty.
    pub user: String,
    /// The session; empty for none.
    pub session: String,
    /// The channels; none empty, none twice, none with a comma.
    pub channels: Vec<String>,
}

/// What is wrong with a claim. No value is repeated, but for times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimFault {
    /// It is needed and is not there.
    Missing,
    /// It is of another type than this.
    NotA(&'static str),
    /// It is longer than the limit.
    TooLong(Limit),
    /// The time is past by so many seconds.
    Past(i64),
    /// The time is so many seconds ahead.
    Ahead(i64),
    /// There is neither this claim nor `iat`.
    Endless,
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("is missing"),
            Self::NotA(kind) => write!(formatter, "is not {kind}"),
            Self::TooLong(limit) => write!(formatter, "is over {}", limit.row().key),
            Self::Past(seconds) => write!(formatter, "has passed {seconds} s ago"),
            Self::Ahead(seconds) => write!(formatter, "is {seconds} s ahead of the clock"),
            Self::Endless => formatter.write_str("is missing, and so is iat"),
        }
    }
}

/// What is wrong with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwtFault {
    /// Its form, algorithm or signature.
    Token(TokenFault),
    /// One of its claims.
    Claim(&'static str, ClaimFault),
}

impl fmt::Display for JwtFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(fault) => fault.fmt(formatter),
            Self::Claim(name, fault) => write!(formatter, "claim {name} {fault}"),
        }
    }
}

impl std::error::Error for JwtFault {}

/// Checks a token; `now` is in seconds since 1970.
///
/// # Errors
/// The first thing that is wrong: the form, the algorithm, the signature, then the claims in the
/// order of [`check_claims`].
pub fn authenticate(
    token: &str,
    secret: &[u8],
    limits: &Limits,
    now: u64,
) -> Result<Identity, JwtFault> {
    let claims = verify(token, secret).map_err(JwtFault::Token)?;
    for (name, result) in check_claims(claims.members(), limits, now) {
        result.map_err(|fault| JwtFault::Claim(name, fault))?;
    }
    let text = |name| claims.text(name).unwrap_or_default().to_owned();
    Ok(Identity {
        user: text("sub"),
        session: text("sid"),
        channels: channels(claims.get("channels")).unwrap_or_default(),
    })
}

/// Every claim that counts, and whether it is right.
pub fn check_claims(
    claims: &Map<String, Value>,
    limits: &Limits,
    now: u64,
) -> [(&'static str, Result<(), ClaimFault>); 6] {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let get = |name| claims.get(name).filter(|value| !value.is_null());
    [
        ("sub", check_user(get("sub"), limits)),
        ("sid", check_session(get("sid"), limits)),
        ("channels", check_channels(get("channels"), limits)),
        ("exp", check_end(get("exp"), get("iat"), now)),
        ("nbf", check_begin(get("nbf"), now)),
        ("iat", check_begin(get("iat"), now)),
    ]
}

fn check_user(value: Option<&Value>, limits: &Limits) -> Result<(), ClaimFault> {
    let user = value.ok_or(ClaimFault::Missing)?;
    match user.as_str() {
        None | Some("") => Err(ClaimFault::NotA("a text that is not empty")),
        Some(user) => check_name(user, limits),
    }
}

fn check_session(value: Option<&Value>, limits: &Limits) -> Result<(), ClaimFault> {
    match value.map(Value::as_str) {
        None => Ok(()),
        Some(None) => Err(ClaimFault::NotA("a text")),
        Some(Some(session)) => check_name(session, limits),
    }
}

fn check_name(name: &str, limits: &Limits) -> Result<(), ClaimFault> {
    if name.len() > limits.dsock_name.min(LONGEST_NAME) {
        return Err(ClaimFault::TooLong(Limit::DsockName));
    }
    Ok(())
}

fn check_channels(value: Option<&Value>, limits: &Limits) -> Result<(), ClaimFault> {
    let channels = channels(value).ok_or(ClaimFault::NotA("a list of texts"))?;
    if channels.len() > limits.dsock_channels {
        return Err(ClaimFault::TooLong(Limit::DsockChannels));
    }
    if channels.iter().any(|name| name.len() > limits.channel_name) {
        return Err(ClaimFault::TooLong(Limit::ChannelName));
    }
    Ok(())
}

/// Nothing if it is another kind of value.
fn channels(value: Option<&Value>) -> Option<Vec<String>> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Some(Vec::new());
    };
    let texts: Option<Vec<&str>> = value.as_array()?.iter().map(Value::as_str).collect();
    Some(names::split(texts?))
}

fn check_end(exp: Option<&Value>, iat: Option<&Value>, now: i64) -> Result<(), ClaimFault> {
    let end = match (exp, iat) {
        (Some(exp), _) => seconds(exp)?,
        // What is wrong with iat is told there.
        (None, Some(iat)) => seconds(iat).map_or(i64::MAX, |at| at.saturating_add(USUAL_LIFETIME)),
        (None, None) => return Err(ClaimFault::Endless),
    };
    if end <= now {
        return Err(ClaimFault::Past(now.saturating_sub(end)));
    }
    Ok(())
}

fn check_begin(value: Option<&Value>, now: i64) -> Result<(), ClaimFault> {
    let Some(begin) = value.map(seconds).transpose()? else {
        return Ok(());
    };
    if begin > now {
        return Err(ClaimFault::Ahead(begin.saturating_sub(now)));
    }
    Ok(())
}

fn seconds(value: &Value) -> Result<i64, ClaimFault> {
    value
        .as_i64()
        .ok_or(ClaimFault::NotA("a whole number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::json_web_token::sign;
    use serde_json::json;

    const SECRET: &[u8] = b"a secret for tests";
    const NOW: u64 = 1_795_210_504;

    fn check(claims: &Value) -> Result<Identity, String> {
        let token = sign(claims.as_object().unwrap(), SECRET).unwrap();
        authenticate(&token, SECRET, &Limits::default(), NOW).map_err(|fault| fault.to_string())
    }

    #[test]
    fn who_connects_is_in_the_claims() {
        let identity = check(&json!({
            "sub": "u1", "sid": "s2", "channels": ["a", "a", "", "global", "x,y"], "exp": NOW + 1
        }));
        let expected = Identity {
            user: "u1".into(),
            session: "s2".into(),
            channels: ["a", "global", "x", "y"].map(String::from).to_vec(),
        };
        assert_eq!(identity, Ok(expected));
        let bare = check(&json!({"sub": "u", "iat": NOW - 59, "sid": null, "channels": null}));
        assert_eq!(bare.unwrap().channels, [""; 0]);
        // The claims of the original's own tests, which end in 2038.
        assert!(check(&json!({"sub": "connect", "sid": "jwt", "exp": 2_147_485_546_u64})).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_of_its_claim() {
        let long = "x".repeat(257);
        let many: Vec<_> = (0..129).map(|number| number.to_string()).collect();
        let exp = NOW + 60;
        for (claims, fault) in [
            (json!({"exp": exp}), "claim sub is missing"),
            (json!({"sub": null, "exp": exp}), "claim sub is missing"),
            (
                json!({"sub": "", "exp": exp}),
                "claim sub is not a text that is not empty",
            ),
            (
                json!({"sub": 1, "exp": exp}),
                "claim sub is not a text that is not empty",
            ),
            (
                json!({"sub": long, "exp": exp}),
                "claim sub is over dsock.name",
            ),
            (
                json!({"sub": "u", "sid": 5, "exp": exp}),
                "claim sid is not a text",
            ),
            (
                json!({"sub": "u", "sid": long, "exp": exp}),
                "claim sid is over dsock.name",
            ),
            (
                json!({"sub": "u", "channels": "a", "exp": exp}),
                "claim channels is not a list of texts",
            ),
            (
                json!({"sub": "u", "channels": ["a", 1], "exp": exp}),
                "claim channels is not a list of texts",
            ),
            (
                json!({"sub": "u", "channels": many, "exp": exp}),
                "claim channels is over dsock.channels",
            ),
            (
                json!({"sub": "u", "channels": [long], "exp": exp}),
                "claim channels is over limits.channel_name",
            ),
            (json!({"sub": "u"}), "claim exp is missing, and so is iat"),
            (
                json!({"sub": "u", "exp": null}),
                "claim exp is missing, and so is iat",
            ),
            (
                json!({"sub": "u", "exp": "x"}),
                "claim exp is not a whole number of seconds",
            ),
            (
                json!({"sub": "u", "exp": exp.to_string()}),
                "claim exp is not a whole number of seconds",
            ),
            (
                json!({"sub": "u", "exp": exp as f64 + 0.5}),
                "claim exp is not a whole number of seconds",
            ),
            (
                json!({"sub": "u", "exp": u64::MAX}),
                "claim exp is not a whole number of seconds",
            ),
            (
                json!({"sub": "u", "exp": NOW}),
                "claim exp has passed 0 s ago",
            ),
            (
                json!({"sub": "u", "exp": NOW - 1, "iat": NOW}),
                "claim exp has passed 1 s ago",
            ),
            (
                json!({"sub": "u", "exp": i64::MIN}),
                "claim exp has passed 9223372036854775807 s ago",
            ),
            (
                json!({"sub": "u", "iat": NOW - 60}),
                "claim exp has passed 0 s ago",
            ),
            (
                json!({"sub": "u", "iat": NOW + 61}),
                "claim iat is 61 s ahead of the clock",
            ),
            (
                json!({"sub": "u", "iat": "x"}),
                "claim iat is not a whole number of seconds",
            ),
            (
                json!({"sub": "u", "exp": exp, "nbf": NOW + 1}),
                "claim nbf is 1 s ahead of the clock",
            ),
            (
                json!({"sub": "u", "exp": exp, "nbf": "1"}),
                "claim nbf is not a whole number of seconds",
            ),
            (
                json!({"sub": "u", "exp": exp, "iat": [1]}),
                "claim iat is not a whole number of seconds",
            ),
        ] {
            assert_eq!(check(&claims), Err(fault.to_owned()), "{claims}");
        }
    }
}
