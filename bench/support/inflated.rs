//! What receivers check that take compressed messages: every message inflates to what was sent.
//!
//! All receivers get the same bytes of a message, so it is inflated for the first of them only.

use super::Outcome;
use super::frame::parse_server_frame;
use super::numbered::Numbered;
use flate2::{Decompress, FlushDecompress};

/// FIN, RSV1 and the opcode of a binary message (RFC 7692 section 6).
const COMPRESSED: u8 = 0xc2;

/// What a sender leaves out at a message's end (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The messages as they are before they are compressed.
pub(crate) struct Inflated {
    message: Numbered,
    /// Compressed payloads by the last digits of their number, and whose they are.
    known: Vec<(u64, Vec<u8>)>,
}

impl Inflated {
    /// What comes out of the compressed messages is `message`; up to `window` are on their way.
    pub(crate) fn new(message: &Numbered, window: usize) -> Self {
        Self {
            message: message.clone(),
            known: vec![(u64::MAX, Vec::new()); window],
        }
    }

    /// Takes the whole frames out of `partial`, of which the first is message `number`. How many
    /// they are.
    ///
    /// # Errors
    /// If one is not what was expected.
    pub(crate) fn take(&mut self, number: u64, partial: &mut Vec<u8>) -> Outcome<u64> {
        let (mut taken, mut messages) = (0, 0);
        while let Some(frame) = parse_server_frame(partial.get(taken..).unwrap_or_default()) {
            if frame.first != COMPRESSED {
                return Err(format!("a frame begins with {:02x}", frame.first).into());
            }
            self.check(number + messages, frame.payload)?;
            messages += 1;
            taken += frame.end;
        }
        partial.drain(..taken);
        Ok(messages)
    }

    fn check(&mut self, number: u64, payload: &[u8]) -> Outcome<()> {
        let place = (number % self.known.len() as u64) as usize;
        let Some(known) = self.known.get_mut(place) else {
            return Err("there is no room for a message".into());
        };
        if known.0 == number && known.1 == payload {
            return Ok(());
        }
        let mut inflated = Vec::with_capacity(usize::from(u16::MAX));
        let payload_and_tail = [payload, &TAIL].concat();
        Decompress::new(false).decompress_vec(
            &payload_and_tail,
            &mut inflated,
            FlushDecompress::Sync,
        )?;
        if inflated != self.message.bytes(number) {
            return Err(format!("where message {number} was expected is another one").into());
        }
        *known = (number, payload.to_vec());
        Ok(())
    }
}
