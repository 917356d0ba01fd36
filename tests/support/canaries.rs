//! Secrets that must not be in any log: those that servers are started with, and all claims, tokens
//! and cookies that the clients of this test binary send and are sent.
//!
//! [`super::Server`] looks for them in its log when it is dropped. They are found by how they look
//! on the wire, so that a test has to do nothing for it; [`canary`] is for what looks otherwise.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What is shorter comes in logs by chance.
const SHORTEST: usize = 8;
/// As [`SHORTEST`], of what a server is started with.
const SHORTEST_OF_SETTINGS: usize = 6;
/// What is looked for at most, so that long logs of busy tests are searched in a moment.
const MOST: usize = 1_000;
/// Bytes of a message that are looked at.
const LONGEST_LOOK: usize = 16 * 1024;

/// What stands before a secret, and what ends it.
const MARKS: &[(&str, &str)] = &[
    ("?token=", "& \r\n"),
    ("&token=", "& \r\n"),
    ("?claim=", "& \r\n"),
    ("&claim=", "& \r\n"),
    ("?jwt=", "& \r\n"),
    ("&jwt=", "& \r\n"),
    ("?code=", "& \r\n"),
    ("Authorization: ", "\r\n"),
    ("Authorization: Bearer ", "\r\n"),
    // DRC's answer to GRANT, and JOIN.
    ("\"token\":\"", "\""),
];

static CANARIES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on, no log may have `text` in it.
pub fn canary(text: &str) {
    if text.len() < SHORTEST {
        return;
    }
    let mut canaries = CANARIES.lock().unwrap_or_else(PoisonError::into_inner);
    if canaries.len() < MOST {
        canaries.insert(text.to_owned());
    }
}

/// Notes the secrets in what a client sends or is sent: a request, an answer's body, a message.
pub fn note(bytes: &[u8]) {
    let looked_at = bytes.get(..LONGEST_LOOK).unwrap_or(bytes);
    let Ok(text) = str::from_utf8(looked_at) else {
        return;
    };
    for (mark, ends) in MARKS {
        for (at, _) in text.match_indices(mark) {
            canary(until(&text[at + mark.len()..], ends));
        }
    }
    for (at, _) in text.match_indices("Cookie: ") {
        let cookies = until(&text[at + "Cookie: ".len()..], "\r\n");
        for cookie in cookies.split("; ") {
            canary(cookie.split_once('=').map_or("", |(_, value)| value));
        }
    }
    // The answer to a claim; /info tells of claims in the same words.
    if let Some((_, claim)) = text.split_once("{\"claim\":{")
        && let Some((_, id)) = claim.split_once("\"id\":\"")
    {
        canary(until(id, "\""));
    }
    for (at, _) in text.match_indices("eyJ") {
        note_token(&text[at..]);
    }
}

/// The parts of a JWT at the beginning of `text`, but not its header, which many have in common.
fn note_token(text: &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
    let token = &text[..end.unwrap_or(text.len())];
    for part in token.split('.').skip(1) {
        canary(part);
    }
}

fn until<'a>(text: &'a str, ends: &str) -> &'a str {
    let end = text.find(|c| ends.contains(c));
    &text[..end.unwrap_or(text.len())]
}

/// The secrets in the environment of a server that runs in `directory`.
pub(super) fn of_settings(settings: &[(&str, &str)], directory: &Path) -> Vec<String> {
    let secrets = settings.iter().flat_map(|(name, value)| match *name {
        _ if ends_in(name, &["_SECRET", "_TOKEN", "_PASSWORD"]) => vec![(*value).to_owned()],
        _ if ends_in(name, &["_SECRET_FILE", "_TOKEN_FILE", "_PASSWORD_FILE"]) => {
            let text = fs::read_to_string(directory.join(value)).unwrap_or_default();
            vec![text.trim().to_owned()]
        }
        // A table: { "token" = ["a protocol"] }.
        _ if ends_in(name, &["_TOKENS"]) => {
            let before_equals =
                |part: &str| part.rsplit_once('"').map(|(token, _)| token.to_owned());
            let names = value.split('=').filter_map(before_equals);
            names
                .filter_map(|name| name.rsplit('"').next().map(str::to_owned))
                .collect()
        }
        _ => Vec::new(),
    });
    secrets
        .filter(|secret| secret.len() >= SHORTEST_OF_SETTINGS)
        .collect()
}

fn ends_in(name: &str, endings: &[&str]) -> bool {
    endings.iter().any(|ending| name.ends_with(ending))
}

/// The first of `secrets` and of all canaries that `log` has in it.
pub(super) fn find(log: &str, secrets: &[String]) -> Option<String> {
    let canaries = CANARIES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all = secrets.iter().chain(canaries.iter());
    all.find(|secret| log.contains(secret.as_str())).cloned()
}
