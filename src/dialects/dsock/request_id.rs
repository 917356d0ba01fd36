//! The names of requests, by which answers and logs are brought together: the client's own if it
//! sends a sound one in `X-Request-Id`, otherwise a UUID.

use crate::dialects::dsock::uuid::Uuid;
use crate::relay::dialect::Cx;

/// The header field.
pub(super) const HEADER: &str = "X-Request-Id";

/// Bytes of a client's own name.
const LONGEST: usize = 128;

/// Makes names that do not come twice. Nobody may rely on them for more: the system is asked for
/// random bytes only once.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    state: Option<[u64; 2]>,
}

impl RequestIds {
    /// The name of a request, of which `own` is the client's.
    pub(super) fn choose(&mut self, cx: &mut Cx<'_>, own: Option<&str>) -> String {
        let own = own.filter(|name| is_sound(name));
        own.map_or_else(|| self.make(cx).to_string(), str::to_owned)
    }

    fn make(&mut self, cx: &mut Cx<'_>) -> Uuid {
        let state = self.state.get_or_insert_with(|| {
            let seed = cx.random_bytes::<16>().unwrap_or_default();
            words(seed).map(u64::from_le_bytes)
        });
        let mut bytes = [0; 16];
        for (word, half) in state.iter_mut().zip(bytes.chunks_exact_mut(8)) {
            half.copy_from_slice(&next(word).to_le_bytes());
        }
        Uuid::from_random(bytes)
    }
}

fn words(bytes: [u8; 16]) -> [[u8; 8]; 2] {
    let mut words = [[0; 8]; 2];
    for (word, part) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        word.copy_from_slice(part);
    }
    words
}

/// The SplitMix64 generator: a counter, and bits that look random.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// Visible ASCII, and not too much of it: it goes into headers and logs.
fn is_sound(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clients_are_echoed_only_if_they_are_sound() {
        for (name, sound) in [
            ("my-id", true),
            ("<\"&", true),
            ("", false),
            ("a b", false),
            ("é", false),
            ("a\u{7f}", false),
            (&"x".repeat(128), true),
            (&"x".repeat(129), false),
        ] {
            assert_eq!(is_sound(name), sound, "{name}");
        }
    }

    #[test]
    fn made_names_differ() {
        let mut state = 0;
        let first = next(&mut state);
        assert_ne!(first, next(&mut state));
        // The reference implementation's first number for the seed 0.
        assert_eq!(first, 0xe220_a839_7b1d_cdaf);
    }
}
