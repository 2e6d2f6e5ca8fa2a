//! Numbers that look random and depend on nothing but their arguments, so that any minute can be computed on demand.

/// Mixes a seed, some words and a number into 64 bits (FNV-1a, then the finaliser of `SplitMix64`).
pub(super) fn roll(seed: u64, words: &[&str], number: i64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for word in words {
        for byte in word.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(hash ^ number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A number in 0..1 from the bits of a roll.
#[expect(clippy::cast_precision_loss, reason = "the 53 bits that are left are exactly those of a double")]
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolls_are_stable_and_spread() {
        assert_eq!(roll(7, &["a", "b"], 3), roll(7, &["a", "b"], 3));
        assert_ne!(roll(7, &["a", "b"], 3), roll(7, &["ab"], 3));
        let low = (0..10_000).filter(|n| unit(roll(1, &["x"], *n)) < 0.3).count();
        assert!((2_800..3_200).contains(&low), "{low}");
    }
}
