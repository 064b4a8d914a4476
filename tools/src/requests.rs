//! What batches say of themselves in worlds that have no clients.

use ringfence::types::{Origin, Request};

use crate::scenario::Batch;

/// What the batch that begins at `first_sequence` says of itself: of three batches one says nothing,
/// one is of a session without a name but has a tag, and one is of one of seven sessions.
#[must_use]
pub fn request_of(first_sequence: u64) -> Request {
    let mixed = first_sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    match mixed % 3 {
        0 => Request::NONE,
        1 => Request { tag: u128::from(mixed | 1) << 64, ..Request::NONE },
        _ => Request {
            session: 1 << 127 | u128::from(mixed % 7),
            tag: u128::from(mixed % 2),
            number: first_sequence,
            reserved: 0,
        },
    }
}

/// The origins of all of `batches`, of which the first begins at sequence 1.
#[must_use]
pub fn origins_of(batches: &[Batch]) -> Vec<Origin> {
    let mut sequence = 1;
    let mut origins = Vec::new();
    for batch in batches {
        let request = request_of(sequence);
        if !request.is_none() {
            origins.push(Origin::of(&request, sequence, &batch[0].header));
        }
        sequence += batch.len() as u64;
    }
    origins
}
