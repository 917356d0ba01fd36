//! Lines of htpasswd: a user, a colon, a hash.
//!
//! Taken are `{SHA}`, `$apr1$` and bcrypt (`$2y$`, `$2a$`, `$2b$`). What is none of them, such as
//! the DES of crypt(3) or plain text, fits no password.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::passwords::apr1;
use crate::secret::Secret;

/// The SHA-1 of the password, in base64.
const SHA: &str = "{SHA}";

/// How hard bcrypt makes it, unless one says otherwise: 2 to this power.
pub const DEFAULT_COST: u32 = 10;

/// How hard bcrypt can make it.
pub const COSTS: std::ops::RangeInclusive<u32> = 4..=16;

/// How the password is hidden in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `$2y$`: slow on purpose, with a salt.
    Bcrypt {
        /// 2 to this power.
        cost: u32,
    },
    /// `$apr1$`: MD5 a thousand times, with a salt.
    Apr1,
    /// `{SHA}`: SHA-1 once, without a salt.
    Sha,
}

/// The users of some lines.
#[derive(Debug, Default)]
pub struct Htpasswd {
    hashes: HashMap<String, Secret>,
    /// The hash that takes longest to compare with.
    slowest: Option<Secret>,
}

impl Htpasswd {
    /// Adds the users of these lines; the first line of a user counts. Empty lines and those that
    /// begin with `#` are passed over. What has no colon is no line: how many of those there were.
    pub fn add(&mut self, lines: &str) -> usize {
        let mut others = 0;
        for line in lines.lines().map(str::trim_end) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(':') {
                Some((user, hash)) if !user.is_empty() => {
                    let hash = Secret::new(hash);
                    if work(&hash) > self.slowest.as_ref().map_or(0, work) {
                        self.slowest = Some(hash.clone());
                    }
                    self.hashes.entry(user.to_owned()).or_insert(hash);
                }
                _ => others += 1,
            }
        }
        others
    }

    /// True if this is the user's password. What is wrong takes as long for each user, and for those
    /// that do not exist, as for the one whose scheme is the slowest.
    pub fn verify(&self, user: &str, password: &[u8]) -> bool {
        let own = self.hashes.get(user);
        if own.is_some_and(|hash| fits(password, hash)) {
            return true;
        }
        let done = own.map_or(0, work);
        if let Some(slowest) = self.slowest.as_ref().filter(|hash| work(hash) > done) {
            fits(password, slowest);
        }
        false
    }

    /// The hash of a user.
    pub(super) fn hash(&self, user: &str) -> Option<&Secret> {
        self.hashes.get(user)
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2y$", "$2a$", "$2b$"]
        .iter()
        .any(|prefix| hash.starts_with(prefix))
}

/// How much work it is to compare a password with a hash: more for slower schemes.
fn work(hash: &Secret) -> u32 {
    let Ok(text) = str::from_utf8(hash.as_bytes()) else {
        return 0;
    };
    if is_bcrypt(text) {
        // "$2y$10$": each step of the cost doubles the work.
        let cost = text.get(4..6).and_then(|cost| cost.parse().ok());
        return 3 + cost.unwrap_or(0);
    }
    match text.starts_with(apr1::PREFIX) {
        true => 2,
        false => 1,
    }
}

/// True if `hash` is that of `password`.
fn fits(password: &[u8], hash: &Secret) -> bool {
    let Ok(text) = str::from_utf8(hash.as_bytes()) else {
        return false;
    };
    if text.starts_with(SHA) {
        return hash.matches(sha(password).as_bytes());
    }
    if let Some(rest) = text.strip_prefix(apr1::PREFIX) {
        let salt = rest.split_once('$').map_or(rest, |(salt, _)| salt);
        return hash.matches(apr1::hash(password, salt).as_bytes());
    }
    // Beyond its 72 bytes bcrypt sees nothing.
    is_bcrypt(text) && bcrypt::verify(password, text).unwrap_or(false)
}

fn sha(password: &[u8]) -> String {
    format!("{SHA}{}", STANDARD.encode(Sha1::digest(password)))
}

/// The line for a user.
///
/// # Errors
/// A sentence that says what is wrong with the user's name or the password.
pub fn line(
    user: &str,
    password: &[u8],
    scheme: Scheme,
    random: [u8; 16],
) -> Result<String, String> {
    if user.is_empty() || user.contains([':', '\n', '\r', '\0']) {
        return Err("a user's name is not empty and has no colon or line break in it".to_owned());
    }
    let hash = match scheme {
        Scheme::Sha => sha(password),
        Scheme::Apr1 => {
            // Hexadecimal digits are all in the alphabet of salts.
            let salt: String = random.iter().take(4).map(|b| format!("{b:02x}")).collect();
            apr1::hash(password, &salt)
        }
        Scheme::Bcrypt { .. } if password.len() > 72 => {
            return Err("bcrypt sees no more than 72 bytes of a password".to_owned());
        }
        Scheme::Bcrypt { cost } => bcrypt::hash_with_salt(password, cost, random)
            .map_err(|error| error.to_string())?
            .format_for_version(bcrypt::Version::TwoY),
    };
    Ok(format!("{user}:{hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_schemes_are_more_work() {
        let hashes = [
            "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "$apr1$fantail1$GyvKnMp9yRXn1KARq/3TV0",
            "$2y$04$x",
            "$2y$12$x",
        ];
        let work = hashes.map(|hash| work(&Secret::new(hash)));
        assert!(work.is_sorted_by(|a, b| a < b), "{work:?}");
        let mut htpasswd = Htpasswd::default();
        htpasswd.add(&format!(
            "a:{}\nb:{}\nc:{}",
            hashes[2], hashes[3], hashes[0]
        ));
        assert_eq!(htpasswd.slowest, Some(Secret::new(hashes[3])));
    }

    #[test]
    fn the_first_line_of_a_user_counts_and_unknown_kinds_fit_nothing() {
        let mut users = Htpasswd::default();
        let others = users.add(concat!(
            "# a comment\n\n",
            "sha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\r\n",
            "sha:{SHA}ignored\n",
            "plain:password\n",
            "des:rqXexS6ZhobKA\n",
            "bcrypt:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC\n",
            "no line\n",
            ":x\n",
        ));
        assert_eq!((users.len(), others), (4, 2));
        for (user, password, expected) in [
            ("sha", "password", true),
            ("sha", "Password", false),
            ("sha", "", false),
            ("plain", "password", false),
            ("des", "password", false),
            ("bcrypt", "myPassword", true),
            ("bcrypt", "mypassword", false),
            ("nobody", "password", false),
        ] {
            assert_eq!(users.verify(user, password.as_bytes()), expected, "{user}");
        }
    }

    #[test]
    fn lines_are_made_that_verify() {
        for scheme in [Scheme::Sha, Scheme::Apr1, Scheme::Bcrypt { cost: 4 }] {
            for password in ["x", "pä:ss wörd", ""] {
                let line = line("qa", password.as_bytes(), scheme, [7; 16]).unwrap();
                let mut users = Htpasswd::default();
                assert_eq!(users.add(&line), 0, "{line}");
                assert!(users.verify("qa", password.as_bytes()), "{line}");
                assert!(!users.verify("qa", b"another"), "{line}");
            }
        }
        let bcrypt = Scheme::Bcrypt { cost: 4 };
        assert!(line("a:b", b"x", Scheme::Sha, [0; 16]).is_err());
        assert!(line("a", &[b'x'; 73], bcrypt, [0; 16]).is_err());
    }
}
