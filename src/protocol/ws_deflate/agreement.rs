//! What a client offers in `Sec-WebSocket-Extensions`, and what is agreed upon (RFC 7692
//! sections 5 and 7.1; the grammar is that of RFC 6455 section 9.1).

use std::borrow::Cow;
use std::fmt;

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// How far back a client can look in what it inflates: 2^8 to 2^15 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(u8);

impl Window {
    /// 32 KiB, the largest that DEFLATE knows.
    pub const LARGEST: Self = Self(15);

    /// The window of so many bits, from 8 to 15.
    pub const fn of_bits(bits: u8) -> Option<Self> {
        match bits {
            8..=15 => Some(Self(bits)),
            _ => None,
        }
    }

    /// How many bits it has, from 8 to 15.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True if nothing in a message of so many bytes can refer to what is too far back. The window
    /// is empty when a message begins, so that a short one may be compressed in any way.
    pub const fn holds(self, length: usize) -> bool {
        self.0 == Self::LARGEST.0 || length <= 1 << self.0
    }
}

/// The parameters of permessage-deflate that a connection uses. `Display` writes them as the answer
/// has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// What the client demands of the server, if anything.
    server_max_window: Option<Window>,
}

impl Agreement {
    /// Takes the first acceptable offer out of all `Sec-WebSocket-Extensions` fields of a request.
    /// An offer with a parameter that is unknown, comes twice or has a value that it may not have
    /// is declined (RFC 7692 section 7.1). Nothing is agreed upon if the fields do not follow the
    /// grammar.
    pub fn negotiate<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut offers = Vec::new();
        for field in fields {
            Scanner { rest: field }.extensions(&mut offers)?;
        }
        offers.iter().find_map(Self::accept)
    }

    /// The agreement that an offer leads to; none if it is to be declined.
    fn accept(offer: &Extension<'_>) -> Option<Self> {
        if offer.name != NAME {
            return None;
        }
        let mut agreement = Self {
            server_max_window: None,
        };
        for (index, parameter) in offer.parameters.iter().enumerate() {
            let earlier = offer.parameters.iter().take(index);
            if earlier
                .into_iter()
                .any(|other| other.name == parameter.name)
            {
                return None;
            }
            match (parameter.name, parameter.value.as_deref()) {
                (SERVER_NO_CONTEXT_TAKEOVER | CLIENT_NO_CONTEXT_TAKEOVER, None)
                | (CLIENT_MAX_WINDOW_BITS, None) => {}
                // A smaller window of the client's needs no answer: the largest is there.
                (CLIENT_MAX_WINDOW_BITS, Some(bits)) => {
                    window(bits)?;
                }
                (SERVER_MAX_WINDOW_BITS, Some(bits)) => {
                    agreement.server_max_window = Some(window(bits)?);
                }
                _ => return None,
            }
        }
        Some(agreement)
    }

    /// The client's window.
    pub fn window(self) -> Window {
        self.server_max_window.unwrap_or(Window::LARGEST)
    }

    /// Puts the agreement into a 101 answer. False, and nothing is agreed upon, if that has no blank
    /// line.
    pub fn announce(self, answer: &mut Vec<u8>) -> bool {
        let Some(last_line_end) = memchr::memmem::find(answer, b"\r\n\r\n") else {
            return false;
        };
        let place = last_line_end + 2;
        let field = format!("Sec-WebSocket-Extensions: {self}\r\n");
        answer.splice(place..place, field.into_bytes());
        true
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{NAME}; {SERVER_NO_CONTEXT_TAKEOVER}; {CLIENT_NO_CONTEXT_TAKEOVER}"
        )?;
        match self.server_max_window {
            Some(Window(bits)) => write!(formatter, "; {SERVER_MAX_WINDOW_BITS}={bits}"),
            None => Ok(()),
        }
    }
}

/// A decimal number from 8 to 15 without a leading zero.
fn window(bits: &str) -> Option<Window> {
    let plain = !bits.starts_with(['0', '+']);
    Window::of_bits(bits.parse().ok().filter(|_| plain)?)
}

/// An element of the list.
struct Extension<'a> {
    name: &'a str,
    parameters: Vec<Parameter<'a>>,
}

struct Parameter<'a> {
    name: &'a str,
    value: Option<Cow<'a, str>>,
}

/// Reads one field. Every method takes what it returns off the front of `rest`, and white space
/// with it.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// `extension-list`, empty elements passed over; nothing if it is malformed.
    fn extensions(&mut self, list: &mut Vec<Extension<'a>>) -> Option<()> {
        self.skip_white_space();
        loop {
            while self.take(b',') {}
            if self.rest.is_empty() {
                return Some(());
            }
            list.push(self.extension()?);
            if !self.rest.is_empty() && !self.rest.starts_with(b",") {
                return None;
            }
        }
    }

    fn extension(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.take(b';') {
            let name = self.token()?;
            let value = match self.take(b'=') {
                true => Some(self.value()?),
                false => None,
            };
            parameters.push(Parameter { name, value });
        }
        Some(Extension { name, parameters })
    }

    /// A token, quoted or not.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        if !self.rest.starts_with(b"\"") {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = String::new();
        let mut bytes = self.rest.iter().enumerate().skip(1);
        loop {
            let (index, byte) = bytes.next()?;
            let byte = match byte {
                b'"' => {
                    self.rest = self.rest.get(index + 1..)?;
                    self.skip_white_space();
                    return (!value.is_empty()).then_some(Cow::Owned(value));
                }
                b'\\' => bytes.next()?.1,
                byte => byte,
            };
            if !is_token_byte(*byte) {
                return None;
            }
            value.push(char::from(*byte));
        }
    }

    fn token(&mut self) -> Option<&'a str> {
        let length = self.rest.iter().take_while(|byte| is_token_byte(**byte));
        let (token, rest) = self.rest.split_at_checked(length.count())?;
        self.rest = rest;
        self.skip_white_space();
        str::from_utf8(token).ok().filter(|token| !token.is_empty())
    }

    fn take(&mut self, byte: u8) -> bool {
        let Some(rest) = self.rest.strip_prefix(&[byte]) else {
            return false;
        };
        self.rest = rest;
        self.skip_white_space();
        true
    }

    fn skip_white_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each request's answer says; nothing where all is declined.
    const PLAIN: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    fn answer(fields: &[&str]) -> Option<String> {
        Agreement::negotiate(fields.iter().map(|field| field.as_bytes()))
            .map(|agreement| agreement.to_string())
    }

    #[test]
    fn offers_that_are_accepted_as_they_are() {
        for fields in [
            &["permessage-deflate"][..],
            &["permessage-deflate; client_max_window_bits"],
            &["permessage-deflate;client_max_window_bits=8"],
            &["permessage-deflate ; client_max_window_bits = 15 "],
            &["permessage-deflate; server_no_context_takeover"],
            &["permessage-deflate; client_no_context_takeover"],
            &[
                "permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits=\"10\"",
            ],
            &["\tpermessage-deflate\t;\tclient_max_window_bits\t"],
            &[", ,permessage-deflate,"],
            // The first that is acceptable counts, wherever it stands.
            &["permessage-bzip2, permessage-deflate"],
            &["x-webkit-deflate-frame", "permessage-deflate"],
            &["permessage-foo; a=\"b\\c\"; d", "", "permessage-deflate"],
            &["permessage-deflate, permessage-deflate; server_max_window_bits=10"],
            &["permessage-deflate; unknown, permessage-deflate"],
            &[
                "permessage-deflate; server_max_window_bits=7",
                "permessage-deflate",
            ],
        ] {
            assert_eq!(answer(fields).as_deref(), Some(PLAIN), "{fields:?}");
        }
    }

    #[test]
    fn a_demand_for_a_window_is_confirmed() {
        for (offer, bits) in [
            ("server_max_window_bits=8", 8),
            ("server_max_window_bits=\"9\"", 9),
            ("server_max_window_bits=\"\\1\\0\"", 10),
            ("client_max_window_bits; server_max_window_bits=15", 15),
        ] {
            let agreement = Agreement::negotiate(
                [format!("permessage-deflate; {offer}").as_bytes()].into_iter(),
            )
            .unwrap();
            assert_eq!(
                agreement.to_string(),
                format!("{PLAIN}; server_max_window_bits={bits}"),
                "{offer}"
            );
            assert_eq!(Some(agreement.window()), Window::of_bits(bits), "{offer}");
        }
    }

    #[test]
    fn offers_that_are_declined() {
        for fields in [
            &[][..],
            &[""],
            &["permessage-bzip2"],
            &["Permessage-Deflate"],
            &["permessage-deflate; server_max_window_bits"],
            &["permessage-deflate; server_max_window_bits=7"],
            &["permessage-deflate; server_max_window_bits=16"],
            &["permessage-deflate; server_max_window_bits=010"],
            &["permessage-deflate; server_max_window_bits=+10"],
            &["permessage-deflate; server_max_window_bits=-10"],
            &["permessage-deflate; server_max_window_bits=1e1"],
            &["permessage-deflate; server_max_window_bits=4294967304"],
            &["permessage-deflate; client_max_window_bits=7"],
            &["permessage-deflate; client_max_window_bits=\"08\""],
            &["permessage-deflate; client_max_window_bits=x"],
            &["permessage-deflate; server_no_context_takeover=1"],
            &["permessage-deflate; client_no_context_takeover=\"true\""],
            &["permessage-deflate; server_no_context_takeover; server_no_context_takeover"],
            &["permessage-deflate; server_max_window_bits=9; server_max_window_bits=9"],
            &["permessage-deflate; client_max_window_bits; client_max_window_bits=9"],
            &["permessage-deflate; Server_No_Context_Takeover"],
            &["permessage-deflate; method=deflate"],
            // Not the grammar: then nothing in it is believed.
            &["permessage-deflate;"],
            &["permessage-deflate; ;"],
            &["permessage-deflate server_no_context_takeover"],
            &["permessage-deflate; client_max_window_bits="],
            &["permessage-deflate; client_max_window_bits=\"\""],
            &["permessage-deflate; client_max_window_bits=\"10"],
            &["permessage-deflate; client_max_window_bits=\"10\\"],
            &["permessage-deflate; client_max_window_bits=\"1 0\""],
            &["permessage-deflate; client_max_window_bits=\"10\"x"],
            &["permessage-deflate, foo=bar"],
            &["permessage-deflate", "=x"],
            &["permessage-deflate; \u{fc}"],
        ] {
            assert_eq!(answer(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn the_agreement_is_the_last_field_of_the_answer() {
        let agreement = Agreement::negotiate([&b"permessage-deflate"[..]].into_iter()).unwrap();
        let mut bytes = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n\x81\x00\r\n\r\n".to_vec();
        assert!(agreement.announce(&mut bytes));
        let expected = format!(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: {PLAIN}\r\n\r\n"
        );
        assert_eq!(bytes, [expected.as_bytes(), b"\x81\x00\r\n\r\n"].concat());
        assert!(!agreement.announce(&mut b"HTTP/1.1 101 x\r\n".to_vec()));
    }

    #[test]
    fn a_window_holds_what_is_not_longer() {
        let window = Window::of_bits(8).unwrap();
        assert!(window.holds(256) && !window.holds(257));
        assert!(Window::LARGEST.holds(usize::MAX));
        assert_eq!((Window::of_bits(7), Window::of_bits(16)), (None, None));
    }
}
