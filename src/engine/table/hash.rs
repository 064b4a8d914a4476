//! The keyed hash of ids.

/// Hashes ids with a key that clients do not know, so that they cannot choose ids that collide.
///
/// Two rounds of a multiplication to 128 bits, its halves folded together.
#[derive(Debug, Clone, Copy)]
pub struct IdHasher {
    first: u64,
    second: u64,
    third: u64,
}

/// Digits of π: they keep a weak key (0) from being a weak hash.
const PI: [u64; 3] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0];

impl IdHasher {
    /// The hasher with this key.
    #[must_use]
    pub const fn new(key: [u64; 2]) -> IdHasher {
        IdHasher {
            first: key[0] ^ PI[0],
            second: key[1] ^ PI[1],
            // Odd, so that the second round loses nothing.
            third: (key[0].rotate_left(32) ^ key[1] ^ PI[2]) | 1,
        }
    }

    /// The hash of `id`: 32 bits, the upper ones of which choose a slot.
    #[inline(always)]
    #[must_use]
    pub const fn hash(&self, id: u128) -> u32 {
        let folded = fold(id as u64 ^ self.first, (id >> 64) as u64 ^ self.second);
        (fold(folded ^ self.second, self.third) >> 32) as u32
    }
}

#[inline(always)]
const fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ids_spread_over_the_slots_with_any_key() {
        for key in [[0, 0], [1, 2], [u64::MAX, 0], [0x1234_5678_9abc_def0, 0x0fed_cba9]] {
            let hasher = IdHasher::new(key);
            for shift in [0, 20, 64, 100] {
                let mut counts = [0_u32; 256];
                for id in 1..=25_600_u128 {
                    counts[(hasher.hash(id << shift) >> 24) as usize] += 1;
                }
                // A hundred expected in each, ten the standard deviation.
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                assert!(*least > 40 && *most < 180, "{key:?} << {shift}: {least} to {most}");
            }
        }
    }

    #[test]
    fn another_key_gives_another_order() {
        let (one, other) = (IdHasher::new([1, 2]), IdHasher::new([1, 3]));
        let same = (0..10_000).filter(|&id| one.hash(id) >> 20 == other.hash(id) >> 20).count();
        assert!(same < 50, "{same} of 10,000 ids share their slot under both keys");
    }
}
