//! UTF-8 checked as the bytes arrive, so that bad text fails at its first bad byte
//! (RFC 6455 section 8.1), at any split.

/// The longest encoded character, in bytes.
const LONGEST: usize = 4;

/// The state between two parts of one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Utf8Validator {
    /// The beginning of a character whose rest has not arrived; never a complete or bad one.
    pending: [u8; LONGEST],
    pending_length: u8,
}

/// The text is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;

impl Utf8Validator {
    /// Checks the next part.
    ///
    /// # Errors
    /// As soon as no continuation could make the text valid.
    pub fn feed(&mut self, mut part: &[u8]) -> Result<(), NotUtf8> {
        while self.pending_length > 0 {
            let Some((byte, rest)) = part.split_first() else {
                return Ok(());
            };
            part = rest;
            self.complete_pending(*byte)?;
        }
        if let Err(error) = str::from_utf8(part) {
            if error.error_len().is_some() {
                return Err(NotUtf8);
            }
            for byte in &part[error.valid_up_to()..] {
                self.push_pending(*byte)?;
            }
        }
        Ok(())
    }

    /// Checks that the text does not end inside a character.
    ///
    /// # Errors
    /// If it does.
    pub fn finish(&self) -> Result<(), NotUtf8> {
        if self.pending_length == 0 {
            Ok(())
        } else {
            Err(NotUtf8)
        }
    }

    fn push_pending(&mut self, byte: u8) -> Result<(), NotUtf8> {
        let slot = self
            .pending
            .get_mut(usize::from(self.pending_length))
            .ok_or(NotUtf8)?;
        *slot = byte;
        self.pending_length += 1;
        Ok(())
    }

    fn complete_pending(&mut self, byte: u8) -> Result<(), NotUtf8> {
        self.push_pending(byte)?;
        match str::from_utf8(&self.pending[..usize::from(self.pending_length)]) {
            Ok(_) => self.pending_length = 0,
            Err(error) if error.error_len().is_some() => return Err(NotUtf8),
            Err(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parts: &[&[u8]]) -> Result<(), NotUtf8> {
        let mut validator = Utf8Validator::default();
        for part in parts {
            validator.feed(part)?;
        }
        validator.finish()
    }

    #[test]
    fn agrees_with_std_at_every_split() {
        let texts: &[&[u8]] = &[
            b"",
            b"plain",
            "κόσμε".as_bytes(),
            "a\u{10ffff}b\u{800}c".as_bytes(),
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xc0\xaf",
            b"ab\xff",
            b"\xe2\x82",
            b"\xf0\x9f\x98",
        ];
        for text in texts {
            let expected = str::from_utf8(text).is_ok();
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let parts = [&text[..first], &text[first..second], &text[second..]];
                    assert_eq!(
                        check(&parts).is_ok(),
                        expected,
                        "{text:x?} at {first}, {second}"
                    );
                }
            }
        }
    }

    #[test]
    fn fails_at_the_first_byte_that_cannot_be_mended() {
        let mut validator = Utf8Validator::default();
        assert!(validator.feed(b"\xf4").is_ok());
        assert!(validator.feed(b"\x90").is_err());
        let mut validator = Utf8Validator::default();
        assert!(validator.feed(b"ok \xed").is_ok());
        assert!(validator.feed(b"\xa0").is_err());
    }
}
