//! Random bytes that are the same in every run.

use fantail::relay::random::RandomSource;

/// A source with a seed.
#[derive(Debug)]
pub struct SeededRandom(fastrand::Rng);

impl SeededRandom {
    /// The source of this seed.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }
}

impl RandomSource for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self.0.fill(bytes);
        true
    }
}
