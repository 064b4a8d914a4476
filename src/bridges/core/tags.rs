//! What messages are recognised by, and the memory of those that were handed over.
//!
//! ```text
//!   identity of a message ──SHA-256──▶ tag ──▶ journaled with the batch
//!   Memory: tag ──▶ under way as request n, or answered with these outcomes
//! ```
//!
//! # Invariants
//!
//! * What is under way is never forgotten; of what is answered, the last N requests are known.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ringfence_client::Answer;
use sha2::{Digest, Sha256};

/// The tag of part `part` (from 0) of the message with this identity: the first 16 bytes of the
/// SHA-256 of the identity, a zero byte and the part as four bytes, little-endian. Never 0.
#[must_use]
pub fn tag_of(identity: &[u8], part: u32) -> u128 {
    let mut hash = Sha256::new();
    hash.update(identity);
    hash.update([0]);
    hash.update(part.to_le_bytes());
    let hash = hash.finalize();
    u128::from_le_bytes(hash[..16].try_into().expect("sixteen bytes")).max(1)
}

/// The answers to a batch, in the order of its commands.
pub(crate) type Answers = Arc<[Answer]>;

/// What is known of a tag.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// The batch is under way, with this request number.
    UnderWay(u64),
    /// It is answered.
    Answered(Answers),
}

/// Knows the tags of what is under way, and of the last requests.
#[derive(Debug)]
pub(crate) struct Memory {
    tags: HashMap<u128, Seen>,
    /// Answered ones, in the order of their answers.
    answered: VecDeque<u128>,
    requests_max: usize,
}

impl Memory {
    /// Knows nothing yet, and at most so many answered requests later.
    pub fn new(requests_max: usize) -> Memory {
        Memory { tags: HashMap::new(), answered: VecDeque::new(), requests_max }
    }

    pub fn seen(&self, tag: u128) -> Option<&Seen> {
        self.tags.get(&tag)
    }

    /// The batch with this tag is under way.
    pub fn begin(&mut self, tag: u128, number: u64) {
        self.tags.insert(tag, Seen::UnderWay(number));
    }

    /// The batch with this tag is answered.
    pub fn answer(&mut self, tag: u128, answers: Answers) {
        let was = self.tags.insert(tag, Seen::Answered(answers));
        if !matches!(was, Some(Seen::Answered(_))) {
            self.answered.push_back(tag);
        }
        while self.answered.len() > self.requests_max {
            let oldest = self.answered.pop_front().expect("there are more than none");
            self.tags.remove(&oldest);
        }
    }

    /// How many answered requests are known.
    pub fn requests(&self) -> usize {
        self.answered.len()
    }

    pub fn clear(&mut self) {
        self.tags.clear();
        self.answered.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_differ_by_identity_and_part() {
        let tags = [tag_of(b"a", 0), tag_of(b"a", 1), tag_of(b"b", 0), tag_of(b"", 0)];
        for (at, tag) in tags.iter().enumerate() {
            assert!(*tag != 0 && !tags[..at].contains(tag));
        }
        assert_eq!(tag_of(b"a", 1), tag_of(b"a", 1));
    }

    #[test]
    fn what_is_under_way_is_never_forgotten() {
        let mut memory = Memory::new(2);
        memory.begin(1, 10);
        for tag in 2..=5 {
            memory.begin(tag, tag as u64 + 10);
            memory.answer(tag, Arc::new([]));
        }
        assert!(matches!(memory.seen(1), Some(Seen::UnderWay(10))));
        assert_eq!(memory.requests(), 2);
        assert!(memory.seen(3).is_none());
        assert!(matches!(memory.seen(4), Some(Seen::Answered(_))));
    }
}
