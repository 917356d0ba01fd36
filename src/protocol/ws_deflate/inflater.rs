//! Inflates messages. What it takes in time and memory is bounded by the length of the compressed
//! message and by the limit for the inflated one.

use flate2::{Decompress, FlushDecompress, Status};

use super::{END_OF_MESSAGE, clear};

/// What follows each message: what the sender left out, and a last block that is empty. A stream
/// that does not end there was cut off within a block.
const END: [u8; 6] = {
    let [a, b, c, d] = END_OF_MESSAGE;
    [a, b, c, d, 0x03, 0x00]
};

/// Bytes of output that are made room for at least.
const SMALLEST_ROOM: usize = 1024;

/// Why a message cannot be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateFault {
    /// It is not DEFLATE (RFC 1951), refers to what came before it, or ends too early.
    Corrupt,
    /// It gets longer than it may.
    TooLong,
}

/// The decompressor of all connections. It takes some 50 KiB once it is used.
#[derive(Debug, Default)]
pub struct Inflater {
    stream: Option<Decompress>,
    output: Vec<u8>,
    inflated: usize,
}

impl Inflater {
    /// The message of which this is the compressed payload, all fragments together (RFC 7692
    /// section 7.2.2), if it has at most `longest` bytes.
    ///
    /// # Errors
    /// [`InflateFault`]; nobody needs what was inflated until then.
    pub fn inflate(&mut self, payload: &[u8], longest: usize) -> Result<&[u8], InflateFault> {
        let outcome = self.inflate_all(payload, longest);
        self.inflated = self.inflated.saturating_add(self.output.len());
        outcome.map(|()| self.output.as_slice())
    }

    fn inflate_all(&mut self, payload: &[u8], longest: usize) -> Result<(), InflateFault> {
        clear(&mut self.output);
        let stream = self.stream.get_or_insert_with(|| Decompress::new(false));
        stream.reset(false);
        let mut output = Output {
            bytes: &mut self.output,
            longest,
        };
        // Some clients send an empty message as nothing at all, instead of as an empty block.
        let mut ended = payload.is_empty();
        if !ended {
            ended = inflate_part(stream, payload, &mut output)?;
        }
        // A last block that nothing follows is an end, too (section 7.2.3.4).
        if !ended && !inflate_part(stream, &END, &mut output)? {
            return Err(InflateFault::Corrupt);
        }
        Ok(())
    }

    /// How many bytes were inflated since this was last asked.
    pub fn take_inflated(&mut self) -> usize {
        std::mem::take(&mut self.inflated)
    }

    /// Ends a turn: gives back the memory of a message longer than usual, and what was inflated is
    /// not counted any more.
    pub fn end_turn(&mut self) {
        self.inflated = 0;
        clear(&mut self.output);
    }
}

/// What comes out, and how much it may become.
struct Output<'a> {
    bytes: &'a mut Vec<u8>,
    longest: usize,
}

impl Output<'_> {
    /// Makes room if there is none: twice what there was, but not for more than one byte too many.
    fn make_room(&mut self, input: usize) {
        let length = self.bytes.len();
        if length < self.bytes.capacity() {
            return;
        }
        let wanted = (2 * length).max(2 * input).max(SMALLEST_ROOM);
        let most = self.longest.saturating_add(1).max(length + 1);
        self.bytes.reserve_exact(wanted.min(most) - length);
    }
}

/// Takes all of `part`. True if a last block ends where it ends.
fn inflate_part(
    stream: &mut Decompress,
    part: &[u8],
    output: &mut Output<'_>,
) -> Result<bool, InflateFault> {
    let mut rest = part;
    loop {
        output.make_room(rest.len());
        let (taken_before, length_before) = (stream.total_in(), output.bytes.len());
        let status = stream
            .decompress_vec(rest, output.bytes, FlushDecompress::None)
            .map_err(|_| InflateFault::Corrupt)?;
        let taken = (stream.total_in() - taken_before) as usize;
        rest = rest.get(taken..).unwrap_or_default();
        if output.bytes.len() > output.longest {
            return Err(InflateFault::TooLong);
        }
        match status {
            Status::StreamEnd if rest.is_empty() => return Ok(true),
            // More blocks may follow a last one.
            Status::StreamEnd => stream.reset(false),
            Status::Ok | Status::BufError => {
                let full = output.bytes.len() == output.bytes.capacity();
                if rest.is_empty() && !full {
                    return Ok(false);
                }
                if taken == 0 && output.bytes.len() == length_before && !full {
                    return Err(InflateFault::Corrupt);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::KEPT_BUFFER;
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    fn inflate(payload: &[u8]) -> Result<Vec<u8>, InflateFault> {
        Inflater::default()
            .inflate(payload, 1000)
            .map(<[u8]>::to_vec)
    }

    fn deflate(message: &[u8], level: u32, flush: FlushCompress) -> Vec<u8> {
        let mut payload = Vec::with_capacity(message.len() * 2 + 100);
        Compress::new(Compression::new(level), false)
            .compress_vec(message, &mut payload, flush)
            .unwrap();
        match payload.strip_suffix(&END_OF_MESSAGE) {
            Some(payload) => payload.to_vec(),
            None => payload,
        }
    }

    #[test]
    fn the_examples_of_rfc_7692() {
        for (what, payload) in [
            ("7.2.3.1", &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..]),
            ("7.2.3.3", b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
            ("7.2.3.4", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
            ("7.2.3.4, nothing appended", b"\xf3\x48\xcd\xc9\xc9\x07\x00"),
            (
                "7.2.3.5",
                b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
            ),
        ] {
            assert_eq!(inflate(payload).as_deref(), Ok(&b"Hello"[..]), "{what}");
        }
        assert_eq!(inflate(b"\x00").as_deref(), Ok(&b""[..]), "7.2.3.6");
        assert_eq!(inflate(b"").as_deref(), Ok(&b""[..]));
        // 7.2.3.2 refers to the message before, which was ruled out.
        assert_eq!(inflate(b"\xf2\x00\x11\x00\x00"), Err(InflateFault::Corrupt));
    }

    #[test]
    fn messages_of_every_kind_of_block() {
        let message = b"a rose is a rose is a rose is a rose".repeat(20);
        for level in 0..=9 {
            for flush in [
                FlushCompress::Sync,
                FlushCompress::Full,
                FlushCompress::Finish,
            ] {
                let payload = deflate(&message, level, flush);
                let inflated = inflate(&payload);
                assert_eq!(inflated.as_deref(), Ok(&message[..]), "level {level}");
            }
        }
        let twice = [
            deflate(b"one", 6, FlushCompress::Finish),
            deflate(b" and two", 6, FlushCompress::Sync),
        ];
        assert_eq!(inflate(&twice.concat()).as_deref(), Ok(&b"one and two"[..]));
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_corrupt() {
        let message = b"it was the best of times, it was the worst of times".repeat(10);
        for level in [0, 1, 6] {
            let payload = deflate(&message, level, FlushCompress::Sync);
            let ends = match level {
                // One byte is an empty message here, and what is appended to a message can fill up
                // a block whose length was told.
                0 => 2..payload.len() - END_OF_MESSAGE.len() - 1,
                _ => 1..payload.len(),
            };
            for end in ends {
                let cut = inflate(&payload[..end]);
                assert_eq!(
                    cut,
                    Err(InflateFault::Corrupt),
                    "level {level}, {end} bytes"
                );
            }
        }
        for garbage in [&b"\xff"[..], b"\x07\x00", b"\x00\x05\x00\x00\x00", b"Hello"] {
            assert_eq!(inflate(garbage), Err(InflateFault::Corrupt), "{garbage:x?}");
        }
    }

    #[test]
    fn the_limit_is_for_what_comes_out() {
        let mut inflater = Inflater::default();
        for length in [1, 1000, 1023, 1024, 1025, 70_000, 3] {
            let message = vec![b'x'; length];
            for level in [0, 6] {
                let payload = deflate(&message, level, FlushCompress::Sync);
                assert_eq!(inflater.inflate(&payload, length), Ok(&message[..]));
                let fault = inflater.inflate(&payload, length - 1);
                assert_eq!(fault, Err(InflateFault::TooLong), "{length}");
            }
        }
    }

    #[test]
    fn a_bomb_takes_no_more_memory_than_the_limit() {
        let payload = deflate(&vec![0; 64 << 20], 9, FlushCompress::Sync);
        assert!(payload.len() < 70_000, "{}", payload.len());
        let mut inflater = Inflater::default();
        assert_eq!(
            inflater.inflate(&payload, 1 << 20),
            Err(InflateFault::TooLong)
        );
        assert!(
            inflater.output.capacity() <= (1 << 20) + 1,
            "{}",
            inflater.output.capacity()
        );
        inflater.end_turn();
        assert!(inflater.output.capacity() <= KEPT_BUFFER);
    }
}
