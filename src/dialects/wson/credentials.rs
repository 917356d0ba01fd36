//! Who a client is: the cookies `token`, `time`, `digest` and, if there is one, `user`.
//!
//! With [`DigestKind::Md5`] the digest is the MD5 of secret, user (if there is one), token and
//! time, one behind the other. That alone would let a bearer move characters from one field to
//! the next, or lengthen the last one. Hence each field has a form, checked before the digest:
//! the token is 32 visible ASCII characters, the user at least one of them, the time a number
//! without leading zeros that is not older than the lifetime and hardly in the future, which
//! leaves it one number of digits. So there is one way only to split the signed text.
//!
//! With [`DigestKind::HmacSha256`] the digest is the HMAC-SHA-256, under the secret, of `u` and
//! the three fields, or of `-` and the two where there is no user. Each field is a netstring: its
//! length in decimal, a colon, its bytes, a comma. The user 42 with a token of 32 times `x`
//! signs `u2:42,32:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,10:1700000000,`.
//!
//! Both digests are hexadecimal in lower case, as PHP writes them, and compared in constant time.
//! No fault and no debug output repeats a value.

use std::fmt;
use std::str;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::dialects::wson::settings::{DigestKind, Settings};
use crate::protocol::cookie;
use crate::secret::Secret;

/// Bytes of a token.
pub const TOKEN_LENGTH: usize = 32;

/// Seconds by which the clock that made the cookies may be ahead.
const MOST_AHEAD: u64 = 60;

/// What a client is addressed by: 32 visible ASCII characters. Whoever knows it can send to the
/// client, so it is not shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token([u8; TOKEN_LENGTH]);

impl Token {
    /// The token of these bytes; none if they are not 32 visible ASCII characters.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let token: [u8; TOKEN_LENGTH] = bytes.try_into().ok()?;
        is_visible(&token).then_some(Self(token))
    }

    /// The characters.
    pub fn as_bytes(&self) -> &[u8; TOKEN_LENGTH] {
        &self.0
    }

    /// The characters as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

/// What valid cookies say.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// What the client is addressed by.
    pub token: Token,
    /// Whose connection it is: visible ASCII, at least one character.
    pub user: Option<Box<str>>,
    /// The last second in which they are good, in seconds since 1970.
    pub expires: u64,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("token", &self.token)
            .field("user", &self.user.as_ref().map(|_| ".."))
            .field("expires", &self.expires)
            .finish()
    }
}

/// Why cookies are not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialFault {
    /// No secret is configured: nothing can be proved.
    NoSecret,
    /// There is no cookie of this name.
    Missing(&'static str),
    /// There are several cookies of this name, and others could take another one of them.
    Repeated(&'static str),
    /// The token is not 32 visible ASCII characters.
    Token,
    /// The user is empty or not visible ASCII.
    User,
    /// The time is not a whole number of seconds in canonical decimal.
    Time,
    /// The digest is another than the secret gives.
    Digest,
    /// The time is more than a minute in the future.
    Future,
    /// The time is longer ago than the lifetime.
    Expired,
}

impl fmt::Display for CredentialFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSecret => formatter.write_str("no secret is configured"),
            Self::Missing(name) => write!(formatter, "cookie {name} is missing"),
            Self::Repeated(name) => write!(formatter, "cookie {name} is there more than once"),
            Self::Token => write!(
                formatter,
                "cookie token is not {TOKEN_LENGTH} visible ASCII characters"
            ),
            Self::User => {
                formatter.write_str("cookie user is not one or more visible ASCII characters")
            }
            Self::Time => formatter.write_str("cookie time is not a number of seconds"),
            Self::Digest => formatter.write_str("cookie digest does not fit the others"),
            Self::Future => formatter.write_str("cookie time is in the future"),
            Self::Expired => formatter.write_str("cookie time is too long ago"),
        }
    }
}

impl std::error::Error for CredentialFault {}

/// Checks the `Cookie` fields of a request. `now` is in seconds since 1970, parts of a second of
/// `lifetime` do not count.
///
/// # Errors
/// The first thing that is wrong: the form of the fields, then the digest, then the time.
pub fn check<'a>(
    settings: &Settings,
    cookie_fields: impl IntoIterator<Item = &'a [u8]>,
    lifetime: Duration,
    now: u64,
) -> Result<Credentials, CredentialFault> {
    if settings.secret.is_empty() {
        return Err(CredentialFault::NoSecret);
    }
    let found = Found::among(cookie_fields)?;
    let token = found.token.ok_or(CredentialFault::Missing("token"))?;
    let time = found.time.ok_or(CredentialFault::Missing("time"))?;
    let given = found.digest.ok_or(CredentialFault::Missing("digest"))?;
    let token = Token::new(token).ok_or(CredentialFault::Token)?;
    let user = found.user.map(visible_text).transpose()?;
    let issued = canonical_number(time).ok_or(CredentialFault::Time)?;
    let fields = Fields {
        user: user.map(str::as_bytes),
        token: token.as_bytes(),
        time,
    };
    let expected = fields.digest(settings.digest, &settings.secret);
    if !bool::from(expected.as_bytes().ct_eq(given)) {
        return Err(CredentialFault::Digest);
    }
    if issued > now.saturating_add(MOST_AHEAD) {
        return Err(CredentialFault::Future);
    }
    let expires = issued.saturating_add(lifetime.as_secs());
    if now > expires {
        return Err(CredentialFault::Expired);
    }
    Ok(Credentials {
        token,
        user: user.map(Box::from),
        expires,
    })
}

/// The cookies that matter, as they came.
#[derive(Default)]
struct Found<'a> {
    token: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    digest: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn among(fields: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, CredentialFault> {
        let mut found = Self::default();
        for (name, value) in cookie::pairs(fields) {
            let (place, name) = match name {
                b"token" => (&mut found.token, "token"),
                b"time" => (&mut found.time, "time"),
                b"digest" => (&mut found.digest, "digest"),
                b"user" => (&mut found.user, "user"),
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(CredentialFault::Repeated(name));
            }
        }
        Ok(found)
    }
}

/// What is signed.
#[derive(Clone, Copy)]
struct Fields<'a> {
    user: Option<&'a [u8]>,
    token: &'a [u8],
    time: &'a [u8],
}

impl Fields<'_> {
    /// The digest in hexadecimal.
    fn digest(&self, kind: DigestKind, secret: &Secret) -> String {
        match kind {
            DigestKind::Md5 => self.md5(secret),
            DigestKind::HmacSha256 => self.hmac_sha256(secret),
        }
    }

    fn md5(&self, secret: &Secret) -> String {
        let hash = Md5::new()
            .chain_update(secret.as_bytes())
            .chain_update(self.user.unwrap_or_default())
            .chain_update(self.token)
            .chain_update(self.time);
        hexadecimal(&hash.finalize())
    }

    fn hmac_sha256(&self, secret: &Secret) -> String {
        // An HMAC takes keys of any length.
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()) else {
            return String::new();
        };
        mac.update(if self.user.is_some() { b"u" } else { b"-" });
        for field in self.user.iter().chain([&self.token, &self.time]) {
            mac.update(format!("{}:", field.len()).as_bytes());
            mac.update(field);
            mac.update(b",");
        }
        hexadecimal(&mac.finalize().into_bytes())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn is_visible(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_graphic)
}

fn visible_text(bytes: &[u8]) -> Result<&str, CredentialFault> {
    str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.is_empty() && is_visible(text.as_bytes()))
        .ok_or(CredentialFault::User)
}

/// The number, if it is written in digits alone and none too many.
fn canonical_number(bytes: &[u8]) -> Option<u64> {
    let canonical = match bytes {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    str::from_utf8(bytes)
        .ok()
        .filter(|_| canonical)?
        .parse()
        .ok()
}

/// Cookies for a client: what [`check`] accepts from `time` on, for the lifetime.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookies {
    token: Token,
    time: String,
    digest: String,
    user: Option<String>,
}

/// Why no cookies can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieFault {
    /// No secret is configured.
    NoSecret,
    /// The token has a character that a cookie cannot carry.
    Token,
    /// The user is empty or has a character that a cookie cannot carry.
    User,
}

impl fmt::Display for CookieFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARACTERS: &str = "visible ASCII other than \" , ; and \\";
        match self {
            Self::NoSecret => formatter.write_str("no secret is configured"),
            Self::Token => write!(formatter, "a token is 32 characters of {CHARACTERS}"),
            Self::User => write!(
                formatter,
                "a user is one or more characters of {CHARACTERS}"
            ),
        }
    }
}

impl std::error::Error for CookieFault {}

/// Makes the cookies of a client. `time` is in seconds since 1970.
///
/// # Errors
/// If there is no secret, or if a value is none that every client can send in a cookie
/// (RFC 6265 section 4.1.1).
pub fn make(
    settings: &Settings,
    token: Token,
    user: Option<&str>,
    time: u64,
) -> Result<Cookies, CookieFault> {
    if settings.secret.is_empty() {
        return Err(CookieFault::NoSecret);
    }
    if !token.as_bytes().iter().all(is_cookie_octet) {
        return Err(CookieFault::Token);
    }
    if user.is_some_and(|user| user.is_empty() || !user.as_bytes().iter().all(is_cookie_octet)) {
        return Err(CookieFault::User);
    }
    let time = time.to_string();
    let fields = Fields {
        user: user.map(str::as_bytes),
        token: token.as_bytes(),
        time: time.as_bytes(),
    };
    Ok(Cookies {
        token,
        digest: fields.digest(settings.digest, &settings.secret),
        user: user.map(str::to_owned),
        time,
    })
}

fn is_cookie_octet(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(byte)
}

impl Cookies {
    /// The names and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("token", self.token.as_str()),
            ("time", self.time.as_str()),
            ("digest", self.digest.as_str()),
        ]
        .into_iter()
        .chain(self.user.as_deref().map(|user| ("user", user)))
    }
}

/// The value of a `Cookie` field.
impl fmt::Display for Cookies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.pairs().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

/// Cookies are as good as a password.
impl fmt::Debug for Cookies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cookies(..)")
    }
}

#[cfg(test)]
mod tests;
