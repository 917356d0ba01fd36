//! HTTP answers: a [`Response`] to bytes (RFC 9112 sections 4 and 6), and [`Refusal`], the answer
//! that says why a request is not served.
//!
//! Invariant: whatever text a caller puts into a header or a reason, the encoded head has exactly
//! the lines that were meant. Control characters in a value become spaces.

use crate::limits::{Consequence, Limit};
use std::borrow::Cow;

/// The interim answer to `Expect: 100-continue` (RFC 9110 section 10.1.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

const TEXT: &str = "text/plain; charset=utf-8";

/// A header field that the program itself sends; the name is never a peer's.
pub type ResponseHeader = (&'static str, Cow<'static, str>);

/// An answer with a body whose length is known.
///
/// `Content-Length`, `Connection` and `X-Content-Type-Options` are written by
/// [`encode`](Response::encode); all other fields are the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code, 200 to 599.
    pub status: u16,
    /// Further header fields, in the order in which they are sent.
    pub headers: Vec<ResponseHeader>,
    /// The content. Not sent with status 204 and 304, which have none.
    pub body: Cow<'static, [u8]>,
}

impl Response {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Cow::Borrowed(b""),
        }
    }

    /// An answer with `body`, of the media type `content_type`.
    pub fn with_body(
        status: u16,
        content_type: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", Cow::Borrowed(content_type))],
            body: body.into(),
        }
    }

    /// An answer of plain UTF-8 text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::with_body(status, TEXT, body.into().into_bytes())
    }

    /// An answer of finished JSON text.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::with_body(status, "application/json", body.into().into_bytes())
    }

    /// Adds a header field. Control characters in `value` are sent as spaces.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The bytes of the answer.
    ///
    /// `keep_alive` says whether the connection goes on behind it. With `head_only` (the answer to
    /// `HEAD`) the body is left out while `Content-Length` still gives its length, as RFC 9110
    /// section 9.3.2 has it.
    pub fn encode(&self, keep_alive: bool, head_only: bool) -> Vec<u8> {
        let body: &[u8] = &self.body;
        let mut bytes = Vec::with_capacity(256 + body.len());
        bytes.extend_from_slice(b"HTTP/1.1 ");
        push_number(&mut bytes, usize::from(self.status));
        bytes.push(b' ');
        bytes.extend_from_slice(reason_phrase(self.status).as_bytes());
        bytes.extend_from_slice(b"\r\n");
        for (name, value) in &self.headers {
            push_header(&mut bytes, name, value);
        }
        push_header(&mut bytes, "X-Content-Type-Options", "nosniff");
        if has_content(self.status) {
            bytes.extend_from_slice(b"Content-Length: ");
            push_number(&mut bytes, body.len());
            bytes.extend_from_slice(b"\r\n");
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        push_header(&mut bytes, "Connection", connection);
        bytes.extend_from_slice(b"\r\n");
        if has_content(self.status) && !head_only {
            bytes.extend_from_slice(body);
        }
        bytes
    }
}

/// RFC 9110 sections 15.2, 15.3.5 and 15.4.5.
fn has_content(status: u16) -> bool {
    status >= 200 && status != 204 && status != 304
}

fn push_number(bytes: &mut Vec<u8>, number: usize) {
    if number >= 10 {
        push_number(bytes, number / 10);
    }
    bytes.push(b'0' + (number % 10) as u8);
}

fn push_header(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    let start = bytes.len();
    bytes.extend_from_slice(value.as_bytes());
    // A line break in a value would begin a header of somebody else's choosing.
    for byte in bytes.iter_mut().skip(start) {
        if byte.is_ascii_control() {
            *byte = b' ';
        }
    }
    bytes.extend_from_slice(b"\r\n");
}

/// The reason phrase of a status (RFC 9110 section 15); for one that Fantail never sends, the
/// empty phrase, which is as good by RFC 9112 section 4.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

/// Why a request is not served: an HTTP answer with a short line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status code, 400 to 599.
    pub status: u16,
    /// What was wrong and where, in one line without a final line break.
    pub reason: Cow<'static, str>,
    /// Header fields that belong to the status, such as `Allow` or `Retry-After`.
    pub headers: Vec<ResponseHeader>,
    /// The limit that was passed, if it was one: its counter goes up by one.
    pub limit: Option<Limit>,
}

impl Refusal {
    /// A refusal with any status.
    pub fn new(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            reason: reason.into(),
            headers: Vec::new(),
            limit: None,
        }
    }

    /// 400: the request itself is wrong.
    pub fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, reason)
    }

    /// The refusal that the row of `limit` asks for; the reason is the limit's own. 503 for a limit
    /// that has no status.
    pub fn over_limit(limit: Limit) -> Self {
        let status = match limit.row().consequence {
            Consequence::Answer(status) => status,
            Consequence::Close(_)
            | Consequence::Disconnect
            | Consequence::Pause
            | Consequence::Refuse => 503,
        };
        Self {
            limit: Some(limit),
            ..Self::new(status, limit.reason())
        }
    }

    /// 405 with the methods that would do, as `"GET, HEAD"`.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(405, "Method not allowed").with_header("Allow", allow)
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let mut response = Self::text(refusal.status, format!("{}\n", refusal.reason));
        response.headers.extend(refusal.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(response: &Response, keep_alive: bool, head_only: bool) -> String {
        String::from_utf8(response.encode(keep_alive, head_only)).unwrap()
    }

    #[test]
    fn an_answer_is_written_in_full() {
        assert_eq!(
            encoded(&Response::text(200, "hello\n"), true, false),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
             X-Content-Type-Options: nosniff\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\
             \r\nhello\n"
        );
    }

    #[test]
    fn head_gets_the_length_but_no_body() {
        let text = encoded(&Response::json(200, "{\"receivers\":3}"), true, true);
        assert!(text.contains("Content-Length: 15\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }

    #[test]
    fn an_empty_answer_has_a_length_and_204_has_none() {
        assert!(encoded(&Response::new(200), true, false).contains("Content-Length: 0\r\n"));
        let text = encoded(&Response::text(204, "not sent"), true, false);
        assert!(
            !text.contains("Content-Length") && text.ends_with("\r\n\r\n"),
            "{text}"
        );
    }

    #[test]
    fn a_line_break_in_a_value_starts_no_header() {
        let response =
            Response::new(302).with_header("Location", String::from("/a\r\nSet-Cookie: b=c\0d"));
        let text = encoded(&response, false, false);
        assert!(
            text.contains("Location: /a  Set-Cookie: b=c d\r\n"),
            "{text}"
        );
        assert_eq!(text.matches("\r\n").count(), 6, "{text}");
    }

    #[test]
    fn a_refusal_says_why_in_one_line() {
        let response = Response::from(Refusal::method_not_allowed("GET"));
        assert_eq!(
            encoded(&response, false, false),
            "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Allow: GET\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 19\r\n\
             Connection: close\r\n\r\nMethod not allowed\n"
        );
    }

    #[test]
    fn every_limit_that_answers_does_so_with_its_status_and_name() {
        for row in crate::limits::LIMITS {
            let refusal = Refusal::over_limit(row.limit);
            assert_eq!(refusal.reason, row.reason);
            assert_eq!(refusal.limit, Some(row.limit));
            if let Consequence::Answer(status) = row.consequence {
                assert_eq!(refusal.status, status, "{}", row.key);
                assert!(!reason_phrase(status).is_empty(), "{status}");
            }
        }
    }
}
