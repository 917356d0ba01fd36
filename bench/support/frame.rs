//! The little of RFC 6455 section 5.2 that the drivers and the floor need: whole messages in one
//! frame each. What they send is binary and below 64 KiB.

/// FIN and the opcode of a binary message.
const BINARY: u8 = 0x82;

/// The mask bit, beside the 7-bit length.
const MASKED: u8 = 0x80;

/// The 7-bit length that says that a 16-bit one follows.
const LENGTH_16: u8 = 126;

/// What clients mask with: any but zero, so that the server has to unmask.
pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The 7-bit length that says that a 64-bit one follows.
const LENGTH_64: u8 = 127;

/// Appends the head of an unmasked frame, as a server sends it, for `length` bytes of payload.
pub(crate) fn put_server_head(to: &mut Vec<u8>, length: u16) {
    put_head(to, length, 0);
}

/// Appends a masked frame, as a client sends it.
pub(crate) fn put_client_frame(to: &mut Vec<u8>, mask: [u8; 4], payload: &[u8]) {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    put_head(to, length, MASKED);
    to.extend_from_slice(&mask);
    let start = to.len();
    to.extend_from_slice(payload);
    if let Some(payload) = to.get_mut(start..) {
        apply_mask(payload, mask);
    }
}

fn put_head(to: &mut Vec<u8>, length: u16, masked: u8) {
    match u8::try_from(length) {
        Ok(short) if short < LENGTH_16 => to.extend_from_slice(&[BINARY, masked | short]),
        _ => {
            to.extend_from_slice(&[BINARY, masked | LENGTH_16]);
            to.extend_from_slice(&length.to_be_bytes());
        }
    }
}

/// Masks or unmasks a payload.
pub(crate) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let word = u64::from(u32::from_ne_bytes(mask));
    let word = word | word << 32;
    let mut words = payload.chunks_exact_mut(8);
    for chunk in &mut words {
        if let Ok(bytes) = <[u8; 8]>::try_from(&*chunk) {
            chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ word).to_ne_bytes());
        }
    }
    for (byte, key) in words
        .into_remainder()
        .iter_mut()
        .zip(mask.into_iter().cycle())
    {
        *byte ^= key;
    }
}

/// A frame of a client at the beginning of some bytes.
pub(crate) struct ClientFrame {
    /// Where the payload begins.
    pub(crate) payload: usize,
    /// Where it ends, and with it the frame.
    pub(crate) end: usize,
    pub(crate) mask: [u8; 4],
}

/// Finds the frame at the beginning of `bytes`; none if it isn't whole yet.
pub(crate) fn parse_client_frame(bytes: &[u8]) -> Option<ClientFrame> {
    let (length, mask_at) = match bytes {
        [_, length, high, low, ..] if length & !MASKED == LENGTH_16 => {
            (usize::from(u16::from_be_bytes([*high, *low])), 4)
        }
        [_, length, ..] if length & !MASKED < LENGTH_16 => (usize::from(length & !MASKED), 2),
        _ => return None,
    };
    let payload = mask_at + 4;
    let mask = bytes.get(mask_at..payload)?.try_into().ok()?;
    let end = payload + length;
    (end <= bytes.len()).then_some(ClientFrame { payload, end, mask })
}

/// A whole frame of a server at the beginning of some bytes.
pub(crate) struct ServerFrame<'a> {
    /// FIN and the opcode.
    pub(crate) first: u8,
    pub(crate) payload: &'a [u8],
    /// Where it ends.
    pub(crate) end: usize,
}

/// Finds the unmasked frame at the beginning of `bytes`; none if it isn't whole yet.
pub(crate) fn parse_server_frame(bytes: &[u8]) -> Option<ServerFrame<'_>> {
    let (first, start, length) = match *bytes {
        [first, length, ..] if length < LENGTH_16 => (first, 2, u64::from(length)),
        [first, LENGTH_16, high, low, ..] => (first, 4, u64::from(u16::from_be_bytes([high, low]))),
        [first, LENGTH_64, a, b, c, d, e, f, g, h, ..] => {
            (first, 10, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
        }
        _ => return None,
    };
    let end = usize::try_from(length).ok()?.checked_add(start)?;
    let payload = bytes.get(start..end)?;
    Some(ServerFrame {
        first,
        payload,
        end,
    })
}

#[cfg(test)]
#[allow(
    unused,
    reason = "only tests/bench_smoke.rs has a harness that runs these"
)]
mod tests {
    use super::*;

    #[test]
    fn a_client_frame_is_found_once_it_is_whole() {
        for length in [0, 1, 8, 125, 126, 1024, 65_535] {
            let payload = vec![0x5a; length];
            let mut bytes = Vec::new();
            put_client_frame(&mut bytes, [1, 2, 3, 4], &payload);
            assert!(
                parse_client_frame(&bytes[..bytes.len() - 1]).is_none(),
                "{length}"
            );
            bytes.push(0);
            let found = parse_client_frame(&bytes).unwrap();
            assert_eq!(found.end, bytes.len() - 1);
            let payload_range = found.payload..found.end;
            assert_ne!(found.mask, [0; 4]);
            apply_mask(&mut bytes[payload_range.clone()], found.mask);
            assert_eq!(bytes[payload_range], payload);
        }
    }

    #[test]
    fn a_server_frame_is_found_once_it_is_whole() {
        let heads: [&[u8]; 3] = [
            &[0x82, 125],
            &[0x81, 126, 1, 0],
            &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0],
        ];
        for (head, length) in heads.into_iter().zip([125, 256, 65_536]) {
            let mut bytes = head.to_vec();
            bytes.resize(head.len() + length, 7);
            for end in [0, 1, head.len(), bytes.len() - 1] {
                assert!(parse_server_frame(&bytes[..end]).is_none(), "{length}");
            }
            bytes.push(0);
            let found = parse_server_frame(&bytes).unwrap();
            assert_eq!((found.first, found.end), (head[0], bytes.len() - 1));
            assert_eq!(found.payload, vec![7; length]);
        }
    }

    #[test]
    fn a_mask_is_applied_byte_by_byte() {
        let mut payload: Vec<u8> = (0..21).collect();
        apply_mask(&mut payload, [1, 2, 3, 4]);
        let expected: Vec<u8> = (0..21)
            .zip([1, 2, 3, 4].into_iter().cycle())
            .map(|(a, b)| a ^ b)
            .collect();
        assert_eq!(payload, expected);
    }
}
