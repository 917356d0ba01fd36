//! Compression of messages: the extension permessage-deflate (RFC 7692).
//!
//! Invariants:
//! - Both sides begin each message with an empty window (`server_no_context_takeover` and
//!   `client_no_context_takeover` are in every answer). So a message is compressed once for all of
//!   its receivers, one [`Deflater`] and one [`Inflater`] serve all connections, and a connection
//!   keeps nothing for it but the [`Window`] that it was granted.
//! - What a message inflates to is bounded by the limit for messages, and memory is taken as the
//!   bytes come out.

mod agreement;
mod deflater;
mod inflater;

pub use agreement::{Agreement, Window};
pub use deflater::Deflater;
pub use inflater::{InflateFault, Inflater};

/// What ends a message's last block and is not sent (RFC 7692 section 7.2.1): the lengths of an
/// empty block without compression.
const END_OF_MESSAGE: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Buffers for the next message that are larger, in bytes, are given back after this one.
const KEPT_BUFFER: usize = 64 * 1024;

/// Empties a buffer, and gives back what was taken for a message longer than usual.
fn clear(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_BUFFER);
}
