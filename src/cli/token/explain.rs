//! `fantail token explain`: whether a client of dSock could connect with a JWT, and if not, why.

use crate::cli::{Failure, configuration, output};
use crate::config::Config;
use crate::dialects::dsock::jwt::check_claims;
use crate::limits::Limits;
use crate::logging::visible;
use crate::protocol::json_web_token::{TokenFault, read_unverified, verify};
use crate::secret::Secret;
use clap::Args;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::io::Read;

/// Bytes read from standard input: more than a token has.
const LONGEST_INPUT: u64 = 64 * 1024;

/// The arguments of `fantail token explain`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The JWT; - reads it from standard input, where other users of the machine do not see it
    token: String,

    #[command(flatten)]
    configuration: configuration::Arguments,
}

/// Prints a line on the algorithm, the signature and each claim.
///
/// # Errors
/// If something is wrong with the token, once all is said; or with the configuration.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.configuration.into_sources())?.config;
    let token = match arguments.token.as_str() {
        "-" => read_input()?,
        token => token.to_owned(),
    };
    let secret = &config.dsock.jwt_secret;
    let now = super::epoch_seconds();
    let (text, is_good) = explain(token.trim(), secret, &config.limits, now);
    output::print(&text)?;
    if is_good {
        Ok(())
    } else {
        Err(Failure::Runtime(
            "no client can connect with this token".to_owned(),
        ))
    }
}

fn read_input() -> Result<String, Failure> {
    let mut token = String::new();
    let input = std::io::stdin().lock();
    input
        .take(LONGEST_INPUT)
        .read_to_string(&mut token)
        .map_err(|error| Failure::Runtime(format!("cannot read standard input: {error}")))?;
    Ok(token)
}

/// What is to be said, and whether all is right.
fn explain(token: &str, secret: &Secret, limits: &Limits, now: u64) -> (String, bool) {
    let mut text = String::new();
    let [header, claims] = match read_unverified(token) {
        Ok(parts) => parts,
        Err(fault) => return (format!("token: {}\n", visible(&fault.to_string())), false),
    };
    let algorithm = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), shown);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "alg: {}", algorithm(header.get("alg")));
    let signature = match verify(token, secret.as_bytes()) {
        _ if secret.is_empty() => Err("dsock.jwt_secret is empty, so no token is good".to_owned()),
        Ok(_) => Ok(()),
        Err(fault @ TokenFault::Critical) => Err(format!("not checked, {fault}")),
        Err(fault) => Err(fault.to_string()),
    };
    let mut is_good = signature.is_ok();
    let _ = match signature {
        Ok(()) => writeln!(text, "signature: ok, by dsock.jwt_secret"),
        Err(fault) => writeln!(text, "signature: {}", visible(&fault)),
    };
    for (name, result) in check_claims(&claims, limits, now) {
        is_good &= result.is_ok();
        let value = claim(&claims, name);
        let _ = match result {
            Ok(()) => writeln!(text, "{name}: ok, {value}"),
            Err(fault) => writeln!(text, "{name}: {fault}, {value}"),
        };
    }
    (text, is_good)
}

fn claim(claims: &Map<String, Value>, name: &str) -> String {
    match claims.get(name) {
        None => "not there".to_owned(),
        Some(value) => shown(value),
    }
}

/// A value out of a token, which may come from anybody.
fn shown(value: &Value) -> String {
    visible(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::json_web_token::sign;
    use base64::Engine;
    use serde_json::json;

    const NOW: u64 = 1_700_000_000;

    fn explained(claims: &Value, secret: &str) -> (String, bool) {
        let token = sign(claims.as_object().unwrap(), b"hunter2").unwrap();
        explain(&token, &Secret::new(secret), &Limits::default(), NOW)
    }

    #[test]
    fn a_good_token_is_ok_in_everything() {
        let claims = json!({"sub": "1", "channels": ["a"], "exp": NOW + 60, "iat": NOW});
        let (text, is_good) = explained(&claims, "hunter2");
        assert_eq!(
            text,
            "alg: \"HS256\"\nsignature: ok, by dsock.jwt_secret\nsub: ok, \"1\"\n\
             sid: ok, not there\nchannels: ok, [\"a\"]\nexp: ok, 1700000060\n\
             nbf: ok, not there\niat: ok, 1700000000\n"
        );
        assert!(is_good);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_and_the_secret_never() {
        let claims = json!({"sub": 1, "exp": NOW - 60, "nbf": NOW + 5, "channels": "a"});
        let (text, is_good) = explained(&claims, "other than hunter2");
        for line in [
            "signature: signature is invalid",
            "sub: is not a text that is not empty, 1",
            "channels: is not a list of texts, \"a\"",
            "exp: has passed 60 s ago, 1699999940",
            "nbf: is 5 s ahead of the clock, 1700000005",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert!(!is_good && !text.contains("hunter2"));
        let foreign = json!({"sub": "a\u{202e}b\u{1b}[2J\u{9b}c", "exp": NOW + 60});
        let (text, _) = explained(&foreign, "hunter2");
        let line = r#"sub: ok, "a\u{202e}b\u001b[2J\u{9b}c""#;
        assert!(text.lines().any(|other| other == line), "{text}");
        let (text, is_good) = explained(&claims, "");
        assert!(text.contains("dsock.jwt_secret is empty") && !is_good);
        let (text, is_good) = explain("a.b", &Secret::new("x"), &Limits::default(), NOW);
        assert_eq!(
            text,
            "token: token contains an invalid number of segments\n"
        );
        assert!(!is_good);
    }

    #[test]
    fn an_extension_that_must_be_known_is_told_of() {
        let header = r#"{"alg":"HS256","crit":["x"]}"#;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.AA", encode(header), encode("{}"));
        let (text, is_good) = explain(&token, &Secret::new("x"), &Limits::default(), NOW);
        assert!(!is_good);
        assert!(
            text.contains("signature: not checked, token header has crit"),
            "{text}"
        );
    }
}
