//! WebSocket frames as a client writes and reads them (RFC 6455 section 5.2), written apart from
//! the crate's codec.

/// The opcodes of RFC 6455 section 11.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    pub const CONTINUATION: Self = Self(0);
    pub const TEXT: Self = Self(1);
    pub const BINARY: Self = Self(2);
    pub const CLOSE: Self = Self(8);
    pub const PING: Self = Self(9);
    pub const PONG: Self = Self(10);
}

/// One frame, unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// RSV1 to RSV3 as the number 0 to 7, RSV1 being 4.
    pub reserved: u8,
    /// What the frame is.
    pub opcode: Opcode,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame that is a whole message, or a control frame.
    pub fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            fin: true,
            reserved: 0,
            opcode,
            payload: payload.into(),
        }
    }

    /// A text message.
    pub fn text(text: &str) -> Self {
        Self::new(Opcode::TEXT, text)
    }

    /// A binary message.
    pub fn binary(bytes: &[u8]) -> Self {
        Self::new(Opcode::BINARY, bytes)
    }

    /// A ping.
    pub fn ping(payload: &[u8]) -> Self {
        Self::new(Opcode::PING, payload)
    }

    /// A close frame (RFC 6455 section 5.5.1).
    pub fn close(code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        Self::new(Opcode::CLOSE, payload)
    }

    /// The same frame, as one that is not the last of its message.
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The code of a close frame, if this is one that has a code.
    pub fn close_code(&self) -> Option<u16> {
        match (self.opcode, self.payload.as_slice()) {
            (Opcode::CLOSE, [high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// The reason in a close frame, empty if there is none.
    pub fn close_reason(&self) -> String {
        String::from_utf8_lossy(self.payload.get(2..).unwrap_or_default()).into_owned()
    }

    /// The bytes on the wire, masked with `key` as a client must (RFC 6455 section 5.3).
    pub fn masked(&self, key: [u8; 4]) -> Vec<u8> {
        let mut bytes = self.header(0x80);
        bytes.extend_from_slice(&key);
        bytes.extend(
            self.payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    /// The bytes on the wire without a mask, which no server may accept.
    pub fn unmasked(&self) -> Vec<u8> {
        let mut bytes = self.header(0);
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    fn header(&self, mask_bit: u8) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | self.reserved << 4 | self.opcode.0];
        match self.payload.len() {
            length @ 0..=125 => bytes.push(mask_bit | length as u8),
            length @ 126..=0xFFFF => {
                bytes.push(mask_bit | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(mask_bit | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes
    }

    /// Takes the first frame off `bytes`, if all of it is there. Panics at what a server must not
    /// send: a masked frame, or a length not written the shortest way.
    #[track_caller]
    pub fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let &[first, second, ..] = bytes.as_slice() else {
            return None;
        };
        assert!(second & 0x80 == 0, "the server masked a frame");
        let (start, length) = match second & 0x7F {
            126 => (4, read_length(bytes.get(2..4)?, 126)),
            127 => (10, read_length(bytes.get(2..10)?, 0x1_0000)),
            short => (2, usize::from(short)),
        };
        let payload = bytes.get(start..start + length)?.to_vec();
        bytes.drain(..start + length);
        Some(Self {
            fin: first & 0x80 != 0,
            reserved: first >> 4 & 7,
            opcode: Opcode(first & 0x0F),
            payload,
        })
    }
}

#[track_caller]
fn read_length(bytes: &[u8], least: usize) -> usize {
    let length = bytes
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    assert!(length >= least, "the length {length} takes fewer bytes");
    length
}
