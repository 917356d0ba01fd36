//! Requests out of a connection's bytes. A request that is wholly in the input leaves nothing
//! behind; otherwise its beginning is kept, within the limits.

use crate::limits::{Limit, Limits};
use crate::protocol::http_body::BodyReader;
use crate::protocol::http_request::{Request, head_end};
use crate::protocol::http_response::Refusal;
use crate::protocol::request_head::RequestHead;

/// A request of which not all has arrived.
#[derive(Debug, Default)]
pub struct HttpInput {
    head: Vec<u8>,
    body: Option<(Request, BodyReader)>,
}

/// What came out of the input.
#[derive(Debug)]
pub enum Step {
    /// The request is not complete.
    NeedMore,
    /// The head is complete and the client waits to be told to send the body.
    AskForBody,
    /// A complete request and its body.
    Complete(Box<Request>, Vec<u8>),
}

/// Why a request is not served, and what is known of it.
#[derive(Debug)]
pub struct Unserved {
    /// Why.
    pub refusal: Refusal,
    head: KnownHead,
}

/// As much of a head as has come.
enum KnownHead {
    Bytes(Vec<u8>),
    Parsed(Box<Request>),
}

impl Unserved {
    fn parsed(refusal: Refusal, request: Request) -> Self {
        let head = KnownHead::Parsed(Box::new(request));
        Self { refusal, head }
    }

    /// Of `bytes` no more is kept than a head may have.
    fn unparsed(refusal: Refusal, bytes: &[u8], limits: &Limits) -> Self {
        let known = bytes.get(..limits.head).unwrap_or(bytes);
        let head = KnownHead::Bytes(known.to_vec());
        Self { refusal, head }
    }

    /// What is known of the request.
    pub fn head(&self) -> RequestHead<'_> {
        match &self.head {
            KnownHead::Bytes(bytes) => RequestHead::new(bytes),
            KnownHead::Parsed(request) => RequestHead::from(&**request),
        }
    }
}

/// Header values can be secrets, so they are not shown.
impl std::fmt::Debug for KnownHead {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KnownHead(..)")
    }
}

impl HttpInput {
    /// Bytes held.
    pub fn buffered(&self) -> usize {
        let body = self
            .body
            .as_ref()
            .map_or(0, |(request, reader)| request.memory() + reader.memory());
        size_of::<Self>() + self.head.capacity() + body
    }

    /// True once the head is complete.
    pub fn has_head(&self) -> bool {
        self.body.is_some()
    }

    /// Takes from `input` up to the end of the next request. `state` is the connection's; there
    /// is something in it only while a request is incomplete.
    ///
    /// # Errors
    /// What is wrong with the request; the connection cannot be used any more.
    pub fn step(
        state: &mut Option<Box<Self>>,
        input: &mut &mut [u8],
        limits: &Limits,
    ) -> Result<Step, Unserved> {
        let mut asked = state.as_ref().is_some_and(|state| state.body.is_some());
        let (request, mut reader) = match state.as_mut().and_then(|state| state.body.take()) {
            Some(pending) => pending,
            None => match Self::head(state, input, limits)? {
                Some(request) => {
                    let framing = request.body_framing();
                    let reader = match BodyReader::new(framing, limits.http_body) {
                        Ok(reader) => reader,
                        Err(refusal) => return Err(Unserved::parsed(refusal, request)),
                    };
                    asked = !request.expects_continue() || !input.is_empty();
                    (request, reader)
                }
                None => return Ok(Step::NeedMore),
            },
        };
        let progress = match reader.feed(input) {
            Ok(progress) => progress,
            Err(refusal) => return Err(Unserved::parsed(refusal, request)),
        };
        *input = &mut std::mem::take(input)[progress.consumed..];
        if progress.complete {
            *state = None;
            return Ok(Step::Complete(Box::new(request), reader.into_body()));
        }
        let state = state.get_or_insert_default();
        state.head = Vec::new();
        state.body = Some((request, reader));
        Ok(if asked {
            Step::NeedMore
        } else {
            Step::AskForBody
        })
    }

    /// Completes a head, if its end is there.
    fn head(
        state: &mut Option<Box<Self>>,
        input: &mut &mut [u8],
        limits: &Limits,
    ) -> Result<Option<Request>, Unserved> {
        let too_long =
            |bytes: &[u8]| Unserved::unparsed(Refusal::over_limit(Limit::Head), bytes, limits);
        let parse = |head: &[u8]| {
            Request::parse(head, limits)
                .map_err(|refusal| Unserved::unparsed(refusal, head, limits))
        };
        let Some(held) = state.as_mut().map(|state| &mut state.head) else {
            return match head_end(input, 0) {
                Some(end) if end > limits.head => Err(too_long(input)),
                Some(end) => {
                    let request = parse(&input[..end])?;
                    *input = &mut std::mem::take(input)[end..];
                    Ok(Some(request))
                }
                None if input.len() > limits.head => Err(too_long(input)),
                None if input.is_empty() => Ok(None),
                None => {
                    let head = std::mem::take(input).to_vec();
                    *state = Some(Box::new(Self { head, body: None }));
                    Ok(None)
                }
            };
        };
        let searched = held.len();
        let room = (limits.head + 1).saturating_sub(searched);
        held.extend_from_slice(&input[..input.len().min(room)]);
        match head_end(held, searched) {
            Some(end) if end <= limits.head => {
                *input = &mut std::mem::take(input)[end - searched..];
                Ok(Some(parse(&held[..end])?))
            }
            None if held.len() <= limits.head => {
                *input = &mut [];
                Ok(None)
            }
            _ => Err(too_long(held)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(parts: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, Unserved> {
        let limits = Limits::default();
        let mut state = None;
        let mut complete = Vec::new();
        for part in parts {
            let mut bytes = part.to_vec();
            let mut input = &mut bytes[..];
            loop {
                match HttpInput::step(&mut state, &mut input, &limits)? {
                    Step::Complete(request, body) => {
                        complete.push((request.target().to_owned(), body));
                    }
                    Step::AskForBody => {}
                    Step::NeedMore => break,
                }
            }
            assert!(input.is_empty());
        }
        assert!(state.is_none(), "something is left over");
        Ok(complete)
    }

    #[test]
    fn pipelined_requests_at_every_split() {
        let bytes: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n\
            POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello\
            POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
            GET /d HTTP/1.1\r\nHost: h\r\n\r\n";
        let expected = vec![
            ("/a".to_owned(), b"".to_vec()),
            ("/b".to_owned(), b"hello".to_vec()),
            ("/c".to_owned(), b"abc".to_vec()),
            ("/d".to_owned(), b"".to_vec()),
        ];
        for split in 0..=bytes.len() {
            let parts = [&bytes[..split], &bytes[split..]];
            assert_eq!(requests(&parts).unwrap(), expected, "split at {split}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(requests(&single).unwrap(), expected);
    }

    #[test]
    fn a_head_beyond_the_limit_is_refused_however_it_arrives() {
        let mut bytes = b"GET /a HTTP/1.1\r\nHost: h\r\nX: ".to_vec();
        bytes.resize(Limits::default().head - 4, b'x');
        bytes.extend_from_slice(b"\r\n\r\n");
        assert_eq!(bytes.len(), Limits::default().head);
        for size in [1, 1000, bytes.len()] {
            let parts: Vec<&[u8]> = bytes.chunks(size).collect();
            assert_eq!(requests(&parts).unwrap().len(), 1);
        }
        bytes.insert(40, b'y');
        for size in [1, 1000, bytes.len()] {
            let parts: Vec<&[u8]> = bytes.chunks(size).collect();
            assert_eq!(requests(&parts).unwrap_err().refusal.status, 431);
        }
    }
}
