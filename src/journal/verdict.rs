//! The verdict: what stands behind the last good frame is a tail, or the journal is damaged. Pure.
//!
//! ```text
//!   frame ✓ │ frame ✓ │ frame ✗ │ ? ? frame ✓ (durable up to 7) ? │ zeros …
//!                       ▲ first fault: the next sequence would be n
//!                         highest durable mark of all good frames, before and after, is m
//!                         n ≤ m: n was durable and is not there, so this is damage
//!                         n > m: nobody can have seen n acknowledged, so this is tail
//! ```

use super::error::Fault;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Highest sequence that any good frame calls durable, before or after.
    pub durable_sequence: u64,
    /// The first byte behind the good frames that is not zero.
    pub first_nonzero: Option<(u32, u64)>,
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
    if next_sequence <= evidence.durable_sequence {
        return Verdict::Damage(found);
    }
    match evidence.first_nonzero {
        None => Verdict::End,
        // The journal ends in zeros, and somewhere behind them stands something.
        Some(place) if found.fault == Fault::Empty && place != (found.segment, found.offset) => {
            let (segment, offset) = place;
            Verdict::Tail(Found { segment, offset, fault: Fault::NotZero })
        }
        Some(_) => Verdict::Tail(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_called_durable_and_is_not_there_is_damage_and_all_else_is_tail() {
        let sum = || Fault::Checksum { expected: 1, found: 2 };
        let at = |segment, offset, fault| Found { segment, offset, fault };
        let here = |fault| at(2, 8192, fault);
        let tail = |found| Verdict::Tail(found);
        //  name, what is wrong, called durable, the first byte that is not zero, the verdict
        let cases = [
            ("a clean end", Fault::Empty, 10, None, Verdict::End),
            ("the next one was durable", sum(), 11, Some((2, 8192)), Verdict::Damage(here(sum()))),
            ("more than that was", sum(), 500, Some((2, 8192)), Verdict::Damage(here(sum()))),
            ("none was", sum(), 10, Some((2, 8192)), tail(here(sum()))),
            ("even less was", sum(), 0, Some((2, 8192)), tail(here(sum()))),
            (
                "zeros, and marks behind",
                Fault::Empty,
                11,
                Some((2, 12288)),
                Verdict::Damage(here(Fault::Empty)),
            ),
            (
                "zeros for what was durable",
                Fault::Empty,
                11,
                None,
                Verdict::Damage(here(Fault::Empty)),
            ),
            (
                "zeros, and something behind",
                Fault::Empty,
                10,
                Some((2, 12288)),
                tail(at(2, 12288, Fault::NotZero)),
            ),
            (
                "zeros, and something in the next",
                Fault::Empty,
                10,
                Some((3, 4096)),
                tail(at(3, 4096, Fault::NotZero)),
            ),
            (
                "a frame that is cut short",
                Fault::Empty,
                10,
                Some((2, 8192)),
                tail(here(Fault::Empty)),
            ),
        ];
        for (name, fault, durable_sequence, first_nonzero, verdict) in cases {
            let evidence = Evidence { durable_sequence, first_nonzero };
            assert_eq!(judge(11, here(fault), &evidence), verdict, "{name}");
        }
    }
}
