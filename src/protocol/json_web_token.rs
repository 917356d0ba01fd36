//! JSON Web Tokens with an HMAC (RFC 7515, RFC 7519; algorithms of RFC 7518 section 3.2).
//!
//! The checks come in the order of the Go library that the old servers used, and where clients have
//! seen a fault's text, it is the same: the number of segments, the header, the claims, the
//! algorithm, the signature, the times. More strictly than there, a token is bounded, no JSON
//! object may have two members of one name (two readers could take different ones), nothing may
//! follow the claims, a header with `crit` is refused (RFC 7515 section 4.1.11), and a token is expired at `exp` itself (RFC 7519 section 4.1.4).
//!
//! Invariants: claims exist only behind a valid signature. The signature is compared in constant
//! time. Debug output does not show claims.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::URL_SAFE_NO_PAD};
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use serde_core::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};
use std::fmt;

/// Bytes of a token.
pub const TOKEN_LIMIT: usize = 16 * 1024;

/// The old library added missing padding and did not look at the bits that no byte needs.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Algorithms that the old library knew and that are refused by name.
const OTHER_ALGORITHMS: [&str; 10] = [
    "none", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
];

/// Why a token is not accepted. `Display` is the text that a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFault {
    /// More than [`TOKEN_LIMIT`] bytes.
    TooLong,
    /// Not three segments.
    Segments,
    /// The scheme of an `Authorization` field stands in front of the token.
    Bearer,
    /// A segment is not base64.
    Base64 {
        /// The offset of the first wrong byte within its segment.
        position: usize,
    },
    /// The header or the claims are not one JSON object.
    Json {
        /// `header` or `claims`.
        part: &'static str,
        /// What is wrong, and where.
        message: String,
    },
    /// The header names no algorithm.
    AlgorithmMissing,
    /// The header names an algorithm that is none.
    AlgorithmUnknown,
    /// The header names an algorithm that is not an HMAC.
    Algorithm(&'static str),
    /// The header has extensions that a reader must know (`crit`), and none is known here.
    Critical,
    /// The signature is another than the secret gives.
    Signature,
    /// The time is not before `exp`.
    Expired,
    /// The time is before `nbf`.
    NotValidYet,
    /// The time is before `iat`.
    UsedBeforeIssued,
}

impl fmt::Display for TokenFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(formatter, "token is longer than {TOKEN_LIMIT} bytes"),
            Self::Segments => formatter.write_str("token contains an invalid number of segments"),
            Self::Bearer => formatter.write_str("tokenstring should not contain 'bearer '"),
            Self::Base64 { position } => {
                write!(formatter, "illegal base64 data at input byte {position}")
            }
            Self::Json { part, message } => {
                write!(formatter, "token {part} is not a JSON object: {message}")
            }
            Self::AlgorithmMissing => formatter.write_str("signing method (alg) is unspecified."),
            Self::AlgorithmUnknown => formatter.write_str("signing method (alg) is unavailable."),
            Self::Algorithm(name) => write!(formatter, "Unexpected signing method: {name}"),
            Self::Critical => formatter.write_str("token header has crit, which is not supported"),
            Self::Signature => formatter.write_str("signature is invalid"),
            Self::Expired => formatter.write_str("Token is expired"),
            Self::NotValidYet => formatter.write_str("Token is not valid yet"),
            Self::UsedBeforeIssued => formatter.write_str("Token used before issued"),
        }
    }
}

impl std::error::Error for TokenFault {}

/// The claims of a token whose signature is valid.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

/// A claim that is a time (RFC 7519 section 2, NumericDate).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimeClaim {
    /// There is no such claim.
    Missing,
    /// The claim is not a number.
    NotNumeric,
    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    At(f64),
}

impl Claims {
    /// A claim, whatever its type.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All claims.
    pub fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A claim that is a time: `exp`, `nbf` or `iat`.
    pub fn time(&self, name: &str) -> TimeClaim {
        match self.get(name) {
            None => TimeClaim::Missing,
            Some(value) => value.as_f64().map_or(TimeClaim::NotNumeric, TimeClaim::At),
        }
    }
}

/// Claims name people and rights, so they are not shown.
impl fmt::Debug for Claims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Claims({})", self.0.len())
    }
}

/// The header and the claims of a token of which nothing is verified but its form: to show what it
/// says, and never to be believed.
///
/// # Errors
/// [`TokenFault`], for its form.
pub fn read_unverified(token: &str) -> Result<[Map<String, Value>; 2], TokenFault> {
    let parts = Parts::split(token)?;
    Ok([
        parts.header()?,
        parse_object("claims", &decode(parts.claims)?)?,
    ])
}

/// Verifies a token's form, algorithm and signature, and gives its claims. Their times are not
/// checked here; see [`check_times`].
///
/// # Errors
/// [`TokenFault`]. With an empty `secret` no signature is valid.
pub fn verify(token: &str, secret: &[u8]) -> Result<Claims, TokenFault> {
    let parts = Parts::split(token)?;
    let header = parts.header()?;
    let claims = parse_object("claims", &decode(parts.claims)?)?;
    if header.contains_key("crit") {
        return Err(TokenFault::Critical);
    }
    let name = header.get("alg").and_then(Value::as_str);
    let algorithm = Algorithm::from_name(name.ok_or(TokenFault::AlgorithmMissing)?)?;
    let signature = decode(parts.signature)?;
    if algorithm.is_valid(parts.signed.as_bytes(), &signature, secret) {
        Ok(Claims(claims))
    } else {
        Err(TokenFault::Signature)
    }
}

/// The three segments of a token, as they are written.
struct Parts<'a> {
    token: &'a str,
    /// The first two segments with the dot between them.
    signed: &'a str,
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_LIMIT {
            return Err(TokenFault::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Segments)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Segments)?;
        if claims.contains('.') {
            return Err(TokenFault::Segments);
        }
        Ok(Self {
            token,
            signed,
            header,
            claims,
            signature,
        })
    }

    fn header(&self) -> Result<Map<String, Value>, TokenFault> {
        let header = decode(self.header).map_err(|fault| {
            if has_scheme(self.token) {
                TokenFault::Bearer
            } else {
                fault
            }
        })?;
        parse_object("header", &header)
    }
}

/// Checks `exp`, `iat` and `nbf` against the time, in seconds since 1970. A claim that is missing or
/// not a number passes. Fractions of a second count for `exp` only: the clocks of two machines do
/// not agree so well that a token could not come from the second that has just begun.
///
/// # Errors
/// The last that fails in the order `exp`, `iat`, `nbf`, as in the Go library: a token that is both
/// expired and not valid yet is reported as not valid yet.
pub fn check_times(claims: &Claims, now_epoch_seconds: f64) -> Result<(), TokenFault> {
    let is_before =
        |name| matches!(claims.time(name), TimeClaim::At(at) if now_epoch_seconds < at.floor());
    if is_before("nbf") {
        return Err(TokenFault::NotValidYet);
    }
    if is_before("iat") {
        return Err(TokenFault::UsedBeforeIssued);
    }
    match claims.time("exp") {
        TimeClaim::At(at) if now_epoch_seconds >= at => Err(TokenFault::Expired),
        _ => Ok(()),
    }
}

/// Makes a token of `claims`, signed with HS256.
///
/// # Errors
/// [`TokenFault::Signature`] if `secret` is empty, [`TokenFault::TooLong`] if the token would not
/// be accepted for its length.
pub fn sign(claims: &Map<String, Value>, secret: &[u8]) -> Result<String, TokenFault> {
    let mut token = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    token.push('.');
    let claims = Value::Object(claims.clone()).to_string();
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let mac = keyed::<Hmac<Sha256>>(secret, token.as_bytes()).ok_or(TokenFault::Signature)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(mac.finalize().into_bytes(), &mut token);
    if token.len() > TOKEN_LIMIT {
        return Err(TokenFault::TooLong);
    }
    Ok(token)
}

#[derive(Clone, Copy)]
enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
}

impl Algorithm {
    fn from_name(name: &str) -> Result<Self, TokenFault> {
        match name {
            "HS256" => Ok(Self::Hs256),
            "HS384" => Ok(Self::Hs384),
            "HS512" => Ok(Self::Hs512),
            _ => Err(OTHER_ALGORITHMS
                .into_iter()
                .find(|other| *other == name)
                .map_or(TokenFault::AlgorithmUnknown, TokenFault::Algorithm)),
        }
    }

    fn is_valid(self, signed: &[u8], signature: &[u8], secret: &[u8]) -> bool {
        match self {
            Self::Hs256 => is_valid::<Sha256>(signed, signature, secret),
            Self::Hs384 => is_valid::<Sha384>(signed, signature, secret),
            Self::Hs512 => is_valid::<Sha512>(signed, signature, secret),
        }
    }
}

fn is_valid<D: EagerHash>(signed: &[u8], signature: &[u8], secret: &[u8]) -> bool
where
    Hmac<D>: KeyInit + Mac,
{
    keyed::<Hmac<D>>(secret, signed).is_some_and(|mac| mac.verify_slice(signature).is_ok())
}

/// An HMAC over `data`; none with an empty secret, with which anybody could sign.
fn keyed<M: KeyInit + Mac>(secret: &[u8], data: &[u8]) -> Option<M> {
    if secret.is_empty() {
        return None;
    }
    let mac = <M as KeyInit>::new_from_slice(secret).ok()?;
    Some(mac.chain_update(data))
}

fn has_scheme(token: &str) -> bool {
    let start = token.as_bytes().get(..7);
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"bearer "))
}

fn decode(segment: &str) -> Result<Vec<u8>, TokenFault> {
    let is_symbol = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    BASE64.decode(segment).map_err(|_| TokenFault::Base64 {
        // The decoder looks at the end first. If all bytes are fine, there are too few of them.
        position: segment
            .bytes()
            .position(|byte| !is_symbol(byte))
            .unwrap_or(segment.len()),
    })
}

fn parse_object(part: &'static str, bytes: &[u8]) -> Result<Map<String, Value>, TokenFault> {
    let fault = |message: String| TokenFault::Json { part, message };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = UniqueMembers
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| fault(error.to_string()))?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(fault("it is another kind of value".into())),
    }
}

/// Reads any JSON value and refuses objects that have two members of one name. The depth is bounded
/// by the deserializer.
#[derive(Clone, Copy)]
struct UniqueMembers;

impl<'de> DeserializeSeed<'de> for UniqueMembers {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if values.insert(name, value).is_some() {
                return Err(A::Error::custom("two members have the same name"));
            }
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &[u8] = b"a secret for tests";
    const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    /// A token of these exact texts, signed with HS256.
    fn token(header: &str, claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mac = keyed::<Hmac<Sha256>>(SECRET, signed.as_bytes()).unwrap();
        format!(
            "{signed}.{}",
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        )
    }

    fn fault(token: &str) -> String {
        verify(token, SECRET).unwrap_err().to_string()
    }

    fn claims(value: &Value) -> Claims {
        verify(&sign(value.as_object().unwrap(), SECRET).unwrap(), SECRET).unwrap()
    }

    #[test]
    fn the_example_of_the_standard_is_verified() {
        // RFC 7515 appendix A.1.
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
            dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let claims = verify(token, &URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
        assert_eq!(claims.text("iss"), Some("joe"));
        assert_eq!(claims.time("exp"), TimeClaim::At(1_300_819_380.0));
        assert_eq!(check_times(&claims, 1_300_819_379.0), Ok(()));
        assert_eq!(
            check_times(&claims, 1_300_819_380.0),
            Err(TokenFault::Expired)
        );
    }

    #[test]
    fn all_three_hashes_are_verified() {
        fn signed<M: KeyInit + Mac>(name: &str) -> String {
            let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{name}\"}}"));
            let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode("{}"));
            let mac = keyed::<M>(SECRET, signed.as_bytes()).unwrap();
            format!(
                "{signed}.{}",
                URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
            )
        }
        let good = [
            signed::<Hmac<Sha256>>("HS256"),
            signed::<Hmac<Sha384>>("HS384"),
            signed::<Hmac<Sha512>>("HS512"),
        ];
        for token in good {
            assert!(verify(&token, SECRET).is_ok());
            assert_eq!(verify(&token, b"other").unwrap_err(), TokenFault::Signature);
        }
        let mixed = [
            signed::<Hmac<Sha256>>("HS512"),
            signed::<Hmac<Sha512>>("HS256"),
        ];
        for token in mixed {
            assert_eq!(verify(&token, SECRET).unwrap_err(), TokenFault::Signature);
        }
    }

    #[test]
    fn a_signed_token_is_verified_and_gives_its_claims() {
        let claims = claims(
            &json!({"aud": "https://a/b", "exp": 12.5, "iat": "x", "n": [1, null, {"a": -1}]}),
        );
        assert_eq!(claims.text("aud"), Some("https://a/b"));
        assert_eq!(claims.text("exp"), None);
        assert_eq!(claims.time("exp"), TimeClaim::At(12.5));
        assert_eq!(claims.time("iat"), TimeClaim::NotNumeric);
        assert_eq!(claims.time("nbf"), TimeClaim::Missing);
        assert_eq!(claims.get("n"), Some(&json!([1, null, {"a": -1}])));
        assert_eq!(format!("{claims:?}"), "Claims(4)");
    }

    #[test]
    fn faults_have_the_texts_that_clients_know() {
        for (token, text) in [
            ("garbage", "token contains an invalid number of segments"),
            ("", "token contains an invalid number of segments"),
            ("a.b", "token contains an invalid number of segments"),
            ("a.b.c.d", "token contains an invalid number of segments"),
            ("<a&b>", "token contains an invalid number of segments"),
            ("a.b.c", "illegal base64 data at input byte 1"),
            ("aaaaa.b.c", "illegal base64 data at input byte 5"),
            ("!!!!.b.c", "illegal base64 data at input byte 0"),
            ("!!!!!.b.c", "illegal base64 data at input byte 0"),
            ("aa aa.b.c", "illegal base64 data at input byte 2"),
            (
                "Bearer e30.e30.c",
                "tokenstring should not contain 'bearer '",
            ),
            ("e30.b.c", "illegal base64 data at input byte 1"),
            ("e30.e30.c", "signing method (alg) is unspecified."),
        ] {
            assert_eq!(fault(token), text, "{token}");
        }
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for (header, text) in [
            (
                r#"{"alg":"none","typ":"JWT"}"#,
                "Unexpected signing method: none",
            ),
            (r#"{"alg":"RS256"}"#, "Unexpected signing method: RS256"),
            (r#"{"alg":"ES512"}"#, "Unexpected signing method: ES512"),
            (r#"{"alg":"hs256"}"#, "signing method (alg) is unavailable."),
            (r#"{"alg":"<x>"}"#, "signing method (alg) is unavailable."),
            (r#"{"alg":5}"#, "signing method (alg) is unspecified."),
        ] {
            assert_eq!(fault(&format!("{}.e30.", encode(header))), text);
            assert_eq!(fault(&token(header, "{}")), text);
        }
    }

    #[test]
    fn recorded_tokens_get_their_recorded_answers() {
        let secretless = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.\
            eyJhdWQiOiJodHRwczovL2F1ZC5leGFtcGxlL2V4cHQiLCJleHAiOjE3OTUyMTExMDR9.";
        assert_eq!(fault(secretless), "Unexpected signing method: none");
        let foreign = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
            eyJhdWQiOiJodHRwczovL2F1ZC5leGFtcGxlL2V4cHQiLCJleHAiOjE3OTUyMTExMDR9.\
            FGMoPDTGN0fuZ-bpY3zRGegZwPlM5ItqS1nm6CDIN_U";
        assert_eq!(fault(foreign), "signature is invalid");
    }

    #[test]
    fn a_changed_signature_is_invalid_and_a_bad_one_is_no_base64() {
        let good = token(HS256, r#"{"exp":1}"#);
        assert!(verify(&good, SECRET).is_ok());
        let (signed, signature) = good.rsplit_once('.').unwrap();
        assert_eq!(fault(&format!("{signed}.")), "signature is invalid");
        assert_eq!(
            fault(&format!("{signed}.{}", &signature[..40])),
            "signature is invalid"
        );
        assert_eq!(
            fault(&format!("{signed}.{signature}AA")),
            "illegal base64 data at input byte 45"
        );
        assert_eq!(
            fault(&format!("{signed}.*")),
            "illegal base64 data at input byte 0"
        );
        // The claims are expired, but the signature comes first.
        let other = token(HS256, r#"{"exp":2}"#);
        let (other_signed, _) = other.rsplit_once('.').unwrap();
        assert_eq!(
            fault(&format!("{other_signed}.{signature}")),
            "signature is invalid"
        );
    }

    #[test]
    fn an_empty_secret_signs_and_verifies_nothing() {
        let good = token(HS256, "{}");
        assert_eq!(verify(&good, b"").unwrap_err(), TokenFault::Signature);
        assert_eq!(sign(&Map::new(), b"").unwrap_err(), TokenFault::Signature);
    }

    #[test]
    fn json_that_could_be_read_in_two_ways_is_refused() {
        for (header, claims, part) in [
            (r#"{"alg":"none","alg":"HS256"}"#, "{}", "header"),
            (HS256, r#"{"aud":"a","aud":"b"}"#, "claims"),
            (HS256, r#"{"aud":"a","\u0061ud":"a"}"#, "claims"),
            (HS256, r#"{"a":[{"b":1,"b":1}]}"#, "claims"),
            (HS256, "{} {}", "claims"),
            (HS256, "[]", "claims"),
            (HS256, "null", "claims"),
            (HS256, "", "claims"),
            (HS256, r#"{"exp":1e999}"#, "claims"),
            (HS256, r#"{"exp":NaN}"#, "claims"),
            ("{", "{}", "header"),
            ("\"HS256\"", "{}", "header"),
        ] {
            let text = fault(&token(header, claims));
            assert!(
                text.starts_with(&format!("token {part} is not a JSON object: ")),
                "{text}"
            );
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert!(fault(&token(HS256, &deep)).contains("recursion limit"));
        assert!(
            verify(
                &token(HS256, " {\"a\":{\"a\":1},\"b\":{\"a\":1}}\n"),
                SECRET
            )
            .is_ok()
        );
    }

    #[test]
    fn long_tokens_are_refused_unread() {
        let long = "a".repeat(TOKEN_LIMIT + 1);
        assert_eq!(fault(&long), "token is longer than 16384 bytes");
        let mut claims = Map::new();
        claims.insert("a".into(), "x".repeat(TOKEN_LIMIT).into());
        assert_eq!(sign(&claims, SECRET).unwrap_err(), TokenFault::TooLong);
    }

    #[test]
    fn padding_and_unused_bits_do_not_matter() {
        let good = token(HS256, "{}");
        let (signed, signature) = good.rsplit_once('.').unwrap();
        assert!(verify(&format!("{signed}.{signature}="), SECRET).is_ok());
    }

    #[test]
    fn times_are_checked_in_order() {
        for (value, result) in [
            (json!({}), Ok(())),
            (json!({"exp": 101}), Ok(())),
            (json!({"exp": 100.5}), Ok(())),
            (json!({"exp": 100}), Err(TokenFault::Expired)),
            (json!({"exp": 0}), Err(TokenFault::Expired)),
            (json!({"exp": -5.5}), Err(TokenFault::Expired)),
            (json!({"exp": "x"}), Ok(())),
            (json!({"exp": null}), Ok(())),
            (json!({"nbf": 100, "iat": 100}), Ok(())),
            (json!({"nbf": 101}), Err(TokenFault::NotValidYet)),
            (json!({"iat": 101}), Err(TokenFault::UsedBeforeIssued)),
            (json!({"iat": 100.25, "nbf": 100.75}), Ok(())),
            (json!({"iat": 101.25}), Err(TokenFault::UsedBeforeIssued)),
            (json!({"nbf": "101", "iat": [101]}), Ok(())),
            (
                json!({"exp": 1, "iat": 101}),
                Err(TokenFault::UsedBeforeIssued),
            ),
            (
                json!({"exp": 1, "iat": 101, "nbf": 101}),
                Err(TokenFault::NotValidYet),
            ),
            (
                json!({"exp": 1, "nbf": 1, "iat": 1}),
                Err(TokenFault::Expired),
            ),
        ] {
            assert_eq!(check_times(&claims(&value), 100.0), result, "{value}");
        }
    }
}
