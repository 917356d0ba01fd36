//! UUIDs of version 4 (RFC 9562 section 5.4): the names of connections and of this process.

use std::fmt;

/// A UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// A UUID of version 4 of these random bytes.
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// Reads what `Display` writes, and nothing else: there is one text for each UUID.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let mut digits = text.bytes().enumerate();
        for byte in &mut bytes {
            let mut digit = || match digits.next()? {
                (8 | 13 | 18 | 23, b'-') => hexadecimal(digits.next()?.1),
                (8 | 13 | 18 | 23, _) => None,
                (_, digit) => hexadecimal(digit),
            };
            *byte = digit()? << 4 | digit()?;
        }
        digits.next().is_none().then_some(Self(bytes))
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The digit of a value up to 15.
const fn hexadecimal_digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' + value - 10,
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every answer has one: formatting sixteen numbers would be an eighth of its cost.
        let mut text = [b'-'; 36];
        let places = (0..).filter(|place| !matches!(place, 8 | 13 | 18 | 23));
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        for (place, digit) in places.zip(digits) {
            if let Some(place) = text.get_mut::<usize>(place) {
                *place = hexadecimal_digit(digit);
            }
        }
        formatter.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_one_text() {
        let uuid = Uuid::from_random([0xff; 16]);
        let text = "ffffffff-ffff-4fff-bfff-ffffffffffff";
        assert_eq!(uuid.to_string(), text);
        assert_eq!(Uuid::parse(text), Some(uuid));
        let mixed = "c962d2fe-1928-40c3-af6d-9f81b5e9c1b0";
        assert_eq!(
            Uuid::parse(mixed).map(|uuid| uuid.to_string()).as_deref(),
            Some(mixed)
        );
        for other in [
            "",
            "c962d2fe192840c3af6d9f81b5e9c1b0",
            "C962D2FE-1928-40C3-AF6D-9F81B5E9C1B0",
            "c962d2fe-1928-40c3-af6d-9f81b5e9c1b",
            "c962d2fe-1928-40c3-af6d-9f81b5e9c1b00",
            "c962d2fe-1928-40c3-af6d-9f81b5e9c1b0-",
            "c962d2fe-1928-40c3-af6d9f81b5e9c1b0",
            "c962d2fe-1928-40c3-af6d--9f81b5e9c1b0",
            "{c962d2fe-1928-40c3-af6d-9f81b5e9c1b0}",
        ] {
            assert_eq!(Uuid::parse(other), None, "{other}");
        }
    }
}
