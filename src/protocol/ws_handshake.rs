//! The opening handshake, both sides of it (RFC 6455 sections 1.3, 4.1 and 4.2).
//!
//! No extension is offered or accepted here: an answer without `Sec-WebSocket-Extensions` declines
//! them all (section 9.1). Compression is added to an answer by [`ws_deflate`](super::ws_deflate).

use crate::protocol::http_request::{Method, Request, Version};
use crate::protocol::http_response::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::fmt;

/// What is appended to the key before it is hashed (section 1.3).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a quotation from a server's answer.
const QUOTE_LIMIT: usize = 200;

/// The value of `Sec-WebSocket-Accept`: base64 of 20 bytes.
pub type AcceptKey = [u8; 28];

/// The proof that a server has understood `key` (section 4.2.2, item 5.4).
pub fn accept_key(key: &str) -> AcceptKey {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(ACCEPT_SUFFIX);
    let digest: [u8; 20] = hash.finalize().into();
    let mut accept = [0; 28];
    // 20 bytes are 28 in base64, so the room is right for any digest.
    let written = STANDARD.encode_slice(digest, &mut accept);
    debug_assert_eq!(written, Ok(28));
    accept
}

/// What is wrong with an opening handshake.
///
/// [`Handshake::check`] reports the first fault in the order of this list, which is the order of
/// section 4.2.1. `Display` says it in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandshakeFault {
    /// The method is not GET.
    Method,
    /// The request is HTTP/1.0.
    HttpVersion,
    /// There is no `Host` field, or it is empty.
    Host,
    /// `Upgrade` does not have the token `websocket`.
    Upgrade,
    /// `Connection` does not have the token `Upgrade`.
    Connection,
    /// There is no `Sec-WebSocket-Key` field.
    KeyMissing,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    KeyMalformed,
    /// There is no `Sec-WebSocket-Version` field.
    VersionMissing,
    /// `Sec-WebSocket-Version` is not 13.
    VersionOther,
}

impl HandshakeFault {
    /// All faults, in the order in which they are reported.
    pub const ALL: [Self; 9] = [
        Self::Method,
        Self::HttpVersion,
        Self::Host,
        Self::Upgrade,
        Self::Connection,
        Self::KeyMissing,
        Self::KeyMalformed,
        Self::VersionMissing,
        Self::VersionOther,
    ];

    /// The sentence that `Display` shows.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Method => "WebSocket handshake: the method is not GET",
            Self::HttpVersion => "WebSocket handshake: the version is not HTTP/1.1",
            Self::Host => "WebSocket handshake: no Host field",
            Self::Upgrade => "WebSocket handshake: the Upgrade field does not say websocket",
            Self::Connection => "WebSocket handshake: the Connection field does not say Upgrade",
            Self::KeyMissing => "WebSocket handshake: no Sec-WebSocket-Key field",
            Self::KeyMalformed => {
                "WebSocket handshake: Sec-WebSocket-Key is not 16 bytes in base64"
            }
            Self::VersionMissing => "WebSocket handshake: no Sec-WebSocket-Version field",
            Self::VersionOther => "WebSocket handshake: Sec-WebSocket-Version is not 13",
        }
    }

    /// The status that the standards suggest: 405 for the method, 426 for the version of WebSocket
    /// (section 4.2.2, item 4), else 400. A dialect may have another one.
    pub fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::VersionOther => 426,
            Self::HttpVersion
            | Self::Host
            | Self::Upgrade
            | Self::Connection
            | Self::KeyMissing
            | Self::KeyMalformed
            | Self::VersionMissing => 400,
        }
    }
}

impl fmt::Display for HandshakeFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl std::error::Error for HandshakeFault {}

impl From<HandshakeFault> for Refusal {
    fn from(fault: HandshakeFault) -> Self {
        let refusal = Self::new(fault.status(), fault.reason());
        match fault {
            HandshakeFault::Method => refusal.with_header("Allow", "GET"),
            HandshakeFault::VersionOther => refusal
                .with_header("Upgrade", "websocket")
                .with_header("Sec-WebSocket-Version", "13"),
            _ => refusal.with_header("Sec-WebSocket-Version", "13"),
        }
    }
}

/// True if the request asks for a WebSocket, whether or not it does so correctly.
pub fn is_requested(request: &Request) -> bool {
    request.has_token("Upgrade", "websocket")
}

/// A client's opening handshake that has been found correct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    accept: AcceptKey,
}

impl Handshake {
    /// Checks all that section 4.2.1 asks of a client.
    ///
    /// # Errors
    /// The first [`HandshakeFault`] in the order of that list.
    pub fn check(request: &Request) -> Result<Self, HandshakeFault> {
        let demand = |met: bool, fault| if met { Ok(()) } else { Err(fault) };
        demand(request.method() == Method::Get, HandshakeFault::Method)?;
        demand(
            request.version() == Version::Http11,
            HandshakeFault::HttpVersion,
        )?;
        demand(
            request.host().is_some_and(|host| !host.is_empty()),
            HandshakeFault::Host,
        )?;
        demand(is_requested(request), HandshakeFault::Upgrade)?;
        demand(
            request.has_token("Connection", "Upgrade"),
            HandshakeFault::Connection,
        )?;
        let key = request.headers("Sec-WebSocket-Key").next();
        let key = key.ok_or(HandshakeFault::KeyMissing)?;
        let key = well_formed_key(key).ok_or(HandshakeFault::KeyMalformed)?;
        let version = request.headers("Sec-WebSocket-Version").next();
        let version = version.ok_or(HandshakeFault::VersionMissing)?;
        demand(version == b"13", HandshakeFault::VersionOther)?;
        Ok(Self {
            accept: accept_key(key),
        })
    }

    /// Checks what servers of before the RFC did, and their clients may rely on: HTTP/1.0, a key of
    /// any text and a version that is 13 as a number, such as `013`, will do.
    ///
    /// # Errors
    /// The first [`HandshakeFault`] in the order of that list.
    pub fn check_leniently(request: &Request) -> Result<Self, HandshakeFault> {
        let demand = |met: bool, fault| if met { Ok(()) } else { Err(fault) };
        demand(request.method() == Method::Get, HandshakeFault::Method)?;
        demand(
            request.host().is_some_and(|host| !host.is_empty()),
            HandshakeFault::Host,
        )?;
        demand(is_requested(request), HandshakeFault::Upgrade)?;
        demand(
            request.has_token("Connection", "Upgrade"),
            HandshakeFault::Connection,
        )?;
        let key = request.header("Sec-WebSocket-Key");
        let key = key.filter(|key| !key.is_empty());
        let key = key.ok_or(HandshakeFault::KeyMissing)?;
        let version = request.header("Sec-WebSocket-Version");
        let version = version.ok_or(HandshakeFault::VersionMissing)?;
        demand(version.parse() == Ok(13.0), HandshakeFault::VersionOther)?;
        Ok(Self {
            accept: accept_key(key),
        })
    }

    /// The 101 answer; see [`switching_protocols`].
    pub fn answer(&self, subprotocol: Option<&str>) -> Vec<u8> {
        switching_protocols(&self.accept, subprotocol)
    }
}

/// 16 bytes in base64 are 22 symbols and two signs of padding.
fn well_formed_key(key: &[u8]) -> Option<&str> {
    let symbols = key.strip_suffix(b"==").filter(|rest| rest.len() == 22)?;
    let is_symbol = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let well_formed = symbols.iter().all(is_symbol);
    std::str::from_utf8(key).ok().filter(|_| well_formed)
}

/// The subprotocols that a client offers, the one that it likes best first. What is not a token is
/// left out (section 4.1, item 10).
pub fn offered_subprotocols(request: &Request) -> impl Iterator<Item = &str> {
    request
        .headers("Sec-WebSocket-Protocol")
        .filter_map(|value| std::str::from_utf8(value).ok())
        .flat_map(|value| value.split(','))
        .map(str::trim_ascii)
        .filter(|name| is_token(name))
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// The server's answer (section 4.2.2, item 5), made with one allocation. `subprotocol` must be one
/// of those offered; a text that is not a token is left out.
pub fn switching_protocols(accept: &AcceptKey, subprotocol: Option<&str>) -> Vec<u8> {
    const START: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    const SUBPROTOCOL: &[u8] = b"\r\nSec-WebSocket-Protocol: ";
    const END: &[u8] = b"\r\n\r\n";
    let subprotocol = subprotocol.filter(|name| is_token(name));
    let extra = subprotocol.map_or(0, |name| SUBPROTOCOL.len() + name.len());
    let mut answer = Vec::with_capacity(START.len() + accept.len() + extra + END.len());
    answer.extend_from_slice(START);
    answer.extend_from_slice(accept);
    if let Some(name) = subprotocol {
        answer.extend_from_slice(SUBPROTOCOL);
        answer.extend_from_slice(name.as_bytes());
    }
    answer.extend_from_slice(END);
    answer
}

/// A client's side: what it asks for, and so what the answer has to fit.
#[derive(Debug, Clone)]
pub struct ClientHandshake {
    /// The value of `Host`: the name, and the port unless it is the scheme's own.
    pub host: String,
    /// Path and query, with the leading slash, percent-encoded.
    pub target: String,
    /// The value of `Sec-WebSocket-Key`; see [`client_key`].
    pub key: String,
    /// Subprotocols to offer.
    pub subprotocols: Vec<String>,
    /// Further header fields, such as `Origin` or `Authorization`.
    pub headers: Vec<(String, String)>,
}

/// The key made of 16 random bytes (section 4.1, item 7).
pub fn client_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// A request that cannot be written: some part of it would end its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnwritableField {
    /// Which part it is: `host`, `target`, `key`, `subprotocol` or the name of a header field.
    pub part: String,
}

impl fmt::Display for UnwritableField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:?} has a character that an HTTP request cannot hold there",
            self.part
        )
    }
}

impl std::error::Error for UnwritableField {}

/// Why a server's answer is not a WebSocket. `Display` quotes what the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerFault {
    /// Not an HTTP answer; its first line.
    NotHttp(String),
    /// Another status than 101: the status line and the first line of the body.
    Status {
        /// The status code.
        status: u16,
        /// The status line.
        line: String,
        /// The first line of the body, as far as it has arrived.
        body: String,
    },
    /// `Upgrade` does not say `websocket`; the status line.
    Upgrade(String),
    /// `Connection` does not say `Upgrade`; the status line.
    Connection(String),
    /// `Sec-WebSocket-Accept` is missing or not the one for the key; the status line.
    Accept(String),
    /// The subprotocol was not offered; its name.
    Subprotocol(String),
    /// An extension, though none was offered; its name.
    Extension(String),
}

impl fmt::Display for AnswerFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp(line) => write!(formatter, "the server does not speak HTTP: {line:?}"),
            Self::Status { line, body, .. } if body.is_empty() => {
                write!(formatter, "the server answers {line:?}")
            }
            Self::Status { line, body, .. } => {
                write!(formatter, "the server answers {line:?}: {body:?}")
            }
            Self::Upgrade(line) => write!(
                formatter,
                "the server answers {line:?} without \"Upgrade: websocket\""
            ),
            Self::Connection(line) => write!(
                formatter,
                "the server answers {line:?} without \"Connection: Upgrade\""
            ),
            Self::Accept(line) => write!(
                formatter,
                "the server answers {line:?} with a wrong Sec-WebSocket-Accept"
            ),
            Self::Subprotocol(name) => write!(
                formatter,
                "the server chose the subprotocol {name:?}, which was not offered"
            ),
            Self::Extension(name) => write!(
                formatter,
                "the server chose the extension {name:?}, which was not offered"
            ),
        }
    }
}

impl std::error::Error for AnswerFault {}

impl ClientHandshake {
    /// The request head (section 4.1).
    ///
    /// # Errors
    /// [`UnwritableField`] if a part has a line break or another character that has no place in it.
    pub fn encode(&self) -> Result<Vec<u8>, UnwritableField> {
        let visible =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte > b' ' && byte != 0x7f);
        let demand = |met: bool, part: &str| {
            let part = part.to_owned();
            if met {
                Ok(())
            } else {
                Err(UnwritableField { part })
            }
        };
        demand(visible(&self.host), "host")?;
        demand(visible(&self.target), "target")?;
        demand(visible(&self.key), "key")?;
        let mut head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n",
            self.target, self.host, self.key
        );
        if !self.subprotocols.is_empty() {
            demand(
                self.subprotocols.iter().all(|name| is_token(name)),
                "subprotocol",
            )?;
            head += &format!(
                "Sec-WebSocket-Protocol: {}\r\n",
                self.subprotocols.join(", ")
            );
        }
        for (name, value) in &self.headers {
            let writable = value
                .chars()
                .all(|character| character == '\t' || !character.is_control());
            demand(is_token(name) && writable, name)?;
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        Ok(head.into_bytes())
    }

    /// Checks the server's answer (section 4.1, items 1 to 6 of its second list) and gives the
    /// subprotocol it chose.
    ///
    /// `head` goes up to the blank line, as [`head_end`](super::http_request::head_end) finds it;
    /// `body` is what has arrived behind it and is only quoted.
    ///
    /// # Errors
    /// [`AnswerFault`], of which `Display` quotes the server.
    pub fn check_answer(&self, head: &[u8], body: &[u8]) -> Result<Option<String>, AnswerFault> {
        let line = first_line(head);
        let mut room = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut room);
        let complete = answer.parse(head).is_ok_and(|status| status.is_complete());
        let Some(status) = answer.code.filter(|_| complete) else {
            return Err(AnswerFault::NotHttp(line));
        };
        if status != 101 {
            let body = first_line(body);
            return Err(AnswerFault::Status { status, line, body });
        }
        if !has_token(answer.headers, "Upgrade", "websocket") {
            return Err(AnswerFault::Upgrade(line));
        }
        if !has_token(answer.headers, "Connection", "Upgrade") {
            return Err(AnswerFault::Connection(line));
        }
        let mut accepts = values(answer.headers, "Sec-WebSocket-Accept");
        if accepts.next() != Some(&accept_key(&self.key)) || accepts.next().is_some() {
            return Err(AnswerFault::Accept(line));
        }
        if let Some(extension) = values(answer.headers, "Sec-WebSocket-Extensions").next() {
            return Err(AnswerFault::Extension(first_line(extension)));
        }
        self.chosen_subprotocol(answer.headers)
    }

    fn chosen_subprotocol(
        &self,
        headers: &[httparse::Header<'_>],
    ) -> Result<Option<String>, AnswerFault> {
        let mut chosen = values(headers, "Sec-WebSocket-Protocol");
        let Some(name) = chosen.next() else {
            return Ok(None);
        };
        let offered = self
            .subprotocols
            .iter()
            .find(|offer| offer.as_bytes() == name);
        match (offered, chosen.next()) {
            (Some(offer), None) => Ok(Some(offer.clone())),
            (_, Some(second)) => Err(AnswerFault::Subprotocol(first_line(second))),
            (None, None) => Err(AnswerFault::Subprotocol(first_line(name))),
        }
    }
}

fn values<'a>(
    headers: &'a [httparse::Header<'a>],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

fn has_token(headers: &[httparse::Header<'_>], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|element| element.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The first line of what a server said, shortened, for a message.
fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let line = line.unwrap_or_default();
    let quote = line.get(..QUOTE_LIMIT).unwrap_or(line);
    String::from_utf8_lossy(quote).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::protocol::http_request::head_end;
    use crate::protocol::http_response::Response;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    const VALID: &str = "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    fn request(head: &str) -> Request {
        Request::parse(head.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn the_example_of_the_standard_comes_out() {
        assert_eq!(accept_key(KEY), ACCEPT.as_bytes());
        // From a recorded handshake.
        assert_eq!(
            &accept_key("n98YttKsFbMRDRJ60W/Q1Q=="),
            b"zVEa8jp+ugdpPu1TLnI6KTmrqGc="
        );
    }

    #[test]
    fn a_correct_handshake_is_answered() {
        let handshake = Handshake::check(&request(VALID)).unwrap();
        let answer = handshake.answer(None);
        assert_eq!(
            String::from_utf8(answer.clone()).unwrap(),
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
            )
        );
        assert_eq!(answer.len(), answer.capacity());
        let answer = handshake.answer(Some("null"));
        assert!(answer.ends_with(b"xOo=\r\nSec-WebSocket-Protocol: null\r\n\r\n"));
        assert_eq!(answer.len(), answer.capacity());
        assert_eq!(handshake.answer(Some("a\r\nb: c")), handshake.answer(None));
    }

    #[test]
    fn each_fault_has_its_name() {
        let key_line = format!("Sec-WebSocket-Key: {KEY}\r\n");
        let malformed = [
            "",
            "AAAA",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25j!Q==",
            "dGhlIHNhbXBsZSBub25jZQAA",
            "dGhlIHNhbXBsZSBub25jZQAA==",
            "-GhlIHNhbXBsZSBub25jZQ==",
        ];
        let mut cases = vec![
            ("GET /", "POST /", HandshakeFault::Method),
            ("HTTP/1.1", "HTTP/1.0", HandshakeFault::HttpVersion),
            ("Host: h", "Host:", HandshakeFault::Host),
            ("Upgrade: websocket\r\n", "", HandshakeFault::Upgrade),
            (
                "Upgrade: websocket",
                "Upgrade: h2c",
                HandshakeFault::Upgrade,
            ),
            (
                "keep-alive, Upgrade",
                "keep-alive",
                HandshakeFault::Connection,
            ),
            (&key_line, "", HandshakeFault::KeyMissing),
            (
                "Sec-WebSocket-Version: 13\r\n",
                "",
                HandshakeFault::VersionMissing,
            ),
            ("Version: 13", "Version: 8", HandshakeFault::VersionOther),
            (
                "Version: 13",
                "Version: 13, 8",
                HandshakeFault::VersionOther,
            ),
        ];
        cases.extend(malformed.map(|key| (KEY, key, HandshakeFault::KeyMalformed)));
        for (part, replacement, fault) in cases {
            assert!(VALID.contains(part));
            let head = VALID.replacen(part, replacement, 1);
            assert_eq!(Handshake::check(&request(&head)), Err(fault), "{head}");
        }
    }

    #[test]
    fn faults_are_reported_in_order() {
        // Each fault is mended in turn, and the next one comes to light.
        let mends = [
            ("POST", "GET"),
            ("1.0", "1.1"),
            ("Host:", "Host: h"),
            ("Upgrade: x", "Upgrade: websocket"),
            ("Connection: x", "Connection: Upgrade"),
            ("Nothing: 1", "Sec-WebSocket-Key: x"),
            ("Key: x", "Key: dGhlIHNhbXBsZSBub25jZQ=="),
            ("Nothing: 2", "Sec-WebSocket-Version: 12"),
            ("Version: 12", "Version: 13"),
        ];
        let mut head = String::from(
            "POST / HTTP/1.0\r\nHost:\r\nUpgrade: x\r\nConnection: x\r\nNothing: 1\r\nNothing: 2\r\n\r\n",
        );
        for (fault, (part, mended)) in HandshakeFault::ALL.into_iter().zip(mends) {
            assert_eq!(Handshake::check(&request(&head)), Err(fault));
            head = head.replacen(part, mended, 1);
        }
        assert!(Handshake::check(&request(&head)).is_ok());
    }

    #[test]
    fn every_fault_makes_an_answer() {
        for fault in HandshakeFault::ALL {
            let refusal = Refusal::from(fault);
            let expected = match fault {
                HandshakeFault::Method => (405, "Allow: GET"),
                HandshakeFault::VersionOther => (426, "Sec-WebSocket-Version: 13"),
                _ => (400, "Sec-WebSocket-Version: 13"),
            };
            let text = String::from_utf8(Response::from(refusal).encode(false, false)).unwrap();
            assert!(
                text.starts_with(&format!("HTTP/1.1 {} ", expected.0)),
                "{text}"
            );
            assert!(text.contains(expected.1), "{text}");
            assert!(text.ends_with(&format!("\r\n\r\n{fault}\n")), "{text}");
        }
    }

    #[test]
    fn offered_subprotocols_are_listed() {
        let lines = "\r\nSec-WebSocket-Protocol: null, b c,,d\r\nsec-websocket-protocol: e\r\n\r\n";
        let request = request(&VALID.replacen("\r\n\r\n", lines, 1));
        let offered: Vec<&str> = offered_subprotocols(&request).collect();
        assert_eq!(offered, ["null", "d", "e"]);
    }

    fn client() -> ClientHandshake {
        ClientHandshake {
            host: "h:1".into(),
            target: "/a?b".into(),
            key: KEY.into(),
            subprotocols: vec!["x".into(), "y".into()],
            headers: vec![("Origin".into(), "http://o".into())],
        }
    }

    #[test]
    fn the_two_sides_agree() {
        let head = client().encode().unwrap();
        assert_eq!(head_end(&head, 0), Some(head.len()));
        let request = Request::parse(&head, &Limits::default()).unwrap();
        assert_eq!(request.target(), "/a?b");
        assert_eq!(request.host(), Some("h:1"));
        assert_eq!(request.header("origin"), Some("http://o"));
        let handshake = Handshake::check(&request).unwrap();
        for subprotocol in offered_subprotocols(&request).map(Some).chain([None]) {
            assert_eq!(
                client()
                    .check_answer(&handshake.answer(subprotocol), b"")
                    .unwrap(),
                subprotocol.map(String::from)
            );
        }
    }

    #[test]
    fn what_would_break_the_request_is_not_written() {
        let headers = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let valid = client();
        #[rustfmt::skip]
        let cases = [
            ("host", ClientHandshake { host: "a\r\nb".into(), ..valid.clone() }),
            ("host", ClientHandshake { host: String::new(), ..valid.clone() }),
            ("target", ClientHandshake { target: "/a b".into(), ..valid.clone() }),
            ("key", ClientHandshake { key: "\n".into(), ..valid.clone() }),
            ("subprotocol", ClientHandshake { subprotocols: vec!["a,b".into()], ..valid.clone() }),
            ("A", ClientHandshake { headers: headers("A", "\r\nB: c"), ..valid.clone() }),
            ("A:", ClientHandshake { headers: headers("A:", ""), ..valid }),
        ];
        for (part, client) in cases {
            assert_eq!(client.encode(), Err(UnwritableField { part: part.into() }));
        }
    }

    #[test]
    fn wrong_answers_are_refused_with_a_quotation() {
        let good = String::from_utf8(switching_protocols(&accept_key(KEY), Some("x"))).unwrap();
        let cases = [
            (
                "HTTP/1.1 101",
                "SSH-2.0 101",
                "does not speak HTTP: \"SSH-2.0 101",
            ),
            ("\r\n\r\n", "\r\n", "does not speak HTTP"),
            (
                "101 Switching Protocols",
                "403 Forbidden",
                "\"HTTP/1.1 403 Forbidden\": \"no entry\"",
            ),
            (
                "Upgrade: websocket",
                "Upgrade: h2c",
                "without \"Upgrade: websocket\"",
            ),
            (
                "Connection: Upgrade",
                "Connection: close",
                "without \"Connection: Upgrade\"",
            ),
            ("s3pP", "S3pP", "wrong Sec-WebSocket-Accept"),
            (
                "Sec-WebSocket-Accept",
                "Other",
                "wrong Sec-WebSocket-Accept",
            ),
            ("Protocol: x", "Protocol: z", "the subprotocol \"z\""),
            (
                "Protocol: x",
                "Protocol: x\r\nSec-WebSocket-Protocol: y",
                "the subprotocol \"y\"",
            ),
            (
                "Protocol: x",
                "Extensions: permessage-deflate",
                "the extension \"permessage-deflate\"",
            ),
        ];
        for (part, replacement, message) in cases {
            assert!(good.contains(part));
            let answer = good.replacen(part, replacement, 1);
            let fault = client()
                .check_answer(answer.as_bytes(), b"no entry\nsecond line")
                .unwrap_err();
            assert!(fault.to_string().contains(message), "{fault}");
        }
    }

    #[test]
    fn quotations_are_short_and_show_no_control_characters() {
        let mut body = vec![0x1b; 5000];
        body.extend_from_slice(b"\xff");
        let fault = client()
            .check_answer(b"HTTP/1.1 500 \r\n\r\n", &body)
            .unwrap_err();
        let text = fault.to_string();
        assert!(text.len() < 2000 && !text.contains('\x1b'), "{text}");
    }
}
