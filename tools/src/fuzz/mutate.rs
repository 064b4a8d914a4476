//! Changes of inputs that follow from a seed.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Longest input that is made, in bytes.
const INPUT_BYTES_MAX: usize = 256 * 1024;
/// Numbers at which code tends to be wrong.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    15,
    16,
    17,
    127,
    128,
    255,
    256,
    4_096,
    8_192,
    65_535,
    u32::MAX as u64,
    i64::MAX as u64,
    u64::MAX,
];

/// One of the inputs of `corpus`, changed in up to eight places as `seed` says.
///
/// # Panics
///
/// If the corpus is empty.
#[must_use]
pub fn mutated(corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut random = Pcg64::seed_from_u64(seed);
    let one = |random: &mut Pcg64| &corpus[random.random_range(0..corpus.len())];
    let mut input = one(&mut random).clone();
    for _ in 0..random.random_range(1..=8) {
        let other = one(&mut random);
        change(&mut input, other, &mut random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Pcg64) {
    if input.is_empty() {
        input.push(random.random());
        return;
    }
    let at = random.random_range(0..input.len());
    let length = random.random_range(1..=32.min(input.len() - at));
    match random.random_range(0..11) {
        0 => input[at] ^= 1 << random.random_range(0..8),
        1 => input[at] = random.random(),
        2 => input[at] = input[at].wrapping_add(random.random_range(0..3_u8).wrapping_sub(1)),
        3 => random.fill_bytes(&mut input[at..at + length]),
        4 => input[at..at + length].fill([0, 0xff][random.random_range(0..2)]),
        5 => edge(&mut input[at..], random),
        6 => drop(input.drain(at..at + length)),
        7 => {
            let piece = input[at..at + length].to_vec();
            let to = random.random_range(0..=input.len());
            input.splice(to..to, piece);
        }
        8 => input.truncate(at),
        9 => {
            // The rest of another input, from about the same place or from any.
            let from = [at, random.random_range(0..=other.len())][random.random_range(0..2)];
            input.truncate(at);
            input.extend_from_slice(other.get(from..).unwrap_or(&[]));
        }
        _ => input.extend_from_slice(other.get(1..).unwrap_or(&[])),
    }
}

/// Writes a number of the edges over what stands there, in any width and in either order of bytes.
fn edge(bytes: &mut [u8], random: &mut Pcg64) {
    let number = EDGES[random.random_range(0..EDGES.len())];
    let width = [1, 2, 4, 8][random.random_range(0..4)].min(bytes.len());
    let mut number = number.to_le_bytes();
    if random.random() {
        number[..width].reverse();
    }
    bytes[..width].copy_from_slice(&number[..width]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_input_each_time_and_most_seeds_change_it() {
        let corpus = [(0..200).collect::<Vec<u8>>(), vec![7; 50], vec![]];
        let inputs: Vec<Vec<u8>> = (0..200).map(|seed| mutated(&corpus, seed)).collect();
        assert_eq!(inputs, (0..200).map(|seed| mutated(&corpus, seed)).collect::<Vec<_>>());
        let changed = inputs.iter().filter(|input| !corpus.contains(input)).count();
        assert!(changed > 150, "{changed} of 200");
    }
}
