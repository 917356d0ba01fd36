//! Digests computed by other programs, every fault, and characters moved between fields.

use super::*;

const TOKEN: &str = "0123456789abcdefghijklmnopqrstuv";
const TIME: u64 = 1_700_000_000;
const DAY: Duration = Duration::from_secs(86_400);

/// As Python's hashlib and PHP's md5() and hash_hmac() have them, for the secret `s3cret`.
const MD5: &str = "5d9bd714a408d58ebf87d29969ee640f";
const MD5_OF_42: &str = "122fc6833032dcb59855ea2e9fc17b46";
const HMAC: &str = "4b44614de7c2843afc1b2330e618151df8b428f408be941bdda5b54d459fc739";
const HMAC_OF_42: &str = "776846cf7de5d26f2a010ffeb54f318e09c20007279803c6cd33bfb7cb35fdf6";
const HMAC_OF_42_WITH_A_LONG_SECRET: &str =
    "39578d5af8066fc53b09800a87c4b69b37ad4966982ebb29764b1b611db4d53f";

fn settings(digest: DigestKind) -> Settings {
    Settings {
        secret: Secret::new("s3cret"),
        digest,
        ..Settings::default()
    }
}

fn check_at(settings: &Settings, cookies: &str, now: u64) -> Result<Credentials, CredentialFault> {
    check(settings, [cookies.as_bytes()], DAY, now)
}

fn check_md5(cookies: &str) -> Result<Credentials, CredentialFault> {
    check_at(&settings(DigestKind::Md5), cookies, TIME)
}

fn md5_hex(text: &str) -> String {
    hexadecimal(&Md5::digest(text))
}

#[test]
fn cookies_with_the_digest_of_another_program_are_accepted() {
    use DigestKind::{HmacSha256, Md5};
    let long = "k".repeat(200);
    for (digest, secret, hex, user) in [
        (Md5, "s3cret", MD5, None),
        (Md5, "s3cret", MD5_OF_42, Some("42")),
        (HmacSha256, "s3cret", HMAC, None),
        (HmacSha256, "s3cret", HMAC_OF_42, Some("42")),
        (HmacSha256, &long, HMAC_OF_42_WITH_A_LONG_SECRET, Some("42")),
    ] {
        let settings = Settings {
            secret: Secret::new(secret),
            ..settings(digest)
        };
        let mut cookies = format!("lang=de; token={TOKEN};time={TIME}; digest={hex}; x");
        if let Some(user) = user {
            cookies = format!("user={user}; {cookies}");
        }
        let expected = Credentials {
            token: Token::new(TOKEN.as_bytes()).unwrap(),
            user: user.map(Box::from),
            expires: TIME + 86_400,
        };
        let found = check_at(&settings, &cookies, TIME);
        assert_eq!(found, Ok(expected), "{digest:?} {user:?}");
        let other = Settings {
            digest: if digest == Md5 { HmacSha256 } else { Md5 },
            ..settings
        };
        let found = check_at(&other, &cookies, TIME);
        assert_eq!(found, Err(CredentialFault::Digest), "{digest:?} {user:?}");
    }
}

#[test]
fn what_is_made_is_accepted_and_is_what_other_programs_make() {
    use DigestKind::{HmacSha256, Md5};
    let token = Token::new(TOKEN.as_bytes()).unwrap();
    for (digest, user, hex) in [
        (Md5, None, MD5),
        (Md5, Some("42"), MD5_OF_42),
        (HmacSha256, None, HMAC),
        (HmacSha256, Some("42"), HMAC_OF_42),
    ] {
        let settings = settings(digest);
        let cookies = make(&settings, token, user, TIME).unwrap();
        let text = cookies.to_string();
        let end = user
            .map(|user| format!("; user={user}"))
            .unwrap_or_default();
        assert_eq!(
            text,
            format!("token={TOKEN}; time={TIME}; digest={hex}{end}")
        );
        assert!(check_at(&settings, &text, TIME).is_ok(), "{text}");
        let fields: Vec<String> = cookies.pairs().map(|(n, v)| format!("{n}={v}")).collect();
        let fields = fields.iter().map(String::as_bytes);
        assert!(check(&settings, fields, DAY, TIME).is_ok(), "{text}");
    }
}

#[test]
fn every_fault_is_found() {
    use CredentialFault::{Digest, Missing, Repeated, Time, User};
    let good = format!("token={TOKEN}; time={TIME}; digest={MD5}");
    assert!(check_md5(&good).is_ok());
    for (cookies, fault) in [
        (String::new(), Missing("token")),
        (good.replace("token=", "Token="), Missing("token")),
        (good.replace("time=", "tim="), Missing("time")),
        (good.replace("digest=", "digest "), Missing("digest")),
        (format!("{good}; token={TOKEN}"), Repeated("token")),
        (format!("{good}; time={TIME}"), Repeated("time")),
        (format!("digest=; {good}"), Repeated("digest")),
        (format!("{good}; user=; user=42"), Repeated("user")),
        (good.replace(TOKEN, ""), CredentialFault::Token),
        (good.replace(TOKEN, &TOKEN[1..]), CredentialFault::Token),
        (
            good.replace(TOKEN, &format!("{TOKEN}w")),
            CredentialFault::Token,
        ),
        (good.replace("abc", "a c"), CredentialFault::Token),
        (good.replace("abc", "a\tc"), CredentialFault::Token),
        (good.replace("abc", "a\u{7f}c"), CredentialFault::Token),
        (good.replace("abc", "a\u{e4}"), CredentialFault::Token),
        (format!("{good}; user="), User),
        (format!("{good}; user=a b"), User),
        (format!("{good}; user=\u{fc}"), User),
        (format!("{good}; user=42"), Digest),
        (good.replace(MD5, MD5_OF_42), Digest),
        (good.replace(MD5, &MD5.to_uppercase()), Digest),
        (good.replace(MD5, &MD5[1..]), Digest),
        (good.replace(MD5, &format!("{MD5}0")), Digest),
        (good.replace(MD5, &format!("\"{MD5}\"")), Digest),
        (good.replace(MD5, ""), Digest),
        (good.replace("abc", "abd"), Digest),
        (good.replace("time=17", "time=1"), Digest),
        (good.replace("; digest", " ; digest"), Time),
        (good.replace("time=17", "time=18"), Digest),
        (good.replace("time=17", "time=017"), Time),
        (good.replace("time=17", "time=+17"), Time),
        (good.replace("time=17", "time=-17"), Time),
        (good.replace("time=17", "time= 17"), Time),
        (good.replace("time=17", "time=17.0"), Time),
        (good.replace("time=17", "time=17_"), Time),
        (good.replace("time=17", "time=0x17"), Time),
        (good.replace("time=17", "time=1e17"), Time),
        (good.replace("time=17", "time=184467440737095516161"), Time),
        (good.replace(&format!("{TIME}"), ""), Time),
        (good.replace(&format!("{TIME}"), "00"), Time),
        (good.replace(&format!("{TIME}"), "\u{661}"), Time),
    ] {
        assert_eq!(check_md5(&cookies), Err(fault), "{cookies}");
        let message = fault.to_string();
        assert!(!message.is_empty() && !message.contains(TOKEN) && !message.contains(MD5));
    }
    let nobody = Settings::default();
    let of_no_secret = format!(
        "token={TOKEN}; time={TIME}; digest={}",
        md5_hex(&format!("{TOKEN}{TIME}"))
    );
    let found = check_at(&nobody, &of_no_secret, TIME);
    assert_eq!(found, Err(CredentialFault::NoSecret));
}

#[test]
fn bytes_that_are_not_text_are_refused_where_they_matter_only() {
    let settings = settings(DigestKind::Md5);
    let good = format!("token={TOKEN}; time={TIME}; digest={MD5}");
    let with = |more: &[u8]| [good.as_bytes(), more].concat();
    let check = |cookies: &[u8]| check(&settings, [cookies], DAY, TIME).map(|_| ());
    assert_eq!(check(&with(b"; other=\xff\xfe")), Ok(()));
    assert_eq!(check(&with(b"; user=\xff")), Err(CredentialFault::User));
    assert_eq!(check(&with(b"\xff")), Err(CredentialFault::Digest));
}

#[test]
fn cookies_are_good_from_a_minute_before_their_time_to_the_end_of_their_lifetime() {
    use CredentialFault::{Expired, Future};
    let settings = settings(DigestKind::Md5);
    let cookies = format!("token={TOKEN}; time={TIME}; digest={MD5}");
    for (now, expected) in [
        (0, Err(Future)),
        (TIME - 61, Err(Future)),
        (TIME - 60, Ok(())),
        (TIME, Ok(())),
        (TIME + 86_400, Ok(())),
        (TIME + 86_401, Err(Expired)),
        (u64::MAX, Err(Expired)),
    ] {
        let found = check_at(&settings, &cookies, now).map(|_| ());
        assert_eq!(found, expected, "{now}");
    }
    for time in [0, u64::MAX] {
        let token = Token::new(TOKEN.as_bytes()).unwrap();
        let cookies = make(&settings, token, None, time).unwrap().to_string();
        let expected = if time == 0 { Expired } else { Future };
        assert_eq!(check_at(&settings, &cookies, TIME), Err(expected));
        assert!(check_at(&settings, &cookies, time).is_ok());
    }
}

/// All texts have the same digest; only the fields as they were signed may be accepted.
#[test]
fn characters_cannot_move_from_one_field_to_the_next() {
    for user in ["", "4", "42", "4200"] {
        let signed = format!("{user}{TOKEN}{TIME}");
        let digest = md5_hex(&format!("s3cret{signed}"));
        let mut accepted = Vec::new();
        for token_start in 0..=signed.len() {
            for time_start in token_start..=signed.len() {
                let (front, time) = signed.split_at(time_start);
                let (user, token) = front.split_at(token_start);
                for user in [None, Some(user)] {
                    let fields = format!("token={token}; time={time}; digest={digest}");
                    let user = user
                        .map(|user| format!("; user={user}"))
                        .unwrap_or_default();
                    let cookies = format!("{fields}{user}");
                    if check_md5(&cookies).is_ok() {
                        accepted.push(cookies);
                    }
                }
            }
        }
        let fields = format!("token={TOKEN}; time={TIME}; digest={digest}");
        let expected = match user {
            "" => fields,
            user => format!("{fields}; user={user}"),
        };
        assert_eq!(accepted, [expected]);
    }
}

#[test]
fn cookies_that_not_every_client_can_send_are_not_made() {
    let settings = settings(DigestKind::Md5);
    let token = Token::new(TOKEN.as_bytes()).unwrap();
    for user in ["", "a b", "a;b", "a,b", "a\"b", "a\\b", "\u{e4}", "a\n"] {
        let found = make(&settings, token, Some(user), TIME);
        assert_eq!(found, Err(CookieFault::User), "{user:?}");
    }
    let token_with_a_comma = Token::new(TOKEN.replace('a', ",").as_bytes()).unwrap();
    let found = make(&settings, token_with_a_comma, None, TIME);
    assert_eq!(found, Err(CookieFault::Token));
    let found = make(&Settings::default(), token, None, TIME);
    assert_eq!(found, Err(CookieFault::NoSecret));
    assert!(make(&settings, token, Some("a@b=c/{}'%&"), TIME).is_ok());
}

#[test]
fn debug_output_shows_no_values() {
    let settings = settings(DigestKind::Md5);
    let token = Token::new(TOKEN.as_bytes()).unwrap();
    let cookies = make(&settings, token, Some("4711"), TIME).unwrap();
    let credentials = check_at(&settings, &cookies.to_string(), TIME).unwrap();
    let shown = format!("{cookies:?} {credentials:?} {token:?}");
    for hidden in ["0123456789", "4711", "s3cret"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert_eq!(token.as_str(), TOKEN);
}
