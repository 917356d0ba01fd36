//! Where random bytes come from. The relay has no source of its own: the program hands it the
//! system's, a simulator one with a seed.

use std::fmt::Debug;

/// A source of bytes that nobody can guess.
pub trait RandomSource: Debug {
    /// Fills `bytes`; false if there is nothing to fill them with.
    fn fill(&mut self, bytes: &mut [u8]) -> bool;
}

/// Nothing to fill anything with.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoRandomSource;

impl RandomSource for NoRandomSource {
    fn fill(&mut self, _bytes: &mut [u8]) -> bool {
        false
    }
}
