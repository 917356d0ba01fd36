//! What is known of a request that is not served: the beginning of its head, which may not be
//! complete or not well-formed. An answer that says why not can be put into the form that the client
//! expects at this path, and have the name that it gave the request.
//!
//! Nothing that was sent is trusted or decided here: whoever reads it says only "no" by it.

use super::http_request::{Request, leading_bytes, split_target};
use std::fmt;

/// The beginning of a request head, as it came.
#[derive(Clone, Copy, Default)]
pub struct RequestHead<'a>(&'a [u8]);

impl<'a> RequestHead<'a> {
    /// The bytes of a head, or as many of them as there are.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.get(leading_bytes(bytes)..).unwrap_or_default())
    }

    /// The method, if the request line has come so far.
    pub fn method_name(self) -> Option<&'a str> {
        let (method, _) = self.line()?.split_once(' ')?;
        Some(method)
    }

    /// The path as [`Request::path`] has it, if the whole of it has come and the target is
    /// well-formed so far.
    pub fn path(self) -> Option<&'a str> {
        let (method, rest) = self.line()?.split_once(' ')?;
        let target = match rest.split_once([' ', '?']) {
            Some((target, _)) => target,
            // The rest of it may still be to come.
            None => return None,
        };
        match split_target(method, target).ok()?.path {
            "" if method != "CONNECT" => Some("/"),
            path => Some(path),
        }
    }

    /// The value of the first field of this name, in any case, without white space around it, if its
    /// line is complete and UTF-8.
    pub fn header(self, name: &str) -> Option<&'a str> {
        let (_, fields) = split_once(self.0, b'\n')?;
        let mut rest = fields;
        while let Some((line, behind)) = split_once(rest, b'\n') {
            if let Some((field, value)) = split_once(line, b':')
                && field.eq_ignore_ascii_case(name.as_bytes())
            {
                return std::str::from_utf8(value.trim_ascii()).ok();
            }
            rest = behind;
        }
        None
    }

    /// The request line, without its end, if that has come.
    fn line(self) -> Option<&'a str> {
        let line = self.0.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        std::str::from_utf8(line).ok()
    }
}

impl<'a> From<&'a Request> for RequestHead<'a> {
    fn from(request: &'a Request) -> Self {
        Self::new(request.head())
    }
}

/// Targets and header values can be secrets, so they are not shown.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RequestHead")
            .field("bytes", &self.0.len())
            .finish()
    }
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let position = memchr::memchr(separator, bytes)?;
    Some((bytes.get(..position)?, bytes.get(position + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn as_much_is_known_as_has_come() {
        for (head, method, path) in [
            ("", None, None),
            ("GET", None, None),
            ("GET ", Some("GET"), None),
            ("GET /in", Some("GET"), None),
            ("GET /info?user", Some("GET"), Some("/info")),
            ("GET /info HT", Some("GET"), Some("/info")),
            ("\r\nHEAD /info HTTP/1.1\r\n", Some("HEAD"), Some("/info")),
            (
                "GET http://h/info?x HTTP/1.1\r\n",
                Some("GET"),
                Some("/info"),
            ),
            ("GET http://h?x HTTP/1.1\r\n", Some("GET"), Some("/")),
            ("GET http:///info HTTP/1.1\r\n", Some("GET"), None),
            ("GET info HTTP/1.1\r\n", Some("GET"), None),
            ("CONNECT h:1 HTTP/1.1\r\n", Some("CONNECT"), Some("")),
            ("OPTIONS * HTTP/1.1\r\n", Some("OPTIONS"), Some("*")),
            ("GET\t/info HTTP/1.1\r\n", Some("GET\t/info"), None),
            (" /info HTTP/1.1\r\n", Some(""), Some("/info")),
        ] {
            let known = RequestHead::new(head.as_bytes());
            assert_eq!(known.method_name(), method, "{head:?}");
            assert_eq!(known.path(), path, "{head:?}");
        }
        assert_eq!(RequestHead::new(b"GET /\xff HTTP/1.1\r\n").path(), None);
    }

    #[test]
    fn fields_are_found_once_their_line_is_complete() {
        let head = b"GET / HTTP/1.1\r\nA: \xff\r\nB:  b \t\r\nb: c\r\nno colon\r\nC:\r\nD: d\r\n";
        let known = RequestHead::new(head);
        for (name, value) in [
            ("a", None),
            ("B", Some("b")),
            ("c", Some("")),
            ("D", Some("d")),
            ("E", None),
            ("GET / HTTP/1.1", None),
        ] {
            assert_eq!(known.header(name), value, "{name}");
        }
        let cut = RequestHead::new(&head[..head.len() - 2]);
        assert_eq!(cut.header("D"), None);
    }

    #[test]
    fn a_whole_request_is_known_as_it_was_parsed() {
        for target in ["/", "/a/b?c=d?e", "http://h:1/a", "https://h?a", "/%zz?"] {
            let head = format!("\r\nPOST {target} HTTP/1.1\r\nHost: h\r\nName: value\r\n\r\n");
            let request = Request::parse(head.as_bytes(), &Limits::default()).unwrap();
            let known = RequestHead::from(&request);
            assert_eq!(known.path(), Some(request.path()), "{target}");
            assert_eq!(known.method_name(), Some("POST"));
            assert_eq!(known.header("name"), request.header("Name"));
        }
    }
}
