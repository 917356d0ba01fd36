//! One million forged cookies, of which none may be accepted.
//!
//! A forger is taken to own valid cookies and to know everything but the secret. Each forgery
//! differs from every set of cookies that was made, so that one accepted is one too many. Beside
//! the real check runs the naive one that these checks exist for: it must be deceived, or the
//! forgeries would show nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

use fantail::dialects::wson::credentials::{Token, check, make};
use fantail::dialects::wson::settings::{DigestKind, Settings};
use fantail::secret::Secret;
use fastrand::Rng;
use std::time::Duration;

const SEED: u64 = 0x5eed_c00c;
const FORGERIES: usize = 1_000_000;

/// One forgery in so many is shown to the naive check, too.
const SAMPLE: usize = 10;
const NOW: u64 = 1_700_000_000;
const LIFETIME: Duration = Duration::from_secs(86_400);
const SECRET: &str = "eight words nobody else has ever put together";

/// Cookies as a client would send them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Jar {
    user: Option<Vec<u8>>,
    token: Vec<u8>,
    time: Vec<u8>,
    digest: Vec<u8>,
}

impl Jar {
    fn field(&mut self, index: usize) -> &mut Vec<u8> {
        match index {
            0 => self.user.get_or_insert_default(),
            1 => &mut self.token,
            2 => &mut self.time,
            _ => &mut self.digest,
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut header = Vec::new();
        let named = [
            (&b"token="[..], Some(&self.token)),
            (b"; time=", Some(&self.time)),
            (b"; digest=", Some(&self.digest)),
            (b"; user=", self.user.as_ref()),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                header.extend_from_slice(name);
                header.extend_from_slice(value);
            }
        }
        header
    }

    /// What is signed: the fields, one behind the other.
    fn signed(&self) -> Vec<u8> {
        let user = self.user.clone().unwrap_or_default();
        [user, self.token.clone(), self.time.clone()].concat()
    }
}

fn settings(digest: DigestKind) -> Settings {
    Settings {
        secret: Secret::new(SECRET),
        digest,
        ..Settings::default()
    }
}

fn visible(random: &mut Rng, length: usize) -> String {
    (0..length).map(|_| random.alphanumeric()).collect()
}

/// Valid cookies, now and then with digits where they are most useful to a forger.
fn valid(random: &mut Rng, settings: &Settings) -> Jar {
    let digits = random.bool();
    let mut text = |length| match digits {
        true => (0..length).map(|_| random.digit(10)).collect(),
        false => visible(random, length),
    };
    let token = text(32);
    let user = text(6);
    let user = match random.usize(..4) {
        0 => None,
        length => Some(&user[..length * 2]),
    };
    let time = NOW - random.u64(..86_400);
    let token = Token::new(token.as_bytes()).unwrap();
    let cookies = make(settings, token, user, time).unwrap();
    let header = cookies.to_string();
    assert!(check(settings, [header.as_bytes()], LIFETIME, NOW).is_ok());
    let value = |name| {
        let found = cookies.pairs().find(|(other, _)| *other == name);
        found.map(|(_, value)| value.as_bytes().to_vec())
    };
    Jar {
        user: value("user"),
        token: value("token").unwrap(),
        time: value("time").unwrap(),
        digest: value("digest").unwrap(),
    }
}

/// Moves characters from the end of a field to the beginning of the next, or back.
fn shift(random: &mut Rng, jar: &mut Jar) {
    let from = random.usize(..3);
    let count = random.usize(1..=12);
    if random.bool() {
        let source = jar.field(from);
        let tail = source.split_off(source.len().saturating_sub(count));
        jar.field(from + 1).splice(..0, tail);
    } else {
        let source = jar.field(from + 1);
        let head: Vec<u8> = source.drain(..count.min(source.len())).collect();
        jar.field(from).extend(head);
    }
}

/// Splits what is signed anew.
fn split_anew(random: &mut Rng, jar: &mut Jar) {
    let signed = jar.signed();
    let token_start = random.usize(..=signed.len().min(14));
    let time_start = match random.bool() {
        true => (token_start + 32).min(signed.len()),
        false => random.usize(token_start..=signed.len()),
    };
    jar.user = (token_start > 0 || random.bool()).then(|| signed[..token_start].to_vec());
    jar.token = signed[token_start..time_start].to_vec();
    jar.time = signed[time_start..].to_vec();
}

fn extend(random: &mut Rng, jar: &mut Jar) {
    let more = match random.usize(..4) {
        0 => visible(random, 1),
        1 => random.digit(10).to_string(),
        2 => "0".repeat(random.usize(1..4)),
        _ => [" ", "\0", "\t", "%30", "=", "\u{e4}"][random.usize(..6)].to_owned(),
    };
    let field = random.usize(..4);
    let field = jar.field(field);
    let place = [0, field.len()][random.usize(..2)];
    field.splice(place..place, more.into_bytes());
}

fn truncate(random: &mut Rng, jar: &mut Jar) {
    let field = random.usize(..4);
    let field = jar.field(field);
    let length = random.usize(..=field.len());
    if random.bool() {
        field.truncate(length);
    } else {
        field.drain(..length);
    }
}

fn replace_byte(random: &mut Rng, jar: &mut Jar) {
    let field = random.usize(..4);
    let field = jar.field(field);
    if let Some(place) = random.choice(field.iter_mut()) {
        *place = match random.bool() {
            true => random.u8(0x20..0x7f),
            false => *place ^ (1 << random.u8(..8)),
        };
    }
}

/// A time that is later, or that is the same time otherwise written.
fn move_time(random: &mut Rng, jar: &mut Jar) {
    let time: u64 = String::from_utf8_lossy(&jar.time).parse().unwrap_or(NOW);
    jar.time = match random.usize(..6) {
        0 => (time + random.u64(1..100_000)).to_string(),
        1 => time.saturating_sub(random.u64(1..100_000)).to_string(),
        2 => NOW.to_string(),
        3 => format!("0{time}"),
        4 => format!("+{time}"),
        _ => format!("{time}.0"),
    }
    .into_bytes();
}

/// What md5 allows without the secret: the digest of the signed text with its padding and more
/// behind it. The length of the secret is guessed right.
fn lengthen(random: &mut Rng, jar: &mut Jar) {
    use md5::{Digest, Md5};
    let mut text = [SECRET.as_bytes(), &jar.signed()].concat();
    let bits = text.len() as u64 * 8;
    text.push(0x80);
    while text.len() % 64 != 56 {
        text.push(0);
    }
    text.extend_from_slice(&bits.to_le_bytes());
    let length = [0, 32][random.usize(..2)];
    let more = format!("{}{NOW}", visible(random, length));
    text.extend_from_slice(more.as_bytes());
    jar.digest = hexadecimal(&Md5::digest(&text));
    let signed = &text[SECRET.len()..];
    let time_start = signed.len() - NOW.to_string().len();
    let token_start = time_start - 32;
    jar.user = Some(signed[..token_start].to_vec());
    jar.token = signed[token_start..time_start].to_vec();
    jar.time = signed[time_start..].to_vec();
    if random.bool() {
        shift(random, jar);
    }
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.into_bytes()
}

/// The digest of other cookies, or the user of others.
fn exchange(random: &mut Rng, jar: &mut Jar, other: Jar) {
    match random.usize(..4) {
        0 => jar.digest = other.digest,
        1 => jar.token = other.token,
        2 => jar.user = other.user,
        _ => {
            jar.user = match jar.user {
                Some(_) => None,
                None => Some(b"root".to_vec()),
            }
        }
    }
}

fn forge(random: &mut Rng, jar: &mut Jar, other: Jar) {
    match random.usize(..10) {
        0 | 1 => shift(random, jar),
        2 | 3 => split_anew(random, jar),
        4 => extend(random, jar),
        5 => truncate(random, jar),
        6 => replace_byte(random, jar),
        7 => move_time(random, jar),
        8 => lengthen(random, jar),
        _ => exchange(random, jar, other),
    }
    if random.u8(..4) == 0 {
        shift(random, jar);
    }
}

/// The check without the forms of the fields: a digest that fits, and a number that is not too
/// old, as far as it is one.
fn naive_check(jar: &Jar) -> bool {
    use md5::{Digest, Md5};
    let text = [SECRET.as_bytes(), &jar.signed()].concat();
    let digits = jar.time.iter().take_while(|byte| byte.is_ascii_digit());
    let time = digits.fold(0_u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    !jar.token.is_empty()
        && time.saturating_add(86_400) >= NOW
        && jar.digest == hexadecimal(&Md5::digest(text))
}

/// How many of a sample of the forgeries deceive the naive check.
fn deceived(kind: DigestKind, forgeries: usize, seed: u64) -> usize {
    let settings = settings(kind);
    let mut random = Rng::with_seed(seed);
    let mut made = vec![valid(&mut random, &settings)];
    let mut deceived = 0;
    let mut forged = 0;
    while forged < forgeries {
        if forged % 1000 == 0 {
            made = (0..16).map(|_| valid(&mut random, &settings)).collect();
        }
        let original = random.choice(&made).unwrap();
        let mut jar = original.clone();
        forge(&mut random, &mut jar, random_other(&made, forged));
        if made.contains(&jar) {
            continue;
        }
        forged += 1;
        let header = jar.header();
        let found = check(&settings, [&header[..]], LIFETIME, NOW);
        assert!(
            found.is_err(),
            "seed {seed:#x}: {} is accepted; made was {}",
            header.escape_ascii(),
            original.header().escape_ascii()
        );
        deceived += usize::from(forged % SAMPLE == 0 && naive_check(&jar));
    }
    deceived
}

fn random_other(made: &[Jar], forged: usize) -> Jar {
    made[forged % made.len()].clone()
}

#[test]
fn none_of_a_million_forged_cookies_is_accepted() {
    let deceived_by_md5 = deceived(DigestKind::Md5, FORGERIES * 9 / 10, SEED);
    deceived(DigestKind::HmacSha256, FORGERIES / 10, SEED + 1);
    assert!(
        deceived_by_md5 > FORGERIES / SAMPLE / 50,
        "only {deceived_by_md5} forgeries would deceive a naive check"
    );
}
