//! What requests are recognised by when they come again.
//!
//! ```text
//!   Idempotency-Key ──SHA-256──▶ 80 bits ─┐
//!   commands ────────SHA-256──▶ 48 bits ─┴▶ tag, journaled with the batch
//! ```
//!
//! So the journal alone says which key was used, and if it was used with these commands.
//!
//! # Invariants
//!
//! * What is under way is never forgotten; of what is answered, the last N requests are known.

use std::collections::{HashMap, VecDeque};

use ringfence_types::Command;
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

use super::Done;

/// Bits of a tag that come from the commands.
const COMMANDS_BITS: u32 = 48;

/// What a request is recognised by: as the journal has it, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(pub u128);

/// What an `Idempotency-Key` of a principal becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(u128);

impl KeyHash {
    /// Of a key; `principal` keeps those of different principals apart.
    pub fn of(principal: &[u8], key: &[u8]) -> KeyHash {
        let mut hash = Sha256::new();
        hash.update(b"ringfence-http:");
        hash.update((principal.len() as u64).to_le_bytes());
        hash.update(principal);
        hash.update(key);
        // The top bit is set, so that no tag is 0.
        KeyHash(first_bits(hash) >> COMMANDS_BITS | 1 << 79)
    }
}

impl Tag {
    /// Of a key with these commands.
    pub fn of(key: KeyHash, batch: &[Command]) -> Tag {
        let mut hash = Sha256::new();
        for command in batch {
            hash.update([command.header.op]);
            hash.update(command.body.as_bytes());
        }
        let commands = first_bits(hash) & ((1 << COMMANDS_BITS) - 1);
        Tag(key.0 << COMMANDS_BITS | commands)
    }

    fn key(self) -> KeyHash {
        KeyHash(self.0 >> COMMANDS_BITS)
    }
}

fn first_bits(hash: Sha256) -> u128 {
    let hash = hash.finalize();
    u128::from_le_bytes(hash[..16].try_into().expect("sixteen bytes"))
}

/// What is known of a key.
#[derive(Debug, Clone)]
pub enum Known {
    /// Its request is under way, with this number.
    UnderWay(u64),
    /// It is answered.
    Answered(Done),
}

/// The keys of what is under way, and of the last requests.
#[derive(Debug)]
pub struct Keys {
    known: HashMap<KeyHash, (Tag, Known)>,
    /// Answered ones, in the order of their answers.
    answered: VecDeque<KeyHash>,
    requests_max: usize,
}

impl Keys {
    /// Knows nothing yet, and at most so many answered requests later.
    pub fn new(requests_max: usize) -> Keys {
        Keys { known: HashMap::new(), answered: VecDeque::new(), requests_max }
    }

    /// What is known of the key, and the tag of the request that it was used with.
    pub fn get(&self, key: KeyHash) -> Option<&(Tag, Known)> {
        self.known.get(&key)
    }

    /// The request with this tag is under way.
    pub fn begin(&mut self, tag: Tag, number: u64) {
        self.known.insert(tag.key(), (tag, Known::UnderWay(number)));
    }

    /// The request with this tag is answered.
    pub fn answer(&mut self, tag: Tag, done: Done) {
        let was = self.known.insert(tag.key(), (tag, Known::Answered(done)));
        if !matches!(was, Some((_, Known::Answered(_)))) {
            self.answered.push_back(tag.key());
        }
        while self.answered.len() > self.requests_max {
            let oldest = self.answered.pop_front().expect("there are more than none");
            self.known.remove(&oldest);
        }
    }

    /// The request with this tag was not executed, and will not be.
    pub fn forget(&mut self, tag: Tag) {
        self.known.remove(&tag.key());
    }

    /// How many answered requests are known.
    pub fn answered(&self) -> usize {
        self.answered.len()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.known.clear();
        self.answered.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_types::Lookup;

    fn batch(id: u128) -> [Command; 1] {
        [Command::lookup_account(Lookup { id, ..Lookup::default() })]
    }

    #[test]
    fn tags_tell_key_principal_and_commands_apart() {
        let key = KeyHash::of(b"me", b"a");
        let tag = Tag::of(key, &batch(1));
        assert_eq!(tag.key(), key);
        assert_eq!(Tag::of(key, &batch(1)), tag);
        assert_eq!(Tag::of(key, &batch(2)).key(), key);
        assert_ne!(Tag::of(key, &batch(2)), tag);
        assert_ne!(KeyHash::of(b"you", b"a"), key);
        assert_ne!(KeyHash::of(b"m", b"ea"), key);
    }

    #[test]
    fn what_is_under_way_is_never_forgotten() {
        let tag = |key: u8| Tag::of(KeyHash::of(b"", &[key]), &batch(1));
        let mut keys = Keys::new(2);
        keys.begin(tag(1), 10);
        for key in 2..=5 {
            keys.begin(tag(key), u64::from(key));
            keys.answer(tag(key), Done::Lost);
        }
        assert!(matches!(keys.get(tag(1).key()), Some((_, Known::UnderWay(10)))));
        assert_eq!(keys.answered(), 2);
        assert!(keys.get(tag(3).key()).is_none());
        assert!(matches!(keys.get(tag(4).key()), Some((_, Known::Answered(_)))));
        keys.forget(tag(1));
        assert!(keys.get(tag(1).key()).is_none());
    }
}
