//! Cookies of ws(s)on: no panic, and nothing is accepted but what was signed.
//!
//! The first three lines are a user (none if the line is empty), a token and a time. They are
//! signed, if they can be, and the digest stands for each `$` in the rest, which is one `Cookie`
//! field per line. So the fuzzer knows a digest that is valid, and may split what it signs, or
//! add to it, as it likes.

use std::time::Duration;

use fantail::dialects::wson::credentials::{Credentials, Token, check, make};
use fantail::dialects::wson::settings::{DigestKind, Settings};
use fantail::secret::Secret;

const NOW: u64 = 1_700_000_000;
const LIFETIME: Duration = Duration::from_secs(86_400);

/// Both digests, one after the other.
pub(crate) fn run(data: &[u8]) {
    for digest in [DigestKind::Md5, DigestKind::HmacSha256] {
        try_one(digest, data);
    }
}

fn try_one(digest: DigestKind, data: &[u8]) {
    let settings = Settings {
        secret: Secret::new("a secret that no fuzzer finds"),
        digest,
        ..Settings::default()
    };
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (user, token, time) = (line(), line(), line());
    let signed = sign(&settings, user, token, time);
    let digest = signed.as_ref().map(|(digest, _)| digest.as_bytes());
    let fields: Vec<Vec<u8>> = lines
        .map(|line| fill_in(line, digest.unwrap_or_default()))
        .collect();
    let found = check_fields(&settings, &fields);
    if let Ok(found) = &found {
        let (_, signed) = signed.expect("nothing was signed");
        assert_eq!(found, &signed);
    }
    // It does not matter whether cookies come in one field or in several.
    let joined = fields.join(&b"; "[..]);
    assert_eq!(check_fields(&settings, &[joined]), found);
    let apart: Vec<Vec<u8>> = fields
        .iter()
        .flat_map(|field| field.split(|byte| *byte == b';'))
        .map(<[u8]>::to_vec)
        .collect();
    assert_eq!(check_fields(&settings, &apart), found);
    assert!(check_fields(&Settings::default(), &apart).is_err());
}

fn check_fields(
    settings: &Settings,
    fields: &[Vec<u8>],
) -> Result<Credentials, fantail::dialects::wson::credentials::CredentialFault> {
    let fields = fields.iter().map(Vec::as_slice);
    check(settings, fields, LIFETIME, NOW)
}

/// The digest of these, and the credentials that it stands for.
fn sign(
    settings: &Settings,
    user: &[u8],
    token: &[u8],
    time: &[u8],
) -> Option<(String, Credentials)> {
    let user = std::str::from_utf8(user).ok()?;
    let user = (!user.is_empty()).then_some(user);
    let time: u64 = std::str::from_utf8(time).ok()?.parse().ok()?;
    let token = Token::new(token)?;
    let cookies = make(settings, token, user, time).ok()?;
    let good = time <= NOW + 60 && time + LIFETIME.as_secs() >= NOW;
    let header = cookies.to_string();
    let found = check(settings, [header.as_bytes()], LIFETIME, NOW);
    assert_eq!(found.is_ok(), good, "{header}");
    let credentials = Credentials {
        token,
        user: user.map(Box::from),
        expires: time.saturating_add(LIFETIME.as_secs()),
    };
    if let Ok(found) = found {
        assert_eq!(found, credentials);
    }
    let digest = cookies.pairs().find(|(name, _)| *name == "digest");
    digest.map(|(_, value)| (value.to_owned(), credentials))
}

fn fill_in(line: &[u8], digest: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b'$').collect();
    parts.join(digest)
}
