//! Which method and path is which call. Paths are compared as the original's router does: decoded
//! once, by whole segments; one slash too many at the end is a redirect.

use std::borrow::Cow;
use std::fmt::Write;

use crate::protocol::http_request::Method;

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /connect`
    Connect,
    /// A call of the API.
    Api(Call),
    /// Any method at `/ping`.
    Ping,
    /// `GET /openapi.json`
    Description,
}

/// A call of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `POST /claim`
    Claim,
    /// `POST /send`
    Send,
    /// `POST /disconnect`
    Disconnect,
    /// `GET /info`
    Info,
    /// `POST /channel/subscribe/:channel`; commas separate several.
    Subscribe(String),
    /// `POST /channel/unsubscribe/:channel`; commas separate several.
    Unsubscribe(String),
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A call.
    To(Endpoint),
    /// There is such a call at this path, which is percent-encoded.
    Redirect(String),
    /// There is no such call.
    Unknown,
}

/// Finds the call. `HEAD` is as `GET`, where an answer has a body to leave out.
pub fn find(method: Method, raw_path: &str) -> Route {
    let Some(path) = decode(raw_path) else {
        return Route::Unknown;
    };
    if let Some(endpoint) = endpoint(method, &path) {
        return Route::To(endpoint);
    }
    match path.strip_suffix('/') {
        Some(shorter) if endpoint(method, shorter).is_some() => Route::Redirect(encode(shorter)),
        _ => Route::Unknown,
    }
}

/// True if some method has a call at this path.
pub fn is_known(raw_path: &str) -> bool {
    let known = |method| matches!(find(method, raw_path), Route::To(_));
    known(Method::Get) || known(Method::Post)
}

fn endpoint(method: Method, path: &str) -> Option<Endpoint> {
    let is_get = matches!(method, Method::Get | Method::Head);
    let is_post = method == Method::Post;
    let channel = |prefix| {
        let channel = path.strip_prefix(prefix)?;
        let fits = is_post && !channel.is_empty() && !channel.contains('/');
        fits.then(|| channel.to_owned())
    };
    match path {
        "/ping" => Some(Endpoint::Ping),
        "/connect" if is_get => Some(Endpoint::Connect),
        "/info" if is_get => Some(Endpoint::Api(Call::Info)),
        "/openapi.json" if is_get => Some(Endpoint::Description),
        "/claim" if is_post => Some(Endpoint::Api(Call::Claim)),
        "/send" if is_post => Some(Endpoint::Api(Call::Send)),
        "/disconnect" if is_post => Some(Endpoint::Api(Call::Disconnect)),
        _ => channel("/channel/subscribe/")
            .map(Call::Subscribe)
            .or_else(|| channel("/channel/unsubscribe/").map(Call::Unsubscribe))
            .map(Endpoint::Api),
    }
}

/// Decodes `%XX`; nothing if the path is not the encoding of UTF-8.
fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('%') {
        return Some(Cow::Borrowed(raw));
    }
    let mut parts = raw.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        decoded.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Encodes a path for a header: visible ASCII that has no meaning beside its own stays.
fn encode(path: &str) -> String {
    path.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_method_and_decoded_path() {
        use Call::{Claim, Disconnect, Info, Send, Subscribe, Unsubscribe};
        use Endpoint::{Connect, Description, Ping};
        let to = |call| Route::To(Endpoint::Api(call));
        let redirect = |path: &str| Route::Redirect(path.to_owned());
        for (method, path, route) in [
            (Method::Get, "/connect", Route::To(Connect)),
            (Method::Post, "/connect", Route::Unknown),
            (Method::Post, "/claim", to(Claim)),
            (Method::Post, "/cl%61im", to(Claim)),
            (Method::Get, "/claim", Route::Unknown),
            (Method::Post, "/Claim", Route::Unknown),
            (Method::Post, "//claim", Route::Unknown),
            (Method::Post, "/x/../claim", Route::Unknown),
            (Method::Post, "/claim/", redirect("/claim")),
            (Method::Get, "/claim/", Route::Unknown),
            (Method::Post, "/claim//", Route::Unknown),
            (Method::Post, "/send", to(Send)),
            (Method::Put, "/send", Route::Unknown),
            (Method::Post, "/disconnect", to(Disconnect)),
            (Method::Get, "/info", to(Info)),
            (Method::Head, "/info", to(Info)),
            (Method::Get, "/info/", redirect("/info")),
            (Method::Delete, "/ping", Route::To(Ping)),
            (Method::Other, "/ping", Route::To(Ping)),
            (Method::Get, "/openapi.json", Route::To(Description)),
            (Method::Get, "/", Route::Unknown),
            (Method::Get, "", Route::Unknown),
            (Method::Get, "*", Route::Unknown),
            (Method::Get, "/inf%6", Route::Unknown),
            (Method::Get, "/inf%6é", Route::Unknown),
            (Method::Get, "/inf%+6", Route::Unknown),
            (Method::Get, "/info%ff", Route::Unknown),
            (
                Method::Post,
                "/channel/subscribe/n1",
                to(Subscribe("n1".into())),
            ),
            (
                Method::Post,
                "/channel/subscribe/a%20b",
                to(Subscribe("a b".into())),
            ),
            (
                Method::Post,
                "/channel/subscribe/a+b",
                to(Subscribe("a+b".into())),
            ),
            (
                Method::Post,
                "/channel/subscribe/x,y",
                to(Subscribe("x,y".into())),
            ),
            (
                Method::Post,
                "/channel/unsubscribe/é",
                to(Unsubscribe("é".into())),
            ),
            (Method::Get, "/channel/subscribe/n1", Route::Unknown),
            (Method::Post, "/channel/subscribe/", Route::Unknown),
            (Method::Post, "/channel/subscribe", Route::Unknown),
            (Method::Post, "/channel/subscribe/a%20b%2Fc", Route::Unknown),
            (
                Method::Post,
                "/channel/subscribe/a%20b/",
                redirect("/channel/subscribe/a%20b"),
            ),
            (Method::Post, "/channel/other/n1", Route::Unknown),
        ] {
            assert_eq!(find(method, path), route, "{method:?} {path}");
        }
    }

    #[test]
    fn beside_others_the_paths_of_all_calls_are_taken_and_no_more() {
        for path in [
            "/connect",
            "/claim",
            "/send",
            "/disconnect",
            "/info",
            "/ping",
            "/openapi.json",
            "/channel/subscribe/x",
            "/channel/unsubscribe/x",
        ] {
            assert!(is_known(path), "{path}");
        }
        for path in [
            "/",
            "/claims",
            "/info/",
            "/channel",
            "/channel/subscribe/",
            "/demo",
        ] {
            assert!(!is_known(path), "{path}");
        }
    }
}
