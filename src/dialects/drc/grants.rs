//! Grants: tokens that let a client into one channel, once, for a short time.
//!
//! Invariants:
//! - A token is in the table from when it is given until it is used or its time is over, and again
//!   from when its bearer has left.
//! - The number at a token's end finds the grant; the secret in front of it is compared in a time
//!   that does not depend on where it differs.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::dialects::drc::channel::Mode;
use crate::relay::moment::Moment;
use crate::secret::Secret;

/// Random bytes of a token.
pub(super) const TOKEN_BYTES: usize = 32;

/// What a bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    /// The mode.
    pub(super) mode: Mode,
    /// The bearer is an authority.
    pub(super) makes_authority: bool,
}

/// What stays with a member who came by a grant, and becomes the grant again when it leaves.
#[derive(Debug)]
pub(super) struct Token {
    number: u64,
    secret: Secret,
    pub(super) rights: Rights,
}

/// A grant that nobody has used.
#[derive(Debug)]
struct Grant {
    secret: Secret,
    channel: Rc<str>,
    protocol: Rc<str>,
    rights: Rights,
    extra: Box<str>,
    ends: Moment,
    /// Its bearer has left; it was not given by anybody now.
    returned: bool,
}

impl Grant {
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + 2 * TOKEN_BYTES
            + self.channel.len()
            + self.protocol.len()
            + self.extra.len()
    }
}

/// A grant was used.
#[derive(Debug)]
pub(super) struct Used {
    /// To be kept with the member.
    pub(super) token: Token,
    /// The extra information, as it was written.
    pub(super) extra: Box<str>,
}

/// All grants that nobody has used.
#[derive(Debug, Default)]
pub(super) struct Grants {
    by_number: HashMap<u64, Grant>,
    /// When each ends, the next one first.
    ends: BTreeSet<(Moment, u64)>,
    returned: usize,
    last: u64,
    bytes: usize,
}

impl Grants {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// How many of them somebody has given, whose bearers have not been there.
    pub(super) fn given(&self) -> usize {
        self.by_number.len() - self.returned
    }

    /// What they hold, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes a grant that is good until `ends`; its token.
    pub(super) fn give(
        &mut self,
        random: [u8; TOKEN_BYTES],
        channel: &str,
        protocol: &str,
        rights: Rights,
        extra: &str,
        ends: Moment,
    ) -> String {
        self.last += 1;
        let number = self.last;
        let secret = hexadecimal(&random);
        let token = format!("{secret}-{number}");
        let grant = Grant {
            secret: Secret::new(secret),
            channel: channel.into(),
            protocol: protocol.into(),
            rights,
            extra: extra.into(),
            ends,
            returned: false,
        };
        self.insert(number, grant);
        token
    }

    /// The number of the grant of this token, if it is good for this channel and protocol.
    pub(super) fn find(
        &self,
        token: &str,
        channel: &str,
        protocol: &str,
        now: Moment,
    ) -> Option<u64> {
        let (secret, number) = token.rsplit_once('-')?;
        if number.starts_with(['+', '0']) {
            return None;
        }
        let number = number.parse().ok()?;
        let grant = self.by_number.get(&number)?;
        let good = grant.secret.matches(secret.as_bytes())
            && *grant.channel == *channel
            && *grant.protocol == *protocol
            && grant.ends > now;
        good.then_some(number)
    }

    /// The rights of a grant.
    pub(super) fn rights(&self, number: u64) -> Option<Rights> {
        self.by_number.get(&number).map(|grant| grant.rights)
    }

    /// Takes a grant away, for its bearer.
    pub(super) fn take(&mut self, number: u64) -> Option<Used> {
        let grant = self.remove(number)?;
        Some(Used {
            token: Token {
                number,
                secret: grant.secret,
                rights: grant.rights,
            },
            extra: grant.extra,
        })
    }

    /// A token is good again, until `ends`: its bearer has left.
    pub(super) fn give_back(
        &mut self,
        token: Token,
        channel: Rc<str>,
        protocol: Rc<str>,
        extra: &str,
        ends: Moment,
    ) {
        let grant = Grant {
            secret: token.secret,
            channel,
            protocol,
            rights: token.rights,
            extra: extra.into(),
            ends,
            returned: true,
        };
        self.insert(token.number, grant);
    }

    /// Forgets the grants whose time is over; when the next one's is.
    pub(super) fn expire(&mut self, now: Moment) -> Option<Moment> {
        while let Some(&(ends, number)) = self.ends.first() {
            if ends > now {
                return Some(ends);
            }
            self.ends.pop_first();
            self.remove(number);
        }
        None
    }

    fn insert(&mut self, number: u64, grant: Grant) {
        self.bytes += grant.bytes();
        self.returned += usize::from(grant.returned);
        self.ends.insert((grant.ends, number));
        self.by_number.insert(number, grant);
    }

    fn remove(&mut self, number: u64) -> Option<Grant> {
        let grant = self.by_number.remove(&number)?;
        self.bytes -= grant.bytes();
        self.returned -= usize::from(grant.returned);
        self.ends.remove(&(grant.ends, number));
        if self.by_number.is_empty() {
            self.by_number = HashMap::new();
        }
        Some(grant)
    }
}

/// True for what looks like the token of a grant, ours or the original's: nobody can guess one.
pub(super) fn is_grant_like(token: &str) -> bool {
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    token.rsplit_once('-').is_some_and(|(secret, number)| {
        secret.len() >= 2 * TOKEN_BYTES
            && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !number.is_empty()
            && are_digits(number)
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RIGHTS: Rights = Rights {
        mode: Mode::SendToAny,
        makes_authority: false,
    };

    fn at(seconds: u64) -> Moment {
        Moment::since_start(Duration::from_secs(seconds))
    }

    fn give(grants: &mut Grants, ends: u64) -> String {
        grants.give([7; TOKEN_BYTES], "c", "p", RIGHTS, "{}", at(ends))
    }

    #[test]
    fn a_token_is_for_its_channel_its_protocol_and_its_time() {
        let mut grants = Grants::default();
        let token = give(&mut grants, 30);
        assert_eq!(token, format!("{}-1", "07".repeat(32)));
        let number = grants.find(&token, "c", "p", at(29));
        assert_eq!(number, Some(1));
        for (token, channel, protocol, now) in [
            (token.as_str(), "c", "p", 30),
            (&token, "d", "p", 0),
            (&token, "c", "q", 0),
            (&token.replace("-1", "-2"), "c", "p", 0),
            (&token.replace("-1", "-01x"), "c", "p", 0),
            (&token.replace("-1", "-01"), "c", "p", 0),
            (&token.replace("-1", "-+1"), "c", "p", 0),
            (&token.replacen('7', "8", 1), "c", "p", 0),
            ("-1", "c", "p", 0),
            ("", "c", "p", 0),
            ("1", "c", "p", 0),
        ] {
            assert_eq!(
                grants.find(token, channel, protocol, at(now)),
                None,
                "{token}"
            );
        }
    }

    #[test]
    fn a_token_is_used_once_and_again_after_it_was_given_back() {
        let mut grants = Grants::default();
        let token = give(&mut grants, 30);
        let used = grants.take(1).unwrap();
        assert_eq!(grants.bytes(), 0);
        assert_eq!(grants.find(&token, "c", "p", at(0)), None);
        assert!(grants.take(1).is_none());
        grants.give_back(used.token, "c".into(), "p".into(), "[]", at(50));
        // The first end is past; the second stands.
        assert_eq!(grants.expire(at(30)), Some(at(50)));
        assert_eq!(grants.find(&token, "c", "p", at(49)), Some(1));
        assert_eq!(&*grants.take(1).unwrap().extra, "[]");
        assert_eq!(grants.expire(at(50)), None);
        assert_eq!((grants.len(), grants.bytes()), (0, 0));
    }

    #[test]
    fn grants_end_in_their_order_and_not_in_that_of_giving() {
        let mut grants = Grants::default();
        for ends in [50, 10, 30] {
            give(&mut grants, ends);
        }
        assert_eq!(grants.expire(at(9)), Some(at(10)));
        assert_eq!(grants.expire(at(10)), Some(at(30)));
        assert_eq!(grants.len(), 2);
        assert_eq!(grants.expire(at(49)), Some(at(50)));
        assert_eq!(grants.given(), 1);
        let used = grants.take(1).unwrap();
        grants.give_back(used.token, "c".into(), "p".into(), "{}", at(60));
        assert_eq!((grants.len(), grants.given()), (1, 0));
        assert_eq!(grants.expire(at(60)), None);
        assert_eq!((grants.len(), grants.given(), grants.bytes()), (0, 0, 0));
    }

    #[test]
    fn a_grant_is_known_by_its_form() {
        let secret = "0f".repeat(TOKEN_BYTES);
        assert!(is_grant_like(&format!("{secret}-1")));
        assert!(is_grant_like(&format!("{secret}{secret}-77")));
        for token in [
            "",
            "-1",
            "guess-1",
            "open sesame",
            &secret,
            &format!("{secret}-"),
            &format!("{secret}-x"),
        ] {
            assert!(!is_grant_like(token), "{token}");
        }
    }
}
