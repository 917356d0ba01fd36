//! Bytes on their way out, shared by all who get them, and the account of what they hold.

use std::cell::{Cell, OnceCell};
use std::ops::Deref;
use std::rc::Rc;

use crate::protocol::ws_deflate::Deflater;

/// The bytes that all living frames hold.
#[derive(Debug, Clone, Default)]
pub struct FrameLedger(Rc<Cell<usize>>);

impl FrameLedger {
    /// Wraps the bytes of an answer, a control frame or whatever else must arrive.
    pub fn frame(&self, bytes: impl Into<Box<[u8]>>) -> Frame {
        self.wrap(bytes.into(), false)
    }

    /// Wraps an encoded message, which a policy may drop.
    pub fn message(&self, bytes: impl Into<Box<[u8]>>) -> Frame {
        self.wrap(bytes.into(), true)
    }

    fn wrap(&self, bytes: Box<[u8]>, droppable: bool) -> Frame {
        self.0.set(self.0.get() + Buffer::cost(bytes.len()));
        Frame(Rc::new(Buffer {
            bytes,
            droppable,
            deflated: OnceCell::new(),
            ledger: self.clone(),
        }))
    }

    /// The memory that living frames take, each counted once, in bytes.
    pub fn held(&self) -> usize {
        self.0.get()
    }
}

/// Encoded bytes: a WebSocket frame or an HTTP answer. A clone is another reference.
#[derive(Debug, Clone)]
pub struct Frame(Rc<Buffer>);

#[derive(Debug)]
struct Buffer {
    bytes: Box<[u8]>,
    droppable: bool,
    /// Its compressed form, once somebody needed that; nothing in it if there is none.
    deflated: OnceCell<Option<Frame>>,
    ledger: FrameLedger,
}

/// What a frame takes beside its [`Buffer`] and bytes: the two counts of the [`Rc`], and what an
/// allocator keeps for itself of two allocations.
const OVERHEAD: usize = 2 * size_of::<usize>() + 2 * 16;

impl Buffer {
    const fn cost(length: usize) -> usize {
        length + size_of::<Self>() + OVERHEAD
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.ledger.0.set(
            self.ledger
                .0
                .get()
                .saturating_sub(Self::cost(self.bytes.len())),
        );
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Frame {
    /// Bytes of payload of a frame of the server's (never masked).
    pub fn payload_length(&self) -> usize {
        let header = match self.get(1) {
            Some(126) => 4,
            Some(127) => 10,
            _ => 2,
        };
        self.len().saturating_sub(header)
    }

    /// What a frame of the server's says (never masked).
    pub fn payload(&self) -> &[u8] {
        let header = self.len() - self.payload_length();
        self.get(header..).unwrap_or_default()
    }

    /// True for a message or its last fragment: a frame with the FIN bit.
    pub fn ends_message(&self) -> bool {
        self.first().is_some_and(|first| first & 0x80 != 0)
    }

    /// True if a policy may drop it.
    pub fn is_droppable(&self) -> bool {
        self.0.droppable
    }

    /// Its form for clients that take compressed messages: itself, where compression is not
    /// worthwhile. The first of them has it made, for all.
    pub fn deflated(&self, deflater: &mut Deflater) -> &Self {
        let Buffer {
            droppable,
            deflated,
            ledger,
            ..
        } = &*self.0;
        let deflate = || {
            let bytes = deflater.deflate(self)?;
            Some(ledger.wrap(bytes.into(), *droppable))
        };
        deflated.get_or_init(deflate).as_ref().unwrap_or(self)
    }

    /// True if this is an HTTP answer: it begins with a letter, where a WebSocket frame has its
    /// FIN bit.
    pub fn is_http(&self) -> bool {
        self.first().is_some_and(u8::is_ascii_alphabetic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ws_frame::{Opcode, encode_frame};

    #[test]
    fn the_payload_is_what_follows_the_header() {
        let ledger = FrameLedger::default();
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = ledger.frame(encode_frame(Opcode::Binary, &vec![0; length]));
            assert_eq!(frame.payload_length(), length);
            assert_eq!(frame.payload(), vec![0; length]);
        }
    }

    #[test]
    fn a_frame_is_compressed_once_and_goes_with_its_other_form() {
        let ledger = FrameLedger::default();
        let mut deflater = Deflater::new(1000);
        let message = ledger.message(encode_frame(Opcode::Text, &[b'a'; 1000]));
        let copy = message.clone();
        let plain = ledger.held();
        let deflated = message.deflated(&mut deflater).clone();
        assert!(deflated.len() < 100 && deflated.is_droppable() && deflated.ends_message());
        assert!(Rc::ptr_eq(&copy.deflated(&mut deflater).0, &deflated.0));
        assert_eq!(ledger.held(), plain + Buffer::cost(deflated.len()));
        drop((message, copy));
        assert_eq!(ledger.held(), Buffer::cost(deflated.len()));
        drop(deflated);
        assert_eq!(ledger.held(), 0);
        for frame in [
            ledger.frame(encode_frame(Opcode::Ping, b"?")),
            ledger.message(encode_frame(Opcode::Binary, &[0; 1001])),
        ] {
            assert!(Rc::ptr_eq(&frame.deflated(&mut deflater).0, &frame.0));
        }
        assert_eq!(deflater.take_too_long(), 1);
    }

    #[test]
    fn the_ledger_counts_shared_bytes_once_and_until_the_last_reference_goes() {
        let ledger = FrameLedger::default();
        let frame = ledger.frame(vec![0x81, 1, b'x']);
        let copies: Vec<_> = (0..10).map(|_| frame.clone()).collect();
        let held = ledger.held();
        assert_eq!(held, Buffer::cost(3));
        drop(frame);
        assert_eq!(ledger.held(), held);
        drop(copies);
        assert_eq!(ledger.held(), 0);
    }
}
