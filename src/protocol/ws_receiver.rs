//! Frames to messages: all of RFC 6455's receiving side (sections 5 and 8.1), for both roles, and
//! that of RFC 7692 where compression was agreed upon.
//!
//! Invariants:
//! - A call takes bytes, yields an event, or fails: it never does nothing with input left.
//! - The result does not depend on how the bytes were split.
//! - A frame that is wholly in the input is unmasked there and never copied. Between messages
//!   nothing is held at all; otherwise one box, which grows only as bytes arrive: a length that
//!   a peer merely announces allocates nothing.
//! - Every limit is checked on the header, before the payload is taken; and that of messages again
//!   while a compressed one is inflated.
//! - A compressed message is inflated when it is complete: between two calls there is no state of a
//!   decompressor.

use crate::limits::Limit;
use crate::protocol::peer_fault::PeerFault;
use crate::protocol::ws_close::CloseStatus;
use crate::protocol::ws_deflate::{InflateFault, Inflater};
use crate::protocol::ws_frame::{
    FrameHeader, MAX_CONTROL_PAYLOAD, MAX_HEADER, MessageType, Opcode,
};
use crate::protocol::ws_mask::apply_mask;
use crate::protocol::ws_utf8::Utf8Validator;

/// Which end of the connection receives: it decides which side must mask (section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Frames must be masked.
    Server,
    /// Frames must not be masked.
    Client,
}

/// What the receiver may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveLimits {
    /// Bytes of a message, of a compressed one when it is inflated.
    pub message: usize,
    /// The limit that `message` is the value of.
    pub message_limit: Limit,
    /// Bytes of a frame.
    pub frame: usize,
    /// The limit that `frame` is the value of.
    pub frame_limit: Limit,
    /// Fragments of a message.
    pub fragments: usize,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A complete message.
    Message(MessageType, &'a [u8]),
    /// A complete message that is still compressed.
    Compressed(MessageType, &'a [u8]),
    /// A ping, to be answered with its payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer closes.
    Close(CloseStatus<'a>),
}

/// The receiving state of one connection.
#[derive(Debug)]
pub struct Receiver {
    role: Role,
    /// Messages may be compressed.
    deflate: bool,
    partial: Option<Box<Partial>>,
}

/// What is held while a frame or a message is incomplete.
#[derive(Debug, Default)]
struct Partial {
    /// The bytes of a header that is not complete.
    header: Vec<u8>,
    /// The frame whose payload is being taken, and how much of it has been.
    frame: Option<(FrameHeader, usize)>,
    /// The payload of a control frame.
    control: Vec<u8>,
    message: Option<PartialMessage>,
    /// The message was given out by the last call and goes with the next.
    finished: bool,
}

/// A message of which not all has arrived.
#[derive(Debug)]
struct PartialMessage {
    message_type: MessageType,
    compressed: bool,
    payload: Vec<u8>,
    fragments: usize,
    utf8: Utf8Validator,
}

impl Receiver {
    /// A receiver at the beginning of a connection.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            deflate: false,
            partial: None,
        }
    }

    /// The same where permessage-deflate was agreed upon.
    #[must_use]
    pub fn with_deflate(mut self) -> Self {
        self.deflate = true;
        self
    }

    /// Gives up what is incomplete. The receiver must not be used afterwards.
    pub fn forget(&mut self) {
        self.partial = None;
    }

    /// True between the first byte of a message or frame and its last.
    pub fn is_inside_message(&self) -> bool {
        self.partial
            .as_ref()
            .is_some_and(|partial| !partial.finished)
    }

    /// Bytes held for what is incomplete.
    pub fn buffered(&self) -> usize {
        self.partial
            .as_ref()
            .map_or(0, |partial| partial.buffered())
    }

    /// As [`Self::receive`], but what is compressed is inflated.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub fn receive_inflated<'a, 'input: 'a>(
        &'a mut self,
        input: &mut &'input mut [u8],
        limits: &ReceiveLimits,
        inflater: &'a mut Inflater,
    ) -> Result<Option<Event<'a>>, PeerFault> {
        Ok(match self.receive(input, limits)? {
            Some(Event::Compressed(message_type, payload)) => {
                let message = inflater.inflate(payload, limits.message);
                let message = message.map_err(|fault| match fault {
                    InflateFault::Corrupt => PeerFault::not_deflate(),
                    InflateFault::TooLong => PeerFault::limit(limits.message_limit),
                })?;
                Some(whole_message(message_type, message)?)
            }
            event => event,
        })
    }

    /// Takes from `input` up to the end of the next event. Nothing: all input is taken and the
    /// next event is not complete.
    ///
    /// # Errors
    /// What the peer did wrong. The receiver must not be used afterwards.
    pub fn receive<'a, 'input: 'a>(
        &'a mut self,
        input: &mut &'input mut [u8],
        limits: &ReceiveLimits,
    ) -> Result<Option<Event<'a>>, PeerFault> {
        if self
            .partial
            .as_ref()
            .is_some_and(|partial| partial.finished)
        {
            self.partial = None;
        }
        if input.is_empty() {
            return Ok(None);
        }
        if self.partial.is_none()
            && let Some((header, header_length)) = parse_header(self.deflate, input)?
        {
            check_mask(self.role, &header)?;
            let message = Message::start(&header, None, limits)?;
            let payload_length = header.payload_length as usize;
            let whole = matches!(message, Message::Control) || header.fin;
            if whole && input.len() - header_length >= payload_length {
                let frame = take(input, header_length + payload_length);
                let payload = &mut frame[header_length..];
                if let Some(key) = header.mask {
                    apply_mask(payload, key, 0);
                }
                return whole_frame(&header, payload).map(Some);
            }
        }
        let (role, deflate) = (self.role, self.deflate);
        let partial = self.partial.get_or_insert_default();
        partial.receive(role, deflate, input, limits)
    }
}

impl Partial {
    fn buffered(&self) -> usize {
        size_of::<Self>()
            + self.header.capacity()
            + self.control.capacity()
            + self
                .message
                .as_ref()
                .map_or(0, |message| message.payload.capacity())
    }

    fn receive<'a>(
        &'a mut self,
        role: Role,
        deflate: bool,
        input: &mut &mut [u8],
        limits: &ReceiveLimits,
    ) -> Result<Option<Event<'a>>, PeerFault> {
        let last = loop {
            let (header, taken) = match self.frame {
                Some(frame) => frame,
                None => match self.receive_header(role, deflate, input, limits)? {
                    Some(header) => (header, 0),
                    None => return Ok(None),
                },
            };
            let remaining = header.payload_length as usize - taken;
            let part = take(input, remaining.min(input.len()));
            if let Some(key) = header.mask {
                apply_mask(part, key, taken);
            }
            self.take_payload(header.opcode, part)?;
            if part.len() < remaining {
                self.frame = Some((header, taken + part.len()));
                return Ok(None);
            }
            self.frame = None;
            if header.opcode.is_control() || header.fin {
                break header;
            }
            if input.is_empty() {
                return Ok(None);
            }
        };
        if last.opcode.is_control() {
            self.finished = self.message.is_none();
            return whole_frame(&last, &self.control).map(Some);
        }
        self.finished = true;
        match &self.message {
            Some(message) if message.compressed => Ok(Some(Event::Compressed(
                message.message_type,
                &message.payload,
            ))),
            Some(message) => {
                if message.message_type == MessageType::Text {
                    message.utf8.finish().map_err(|_| PeerFault::not_utf8())?;
                }
                Ok(Some(Event::Message(message.message_type, &message.payload)))
            }
            None => Ok(None),
        }
    }

    /// Completes a header and enters its frame.
    fn receive_header(
        &mut self,
        role: Role,
        deflate: bool,
        input: &mut &mut [u8],
        limits: &ReceiveLimits,
    ) -> Result<Option<FrameHeader>, PeerFault> {
        let held = self.header.len();
        let more = input.len().min(MAX_HEADER - held);
        self.header.extend_from_slice(&input[..more]);
        let Some((header, header_length)) = parse_header(deflate, &self.header)? else {
            take(input, more);
            return Ok(None);
        };
        take(input, header_length - held);
        self.header.clear();
        check_mask(role, &header)?;
        match Message::start(&header, self.message.as_ref(), limits)? {
            Message::Control => self.control.clear(),
            Message::First(message_type) => {
                self.message = Some(PartialMessage {
                    message_type,
                    compressed: header.compressed,
                    payload: Vec::new(),
                    fragments: 1,
                    utf8: Utf8Validator::default(),
                });
            }
            Message::Further => {
                if let Some(message) = &mut self.message {
                    message.fragments += 1;
                }
            }
        }
        Ok(Some(header))
    }

    fn take_payload(&mut self, opcode: Opcode, part: &[u8]) -> Result<(), PeerFault> {
        if opcode.is_control() {
            self.control.extend_from_slice(part);
        } else if let Some(message) = &mut self.message {
            if message.message_type == MessageType::Text && !message.compressed {
                message.utf8.feed(part).map_err(|_| PeerFault::not_utf8())?;
            }
            message.payload.extend_from_slice(part);
        }
        Ok(())
    }
}

/// What a frame is to the message under way.
enum Message {
    Control,
    First(MessageType),
    Further,
}

impl Message {
    /// Checks a frame's header against the message under way and the limits.
    fn start(
        header: &FrameHeader,
        message: Option<&PartialMessage>,
        limits: &ReceiveLimits,
    ) -> Result<Self, PeerFault> {
        let this = match (header.opcode, message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(Self::Control),
            (Opcode::Text, None) => Self::First(MessageType::Text),
            (Opcode::Binary, None) => Self::First(MessageType::Binary),
            (Opcode::Continuation, Some(_)) => Self::Further,
            (Opcode::Continuation, None) => {
                return Err(PeerFault::protocol("continuation without a message"));
            }
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(PeerFault::protocol("new message inside a fragmented one"));
            }
        };
        let (held, fragments, compressed) = message.map_or((0, 0, header.compressed), |message| {
            (message.payload.len(), message.fragments, message.compressed)
        });
        let longest = match compressed {
            true => longest_compressed(limits.message),
            false => limits.message,
        };
        if header.payload_length > longest.saturating_sub(held) as u64 {
            return Err(PeerFault::limit(limits.message_limit));
        }
        if header.payload_length > limits.frame as u64 {
            return Err(PeerFault::limit(limits.frame_limit));
        }
        if fragments >= limits.fragments && !cfg!(feature = "sabotage-no-fragment-limit") {
            return Err(PeerFault::limit(Limit::Fragments));
        }
        Ok(this)
    }
}

/// Bytes that a message of up to `message` bytes can take when it is compressed by somebody who
/// does it badly: in the code that has nine bits for some bytes, block by block.
const fn longest_compressed(message: usize) -> usize {
    message.saturating_add(message / 8).saturating_add(64)
}

fn parse_header(deflate: bool, bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, PeerFault> {
    match deflate {
        true => FrameHeader::parse_with_deflate(bytes),
        false => FrameHeader::parse(bytes),
    }
}

/// Only a client masks, and it always does (section 5.1).
fn check_mask(role: Role, header: &FrameHeader) -> Result<(), PeerFault> {
    match (role, header.mask) {
        (Role::Server, Some(_)) | (Role::Client, None) => Ok(()),
        (Role::Server, None) => Err(PeerFault::protocol("frame not masked")),
        (Role::Client, Some(_)) => Err(PeerFault::protocol("masked frame from a server")),
    }
}

/// The event of a frame that is a message or control frame of its own.
fn whole_frame<'a>(header: &FrameHeader, payload: &'a [u8]) -> Result<Event<'a>, PeerFault> {
    debug_assert!(!header.opcode.is_control() || payload.len() <= MAX_CONTROL_PAYLOAD);
    let message = |message_type| match header.compressed {
        true => Ok(Event::Compressed(message_type, payload)),
        false => whole_message(message_type, payload),
    };
    Ok(match header.opcode {
        Opcode::Text => message(MessageType::Text)?,
        Opcode::Binary | Opcode::Continuation => message(MessageType::Binary)?,
        Opcode::Ping => Event::Ping(payload),
        Opcode::Pong => Event::Pong(payload),
        Opcode::Close => Event::Close(CloseStatus::parse(payload)?),
    })
}

/// The event of a message, which is checked if it is text.
fn whole_message(message_type: MessageType, payload: &[u8]) -> Result<Event<'_>, PeerFault> {
    if message_type == MessageType::Text {
        str::from_utf8(payload).map_err(|_| PeerFault::not_utf8())?;
    }
    Ok(Event::Message(message_type, payload))
}

/// Splits `length` bytes off the front of `input`.
fn take<'a>(input: &mut &'a mut [u8], length: usize) -> &'a mut [u8] {
    let (front, rest) = std::mem::take(input).split_at_mut(length);
    *input = rest;
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ws_frame::encode_masked_frame;

    const LIMITS: ReceiveLimits = ReceiveLimits {
        message: 1000,
        message_limit: Limit::Message,
        frame: usize::MAX,
        frame_limit: Limit::Message,
        fragments: 4,
    };
    const KEY: [u8; 4] = [9, 8, 7, 6];

    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Seen {
        Message(MessageType, Vec<u8>),
        Ping(Vec<u8>),
        Pong(Vec<u8>),
        Close(Option<u16>, String),
        Fault(u16, &'static str),
    }

    fn plain() -> Receiver {
        Receiver::new(Role::Server)
    }

    fn deflating() -> Receiver {
        plain().with_deflate()
    }

    fn run(parts: &[&[u8]]) -> Vec<Seen> {
        run_on(plain(), parts)
    }

    fn run_on(mut receiver: Receiver, parts: &[&[u8]]) -> Vec<Seen> {
        let mut inflater = Inflater::default();
        let mut seen = Vec::new();
        for part in parts {
            let mut bytes = part.to_vec();
            let mut input = &mut bytes[..];
            loop {
                let before = input.len();
                match receiver.receive_inflated(&mut input, &LIMITS, &mut inflater) {
                    Ok(Some(event)) => seen.push(match event {
                        Event::Message(message_type, payload) => {
                            Seen::Message(message_type, payload.to_vec())
                        }
                        Event::Compressed(..) => panic!("not inflated"),
                        Event::Ping(payload) => Seen::Ping(payload.to_vec()),
                        Event::Pong(payload) => Seen::Pong(payload.to_vec()),
                        Event::Close(status) => Seen::Close(
                            status.code.map(super::super::ws_close::CloseCode::number),
                            status.reason.to_owned(),
                        ),
                    }),
                    Ok(None) => {
                        assert!(input.is_empty(), "{before} bytes not taken");
                        break;
                    }
                    Err(fault) => {
                        seen.push(Seen::Fault(fault.close_code.number(), fault.reason));
                        return seen;
                    }
                }
            }
        }
        seen
    }

    fn fragment(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut bytes = encode_masked_frame(opcode, payload, KEY);
        if !fin {
            bytes[0] &= 0x7f;
        }
        bytes
    }

    fn at_every_split(bytes: &[u8], expected: &[Seen]) {
        at_every_split_on(plain, bytes, expected);
    }

    fn at_every_split_on(receiver: fn() -> Receiver, bytes: &[u8], expected: &[Seen]) {
        assert_eq!(run_on(receiver(), &[bytes]), expected);
        for first in 0..=bytes.len() {
            assert_eq!(
                run_on(receiver(), &[&bytes[..first], &bytes[first..]]),
                expected,
                "split at {first}"
            );
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(run_on(receiver(), &single), expected, "byte by byte");
    }

    /// A frame with RSV1, as the first of a compressed message has it.
    fn compressed(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut bytes = fragment(fin, opcode, payload);
        bytes[0] |= 0x40;
        bytes
    }

    /// What a client sends of a message that it has compressed.
    fn deflate(message: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(message.len() + 100);
        flate2::Compress::new(flate2::Compression::default(), false)
            .compress_vec(message, &mut payload, flate2::FlushCompress::Sync)
            .unwrap();
        payload.truncate(payload.len() - 4);
        payload
    }

    #[test]
    fn compressed_messages_at_every_split() {
        let text = "ἐν ἀρχῇ ἦν ὁ λόγος, καὶ ὁ λόγος ἦν πρὸς τὸν θεόν".repeat(3);
        let payload = deflate(text.as_bytes());
        let (front, back) = payload.split_at(payload.len() / 2);
        let bytes = [
            compressed(true, Opcode::Text, &payload),
            // A message may be sent as it is.
            fragment(true, Opcode::Text, "κόσμε".as_bytes()),
            compressed(false, Opcode::Text, front),
            fragment(true, Opcode::Ping, b"between"),
            fragment(false, Opcode::Continuation, b""),
            fragment(true, Opcode::Continuation, back),
            compressed(false, Opcode::Binary, b""),
            fragment(true, Opcode::Continuation, &deflate(&[7; 1000])),
            compressed(true, Opcode::Binary, b"\0"),
            compressed(true, Opcode::Text, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
            fragment(false, Opcode::Binary, b"as "),
            fragment(true, Opcode::Continuation, b"it is"),
        ]
        .concat();
        at_every_split_on(
            deflating,
            &bytes,
            &[
                Seen::Message(MessageType::Text, text.clone().into()),
                Seen::Message(MessageType::Text, "κόσμε".into()),
                Seen::Ping(b"between".to_vec()),
                Seen::Message(MessageType::Text, text.into()),
                Seen::Message(MessageType::Binary, vec![7; 1000]),
                Seen::Message(MessageType::Binary, Vec::new()),
                Seen::Message(MessageType::Text, b"Hello".to_vec()),
                Seen::Message(MessageType::Binary, b"as it is".to_vec()),
            ],
        );
    }

    #[test]
    fn faults_of_compressed_messages_at_every_split() {
        let bomb = deflate(&[0; 1001]);
        let (front, back) = bomb.split_at(3);
        let not_utf8 = deflate(b"it was fine until \xed\xa0\x80");
        let cases: &[(Vec<u8>, u16, &'static str)] = &[
            (
                compressed(true, Opcode::Binary, &bomb),
                1009,
                "message limit",
            ),
            (
                [
                    compressed(false, Opcode::Text, front),
                    fragment(true, Opcode::Continuation, back),
                ]
                .concat(),
                1009,
                "message limit",
            ),
            // Longer than any message within the limit could be.
            (
                compressed(true, Opcode::Binary, &[0; 1190])[..8].to_vec(),
                1009,
                "message limit",
            ),
            (
                compressed(true, Opcode::Text, &not_utf8),
                1007,
                "text is not valid UTF-8",
            ),
            (
                compressed(true, Opcode::Binary, &deflate(b"cut off")[..5]),
                1007,
                "compressed message is corrupt",
            ),
            (
                compressed(true, Opcode::Text, b"this is no DEFLATE"),
                1007,
                "compressed message is corrupt",
            ),
            // A reference to the message before.
            (
                compressed(true, Opcode::Text, b"\xf2\x00\x11\x00\x00"),
                1007,
                "compressed message is corrupt",
            ),
            (
                [
                    compressed(false, Opcode::Text, front),
                    compressed(true, Opcode::Continuation, back)[..1].to_vec(),
                ]
                .concat(),
                1002,
                "reserved bit set",
            ),
            (
                compressed(true, Opcode::Ping, b"")[..1].to_vec(),
                1002,
                "reserved bit set",
            ),
            (
                compressed(true, Opcode::Close, b"")[..1].to_vec(),
                1002,
                "reserved bit set",
            ),
            (
                [
                    compressed(false, Opcode::Text, front),
                    compressed(true, Opcode::Text, &bomb),
                ]
                .concat(),
                1002,
                "new message inside a fragmented one",
            ),
        ];
        for (bytes, code, reason) in cases {
            at_every_split_on(deflating, bytes, &[Seen::Fault(*code, reason)]);
        }
        let unasked = compressed(true, Opcode::Text, b"\0");
        at_every_split(&unasked, &[Seen::Fault(1002, "reserved bit set")]);
    }

    #[test]
    fn what_is_inflated_may_have_been_larger() {
        let mut rng = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = (0..LIMITS.message).map(|_| rng.u8(..)).collect();
        let payload = deflate(&noise);
        assert!(payload.len() > LIMITS.message);
        at_every_split_on(
            deflating,
            &compressed(true, Opcode::Binary, &payload),
            &[Seen::Message(MessageType::Binary, noise)],
        );
    }

    #[test]
    fn a_receiver_that_does_not_look_inflates_nothing() {
        let mut receiver = deflating();
        let mut bytes = compressed(true, Opcode::Text, b"no DEFLATE");
        let mut input = &mut bytes[..];
        let event = receiver.receive(&mut input, &LIMITS);
        let expected = Event::Compressed(MessageType::Text, b"no DEFLATE");
        assert_eq!(event, Ok(Some(expected)));
    }

    #[test]
    fn messages_and_control_frames_at_every_split() {
        let bytes = [
            fragment(true, Opcode::Text, "κόσμε".as_bytes()),
            fragment(true, Opcode::Binary, b""),
            fragment(true, Opcode::Ping, b"are you there"),
            fragment(false, Opcode::Text, b"\xce"),
            fragment(true, Opcode::Pong, b""),
            fragment(false, Opcode::Continuation, b""),
            fragment(true, Opcode::Continuation, b"\xba!"),
            fragment(true, Opcode::Binary, &[5; 300]),
            fragment(true, Opcode::Close, b"\x03\xe8bye"),
        ]
        .concat();
        at_every_split(
            &bytes,
            &[
                Seen::Message(MessageType::Text, "κόσμε".into()),
                Seen::Message(MessageType::Binary, Vec::new()),
                Seen::Ping(b"are you there".to_vec()),
                Seen::Pong(Vec::new()),
                Seen::Message(MessageType::Text, "κ!".into()),
                Seen::Message(MessageType::Binary, vec![5; 300]),
                Seen::Close(Some(1000), "bye".into()),
            ],
        );
    }

    #[test]
    fn faults_at_every_split() {
        let cases: &[(Vec<u8>, u16, &'static str)] = &[
            (vec![0x81, 0x01, b'x'], 1002, "frame not masked"),
            (
                fragment(true, Opcode::Continuation, b"x"),
                1002,
                "continuation without a message",
            ),
            (
                [
                    fragment(false, Opcode::Text, b"x"),
                    fragment(true, Opcode::Text, b"y"),
                ]
                .concat(),
                1002,
                "new message inside a fragmented one",
            ),
            (
                fragment(true, Opcode::Text, b"\xff"),
                1007,
                "text is not valid UTF-8",
            ),
            (
                fragment(true, Opcode::Text, b"a\xe2\x82"),
                1007,
                "text is not valid UTF-8",
            ),
            (
                fragment(true, Opcode::Binary, &[0; 1001]),
                1009,
                "message limit",
            ),
            (
                [
                    fragment(false, Opcode::Binary, &[0; 600]),
                    fragment(true, Opcode::Continuation, &[0; 401]),
                ]
                .concat(),
                1009,
                "message limit",
            ),
            (
                [
                    fragment(false, Opcode::Binary, b""),
                    fragment(false, Opcode::Continuation, b""),
                    fragment(false, Opcode::Continuation, b""),
                    fragment(false, Opcode::Continuation, b""),
                    fragment(true, Opcode::Continuation, b""),
                ]
                .concat(),
                1008,
                "fragments limit",
            ),
            (
                fragment(true, Opcode::Close, b"\x03"),
                1002,
                "close frame of one byte",
            ),
        ];
        for (bytes, code, reason) in cases {
            if cfg!(feature = "sabotage-no-fragment-limit") && *reason == "fragments limit" {
                continue;
            }
            at_every_split(bytes, &[Seen::Fault(*code, reason)]);
        }
    }

    #[test]
    fn a_bad_character_fails_before_its_frame_is_complete() {
        let mut bytes = fragment(true, Opcode::Text, b"\xed\xa0 and much more");
        bytes.truncate(6 + 2);
        assert_eq!(
            run(&[&bytes]),
            [Seen::Fault(1007, "text is not valid UTF-8")]
        );
    }

    #[test]
    fn an_announced_length_allocates_nothing() {
        let limits = ReceiveLimits {
            message: 1 << 30,
            ..LIMITS
        };
        let mut receiver = Receiver::new(Role::Server);
        let mut bytes = fragment(true, Opcode::Binary, &[0; 70_000]);
        bytes.truncate(20);
        let mut input = &mut bytes[..];
        assert_eq!(receiver.receive(&mut input, &limits), Ok(None));
        assert!(receiver.is_inside_message());
        assert!(receiver.buffered() < 1000, "{}", receiver.buffered());
    }

    #[test]
    fn nothing_is_held_between_messages() {
        let mut receiver = Receiver::new(Role::Server);
        let bytes = fragment(true, Opcode::Text, b"hello");
        for split in 0..=bytes.len() {
            let (mut front, mut back) = (bytes[..split].to_vec(), bytes[split..].to_vec());
            for part in [&mut front, &mut back] {
                let mut input = &mut part[..];
                while receiver.receive(&mut input, &LIMITS).unwrap().is_some() {}
            }
            assert_eq!(receiver.buffered(), 0, "split at {split}");
            assert!(!receiver.is_inside_message());
        }
    }

    #[test]
    fn a_client_refuses_masked_frames_and_takes_others() {
        let mut receiver = Receiver::new(Role::Client);
        let mut bytes = b"\x81\x02hi".to_vec();
        let mut input = &mut bytes[..];
        assert_eq!(
            receiver.receive(&mut input, &LIMITS),
            Ok(Some(Event::Message(MessageType::Text, b"hi")))
        );
        let mut bytes = fragment(true, Opcode::Text, b"hi");
        let mut input = &mut bytes[..];
        let fault = receiver.receive(&mut input, &LIMITS).unwrap_err();
        assert_eq!(fault.reason, "masked frame from a server");
    }
}
