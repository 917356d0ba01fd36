//! The frame header (RFC 6455 section 5.2), both ways.

use crate::protocol::peer_fault::PeerFault;
use crate::protocol::ws_mask::{MaskingKey, apply_mask};

/// The longest header: two bytes, eight of length, four of masking key.
pub const MAX_HEADER: usize = 14;

/// The longest payload of a control frame (section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
/// RSV1, with which permessage-deflate marks the first frame of a message (RFC 7692 section 6).
const COMPRESSED: u8 = 0x40;
const OPCODE: u8 = 0x0f;
const MASK: u8 = 0x80;
const LENGTH: u8 = 0x7f;

/// What a frame is (section 5.2, "Opcode").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0,
    /// A text message or its first fragment.
    Text = 1,
    /// A binary message or its first fragment.
    Binary = 2,
    /// The close handshake.
    Close = 8,
    /// A ping.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

impl Opcode {
    /// The opcode of this number, if the protocol has one.
    pub const fn new(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// The type of the message that a frame begins; nothing if it begins none.
    pub const fn message_type(self) -> Option<MessageType> {
        match self {
            Self::Text => Some(MessageType::Text),
            Self::Binary => Some(MessageType::Binary),
            Self::Continuation | Self::Close | Self::Ping | Self::Pong => None,
        }
    }

    /// True for close, ping and pong.
    pub const fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// The type of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageType {
    /// The opcode of the message's first frame.
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The last fragment of its message.
    pub fin: bool,
    /// The message that begins with this frame is compressed.
    pub compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<MaskingKey>,
    /// Bytes of payload, below 2^63.
    pub payload_length: u64,
}

impl FrameHeader {
    /// Reads the header at the start of `bytes`: the header and its length in bytes, or nothing
    /// if it is not complete. A fault is found at the first byte that shows it.
    ///
    /// # Errors
    /// 1002 for reserved bits, unknown opcodes, control frames that are fragmented or longer
    /// than 125 bytes, and lengths that are not in their shortest form or have the top bit set.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, PeerFault> {
        Self::parse_allowing(0, bytes)
    }

    /// As [`Self::parse`], where permessage-deflate was agreed upon: RSV1 may be set in the first
    /// frame of a message (RFC 7692 section 6).
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with_deflate(bytes: &[u8]) -> Result<Option<(Self, usize)>, PeerFault> {
        Self::parse_allowing(COMPRESSED, bytes)
    }

    /// `allowed` are the reserved bits that the first frame of a message may have.
    fn parse_allowing(allowed: u8, bytes: &[u8]) -> Result<Option<(Self, usize)>, PeerFault> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let reserved = first & RESERVED;
        if reserved & !allowed != 0 {
            return Err(PeerFault::protocol("reserved bit set"));
        }
        let opcode = Opcode::new(first & OPCODE).ok_or(PeerFault::protocol("unknown opcode"))?;
        if reserved != 0 && opcode.message_type().is_none() {
            return Err(PeerFault::protocol("reserved bit set"));
        }
        let fin = first & FIN != 0;
        if opcode.is_control() && !fin {
            return Err(PeerFault::protocol("fragmented control frame"));
        }
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        let short_length = second & LENGTH;
        if opcode.is_control() && usize::from(short_length) > MAX_CONTROL_PAYLOAD {
            return Err(PeerFault::protocol("control frame longer than 125 bytes"));
        }
        let Some((payload_length, length_end)) = parse_length(bytes, short_length)? else {
            return Ok(None);
        };
        let (mask, end) = if second & MASK == 0 {
            (None, length_end)
        } else {
            match bytes
                .get(length_end..)
                .and_then(|rest| rest.first_chunk::<4>())
            {
                Some(key) => (Some(*key), length_end + 4),
                None => return Ok(None),
            }
        };
        Ok(Some((
            Self {
                fin,
                compressed: reserved != 0,
                opcode,
                mask,
                payload_length,
            },
            end,
        )))
    }

    /// Appends the header in its shortest form.
    pub fn encode(&self, output: &mut Vec<u8>) {
        let fin = if self.fin { FIN } else { 0 };
        let compressed = if self.compressed { COMPRESSED } else { 0 };
        output.push(fin | compressed | self.opcode as u8);
        let mask_bit = if self.mask.is_some() { MASK } else { 0 };
        match self.payload_length {
            length @ 0..=125 => output.push(mask_bit | length as u8),
            length @ 126..=0xffff => {
                output.push(mask_bit | 126);
                output.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                output.push(mask_bit | 127);
                output.extend_from_slice(&length.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            output.extend_from_slice(&key);
        }
    }
}

/// The payload length and the index behind it, or nothing if it is not complete.
fn parse_length(bytes: &[u8], short_length: u8) -> Result<Option<(u64, usize)>, PeerFault> {
    let not_shortest = PeerFault::protocol("length not in its shortest form");
    match short_length {
        126 => {
            let Some(extended) = bytes.get(2..).and_then(|rest| rest.first_chunk::<2>()) else {
                return Ok(None);
            };
            match u16::from_be_bytes(*extended) {
                0..=125 => Err(not_shortest),
                length => Ok(Some((u64::from(length), 4))),
            }
        }
        127 => {
            let Some(extended) = bytes.get(2..).and_then(|rest| rest.first_chunk::<8>()) else {
                return Ok(None);
            };
            match u64::from_be_bytes(*extended) {
                0..=0xffff => Err(not_shortest),
                length if length >> 63 != 0 => {
                    Err(PeerFault::protocol("length with its top bit set"))
                }
                length => Ok(Some((length, 10))),
            }
        }
        length => Ok(Some((u64::from(length), 2))),
    }
}

/// A complete frame as a server sends it: not masked, not fragmented.
pub fn encode_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(server_header_length(payload.len()) + payload.len());
    FrameHeader {
        fin: true,
        compressed: false,
        opcode,
        mask: None,
        payload_length: payload.len() as u64,
    }
    .encode(&mut frame);
    frame.extend_from_slice(payload);
    frame
}

/// A part of a message as a server sends it: not masked, and not the last unless `fin`.
pub fn encode_fragment(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = encode_frame(opcode, payload);
    if !fin {
        frame[0] &= !FIN;
    }
    frame
}

/// A complete frame as a client sends it: masked with `key`, which must be unpredictable
/// (section 10.3).
pub fn encode_masked_frame(opcode: Opcode, payload: &[u8], key: MaskingKey) -> Vec<u8> {
    let mut frame = Vec::with_capacity(MAX_HEADER + payload.len());
    FrameHeader {
        fin: true,
        compressed: false,
        opcode,
        mask: Some(key),
        payload_length: payload.len() as u64,
    }
    .encode(&mut frame);
    let start = frame.len();
    frame.extend_from_slice(payload);
    apply_mask(&mut frame[start..], key, 0);
    frame
}

/// Bytes of a header without masking key in front of `payload_length` bytes.
pub const fn server_header_length(payload_length: usize) -> usize {
    match payload_length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_they_were_written() {
        let lengths = [0, 1, 125, 126, 127, 0xffff, 0x1_0000, (1 << 63) - 1];
        for opcode in [Opcode::Continuation, Opcode::Text, Opcode::Binary] {
            for payload_length in lengths {
                for mask in [None, Some([1, 2, 3, 4])] {
                    for fin in [false, true] {
                        let header = FrameHeader {
                            fin,
                            compressed: false,
                            opcode,
                            mask,
                            payload_length,
                        };
                        let mut bytes = Vec::new();
                        header.encode(&mut bytes);
                        for end in 0..bytes.len() {
                            assert_eq!(FrameHeader::parse(&bytes[..end]), Ok(None));
                        }
                        assert_eq!(FrameHeader::parse(&bytes), Ok(Some((header, bytes.len()))));
                        let with_deflate = FrameHeader::parse_with_deflate(&bytes);
                        assert_eq!(with_deflate, Ok(Some((header, bytes.len()))));
                    }
                }
            }
        }
    }

    #[test]
    fn faults_are_found_at_the_first_byte_that_shows_them() {
        let faults: &[(&[u8], &str)] = &[
            (&[0xc1], "reserved bit set"),
            (&[0xa1], "reserved bit set"),
            (&[0x91], "reserved bit set"),
            (&[0x83], "unknown opcode"),
            (&[0x8f], "unknown opcode"),
            (&[0x09], "fragmented control frame"),
            (&[0x89, 0xfe], "control frame longer than 125 bytes"),
            (&[0x88, 0x7f], "control frame longer than 125 bytes"),
            (&[0x82, 0xfe, 0, 125], "length not in its shortest form"),
            (
                &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
                "length not in its shortest form",
            ),
            (
                &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
                "length with its top bit set",
            ),
        ];
        for (bytes, reason) in faults {
            let fault = FrameHeader::parse(bytes).unwrap_err();
            assert_eq!(
                (fault.reason, fault.close_code.number()),
                (*reason, 1002),
                "{bytes:x?}"
            );
            assert!(
                FrameHeader::parse(&bytes[..bytes.len() - 1]).is_ok(),
                "{bytes:x?}"
            );
        }
    }

    #[test]
    fn rsv1_is_for_the_first_frame_of_a_message_where_it_was_agreed_upon() {
        for (first, allowed) in [
            (0xc1, true),
            (0x41, true),
            (0xc2, true),
            (0x42, true),
            (0xc0, false),
            (0x40, false),
            (0xc8, false),
            (0xc9, false),
            (0xca, false),
            (0xe1, false),
            (0xd2, false),
            (0xa1, false),
            (0x91, false),
            (0xf1, false),
        ] {
            let fault = Err(PeerFault::protocol("reserved bit set"));
            assert_eq!(FrameHeader::parse(&[first]), fault, "{first:x}");
            let expected = if allowed { Ok(None) } else { fault };
            let parsed = FrameHeader::parse_with_deflate(&[first]);
            assert_eq!(parsed, expected, "{first:x}");
        }
        let header = FrameHeader {
            fin: false,
            compressed: true,
            opcode: Opcode::Binary,
            mask: None,
            payload_length: 5,
        };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        assert_eq!(bytes, [0x42, 5]);
        let parsed = FrameHeader::parse_with_deflate(&bytes);
        assert_eq!(parsed, Ok(Some((header, 2))));
    }

    #[test]
    fn a_server_frame_is_header_and_payload() {
        assert_eq!(encode_frame(Opcode::Text, b"hi"), b"\x81\x02hi");
        let long = encode_frame(Opcode::Binary, &[7; 300]);
        assert_eq!(&long[..4], &[0x82, 126, 1, 44]);
        assert_eq!(long.len(), server_header_length(300) + 300);
    }
}
