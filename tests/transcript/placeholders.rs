//! What differs from run to run: tokens and cookies, which are signed for the clock of the run, and
//! times, rates and texts, which only have to have the right form.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fantail::dialects::wson::credentials::{Token, make};
use fantail::dialects::wson::settings::{DigestKind, Settings};
use fantail::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

/// What tokens are signed with, unless they say otherwise.
const SECRET: &str = "transcript";

/// Replaces each `{token aud=... exp=+600}` by a signed token and each `{cookies token=... time=+0}`
/// by signed cookies. Times are relative to `now`, in seconds since 1970.
pub(crate) fn expand(text: &str, now: u64) -> String {
    let text = replace(text, "{token ", |fields| token(fields, now));
    replace(&text, "{cookies ", |fields| cookies(fields, now))
}

fn replace(text: &str, begin: &str, make: impl Fn(&str) -> String) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(begin) {
        let (fields, behind) = behind.split_once('}').expect("a placeholder's end");
        expanded.push_str(before);
        expanded.push_str(&make(fields));
        rest = behind;
    }
    expanded + rest
}

fn cookies(fields: &str, now: u64) -> String {
    let mut settings = Settings {
        secret: Secret::new(SECRET),
        ..Settings::default()
    };
    let (mut token, mut user, mut time) = (None, None, now);
    for field in fields.split_whitespace() {
        let (name, value) = field.split_once('=').expect("name=value");
        match name {
            "token" => token = Token::new(value.as_bytes()),
            "user" => user = Some(value),
            "time" => {
                let seconds = value.parse().expect("a number of seconds");
                time = now.saturating_add_signed(seconds);
            }
            "secret" => settings.secret = Secret::new(value),
            "digest" if value == "hmac-sha256" => settings.digest = DigestKind::HmacSha256,
            _ => panic!("unknown in cookies: {field}"),
        }
    }
    let token = token.expect("a token of 32 visible characters");
    let cookies = make(&settings, token, user, time).expect("fields that cookies can carry");
    cookies.to_string()
}

fn token(fields: &str, now: u64) -> String {
    let mut algorithm = "HS256";
    let mut key = SECRET;
    let mut claims = Vec::new();
    for field in fields.split_whitespace() {
        let (name, value) = field.split_once('=').expect("name=value");
        match name {
            "alg" => algorithm = value,
            "secret" => key = value,
            _ => claims.push(format!("\"{name}\":{}", claim(value, now))),
        }
    }
    let header = format!("{{\"alg\":\"{algorithm}\",\"typ\":\"JWT\"}}");
    let claims = format!("{{{}}}", claims.join(","));
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = match algorithm {
        "HS256" => mac::<Hmac<Sha256>>(key, &signed),
        "HS512" => mac::<Hmac<Sha512>>(key, &signed),
        _ => Vec::new(),
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn mac<M: Mac + KeyInit>(key: &str, signed: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).expect("any length will do");
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// A claim's value as JSON: `+600` and `-10.5` are seconds from now, `"..."` and `[...]` are taken
/// as they are, anything else is text.
fn claim(value: &str, now: u64) -> String {
    if value.starts_with(['+', '-']) {
        let (seconds, fraction) = value.split_once('.').unwrap_or((value, ""));
        let seconds: i64 = seconds.parse().expect("a number of seconds");
        let seconds = now.saturating_add_signed(seconds);
        let point = if fraction.is_empty() { "" } else { "." };
        return format!("{seconds}{point}{fraction}");
    }
    if value.starts_with(['"', '[']) {
        return value.to_owned();
    }
    format!("\"{value}\"")
}

/// What a placeholder stands for, as far as its form goes.
type Form = fn(char) -> bool;

const FORMS: [(&str, Form); 5] = [
    // 2026-11-20 21:35:00.624162515 +0000 UTC m=+0.571956164
    ("{time}", |c| c.is_ascii_digit() || "-: .+UTCm=".contains(c)),
    // 201.766263ms
    ("{duration}", |c| c.is_ascii_digit() || ".hmsµn".contains(c)),
    // The name of a connection.
    ("{id}", |c| c.is_ascii_digit() || c == '.'),
    // What stands between quotation marks.
    ("{text}", |c| c != '"'),
    ("{number}", |c| c.is_ascii_digit() || ".e-+".contains(c)),
];

/// True if `text` is `pattern`, with something of the right form wherever that has a placeholder.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let first = FORMS
        .iter()
        .filter_map(|(name, form)| Some((pattern.find(name)?, name, form)))
        .min_by_key(|(at, ..)| *at);
    let Some((at, name, form)) = first else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(&pattern[..at]) else {
        return false;
    };
    let end = rest.find(|c| !form(c)).unwrap_or(rest.len());
    end > 0 && matches(&pattern[at + name.len()..], &rest[end..])
}
