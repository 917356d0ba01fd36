//! Compression: no panic; what is inflated is what zlib makes of it, and within the limit; what was
//! deflated comes back; frames mean the same however they are cut; and what is agreed upon would be
//! accepted as an offer, too.

use fantail::limits::Limit;
use fantail::protocol::peer_fault::PeerFault;
use fantail::protocol::ws_deflate::{Agreement, Deflater, InflateFault, Inflater};
use fantail::protocol::ws_frame::{FrameHeader, MessageType, Opcode, encode_frame};
use fantail::protocol::ws_receiver::{Event, ReceiveLimits, Receiver, Role};
use flate2::{Decompress, FlushDecompress, Status};

const LONGEST: usize = 5_000;

const LIMITS: ReceiveLimits = ReceiveLimits {
    message: LONGEST,
    message_limit: Limit::Message,
    frame: usize::MAX,
    frame_limit: Limit::Message,
    fragments: 6,
};

/// The first byte says what the others are.
pub(crate) fn run(data: &[u8]) {
    let Some((&what, bytes)) = data.split_first() else {
        return;
    };
    match what % 4 {
        0 => inflate(bytes),
        1 => deflate(bytes),
        2 => receive(bytes, 1 + usize::from(what / 4)),
        _ => negotiate(bytes),
    }
}

/// What the two bytes that only the inflater adds can mean at most: symbols of a bit each for 258
/// bytes.
const LONGEST_TAIL: usize = 16 * 258;

fn inflate(payload: &[u8]) {
    let mut inflater = Inflater::default();
    let first = inflater.inflate(payload, LONGEST).map(<[u8]>::to_vec);
    let second = inflater.inflate(payload, LONGEST).map(<[u8]>::to_vec);
    assert_eq!(first, second, "the first message has left something behind");
    let less = inflater.inflate(payload, LONGEST / 2);
    match &first {
        Ok(message) if message.len() <= LONGEST / 2 => assert_eq!(less, Ok(&message[..])),
        Ok(message) => {
            assert!(message.len() <= LONGEST);
            assert_eq!(less, Err(InflateFault::TooLong));
        }
        Err(InflateFault::TooLong) => assert_eq!(less, Err(InflateFault::TooLong)),
        Err(InflateFault::Corrupt) => assert!(less.is_err()),
    }
    let mut expected = Vec::with_capacity(2 * LONGEST);
    let whole = [payload, &[0, 0, 0xff, 0xff]].concat();
    let theirs =
        Decompress::new(false).decompress_vec(&whole, &mut expected, FlushDecompress::Sync);
    match (first, theirs) {
        // A last block ends zlib's reading, but more may follow.
        (Ok(message), Ok(Status::StreamEnd)) => assert!(message.starts_with(&expected)),
        // What is cut off within a block may, by chance, go on in what follows each message.
        (Ok(message), Ok(_)) => {
            let more = message.strip_prefix(&expected[..]).map(<[u8]>::len);
            assert!(more.is_some_and(|more| more <= LONGEST_TAIL), "{more:?}");
        }
        (Ok(message), Err(error)) => assert!(payload.is_empty(), "{message:?}, {error}"),
        (Err(InflateFault::TooLong), theirs) => {
            let whole = matches!(theirs, Ok(Status::Ok | Status::BufError));
            assert!(
                expected.len() + LONGEST_TAIL > LONGEST || !whole,
                "{theirs:?}"
            );
        }
        (Err(InflateFault::Corrupt), _) => {}
    }
}

fn deflate(message: &[u8]) {
    let mut deflater = Deflater::new(LONGEST);
    let frame = encode_frame(Opcode::Binary, message);
    let deflated = deflater.deflate(&frame);
    assert_eq!(deflated, deflater.deflate(&frame), "the same a second time");
    let Some(deflated) = deflated else {
        return;
    };
    assert!(deflated.len() < frame.len() && message.len() <= LONGEST);
    let (header, start) = FrameHeader::parse_with_deflate(&deflated).unwrap().unwrap();
    assert!(header.compressed && header.fin);
    let mut inflater = Inflater::default();
    let inflated = inflater.inflate(&deflated[start..], message.len());
    assert_eq!(inflated, Ok(message));
}

fn receive(bytes: &[u8], size: usize) {
    let whole = receive_parts([bytes].into_iter());
    let cut = receive_parts(bytes.chunks(size));
    assert_eq!(whole, cut, "cut by {size}");
}

/// Messages, and how it ended.
type Received = (Vec<(MessageType, Vec<u8>)>, Option<PeerFault>);

fn receive_parts<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Received {
    let mut receiver = Receiver::new(Role::Server).with_deflate();
    let mut inflater = Inflater::default();
    let mut messages = Vec::new();
    for part in parts {
        let mut part = part.to_vec();
        let mut input = &mut part[..];
        loop {
            match receiver.receive_inflated(&mut input, &LIMITS, &mut inflater) {
                Ok(Some(Event::Message(message_type, payload))) => {
                    assert!(payload.len() <= LONGEST);
                    assert!(message_type == MessageType::Binary || str::from_utf8(payload).is_ok());
                    messages.push((message_type, payload.to_vec()));
                }
                Ok(Some(Event::Compressed(..))) => panic!("not inflated"),
                Ok(Some(Event::Close(_))) => return (messages, None),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(fault) => return (messages, Some(fault)),
            }
        }
        assert!(receiver.buffered() <= 3 * LONGEST + 1024);
    }
    (messages, None)
}

/// Lines are header fields.
fn negotiate(fields: &[u8]) {
    let fields = fields.split(|byte| *byte == b'\n');
    if let Some(agreement) = Agreement::negotiate(fields) {
        let answer = agreement.to_string();
        let again = Agreement::negotiate([answer.as_bytes()].into_iter());
        assert_eq!(again, Some(agreement), "{answer}");
    }
}
