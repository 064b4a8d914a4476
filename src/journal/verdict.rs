//! The verdict: what stands behind the last good frame is a tail, or the journal is damaged. Pure.
//!
//! ```text
//!   frame ✓ │ frame ✓ │ frame ✗ │ ? ? frame ✓ (durable up to 7) ? │ zeros …
//!                       ▲ first fault: the next sequence would be n
//!                         what the frames, the witness or a snapshot call durable is m
//!                         n ≤ m: n was durable and is not there, so this is damage
//!                         n > m: nobody can have seen n acknowledged, so this is tail,
//!                                unless it is longer than what can have been under way
//! ```

use super::error::{Fault, Source};
use super::witness::Witness;

/// Bytes that are no good frame, where they begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The segment, by its number.
    pub segment: u32,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is known of a journal where its good frames end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Evidence {
    /// Highest sequence that a frame calls durable, before or after, or that a trace of one does.
    pub frames: u64,
    /// What the witness says, if it is of this epoch or a later one.
    pub witness: Option<Witness>,
    /// Sequence of the newest snapshot.
    pub snapshot: u64,
    /// The first byte behind the good frames that is not zero.
    pub first_nonzero: Option<(u32, u64)>,
    /// Bytes from the place to the last that is not zero.
    pub tail_bytes: u64,
    /// The most that can have been under way there, in bytes.
    pub tail_bytes_max: u64,
}

impl Evidence {
    /// Highest sequence that anything calls durable.
    pub fn durable_sequence(&self) -> u64 {
        let witness = self.witness.map_or(0, |witness| witness.sequence);
        self.frames.max(witness).max(self.snapshot)
    }

    /// What contradicts that the journal ends before `next_sequence`, other than its frames.
    fn contradiction(&self, next_sequence: u64) -> Option<(Source, u64)> {
        let witness = self.witness.map_or(0, |witness| witness.sequence);
        let sources = [(Source::Witness, witness), (Source::Snapshot, self.snapshot)];
        sources.into_iter().find(|&(_, sequence)| next_sequence <= sequence)
    }
}

/// What the place means where the good frames end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The journal ends here, and nothing stands behind it.
    End,
    /// The journal ends here. What follows was never acknowledged.
    Tail(Found),
    /// What was durable is not there.
    Damage(Found),
}

/// Judges the first place that holds no good frame, where `next_sequence` would be next.
pub(super) fn judge(next_sequence: u64, found: Found, evidence: &Evidence) -> Verdict {
    let Found { segment, offset, fault } = found;
    let damage = |fault| Verdict::Damage(Found { segment, offset, fault });
    if next_sequence <= evidence.frames {
        return damage(fault);
    }
    if let Some((source, durable)) = evidence.contradiction(next_sequence) {
        let (fault, last) = (Box::new(fault), next_sequence - 1);
        return damage(Fault::Contradicted { fault, source, durable, last });
    }
    if let Some(witness) = evidence.witness
        && (segment, offset) < (witness.segment, witness.offset)
    {
        let (fault, segment, offset) = (Box::new(fault), witness.segment, witness.offset);
        return damage(Fault::EndsEarly { fault, segment, offset });
    }
    let Some(first_nonzero) = evidence.first_nonzero else { return Verdict::End };
    let (segment, offset, fault) = match fault {
        // The journal ends in zeros, and somewhere behind them stands something.
        Fault::Empty if first_nonzero != (segment, offset) => {
            (first_nonzero.0, first_nonzero.1, Fault::NotZero)
        }
        fault => (segment, offset, fault),
    };
    if evidence.tail_bytes > evidence.tail_bytes_max {
        let (fault, bytes, bytes_max) =
            (Box::new(fault), evidence.tail_bytes, evidence.tail_bytes_max);
        let fault = Fault::TooLong { fault, bytes, bytes_max };
        return Verdict::Damage(Found { segment, offset, fault });
    }
    Verdict::Tail(Found { segment, offset, fault })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum() -> Fault {
        Fault::Checksum { expected: 1, found: 2 }
    }

    fn at(segment: u32, offset: u64, fault: Fault) -> Found {
        Found { segment, offset, fault }
    }

    fn here(fault: Fault) -> Found {
        at(2, 8192, fault)
    }

    fn witness(sequence: u64, segment: u32, offset: u64) -> Option<Witness> {
        Some(Witness { journal_id: [0; 16], epoch: 0, sequence, segment, offset })
    }

    fn check(cases: Vec<(&str, Fault, Evidence, Verdict)>) {
        for (name, fault, evidence, verdict) in cases {
            assert_eq!(judge(11, here(fault), &evidence), verdict, "{name}");
        }
    }

    #[test]
    fn what_frames_call_durable_and_is_not_there_is_damage_and_all_else_is_tail() {
        let (tail, damage) = (Verdict::Tail, Verdict::Damage);
        let none = Evidence { tail_bytes_max: 1, frames: 10, ..Evidence::default() };
        let some = |segment, offset| {
            let first_nonzero = Some((segment, offset));
            Evidence { first_nonzero, tail_bytes: 1, ..none }
        };
        let durable = |frames| Evidence { frames, ..some(2, 8192) };
        check(vec![
            ("a clean end", Fault::Empty, none, Verdict::End),
            ("the next one was durable", sum(), durable(11), damage(here(sum()))),
            ("more than that was", sum(), durable(500), damage(here(sum()))),
            ("none was", sum(), durable(10), tail(here(sum()))),
            ("even less was", sum(), durable(0), tail(here(sum()))),
            (
                "zeros, and marks behind",
                Fault::Empty,
                Evidence { frames: 11, ..some(2, 12288) },
                damage(here(Fault::Empty)),
            ),
            (
                "zeros for what was durable",
                Fault::Empty,
                Evidence { frames: 11, ..none },
                damage(here(Fault::Empty)),
            ),
            (
                "zeros, and something behind",
                Fault::Empty,
                some(2, 12288),
                tail(at(2, 12288, Fault::NotZero)),
            ),
            (
                "zeros, and something in the next",
                Fault::Empty,
                some(3, 4096),
                tail(at(3, 4096, Fault::NotZero)),
            ),
            ("a frame that is cut short", Fault::Empty, some(2, 8192), tail(here(Fault::Empty))),
        ]);
    }

    #[test]
    fn what_else_was_kept_contradicts_an_end_that_comes_too_early() {
        let none = Evidence { tail_bytes_max: 1, frames: 10, ..Evidence::default() };
        let torn = Evidence { first_nonzero: Some((2, 8192)), tail_bytes: 1, ..none };
        let contradicted = |fault, source, durable| {
            let fault = Box::new(fault);
            let fault = Fault::Contradicted { fault, source, durable, last: 10 };
            Verdict::Damage(here(fault))
        };
        let early = |fault, segment, offset| {
            let fault = Fault::EndsEarly { fault: Box::new(fault), segment, offset };
            Verdict::Damage(here(fault))
        };
        let by_witness = |sequence, segment, offset| Evidence {
            witness: witness(sequence, segment, offset),
            ..torn
        };
        let clean = |witness| Evidence { witness, ..none };
        check(vec![
            (
                "zeros where the witness saw commands",
                Fault::Empty,
                clean(witness(40, 3, 8192)),
                contradicted(Fault::Empty, Source::Witness, 40),
            ),
            (
                "noise where the witness saw commands",
                sum(),
                by_witness(11, 2, 12288),
                contradicted(sum(), Source::Witness, 11),
            ),
            (
                "a closing frame that the witness saw",
                sum(),
                by_witness(10, 2, 12288),
                early(sum(), 2, 12288),
            ),
            (
                "a segment that the witness saw begun",
                Fault::Empty,
                clean(witness(10, 3, 4096)),
                early(Fault::Empty, 3, 4096),
            ),
            (
                "the witness was there to the end",
                sum(),
                by_witness(10, 2, 8192),
                Verdict::Tail(here(sum())),
            ),
            ("an old witness", sum(), by_witness(3, 1, 4096), Verdict::Tail(here(sum()))),
            ("an old witness, clean", Fault::Empty, clean(witness(3, 1, 4096)), Verdict::End),
            (
                "a snapshot covers more",
                Fault::Empty,
                Evidence { snapshot: 12, ..none },
                contradicted(Fault::Empty, Source::Snapshot, 12),
            ),
            (
                "a snapshot covers it all",
                Fault::Empty,
                Evidence { snapshot: 10, ..none },
                Verdict::End,
            ),
            (
                "frames are asked first, and say what is wrong",
                sum(),
                Evidence { frames: 11, ..by_witness(40, 3, 8192) },
                Verdict::Damage(here(sum())),
            ),
        ]);
    }

    #[test]
    fn a_tail_is_no_longer_than_what_can_have_been_under_way() {
        let tail = |tail_bytes| Evidence {
            first_nonzero: Some((2, 8192)),
            tail_bytes,
            tail_bytes_max: 100,
            frames: 10,
            ..Evidence::default()
        };
        let too_long =
            |fault| Fault::TooLong { fault: Box::new(fault), bytes: 101, bytes_max: 100 };
        let (too_long, further_on) = (too_long(sum()), too_long(Fault::NotZero));
        check(vec![
            ("as long as can be", sum(), tail(100), Verdict::Tail(here(sum()))),
            ("longer", sum(), tail(101), Verdict::Damage(here(too_long))),
            (
                "longer, with zeros before it",
                Fault::Empty,
                Evidence { first_nonzero: Some((4, 4096)), ..tail(101) },
                Verdict::Damage(at(4, 4096, further_on)),
            ),
        ]);
    }

    #[test]
    fn the_highest_of_all_is_what_was_acknowledged() {
        let evidence = Evidence {
            frames: 3,
            witness: witness(7, 1, 4096),
            snapshot: 5,
            ..Evidence::default()
        };
        assert_eq!(evidence.durable_sequence(), 7);
        assert_eq!(Evidence { frames: 9, ..evidence }.durable_sequence(), 9);
        assert_eq!(Evidence { snapshot: 8, ..evidence }.durable_sequence(), 8);
    }
}
