//! Requests: no panic, and the same result however the bytes are cut.

use fantail::limits::Limits;
use fantail::protocol::http_body::BodyReader;
use fantail::protocol::http_request::{Request, head_end};
use fantail::relay::http_input::{HttpInput, Step};

/// What came out of bytes: requests, and the status with which they ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    requests: Vec<(String, String, Vec<u8>)>,
    refused: Option<u16>,
}

/// The first byte says how the others are cut.
pub(crate) fn run(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let size = 1 + usize::from(cut) % 64;
    let limits = Limits {
        head: 512,
        headers: 8,
        http_body: 64,
        ..Limits::default()
    };
    check_end(bytes, size);
    check_request(bytes, size, &limits);
    let whole = requests([bytes].into_iter(), &limits);
    assert_eq!(
        whole,
        requests(bytes.chunks(size), &limits),
        "cut by {size}"
    );
}

fn check_end(bytes: &[u8], size: usize) {
    let whole = head_end(bytes, 0);
    let mut searched = 0;
    while searched < bytes.len() {
        let length = (searched + size).min(bytes.len());
        if let Some(end) = head_end(&bytes[..length], searched) {
            assert_eq!(whole, Some(end));
            return;
        }
        searched = length;
    }
    assert_eq!(whole, None);
}

fn check_request(bytes: &[u8], size: usize, limits: &Limits) {
    let Some(end) = head_end(bytes, 0) else {
        return;
    };
    let Ok(request) = Request::parse(&bytes[..end], limits) else {
        return;
    };
    let path = request.path();
    assert!(
        path.starts_with('/') || path == "*" || request.method_name() == "CONNECT",
        "{path:?}"
    );
    assert!(
        request
            .target()
            .contains(request.query().unwrap_or_default())
    );
    assert!(request.header("Host").is_some() || request.headers("Host").count() <= 1);
    let _ = (
        request.host(),
        request.keep_alive(),
        request.expects_continue(),
    );
    assert!(request.memory() >= end.saturating_sub(8));
    let whole = body(&request, [&bytes[end..]].into_iter(), limits);
    assert_eq!(whole, body(&request, bytes[end..].chunks(size), limits));
}

/// The bytes that belong to the body, and its content once it is complete.
fn body<'a>(
    request: &Request,
    parts: impl Iterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Result<(usize, Option<Vec<u8>>), u16> {
    let mut reader = BodyReader::new(request.body_framing(), limits.http_body)
        .map_err(|refusal| refusal.status)?;
    let mut consumed = 0;
    for part in parts {
        let progress = reader.feed(part).map_err(|refusal| refusal.status)?;
        assert!(progress.complete || progress.consumed == part.len());
        assert!(reader.memory() <= 2 * limits.http_body.max(8));
        consumed += progress.consumed;
        if progress.complete {
            break;
        }
    }
    let complete = reader.is_complete();
    Ok((consumed, complete.then(|| reader.into_body())))
}

fn requests<'a>(parts: impl Iterator<Item = &'a [u8]>, limits: &Limits) -> Outcome {
    let mut outcome = Outcome::default();
    let mut state = None;
    for part in parts {
        let mut part = part.to_vec();
        let mut input = &mut part[..];
        loop {
            match HttpInput::step(&mut state, &mut input, limits) {
                Ok(Step::NeedMore) => {
                    assert!(input.is_empty(), "{} bytes were left", input.len());
                    break;
                }
                Ok(Step::AskForBody) => {}
                Ok(Step::Complete(request, body)) => outcome.requests.push((
                    request.method_name().to_owned(),
                    request.target().to_owned(),
                    body,
                )),
                Err(unserved) => {
                    // What is known of it is looked at for the answer.
                    let head = unserved.head();
                    let _ = (head.method_name(), head.path(), head.header("X-Request-Id"));
                    outcome.refused = Some(unserved.refusal.status);
                    return outcome;
                }
            }
        }
    }
    outcome
}
