//! Random bytes of the system, and random text for secrets and tokens that nobody has chosen.

use super::Failure;
use crate::relay::random::RandomSource;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Random bytes in a text of 32 characters: 192 bits.
const BYTES: usize = 24;

/// The system's random bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        let filled = getrandom::fill(bytes);
        if let Err(error) = &filled {
            log::error!("no random numbers: {error}");
        }
        filled.is_ok()
    }
}

/// 32 characters of `A-Z`, `a-z`, `0-9`, `-` and `_` that nobody can guess.
///
/// # Errors
/// If the system has no random numbers.
pub fn random_text() -> Result<String, Failure> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::Runtime(format!("no random numbers: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::wson::credentials::Token;

    #[test]
    fn random_text_is_a_token_and_never_the_same() {
        let (first, second) = (random_text().unwrap(), random_text().unwrap());
        assert!(Token::new(first.as_bytes()).is_some(), "{first}");
        assert_ne!(first, second);
    }
}
