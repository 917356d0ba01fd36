//! Tokens: who may use a topic, until when, and the answer that says so.

use serde_json::Value;

use crate::dialects::topics::go_text::{display, quote};
use crate::dialects::topics::settings::Settings;
use crate::protocol::json_web_token::{Claims, TimeClaim, check_times, verify};
use crate::relay::moment::Now;

/// A token that was accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grant {
    /// When it ends, in seconds since 1970; in the past for a token without `exp`.
    pub expires: f64,
}

/// Checks `token`, as the client sent it, for the topic at `path`.
///
/// # Errors
/// The reason, in the words of the original.
pub fn authenticate(
    settings: &Settings,
    path: &str,
    token: &str,
    now: Now,
) -> Result<Grant, String> {
    let claims = verify(token.trim(), settings.secret.as_bytes())
        .and_then(|claims| check_times(&claims, now.epoch_seconds()).map(|()| claims))
        .map_err(|fault| format!("Error reading token {fault}"))?;
    let wanted = format!("{}{path}", settings.audience);
    check_audience(&claims, &wanted)?;
    match claims.time("exp") {
        TimeClaim::At(expires) => Ok(Grant { expires }),
        // The original took it for a token that has ended already.
        TimeClaim::Missing => Ok(Grant { expires: 0.0 }),
        TimeClaim::NotNumeric => {
            Err("Couldn't calculate lifetime, leaving as zero lifetime connection".to_owned())
        }
    }
}

fn check_audience(claims: &Claims, wanted: &str) -> Result<(), String> {
    let audience = claims.get("aud").unwrap_or(&Value::Null);
    if audience.as_str() == Some(wanted) {
        return Ok(());
    }
    let given = display(audience);
    Err(format!(
        "Denied - not permitted to access {wanted} with token for {given}"
    ))
}

/// The answer to a token.
pub fn answer(path: &str, token: &str, result: &Result<Grant, String>) -> String {
    let reason = match result {
        Ok(_) => "ok",
        Err(reason) => reason,
    };
    format!(
        "{{\"topic\":{},\"token\":{},\"authorised\":{},\"reason\":{}}}",
        quote(path),
        quote(token),
        result.is_ok(),
        quote(reason)
    )
}
