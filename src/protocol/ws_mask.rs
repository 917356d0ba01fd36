//! Masking (RFC 6455 section 5.3).

/// The masking key of a frame.
pub type MaskingKey = [u8; 4];

/// Masks or unmasks in place; `offset` is the position of `bytes` in the frame's payload.
pub fn apply_mask(bytes: &mut [u8], key: MaskingKey, offset: usize) {
    let mut rotated = key;
    rotated.rotate_left(offset % 4);
    let word = u64::from(u32::from_ne_bytes(rotated));
    let word = word | word << 32;
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        for (byte, key) in chunk.iter_mut().zip(word.to_ne_bytes()) {
            *byte ^= key;
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition_at_every_length_and_offset() {
        let key = [0x12, 0x34, 0x56, 0x78];
        for offset in 0..9 {
            for length in 0..40 {
                let plain: Vec<u8> = (0..length).collect();
                let mut masked = plain.clone();
                apply_mask(&mut masked, key, offset);
                for (i, byte) in masked.iter().enumerate() {
                    assert_eq!(*byte, plain[i] ^ key[(offset + i) % 4]);
                }
            }
        }
    }
}
