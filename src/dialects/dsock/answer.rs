//! Answers of the API: JSON with sorted members, as clients of the original compare it.

use std::fmt::Write;

use crate::dialects::dsock::directory::{Claim, Connection};
use crate::dialects::dsock::error::{ApiError, ErrorCode};
use crate::dialects::dsock::request_id;
use crate::dialects::dsock::uuid::Uuid;
use crate::limits::Limit;
use crate::protocol::go_json::{push_quoted, quote};
use crate::protocol::http_response::{Refusal, Response};

const JSON: &str = "application/json; charset=utf-8";

/// What a call answers that says no more than that it has succeeded.
const SUCCESS: &str = "{\"success\":true}";

/// The description of the API.
const DESCRIPTION: &str = include_str!("openapi.json");

/// JSON with status 200.
fn json(body: impl Into<String>) -> Response {
    Response::with_body(200, JSON, body.into().into_bytes())
}

/// The answer of a call that says no more than that it has succeeded.
pub(super) fn success() -> Response {
    Response::with_body(200, JSON, SUCCESS.as_bytes())
}

/// The answer to a ping.
pub(super) fn pong() -> Response {
    Response::text(200, "pong")
}

/// The answer where there is no call.
pub(super) fn not_found() -> Response {
    Response::with_body(404, "text/plain", b"404 page not found".as_slice())
}

/// The answer to a claim that is right and a handshake that is not.
pub(super) fn bad_handshake() -> Response {
    Response::text(400, "Bad Request\n").with_header("Sec-WebSocket-Version", "13")
}

/// The description of the API.
pub(super) fn description() -> Response {
    Response::with_body(200, JSON, DESCRIPTION.as_bytes())
}

/// An error.
pub(super) fn error(error: &ApiError, request_id: &str) -> Response {
    let body = format!(
        "{{\"error\":{},\"errorCode\":{},\"requestId\":{},\"success\":false}}",
        quote(&error.message),
        quote(error.code.code()),
        quote(request_id)
    );
    Response::with_body(error.code.status(), JSON, body.into_bytes())
}

/// The answer to a request that was refused before a call began.
pub(super) fn refusal(refusal: Refusal, request_id: &str) -> Response {
    let mut response = error(&ApiError::of_refusal(&refusal), request_id);
    response.status = refusal.status;
    response.headers.extend(refusal.headers);
    response
}

/// Sends a client that asked with one slash too many to where the call is: another method than `GET`
/// is repeated there as it is.
pub(super) fn redirect(path: &str, query: Option<&str>, is_get: bool) -> Response {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{path}{query}");
    if !is_get {
        return Response::new(307).with_header("Location", location);
    }
    let body = format!(
        "<a href=\"{}\">Moved Permanently</a>.\n\n",
        html_text(&location)
    );
    Response::with_body(301, "text/html; charset=utf-8", body.into_bytes())
        .with_header("Location", location)
}

/// The answer with the name of its request.
pub(super) fn named(response: Response, request_id: String) -> Response {
    response.with_header(request_id::HEADER, request_id)
}

fn html_text(text: &str) -> String {
    text.chars().fold(String::new(), |mut html, character| {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&#34;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
        html
    })
}

/// A claim that was made.
pub(super) fn created(claim: &Claim) -> Response {
    let mut body = String::from("{\"claim\":");
    push_claim(&mut body, claim, false);
    body.push_str(",\"success\":true}");
    json(body)
}

/// What `/info` tells.
///
/// # Errors
/// If that is more than `most` bytes; nothing beyond them is looked at or written.
pub(super) fn info<'a>(
    claims: impl Iterator<Item = &'a Claim>,
    connections: impl Iterator<Item = &'a Connection>,
    worker: Uuid,
    most: usize,
) -> Result<Response, ApiError> {
    let too_long = || ApiError::over_limit(ErrorCode::TargetTooLarge, Limit::DsockInfo);
    let mut body = String::from("{\"claims\":[");
    let fits = push_list(&mut body, claims, |body, claim| {
        push_claim(body, claim, true);
        body.len() <= most
    });
    if !fits {
        return Err(too_long());
    }
    body.push_str("],\"connections\":[");
    let fits = push_list(&mut body, connections, |body, connection| {
        push_connection(body, connection, worker);
        body.len() <= most
    });
    body.push_str("],\"success\":true}");
    if !fits || body.len() > most {
        return Err(too_long());
    }
    Ok(json(body))
}

/// `/info` tells of no channels as of one without a name, and clients have got used to it.
fn push_claim(body: &mut String, claim: &Claim, by_info: bool) {
    body.push_str("{\"channels\":");
    push_names(body, claim.channels(), by_info);
    // Writing to a string cannot fail.
    let _ = write!(body, ",\"expiration\":{},\"id\":", claim.expiration());
    push_quoted(body, claim.id());
    push_session_and_user(body, claim.session(), claim.user());
    body.push('}');
}

fn push_connection(body: &mut String, connection: &Connection, worker: Uuid) {
    body.push_str("{\"channels\":");
    push_names(body, connection.channels.iter().map(|name| &**name), true);
    let Connection {
        uuid, last_ping, ..
    } = connection;
    // Writing to a string cannot fail.
    let _ = write!(body, ",\"id\":\"{uuid}\",\"lastPing\":{last_ping}");
    push_session_and_user(body, &connection.session, &connection.user);
    let _ = write!(body, ",\"worker\":\"{worker}\"}}");
}

fn push_session_and_user(body: &mut String, session: &str, user: &str) {
    if !session.is_empty() {
        body.push_str(",\"session\":");
        push_quoted(body, session);
    }
    body.push_str(",\"user\":");
    push_quoted(body, user);
}

fn push_names<'a>(body: &mut String, names: impl Iterator<Item = &'a str>, by_info: bool) {
    body.push('[');
    let mut names = names.peekable();
    if by_info && names.peek().is_none() {
        body.push_str("\"\"");
    }
    push_list(body, names, |body, name| {
        push_quoted(body, name);
        true
    });
    body.push(']');
}

/// Commas between items. False if `push` did not want to go on.
fn push_list<T>(
    body: &mut String,
    items: impl Iterator<Item = T>,
    push: impl Fn(&mut String, T) -> bool,
) -> bool {
    for (index, item) in items.enumerate() {
        if index > 0 {
            body.push(',');
        }
        if !push(body, item) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::dsock::route::{self, Route};
    use crate::protocol::http_request::Method;
    use serde_json::Value;
    use std::collections::HashSet;

    fn description() -> Value {
        serde_json::from_str(DESCRIPTION).unwrap()
    }

    #[test]
    fn the_description_has_every_error() {
        let codes = &description()["components"]["schemas"]["ErrorCode"]["enum"];
        let described: Vec<&str> = codes
            .as_array()
            .unwrap()
            .iter()
            .flat_map(Value::as_str)
            .collect();
        let errors: Vec<&str> = ErrorCode::ALL.iter().map(|error| error.code()).collect();
        assert_eq!(described, errors);
    }

    #[test]
    fn every_operation_of_the_description_is_a_call() {
        let description = description();
        for (path, operations) in description["paths"].as_object().unwrap() {
            let path = path.replace("{channel}", "c");
            for method in operations.as_object().unwrap().keys() {
                let method = match method.as_str() {
                    "get" => Method::Get,
                    "post" => Method::Post,
                    _ => Method::Other,
                };
                assert!(matches!(route::find(method, &path), Route::To(_)), "{path}");
            }
        }
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut HashSet<&'a str>) {
            match value {
                Value::Object(members) => {
                    for (name, value) in members {
                        match value.as_str().filter(|_| name == "$ref") {
                            Some(reference) => drop(found.insert(reference)),
                            None => references(value, found),
                        }
                    }
                }
                Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let description = description();
        let mut found = HashSet::new();
        references(&description, &mut found);
        for reference in &found {
            let path = reference.strip_prefix('#').unwrap();
            assert!(description.pointer(path).is_some(), "{reference}");
        }
        assert!(found.len() > 20);
    }
}
