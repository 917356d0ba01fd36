//! Request heads: finding their end, and parsing each one once (RFC 9112 sections 2, 3 and 5).
//!
//! Invariants: a head is parsed only when it is complete, so the work is linear in its bytes however
//! slowly they arrive. A [`Request`] that exists is well-formed: its version is 1.0 or 1.1, the
//! fields that decide about routing and framing are there at most once, and the length of its body
//! is known without doubt. Everything about which two programs could disagree (bare LF, folded
//! lines, two lengths) is refused rather than guessed.

use crate::limits::{Limit, Limits};
use crate::protocol::http_body::BodyFraming;
use crate::protocol::http_response::Refusal;
use httparse::{Error, Status};
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Room for header fields; `limits.headers` can only be smaller.
const HEADER_ROOM: usize = 64;

/// Empty lines in front of a request line that are ignored (RFC 9112 section 2.2): a few, since some
/// old clients send one behind a body, but not any number of them.
const LEADING_EMPTY_LINES: usize = 4;

const NO_REQUEST_LINE: &str =
    "line 1: not a method, a target and an HTTP version with one space between them";

/// Fields of which a second line would leave open which one counts.
const AT_MOST_ONCE: [&str; 5] = [
    "Host",
    "Origin",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Content-Length",
];

/// The index just behind the blank line that ends the request head at the start of `buffer`, or
/// `None` if it has not arrived yet.
///
/// `searched` is the length that `buffer` had in the call before (0 in the first): those bytes are
/// not searched again. A line that ends in LF alone counts here, so that whoever writes such lines
/// is told instead of waited for; [`Request::parse`] refuses them.
pub fn head_end(buffer: &[u8], searched: usize) -> Option<usize> {
    // The end may have begun in the two bytes in front; it may not begin in a leading empty line.
    let from = searched.saturating_sub(2).max(leading_bytes(buffer));
    let rest = buffer.get(from..)?;
    let regular = memchr::memmem::find(rest, b"\n\r\n").map(|found| found + 3);
    let before = rest.get(..regular.unwrap_or(rest.len()))?;
    let irregular = memchr::memmem::find(before, b"\n\n").map(|found| found + 2);
    irregular.or(regular).map(|length| from + length)
}

/// Bytes of the empty lines at the start, as far as they are ignored.
pub(super) fn leading_bytes(buffer: &[u8]) -> usize {
    let lines = buffer.chunks(2).take(LEADING_EMPTY_LINES);
    2 * lines.take_while(|line| line == b"\r\n").count()
}

/// A request method (RFC 9110 section 9). Methods are case-sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// Any other; its name is [`Request::method_name`].
    Other,
}

impl Method {
    fn from_name(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }
}

/// The version of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// A part of a request's bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Where `part` lies in `whole`, of which it is a slice.
    fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        let bound = |index: usize| u32::try_from(index).unwrap_or(0);
        Self {
            start: bound(start),
            end: bound(start.wrapping_add(part.len())),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: Span,
    value: Span,
}

/// The parts of a request target (RFC 9112 section 3.2), as slices of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target<'a> {
    authority: Option<&'a str>,
    pub(super) path: &'a str,
    query: Option<&'a str>,
}

/// A parsed request head. It owns a copy of the head and keeps places in it: two allocations.
pub struct Request {
    bytes: Box<[u8]>,
    fields: Box<[Field]>,
    method: Method,
    version: Version,
    framing: BodyFraming,
    method_name: Span,
    target: Span,
    authority: Option<Span>,
    path: Span,
    query: Option<Span>,
}

impl Request {
    /// Parses one complete head, as [`head_end`] delimits it.
    ///
    /// # Errors
    /// 400 for a malformed head (the reason says what and in which line), a missing or repeated
    /// `Host`, a repeated field that must not be, or a doubtful body length; 431 past `limits.head`
    /// or `limits.headers`; 501 for a transfer coding other than `chunked`; 505 for another version
    /// than HTTP/1.0 and HTTP/1.1.
    pub fn parse(head: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        if head.len() > limits.head || u32::try_from(head.len()).is_err() {
            return Err(Refusal::over_limit(Limit::Head));
        }
        let head = head.get(leading_bytes(head)..).unwrap_or_default();
        check_line_ends(head)?;
        let mut room = [const { MaybeUninit::uninit() }; HEADER_ROOM];
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(head, &mut room) {
            Ok(Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(malformed("the head does not end with its blank line")),
            Err(error) => return Err(refuse(head, error)),
        }
        if parsed.headers.len() > limits.headers {
            return Err(Refusal::over_limit(Limit::Headers));
        }
        let (Some(method), Some(target), Some(version)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(malformed("the request line is not complete"));
        };
        let version = if version == 0 {
            Version::Http10
        } else {
            Version::Http11
        };
        check_single_fields(parsed.headers, version)?;
        let parts = split_target(method, target)?;
        let span = |text: &str| Span::of(head, text.as_bytes());
        Ok(Self {
            fields: parsed
                .headers
                .iter()
                .map(|header| Field {
                    name: span(header.name),
                    value: Span::of(head, header.value),
                })
                .collect(),
            method: Method::from_name(method),
            version,
            framing: body_framing(parsed.headers, version)?,
            method_name: span(method),
            target: span(target),
            authority: parts.authority.map(span),
            path: span(parts.path),
            query: parts.query.map(span),
            bytes: head.into(),
        })
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method as it was written.
    pub fn method_name(&self) -> &str {
        self.text(self.method_name)
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The request target as it was written, in whichever of its four forms.
    pub fn target(&self) -> &str {
        self.text(self.target)
    }

    /// The path, not decoded, without the query. `*` for `OPTIONS *`, empty for `CONNECT`, and `/`
    /// for an absolute target without a path.
    pub fn path(&self) -> &str {
        match self.text(self.path) {
            "" if self.method_name() != "CONNECT" => "/",
            path => path,
        }
    }

    /// What follows the first `?` of the target, not decoded.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|span| self.text(span))
    }

    /// Whom the request is for: the authority of an absolute target, which outranks the `Host`
    /// field (RFC 9112 section 3.2.2), otherwise that field.
    pub fn host(&self) -> Option<&str> {
        match self.authority {
            Some(span) => Some(self.text(span)),
            None => self.header("Host"),
        }
    }

    /// The value of the first field of this name, in any case, without white space around it.
    /// `None` also if that value is not UTF-8; [`headers`](Self::headers) has its bytes.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers(name).next()?).ok()
    }

    /// The values of all fields of this name, in any case, from first to last. They may hold any
    /// byte but control characters other than tab.
    pub fn headers<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| self.slice(field.name).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| self.slice(field.value))
    }

    /// True if `token` is in the comma-separated list that all fields of this name make up. Both
    /// are compared in any case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.headers(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|element| element.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }

    /// True if the client wants the connection to go on behind the answer (RFC 9112 section 9.3).
    pub fn keep_alive(&self) -> bool {
        !self.has_token("Connection", "close")
            && (self.version == Version::Http11 || self.has_token("Connection", "keep-alive"))
    }

    /// True if the client waits for [`CONTINUE`](super::http_response::CONTINUE), or for a final
    /// answer, before it sends the body (RFC 9110 section 10.1.1).
    pub fn expects_continue(&self) -> bool {
        self.version == Version::Http11
            && self.framing != BodyFraming::None
            && self.has_token("Expect", "100-continue")
    }

    /// How long the body is.
    pub fn body_framing(&self) -> BodyFraming {
        self.framing
    }

    /// The bytes of the head, less empty lines in front.
    pub fn head(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of memory behind this value.
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.fields.len() * size_of::<Field>()
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.slice(span)).unwrap_or_default()
    }
}

/// Header values can be secrets, so they are not shown.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method_name())
            .field("path", &self.path())
            .field("version", &self.version)
            .field("headers", &self.fields.len())
            .field("framing", &self.framing)
            .finish()
    }
}

/// A parser that takes a bare LF as the end of a line sees another message than one that does not.
fn check_line_ends(head: &[u8]) -> Result<(), Refusal> {
    if head.starts_with(b"\r\n") {
        return Err(malformed("too many empty lines in front of the request"));
    }
    for (line, index) in (1..).zip(memchr::memchr_iter(b'\n', head)) {
        if index == 0 || head.get(index - 1) != Some(&b'\r') {
            return Err(malformed(format!("line {line} ends in LF without CR")));
        }
    }
    Ok(())
}

/// The refusal for what the parser found wrong.
fn refuse(head: &[u8], error: Error) -> Refusal {
    match error {
        Error::TooManyHeaders => Refusal::over_limit(Limit::Headers),
        Error::Version => refuse_version(head),
        Error::HeaderName => malformed(format!(
            "line {}: a header field name with a character that is not allowed, or without a colon",
            faulty_line(head)
        )),
        Error::HeaderValue => malformed(format!(
            "line {}: a header field value with a character that is not allowed",
            faulty_line(head)
        )),
        Error::NewLine => malformed(format!("line {}: CR without LF", faulty_line(head))),
        Error::Token | Error::Status => malformed(NO_REQUEST_LINE),
    }
}

fn refuse_version(head: &[u8]) -> Refusal {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.splitn(4, |byte| *byte == b' ').collect();
    match words[..] {
        [_, _, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Refusal::new(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        }
        _ => malformed(NO_REQUEST_LINE),
    }
}

/// The number of the first header line that does not parse by itself; 1 if all do, since then the
/// fault is in the request line. Only for a message, since it parses again.
fn faulty_line(head: &[u8]) -> usize {
    let mut rest = head;
    for number in 1.. {
        let Some(end) = memchr::memmem::find(rest, b"\r\n") else {
            break;
        };
        let (line, behind) = rest.split_at(end + 2);
        rest = behind;
        let mut alone = line.to_vec();
        alone.extend_from_slice(b"\r\n");
        let mut room = [httparse::EMPTY_HEADER; 1];
        if number > 1 && httparse::parse_headers(&alone, &mut room).is_err() {
            return number;
        }
    }
    1
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

fn check_single_fields(headers: &[httparse::Header<'_>], version: Version) -> Result<(), Refusal> {
    for name in AT_MOST_ONCE {
        if values(headers, name).nth(1).is_some() {
            return Err(malformed(format!("more than one {name} field")));
        }
    }
    match values(headers, "Host").next() {
        None if version == Version::Http11 => Err(malformed("no Host field")),
        Some(host) if !host.iter().copied().all(is_host_byte) => {
            Err(malformed("the Host field is not a host and port"))
        }
        _ => Ok(()),
    }
}

/// What `uri-host [ ":" port ]` is made of (RFC 3986 section 3.2.2), the comma excepted: it would
/// make a list.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&byte)
}

/// RFC 9112 sections 6.1 to 6.3, without its leniencies.
fn body_framing(
    headers: &[httparse::Header<'_>],
    version: Version,
) -> Result<BodyFraming, Refusal> {
    let mut codings = values(headers, "Transfer-Encoding");
    let length = values(headers, "Content-Length").next();
    match (codings.next(), length) {
        (None, None) => Ok(BodyFraming::None),
        (None, Some(length)) => content_length(length).map(BodyFraming::Length),
        (Some(_), Some(_)) => Err(malformed("both Transfer-Encoding and Content-Length")),
        (Some(_), None) if version == Version::Http10 => {
            Err(malformed("Transfer-Encoding in an HTTP/1.0 request"))
        }
        (Some(coding), None)
            if coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none() =>
        {
            Ok(BodyFraming::Chunked)
        }
        (Some(_), None) => Err(Refusal::new(
            501,
            "the only transfer coding understood is: chunked",
        )),
    }
}

/// Digits only: the standard library would take a sign as well.
fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed("Content-Length is not a number of bytes"))
}

pub(super) fn split_target<'a>(method: &str, target: &'a str) -> Result<Target<'a>, Refusal> {
    let plain = |authority, path| Target {
        authority,
        path,
        query: None,
    };
    if target.contains('#') {
        return Err(malformed("the request target has a fragment"));
    }
    if method == "CONNECT" {
        return Ok(plain(Some(target), ""));
    }
    if target == "*" && method == "OPTIONS" {
        return Ok(plain(None, target));
    }
    if target.starts_with('/') {
        return Ok(split_query(None, target));
    }
    let Some((scheme, rest)) = target.split_once("://") else {
        return Err(malformed("the request target does not begin with a slash"));
    };
    let known = ["http", "https", "ws", "wss"];
    if !known.iter().any(|name| scheme.eq_ignore_ascii_case(name)) {
        return Err(malformed("the request target has an unknown scheme"));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.is_empty() || !authority.bytes().all(is_host_byte) {
        return Err(malformed("the request target has no valid host"));
    }
    Ok(split_query(Some(authority), path))
}

fn split_query<'a>(authority: Option<&'a str>, target: &'a str) -> Target<'a> {
    match target.split_once('?') {
        Some((path, query)) => Target {
            authority,
            path,
            query: Some(query),
        },
        None => Target {
            authority,
            path: target,
            query: None,
        },
    }
}

fn malformed(what: impl fmt::Display) -> Refusal {
    Refusal::bad_request(format!("malformed request: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: impl AsRef<[u8]>) -> Result<Request, Refusal> {
        Request::parse(head.as_ref(), &Limits::default())
    }

    /// A request for `/` with these header lines.
    fn with_fields(lines: &str) -> Result<Request, Refusal> {
        parse(format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n"))
    }

    #[track_caller]
    fn assert_refused(result: Result<Request, Refusal>, status: u16, part: &str) {
        let refusal = result.unwrap_err();
        assert_eq!(refusal.status, status, "{}", refusal.reason);
        assert!(refusal.reason.contains(part), "{}", refusal.reason);
    }

    #[test]
    fn the_end_is_found_however_the_head_arrives() {
        for leading in 0..=LEADING_EMPTY_LINES {
            let head = "\r\n".repeat(leading) + "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
            let buffer = format!("{head}rest\r\n\r\n");
            for first in 0..buffer.len() {
                let mut found = None;
                let mut searched = 0;
                for step in [first, first + 1, first + 2, buffer.len()] {
                    let part = &buffer.as_bytes()[..step.min(buffer.len())];
                    found = found.or_else(|| head_end(part, searched));
                    searched = part.len();
                }
                assert_eq!(found, Some(head.len()), "{leading} leading, cut at {first}");
            }
            assert!(parse(&head).is_ok());
        }
    }

    #[test]
    fn lines_that_end_in_lf_alone_are_refused_not_waited_for() {
        for head in [
            "GET / HTTP/1.1\nHost: h\n\n",
            "GET / HTTP/1.1\r\nHost: h\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n\n",
        ] {
            let buffer = format!("{head}rest\r\n\r\n");
            for first in 0..head.len() {
                let part = &buffer.as_bytes()[..first];
                assert_eq!(head_end(part, 0), None, "{part:?}");
                let found = head_end(buffer.as_bytes(), first);
                assert_eq!(found, Some(head.len()), "cut at {first}");
            }
            assert_refused(parse(head), 400, "ends in LF without CR");
        }
    }

    #[test]
    fn only_so_many_leading_empty_lines_are_ignored() {
        let head = "\r\n".repeat(LEADING_EMPTY_LINES + 1) + "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        let end = head_end(head.as_bytes(), 0).unwrap();
        assert_refused(parse(&head[..end]), 400, "too many empty lines");
        let empty = "\r\n".repeat(LEADING_EMPTY_LINES + 2);
        let end = head_end(empty.as_bytes(), 0).unwrap();
        assert_refused(parse(&empty[..end]), 400, "too many empty lines");
        assert_eq!(head_end(b"\r\n\r\n", 0), None);
        assert_eq!(head_end(b"", 0), None);
        assert_eq!(head_end(b"abc", 99), None);
    }

    #[test]
    fn a_request_is_taken_apart() {
        let request = parse(
            "GET /a%20b/?x=1?2 HTTP/1.1\r\nHost: example.com:80\r\nX-A:  one \r\nx-a: two\r\n\
             Connection: keep-alive, Upgrade\r\nOther: \u{e9}\r\nEmpty:\r\n\r\n",
        )
        .unwrap();
        assert_eq!(request.method(), Method::Get);
        assert_eq!(request.version(), Version::Http11);
        assert_eq!(request.target(), "/a%20b/?x=1?2");
        assert_eq!(request.path(), "/a%20b/");
        assert_eq!(request.query(), Some("x=1?2"));
        assert_eq!(request.host(), Some("example.com:80"));
        assert_eq!(request.header("X-a"), Some("one"));
        assert_eq!(request.header("empty"), Some(""));
        assert_eq!(request.header("absent"), None);
        let all: Vec<&[u8]> = request.headers("X-A").collect();
        assert_eq!(all, [b"one", b"two"]);
        assert!(request.has_token("connection", "upgrade"));
        assert!(!request.has_token("connection", "up"));
        assert_eq!(request.body_framing(), BodyFraming::None);
    }

    #[test]
    fn debug_output_shows_no_header_value() {
        let request = with_fields("Authorization: hunter2\r\n").unwrap();
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    #[test]
    fn tokens_are_found_over_several_lines() {
        let request = with_fields("Connection: a ,,b\r\nConnection: Upgrade\t\r\n").unwrap();
        for token in ["a", "B", "upgrade"] {
            assert!(request.has_token("Connection", token), "{token}");
        }
        assert!(!request.has_token("Connection", "a ,,b"));
    }

    #[test]
    fn a_value_that_is_not_utf8_is_kept_as_bytes_only() {
        let request = parse(b"GET / HTTP/1.1\r\nHost: h\r\nX: \xff\r\n\r\n").unwrap();
        assert_eq!(request.header("X"), None);
        assert_eq!(request.headers("X").next(), Some(&b"\xff"[..]));
    }

    #[test]
    fn the_connection_goes_on_as_version_and_field_say() {
        for (version, field, expected) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: x, CLOSE\r\n", false),
            ("1.1", "Connection: keep-alive\r\n", true),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ] {
            let head = format!("GET / HTTP/{version}\r\nHost: h\r\n{field}\r\n");
            assert_eq!(parse(&head).unwrap().keep_alive(), expected, "{head:?}");
        }
    }

    #[test]
    fn all_forms_of_the_target_are_understood() {
        for (line, path, query, host) in [
            ("GET /", "/", None, "h"),
            ("GET /a?", "/a", Some(""), "h"),
            ("GET http://x:1/p?q", "/p", Some("q"), "x:1"),
            ("GET HTTP://x", "/", None, "x"),
            ("GET ws://x?q", "/", Some("q"), "x"),
            ("OPTIONS *", "*", None, "h"),
            ("CONNECT x:443", "", None, "x:443"),
            ("GET //x/y", "//x/y", None, "h"),
            ("GET /a?b=http://c", "/a", Some("b=http://c"), "h"),
        ] {
            let request = parse(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n")).unwrap();
            assert_eq!(request.path(), path, "{line}");
            assert_eq!(request.query(), query, "{line}");
            assert_eq!(request.host(), Some(host), "{line}");
        }
    }

    #[test]
    fn other_targets_are_refused() {
        for line in [
            "GET *",
            "GET x",
            "GET x/y",
            "GET ftp://x/",
            "GET http:///a",
            "GET http://u@x/",
            "GET ?q",
            "GET /a#b",
        ] {
            let head = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
            assert_refused(parse(&head), 400, "the request target");
        }
    }

    #[test]
    fn methods_are_case_sensitive() {
        for (name, method) in [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("POST", Method::Post),
            ("PUT", Method::Put),
            ("DELETE", Method::Delete),
            ("OPTIONS", Method::Options),
            ("PATCH", Method::Patch),
            ("get", Method::Other),
            ("BREW", Method::Other),
        ] {
            let request = parse(format!("{name} / HTTP/1.1\r\nHost: h\r\n\r\n")).unwrap();
            assert_eq!((request.method(), request.method_name()), (method, name));
        }
    }

    #[test]
    fn malformed_heads_are_refused_with_the_place() {
        for (head, part) in [
            ("\r\n\r\n", "blank line"),
            ("GET / HTTP/1.1\r\nHost: h\r\n", "blank line"),
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n", "blank line"),
            ("GET /\r\nHost: h\r\n\r\n", "line 1"),
            ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "line 1"),
            ("GET / a HTTP/1.1\r\nHost: h\r\n\r\n", "line 1"),
            ("G\0T / HTTP/1.1\r\nHost: h\r\n\r\n", "line 1"),
            ("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", "line 1"),
            (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", "line 1"),
            ("GET / HTCPCP/1.0\r\nHost: h\r\n\r\n", "line 1"),
            ("GET / HTTP/1.1x\r\nHost: h\r\n\r\n", "line 1"),
            ("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "line 3"),
            ("GET / HTTP/1.1\r\nHost: h\r\nA b\r\n\r\n", "line 3"),
            ("GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", "line 3"),
            (
                "GET / HTTP/1.1\r\nA: b\r\n folded\r\nHost: h\r\n\r\n",
                "line 3",
            ),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", "line 3"),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", "line 3"),
            ("GET / HTTP/1.1\nHost: h\r\n\r\n", "line 1 ends in LF"),
            (
                "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n",
                "line 2 ends in LF",
            ),
            ("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "line 1 ends in LF"),
            ("GET / HTTP/1.1\r\n\r\n", "no Host"),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
                "more than one Host",
            ),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "the Host field"),
            ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "the Host field"),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "the Host field"),
        ] {
            assert_refused(parse(head), 400, part);
        }
    }

    #[test]
    fn fields_that_must_be_single_are() {
        for name in AT_MOST_ONCE.iter().skip(1) {
            let lines = format!("{name}: 1\r\n{}: 1\r\n", name.to_lowercase());
            assert_refused(with_fields(&lines), 400, &format!("more than one {name}"));
        }
    }

    #[test]
    fn other_versions_are_refused() {
        for version in ["2.0", "0.9", "1.2", "3.0"] {
            let head = format!("GET / HTTP/{version}\r\nHost: h\r\n\r\n");
            assert_refused(parse(&head), 505, "HTTP/1.1");
        }
        assert_refused(parse("PRI * HTTP/2.0\r\n\r\n"), 505, "HTTP/1.1");
        assert!(parse("GET / HTTP/1.0\r\n\r\n").is_ok());
    }

    #[test]
    fn the_limits_of_a_head_are_kept() {
        let limits = Limits {
            headers: 3,
            head: 60,
            ..Limits::default()
        };
        let head = |fields: usize| {
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
                "A: b\r\n".repeat(fields)
            )
        };
        assert!(Request::parse(head(2).as_bytes(), &limits).is_ok());
        let refusal = Request::parse(head(3).as_bytes(), &limits).unwrap_err();
        assert_eq!((refusal.status, refusal.limit), (431, Some(Limit::Headers)));
        let refusal = Request::parse(head(6).as_bytes(), &limits).unwrap_err();
        assert_eq!((refusal.status, refusal.limit), (431, Some(Limit::Head)));
        assert!(parse(head(63)).is_ok());
        assert_refused(parse(head(64)), 431, "request headers limit");
        let many = Limits {
            headers: 100,
            ..Limits::default()
        };
        assert_eq!(
            Request::parse(head(64).as_bytes(), &many)
                .unwrap_err()
                .status,
            431
        );
    }

    #[test]
    fn the_length_of_the_body_is_known_or_refused() {
        for (lines, framing) in [
            ("", BodyFraming::None),
            ("Content-Length: 0\r\n", BodyFraming::Length(0)),
            ("Content-Length: 0012\r\n", BodyFraming::Length(12)),
            (
                "Content-Length: 18446744073709551615\r\n",
                BodyFraming::Length(u64::MAX),
            ),
            ("Transfer-Encoding: Chunked\r\n", BodyFraming::Chunked),
        ] {
            assert_eq!(with_fields(lines).unwrap().body_framing(), framing);
        }
        for (lines, status) in [
            ("Content-Length:\r\n", 400),
            ("Content-Length: +1\r\n", 400),
            ("Content-Length: -1\r\n", 400),
            ("Content-Length: 1 2\r\n", 400),
            ("Content-Length: 1,1\r\n", 400),
            ("Content-Length: 0x1\r\n", 400),
            ("Content-Length: \u{665}\r\n", 400),
            ("Content-Length: 18446744073709551616\r\n", 400),
            ("Content-Length: 1\r\nContent-Length: 2\r\n", 400),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: gzip\r\n", 501),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
            ("Transfer-Encoding: chunked, chunked\r\n", 501),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                501,
            ),
            ("Transfer-Encoding: identity\r\n", 501),
            ("Transfer-Encoding:\r\n", 501),
        ] {
            assert_refused(with_fields(lines), status, "");
        }
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_refused(parse(old), 400, "HTTP/1.0");
    }

    #[test]
    fn a_client_that_waits_is_known() {
        let waits = "Expect: 100-continue\r\nContent-Length: 1\r\n";
        assert!(with_fields(waits).unwrap().expects_continue());
        assert!(
            !with_fields("Expect: 100-continue\r\n")
                .unwrap()
                .expects_continue()
        );
        assert!(
            !with_fields("Content-Length: 1\r\n")
                .unwrap()
                .expects_continue()
        );
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut random = fastrand::Rng::with_seed(11);
        let valid = b"GET http://x/a?b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nA: b\r\n\r\n";
        for _ in 0..20_000 {
            let mut head = valid.to_vec();
            for _ in 0..random.usize(1..4) {
                let index = random.usize(0..head.len());
                match random.u8(0..3) {
                    0 => head[index] = random.u8(..),
                    1 => head.insert(index, random.u8(..)),
                    _ => drop(head.remove(index)),
                }
            }
            if let Ok(request) = parse(&head) {
                assert!(request.has_token("Connection", "upgrade") || !request.path().is_empty());
                assert!(head.windows(4).any(|end| end == b"\r\n\r\n"));
            }
        }
    }
}
