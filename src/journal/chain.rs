//! The chain: whether a frame that is good by itself follows on the ones before it. Pure.
//!
//! ```text
//!   frame ──▶ frame ──▶ frame ──▶ ?      accept: the next one names the checksum of the last, has the next
//!                                        sequence, a later time, and calls durable what came before it
//! ```

use super::error::Fault;
use super::format::{FrameHeader, FrameKind, Seal, SegmentHeader};
use super::place::Anchor;
use ringfence_types::TIMESTAMP_MAX;

/// The end of a chain of frames, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    /// Checksum of the last frame.
    pub previous_checksum: u32,
    /// Seal of the last frame.
    pub previous_seal: Seal,
    /// Sequence of the last command, 0 if there is none.
    pub last_sequence: u64,
    /// Timestamp of the last command, in nanoseconds, 0 if there is none.
    pub last_timestamp: u64,
    /// Highest sequence that a frame so far says is durable.
    pub durable_sequence: u64,
    /// How many repairs so far gave up commands that had been acknowledged.
    pub epoch: u16,
    /// Whether the last frame was written under `--durability async`.
    pub is_async: bool,
    next: Next,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The journal's first frame: rules.
    Rules,
    /// A frame whose predecessor is not known: that is taken on trust.
    Any,
    /// A frame that follows on the last one.
    Follower,
}

impl Chain {
    /// The chain before the first frame of a segment. It is known there only in the first segment
    /// of all.
    pub fn before(segment: &SegmentHeader) -> Chain {
        Chain {
            previous_checksum: segment.checksum,
            previous_seal: segment.seal,
            last_sequence: 0,
            last_timestamp: 0,
            durable_sequence: 0,
            epoch: 0,
            is_async: false,
            next: if segment.segment == 1 { Next::Rules } else { Next::Any },
        }
    }

    /// The chain behind the batch of `anchor`, whose frame has this header.
    pub fn after(anchor: &Anchor, header: &FrameHeader) -> Chain {
        Chain {
            previous_checksum: header.checksum,
            previous_seal: header.seal,
            last_sequence: anchor.last_sequence,
            last_timestamp: anchor.last_timestamp,
            // Durable, or it would not have become part of a snapshot.
            durable_sequence: anchor.last_sequence,
            epoch: header.epoch,
            is_async: header.is_async(),
            next: Next::Follower,
        }
    }

    /// Sequence of the next command.
    pub fn next_sequence(&self) -> u64 {
        self.last_sequence + 1
    }

    /// Whether what comes before the next frame is known: else it is taken on trust.
    pub fn is_anchored(&self) -> bool {
        self.next != Next::Any
    }

    /// Whether not a frame was accepted yet, from the start of a journal on.
    pub fn is_at_the_beginning(&self) -> bool {
        self.next == Next::Rules
    }

    /// Whether a frame that is good by itself follows.
    pub fn accept(&self, header: &FrameHeader) -> Result<(), Fault> {
        let (last_sequence, previous_checksum) = self.before_frame(header);
        if header.previous_checksum != previous_checksum {
            let (expected, found) = (previous_checksum, header.previous_checksum);
            return Err(Fault::Chain { expected, found });
        }
        if header.first_sequence != last_sequence + 1 {
            let (expected, found) = (last_sequence + 1, header.first_sequence);
            return Err(Fault::Sequence { expected, found });
        }
        if header.durable_sequence > last_sequence {
            return Err(Fault::Field { name: "durable sequence", found: header.durable_sequence });
        }
        let kind = header.kind();
        let begins_epoch = kind == Some(FrameKind::Mark) && header.epoch > self.epoch;
        if self.next == Next::Rules && kind != Some(FrameKind::Rules) && !begins_epoch {
            let found = header.kind.into();
            return Err(Fault::Field { name: "kind of the first frame", found });
        }
        // Only a repair begins an epoch, with a mark behind all that it kept.
        let is_whole_mark = begins_epoch && header.durable_sequence == last_sequence;
        if self.next != Next::Any && header.epoch != self.epoch && !is_whole_mark {
            return Err(Fault::Field { name: "epoch", found: header.epoch.into() });
        }
        if kind.is_some_and(FrameKind::has_commands) {
            let first_max = TIMESTAMP_MAX + 1 - u64::from(header.count);
            if header.first_timestamp <= self.last_timestamp || header.first_timestamp > first_max {
                let (last, found) = (self.last_timestamp, header.first_timestamp);
                return Err(Fault::Timestamp { last, found });
            }
        }
        Ok(())
    }

    /// Goes on by a frame that was accepted.
    pub fn extend(&mut self, header: &FrameHeader) {
        let (last_sequence, _) = self.before_frame(header);
        self.last_sequence = last_sequence;
        if header.kind().is_some_and(FrameKind::has_commands) {
            self.last_sequence += u64::from(header.count);
            self.last_timestamp = header.first_timestamp + u64::from(header.count - 1);
        }
        self.durable_sequence = self.durable_sequence.max(header.durable_sequence);
        self.previous_checksum = header.checksum;
        self.previous_seal = header.seal;
        self.is_async = header.is_async();
        // A repair that could keep nothing leaves its mark, and rules still come first.
        if self.next != Next::Rules || header.kind() == Some(FrameKind::Rules) {
            self.next = Next::Follower;
        }
        self.epoch = header.epoch;
    }

    /// Last sequence and checksum before a frame.
    fn before_frame(&self, header: &FrameHeader) -> (u64, u32) {
        match self.next {
            Next::Any => (header.first_sequence.saturating_sub(1), header.previous_checksum),
            Next::Rules | Next::Follower => (self.last_sequence, self.previous_checksum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::IS_ASYNC;
    use zerocopy::FromZeros;

    /// A batch of 3 commands that follows on a chain of 10.
    fn batch() -> FrameHeader {
        FrameHeader {
            checksum: 0xc,
            previous_checksum: 0xb,
            first_sequence: 11,
            durable_sequence: 10,
            first_timestamp: 101,
            epoch: 2,
            count: 3,
            kind: FrameKind::Batch as u8,
            seal: [5; 16],
            ..FrameHeader::new_zeroed()
        }
    }

    fn chain() -> Chain {
        Chain {
            previous_checksum: 0xb,
            previous_seal: [4; 16],
            last_sequence: 10,
            last_timestamp: 100,
            durable_sequence: 7,
            epoch: 2,
            is_async: false,
            next: Next::Follower,
        }
    }

    #[test]
    fn a_frame_follows_only_if_everything_agrees() {
        let good = batch();
        let mark =
            FrameHeader { kind: FrameKind::Mark as u8, count: 0, first_timestamp: 0, ..good };
        let rules = FrameHeader { kind: FrameKind::Rules as u8, ..mark };
        let latest = TIMESTAMP_MAX - 2;
        let late = |found| Err(Fault::Timestamp { last: 100, found });
        //  name, the frame, what is said of it
        let cases = [
            ("the next batch", good, Ok(())),
            ("a mark, whose time does not count", mark, Ok(())),
            ("rules in the middle", rules, Ok(())),
            (
                "another predecessor",
                FrameHeader { previous_checksum: 0xa, ..good },
                Err(Fault::Chain { expected: 0xb, found: 0xa }),
            ),
            (
                "a predecessor is looked at before a sequence",
                FrameHeader { previous_checksum: 0xa, first_sequence: 9, ..good },
                Err(Fault::Chain { expected: 0xb, found: 0xa }),
            ),
            (
                "a sequence again",
                FrameHeader { first_sequence: 10, ..good },
                Err(Fault::Sequence { expected: 11, found: 10 }),
            ),
            (
                "a sequence left out",
                FrameHeader { first_sequence: 12, ..good },
                Err(Fault::Sequence { expected: 11, found: 12 }),
            ),
            (
                "calls itself durable",
                FrameHeader { durable_sequence: 11, ..good },
                Err(Fault::Field { name: "durable sequence", found: 11 }),
            ),
            ("calls less durable", FrameHeader { durable_sequence: 0, ..good }, Ok(())),
            ("the same time", FrameHeader { first_timestamp: 100, ..good }, late(100)),
            ("an earlier time", FrameHeader { first_timestamp: 1, ..good }, late(1)),
            ("the latest time", FrameHeader { first_timestamp: latest, ..good }, Ok(())),
            (
                "a time after the last there is",
                FrameHeader { first_timestamp: latest + 1, ..good },
                late(latest + 1),
            ),
            (
                "an epoch that a batch begins",
                FrameHeader { epoch: 3, ..good },
                Err(Fault::Field { name: "epoch", found: 3 }),
            ),
            (
                "an epoch that is over",
                FrameHeader { epoch: 1, ..good },
                Err(Fault::Field { name: "epoch", found: 1 }),
            ),
            ("an epoch that a mark begins", FrameHeader { epoch: 3, ..mark }, Ok(())),
            ("an epoch later, as others were cut", FrameHeader { epoch: 9, ..mark }, Ok(())),
            (
                "a mark of an epoch that is over",
                FrameHeader { epoch: 1, ..mark },
                Err(Fault::Field { name: "epoch", found: 1 }),
            ),
            (
                "an epoch that begins behind what is not durable",
                FrameHeader { epoch: 3, durable_sequence: 9, ..mark },
                Err(Fault::Field { name: "epoch", found: 3 }),
            ),
            ("no time at all", FrameHeader { first_timestamp: u64::MAX, ..good }, late(u64::MAX)),
        ];
        for (name, header, said) in cases {
            assert_eq!(chain().accept(&header), said, "{name}");
        }
    }

    #[test]
    fn a_journal_begins_with_rules_and_a_later_segment_with_what_is_there() {
        let first = SegmentHeader { checksum: 0xb, ..SegmentHeader::new([1; 16], 1, 4096, None) };
        let later = SegmentHeader { segment: 2, ..first };
        let rules = FrameHeader {
            kind: FrameKind::Rules as u8,
            previous_checksum: 0xb,
            first_sequence: 1,
            ..FrameHeader::new_zeroed()
        };
        let early = FrameHeader { first_sequence: 1, durable_sequence: 0, epoch: 0, ..batch() };
        let nothing = FrameHeader { kind: FrameKind::Mark as u8, epoch: 1, ..rules };
        let kind = Fault::Field { name: "kind of the first frame", found: FrameKind::Batch as u64 };
        let cases = [
            ("rules at the start", &first, rules, Ok(())),
            ("a batch at the start", &first, early, Err(kind)),
            ("the mark of a repair that kept nothing", &first, nothing, Ok(())),
            ("a batch in a later segment", &later, batch(), Ok(())),
            (
                "whatever it follows on",
                &later,
                FrameHeader { previous_checksum: 1, ..batch() },
                Ok(()),
            ),
            (
                "but not one that calls itself durable",
                &later,
                FrameHeader { durable_sequence: 11, ..batch() },
                Err(Fault::Field { name: "durable sequence", found: 11 }),
            ),
        ];
        for (name, segment, header, said) in cases {
            assert_eq!(Chain::before(segment).accept(&header), said, "{name}");
        }
        assert!(Chain::before(&first).is_anchored());
        assert!(!Chain::before(&later).is_anchored());
    }

    #[test]
    fn a_chain_goes_on_by_what_it_accepted() {
        let mut chain = chain();
        chain.extend(&batch());
        let expected = Chain {
            previous_checksum: 0xc,
            previous_seal: [5; 16],
            last_sequence: 13,
            last_timestamp: 103,
            durable_sequence: 10,
            epoch: 2,
            is_async: false,
            next: Next::Follower,
        };
        assert_eq!(chain, expected);
        // A mark moves neither sequence nor time, and nothing makes less durable.
        let mark = FrameHeader {
            checksum: 0xd,
            previous_checksum: 0xc,
            first_sequence: 14,
            durable_sequence: 3,
            epoch: 2,
            kind: FrameKind::Mark as u8 | IS_ASYNC,
            ..FrameHeader::new_zeroed()
        };
        chain.extend(&mark);
        let seal = [0; 16];
        assert_eq!(
            chain,
            Chain { previous_checksum: 0xd, previous_seal: seal, is_async: true, ..expected }
        );

        // Behind a first frame that was taken on trust everything is known.
        let segment = SegmentHeader::new([1; 16], 2, 4096, None);
        let mut trusting = Chain::before(&segment);
        trusting.extend(&batch());
        assert_eq!(trusting, expected);
    }
}
