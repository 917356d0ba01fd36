//! What the server of DRC sends, as far as the bench has to understand it.

use crate::support::Outcome;
use crate::support::frame::parse_server_frame;
use memchr::memmem;
use std::ops::{AddAssign, Sub};

/// Whole messages, of text or binary.
const MESSAGES: [u8; 2] = [0x81, 0x82];

/// What all of this one channel begins with.
const START: &[u8] = br#"{"channel":1,"success":true,"#;

/// What a client has received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Clients that it was told of: those in its list, itself too, and those that joined later.
    pub(crate) known: u64,
    /// How many of them were in the list.
    pub(crate) listed: u64,
    /// Bytes of payload of the list.
    pub(crate) list_bytes: u64,
    /// Messages of other clients, and its own to all.
    pub(crate) messages: u64,
    pub(crate) frames: u64,
    /// Bytes of all frames.
    pub(crate) bytes: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.known += other.known;
        self.listed += other.listed;
        self.list_bytes += other.list_bytes;
        self.messages += other.messages;
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            known: self.known - earlier.known,
            listed: self.listed - earlier.listed,
            list_bytes: self.list_bytes - earlier.list_bytes,
            messages: self.messages - earlier.messages,
            frames: self.frames - earlier.frames,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

/// Takes the frames at the beginning of `bytes`; what they are and where they end.
///
/// # Errors
/// If one is no message, or one that reports a failure.
pub(crate) fn take(bytes: &[u8]) -> Outcome<(Tally, usize)> {
    let mut tally = Tally::default();
    let mut end = 0;
    while let Some(frame) = parse_server_frame(bytes.get(end..).unwrap_or_default()) {
        let rest = frame.payload.strip_prefix(START);
        let Some(rest) = rest.filter(|_| MESSAGES.contains(&frame.first)) else {
            return Err(unexpected(frame.first, frame.payload));
        };
        end += frame.end;
        tally.frames += 1;
        tally.bytes += frame.end as u64;
        if rest.starts_with(br#""from":"#) {
            tally.messages += 1;
        } else if !rest.starts_with(br#""cmd":"JOINED""#) {
            return Err(unexpected(frame.first, frame.payload));
        } else if let Some(list) = memmem::find(rest, br#""clients":{"#) {
            let list = rest.get(list..).unwrap_or_default();
            let listed = memmem::find_iter(list, br#""auth":"#).count() as u64;
            tally.listed += listed;
            tally.list_bytes += frame.payload.len() as u64;
            tally.known += listed;
        } else {
            tally.known += 1;
        }
    }
    Ok((tally, end))
}

#[cold]
fn unexpected(first: u8, payload: &[u8]) -> Box<dyn std::error::Error> {
    let start = payload.get(..payload.len().min(200)).unwrap_or(payload);
    let start = String::from_utf8_lossy(start);
    format!("a client got something else than expected: {first:02x} {start:?}").into()
}

/// The value of a member that is a string without escapes, or a number.
pub(crate) fn value<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{name}\":"))?;
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    rest.split(['"', ',', '}']).next()
}

#[cfg(test)]
#[allow(
    unused,
    reason = "only tests/bench_smoke.rs has a harness that runs these"
)]
mod tests {
    use super::*;

    fn frame(payload: &str) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[0x82, 126], &length[..], payload.as_bytes()].concat()
    }

    #[test]
    fn what_arrives_is_counted_and_the_rest_is_left() {
        let joined = r#"{"channel":1,"success":true,"cmd":"JOINED","from":0,"id":3,"info":{"auth":true,"mode":2,"extra":false}"#;
        let info = r#"{"auth":true,"mode":2,"extra":false}"#;
        let list = format!(
            r#"{joined},"channelname":"a","protocol":"b","clients":{{"1":{info},"3":{info}}}}}"#
        );
        let bytes = [
            frame(&list),
            frame(&format!("{joined}}}")),
            frame(r#"{"channel":1,"success":true,"from":1,"cmd":"TICK"}"#),
            vec![0x82],
        ]
        .concat();
        let (tally, end) = take(&bytes).unwrap();
        assert_eq!(end, bytes.len() - 1);
        let expected = Tally {
            known: 3,
            listed: 2,
            list_bytes: list.len() as u64,
            messages: 1,
            frames: 3,
            bytes: end as u64,
        };
        assert_eq!(tally, expected);
    }

    #[test]
    fn a_failure_and_a_close_frame_are_errors() {
        let failure = frame(r#"{"channel":0,"success":false,"error":"Access denied."}"#);
        assert!(take(&failure).unwrap_err().to_string().contains("denied"));
        assert!(take(&[0x88, 2, 3, 0xf0]).is_err());
    }
}
