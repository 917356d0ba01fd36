//! Compresses messages for all who can take them compressed.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::{END_OF_MESSAGE, Window, clear};
use crate::protocol::ws_frame::{FrameHeader, server_header_length};

/// Of zlib's nine. Little is gained above it: on JSON it takes two thirds of the room of level 1, and
/// level 9 takes just as much.
const LEVEL: u32 = 2;

/// Bytes of a message that is not compressed because there is nothing to be won.
const SHORT: usize = 128;

/// A message that does not get shorter by this part of its length is sent as it is, which saves its
/// receivers the work.
const WORTHWHILE: usize = 8;

/// The compressor of all connections. It takes a quarter of a MiB once it is used.
#[derive(Debug)]
pub struct Deflater {
    stream: Option<Compress>,
    output: Vec<u8>,
    longest: usize,
    too_long: u64,
}

impl Deflater {
    /// A compressor for messages of up to `longest` bytes; with 0 it compresses none, and counts
    /// none.
    pub fn new(longest: usize) -> Self {
        Self {
            stream: None,
            output: Vec::new(),
            longest,
            too_long: 0,
        }
    }

    /// Changes how long a message may be that is compressed, in bytes.
    pub fn set_longest(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// How many messages were too long to be compressed since this was last asked.
    pub fn take_too_long(&mut self) -> u64 {
        std::mem::take(&mut self.too_long)
    }

    /// The compressed form of a server's frame (RFC 7692 section 7.2.1). Nothing if it is to be sent
    /// as it is: no message, only a part of one, too short, too long, or not worth it.
    pub fn deflate(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let (header, header_length) = FrameHeader::parse(frame).ok()??;
        let payload = frame.get(header_length..)?;
        let whole = header.fin && header.opcode.message_type().is_some();
        if !whole || header.mask.is_some() || header.payload_length != payload.len() as u64 {
            return None;
        }
        if payload.len() < SHORT || self.longest == 0 {
            return None;
        }
        if payload.len() > self.longest {
            self.too_long += 1;
            return None;
        }
        let deflated = self.deflate_payload(payload)?;
        let mut frame = Vec::with_capacity(server_header_length(deflated.len()) + deflated.len());
        FrameHeader {
            compressed: true,
            payload_length: deflated.len() as u64,
            ..header
        }
        .encode(&mut frame);
        frame.extend_from_slice(deflated);
        clear(&mut self.output);
        Some(frame)
    }

    /// The compressed payload, if it is shorter enough.
    fn deflate_payload(&mut self, payload: &[u8]) -> Option<&[u8]> {
        let stream = self.stream.get_or_insert_with(|| {
            let window = Window::LARGEST.bits();
            Compress::new_with_window_bits(Compression::new(LEVEL), false, window)
        });
        stream.reset();
        clear(&mut self.output);
        let longest = payload.len() - payload.len() / WORTHWHILE;
        // One byte more: an output that is full may not be all.
        let room = longest + END_OF_MESSAGE.len() + 1;
        self.output.reserve_exact(room);
        let status = stream.compress_vec(payload, &mut self.output, FlushCompress::Sync);
        let complete = matches!(status, Ok(Status::Ok))
            && stream.total_in() == payload.len() as u64
            && self.output.len() < self.output.capacity();
        self.output
            .strip_suffix(&END_OF_MESSAGE)
            .filter(|deflated| complete && deflated.len() <= longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ws_deflate::Inflater;
    use crate::protocol::ws_frame::{Opcode, encode_fragment, encode_frame, encode_masked_frame};

    /// Bytes that nothing can compress, and the same each time.
    fn noise(length: usize) -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(7);
        (0..length).map(|_| rng.u8(..)).collect()
    }

    #[test]
    fn messages_come_back_and_are_shorter() {
        let mut deflater = Deflater::new(1 << 20);
        let mut inflater = Inflater::default();
        for length in [128, 129, 1000, 40_000, 70_000, 1 << 20, 200] {
            let payload: Vec<u8> = (0..length)
                .map(|n| b"so it goes on, and on"[n % 21])
                .collect();
            let frame = encode_frame(Opcode::Text, &payload);
            let deflated = deflater.deflate(&frame).unwrap();
            assert!(deflated.len() < frame.len() / 2, "{length}");
            let (header, start) = FrameHeader::parse_with_deflate(&deflated).unwrap().unwrap();
            assert!(header.compressed && header.fin && header.opcode == Opcode::Text);
            assert_eq!(header.payload_length as usize, deflated.len() - start);
            assert_eq!(
                inflater.inflate(&deflated[start..], length),
                Ok(&payload[..])
            );
            assert_eq!(deflater.deflate(&frame), Some(deflated), "the same again");
        }
        assert!(deflater.output.capacity() <= super::super::KEPT_BUFFER);
        assert_eq!(deflater.take_too_long(), 0);
    }

    #[test]
    fn what_is_sent_as_it_is() {
        let mut deflater = Deflater::new(4000);
        let text = vec![b'a'; 1000];
        let mut truncated = encode_frame(Opcode::Text, &text);
        truncated.pop();
        let once = deflater
            .deflate(&encode_frame(Opcode::Text, &text))
            .unwrap();
        for (what, frame) in [
            ("nothing", Vec::new()),
            ("short", encode_frame(Opcode::Text, &text[..127])),
            (
                "not compressible",
                encode_frame(Opcode::Binary, &noise(3000)),
            ),
            ("a first part", encode_fragment(Opcode::Text, false, &text)),
            (
                "a last part",
                encode_fragment(Opcode::Continuation, true, &text),
            ),
            ("a close frame", encode_frame(Opcode::Close, &[3, 0xe8])),
            ("a ping", encode_frame(Opcode::Ping, &text[..125])),
            (
                "an answer",
                b"HTTP/1.1 101 Switching Protocols\r\n\r\n".repeat(9),
            ),
            ("not complete", truncated),
            (
                "a client's",
                encode_masked_frame(Opcode::Text, &text, [1, 2, 3, 4]),
            ),
            ("compressed", once),
        ] {
            assert_eq!(deflater.deflate(&frame), None, "{what}");
        }
        assert_eq!(deflater.take_too_long(), 0);
        let long = encode_frame(Opcode::Text, &vec![b'a'; 4001]);
        assert_eq!(deflater.deflate(&long), None);
        assert_eq!((deflater.take_too_long(), deflater.take_too_long()), (1, 0));
        assert!(
            deflater
                .deflate(&encode_frame(Opcode::Text, &text))
                .is_some()
        );
    }

    #[test]
    fn a_compressor_that_is_off_counts_nothing() {
        let mut deflater = Deflater::new(0);
        let frame = encode_frame(Opcode::Text, &[b'a'; 1000]);
        assert_eq!(deflater.deflate(&frame), None);
        assert_eq!(deflater.take_too_long(), 0);
        deflater.set_longest(1000);
        assert!(deflater.deflate(&frame).is_some());
    }

    #[test]
    fn what_nearly_fills_the_room_is_whole_or_not_compressed() {
        let mut deflater = Deflater::new(1 << 20);
        let mut inflater = Inflater::default();
        let (mut compressed, mut plain) = (0, 0);
        for share in 0..200 {
            let mut payload = noise(2000);
            payload[..share * 10].fill(b'x');
            let frame = encode_frame(Opcode::Binary, &payload);
            match deflater.deflate(&frame) {
                Some(deflated) => {
                    compressed += 1;
                    let (_, start) = FrameHeader::parse_with_deflate(&deflated).unwrap().unwrap();
                    assert!(deflated.len() < frame.len() * 9 / 10);
                    assert_eq!(inflater.inflate(&deflated[start..], 2000), Ok(&payload[..]));
                }
                None => plain += 1,
            }
        }
        assert!(compressed > 100 && plain > 10, "{compressed}, {plain}");
    }
}
