//! Frames: no panic, progress in every call, the same result however the bytes are cut, and the
//! same messages as tungstenite reads out of them.
//!
//! Where the two differ on purpose:
//! - a length that is not in its shortest form is refused here (RFC 6455 section 5.2) and
//!   accepted there, also that of a control frame;
//! - limits are checked on the header here, and count fragments, which has no counterpart there;
//! - a close frame with a code that must not be sent is a fault here, and there it becomes one
//!   with the code 1002, unless its reason is a fault, too;
//! - the close code 1014 has been registered since, and is unknown there;
//! - a fault is found at the first byte that shows it here, and when the frame is complete
//!   there, so that at the end of the bytes there may be none yet.

use std::io::{self, Read, Write};

use fantail::limits::Limit;
use fantail::protocol::peer_fault::PeerFault;
use fantail::protocol::ws_frame::MessageType;
use fantail::protocol::ws_receiver::{Event, ReceiveLimits, Receiver, Role};
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Message, WebSocket};

const LIMITS: ReceiveLimits = ReceiveLimits {
    message: 300,
    message_limit: Limit::Message,
    frame: usize::MAX,
    frame_limit: Limit::Message,
    fragments: 6,
};

/// An event without the receiver that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Received {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More bytes could follow.
    Open,
    Closed,
    Fault(PeerFault),
}

/// The first byte says how the others are cut.
pub(crate) fn run(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let (events, end) = ours([bytes].into_iter(), Role::Server);
    let size = 1 + usize::from(cut) % 32;
    let cut = ours(bytes.chunks(size), Role::Server);
    assert_eq!((&events, end), (&cut.0, cut.1), "cut by {size}");
    let (_, client_end) = ours([bytes].into_iter(), Role::Client);
    assert!(
        !matches!((end, client_end), (End::Closed, End::Closed)),
        "a frame was accepted in both directions"
    );
    compare(&events, end, bytes);
}

fn ours<'a>(parts: impl Iterator<Item = &'a [u8]>, role: Role) -> (Vec<Received>, End) {
    let mut receiver = Receiver::new(role);
    let mut events = Vec::new();
    for part in parts {
        let mut part = part.to_vec();
        let mut input = &mut part[..];
        loop {
            let before = input.len();
            let event = match receiver.receive(&mut input, &LIMITS) {
                Ok(event) => event,
                Err(fault) => return (events, End::Fault(fault)),
            };
            let Some(event) = event else {
                assert!(input.is_empty(), "{} bytes were left", input.len());
                break;
            };
            assert!(input.len() < before, "an event out of no byte");
            events.push(match event {
                Event::Message(MessageType::Text, payload) => Received::Text(payload.to_vec()),
                Event::Message(MessageType::Binary, payload) => Received::Binary(payload.to_vec()),
                Event::Compressed(..) => panic!("compression was not agreed upon"),
                Event::Ping(payload) => Received::Ping(payload.to_vec()),
                Event::Pong(payload) => Received::Pong(payload.to_vec()),
                Event::Close(status) => {
                    let close = status
                        .code
                        .map(|code| (code.number(), status.reason.to_owned()));
                    events.push(Received::Close(close));
                    return (events, End::Closed);
                }
            });
        }
        // The box of the state, a message and the room that a vector takes in advance.
        assert!(receiver.buffered() <= 2 * LIMITS.message + 1024);
    }
    (events, End::Open)
}

fn compare(events: &[Received], end: End, bytes: &[u8]) {
    let (theirs, error) = theirs(bytes);
    let show = || format!("ours: {events:?}, {end:?}\ntheirs: {theirs:?}, {error:?}");
    let shared = &theirs[..theirs.len().min(events.len())];
    match end {
        End::Open | End::Closed => {
            let mut expected = events.to_vec();
            if let Some(Received::Close(Some((code @ 1014, reason)))) = expected.last_mut() {
                *code = 1002;
                "Protocol violation".clone_into(reason);
            }
            assert_eq!(theirs, expected, "{}", show());
            assert!(error.is_none(), "{}", show());
        }
        End::Fault(fault) if fault.limit.is_some() || is_about_a_length(fault.reason) => {
            assert_eq!(shared, events, "{}", show());
        }
        End::Fault(fault) if fault.reason == "invalid close code" => {
            assert_eq!(shared, events, "{}", show());
            let close = Received::Close(Some((1002, "Protocol violation".to_owned())));
            let further = &theirs[events.len()..];
            let refused = further.is_empty() && error.is_some();
            assert!(refused || further == [close], "{}", show());
        }
        End::Fault(_) => assert_eq!(theirs, events, "{}", show()),
    }
}

/// A control frame with an extended length has one that is too long or not the shortest.
fn is_about_a_length(reason: &str) -> bool {
    [
        "length not in its shortest form",
        "control frame longer than 125 bytes",
    ]
    .contains(&reason)
}

/// What tungstenite reads, until the bytes end, the connection is closed, or it finds a fault.
fn theirs(bytes: &[u8]) -> (Vec<Received>, Option<tungstenite::Error>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(1 << 20))
        .max_frame_size(Some(1 << 20));
    let mut socket = WebSocket::from_raw_socket(Bytes(bytes), TheirRole::Server, Some(config));
    let mut events = Vec::new();
    loop {
        events.push(match socket.read() {
            Ok(Message::Text(text)) => Received::Text(text.as_bytes().to_vec()),
            Ok(Message::Binary(payload)) => Received::Binary(payload.to_vec()),
            Ok(Message::Ping(payload)) => Received::Ping(payload.to_vec()),
            Ok(Message::Pong(payload)) => Received::Pong(payload.to_vec()),
            Ok(Message::Close(close)) => {
                let close = close.map(|close| (close.code.into(), close.reason.to_string()));
                events.push(Received::Close(close));
                return (events, None);
            }
            Ok(Message::Frame(_)) => continue,
            Err(tungstenite::Error::Io(_)) => return (events, None),
            Err(error) => return (events, Some(error)),
        });
    }
}

/// Bytes to be read; what is written is gone.
struct Bytes<'a>(&'a [u8]);

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buffer)
    }
}

impl Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
