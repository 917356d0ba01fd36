//! Messages that are all the same but for their number, which is eight decimal digits.

/// Digits of a number: more messages than a bench ever sends.
const DIGITS: usize = 8;

/// A message without its number, and the place for it.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    bytes: Vec<u8>,
    number_at: usize,
    number: u64,
}

impl Numbered {
    /// The message that begins with its number and is filled up to `length` bytes.
    pub(crate) fn plain(length: u16) -> Self {
        let filling = (DIGITS..usize::from(length)).map(|index| index as u8);
        Self::new(&[], &filling.collect::<Vec<u8>>())
    }

    /// The message with its number between these two parts.
    pub(crate) fn new(before: &[u8], after: &[u8]) -> Self {
        Self {
            bytes: [before, &[b'0'; DIGITS], after].concat(),
            number_at: before.len(),
            number: 0,
        }
    }

    /// The same behind something else.
    pub(crate) fn behind(&self, before: &[u8]) -> Self {
        Self {
            bytes: [before, &self.bytes].concat(),
            number_at: before.len() + self.number_at,
            number: self.number,
        }
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> u16 {
        u16::try_from(self.bytes.len()).unwrap_or(u16::MAX)
    }

    /// Message `number`.
    pub(crate) fn bytes(&mut self, number: u64) -> &[u8] {
        if number != self.number {
            self.number = number;
            let place = self.number_at..self.number_at + DIGITS;
            let mut rest = number;
            for digit in self
                .bytes
                .get_mut(place)
                .unwrap_or_default()
                .iter_mut()
                .rev()
            {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        &self.bytes
    }
}

#[cfg(test)]
#[allow(
    unused,
    reason = "only tests/bench_smoke.rs has a harness that runs these"
)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_where_it_belongs() {
        let mut message = Numbered::new(b"<", b">").behind(b"--");
        for (number, expected) in [
            (0, "--<00000000>"),
            (12_345, "--<00012345>"),
            (7, "--<00000007>"),
        ] {
            assert_eq!(message.bytes(number), expected.as_bytes());
        }
        assert_eq!(
            Numbered::plain(20).bytes(3),
            b"00000003\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
        );
    }
}
