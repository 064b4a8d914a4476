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
    /// The chain before the first frame of a segment. It is known there only in the first segment of
    /// all.
    pub fn before(segment: &SegmentHeader) -> Chain {
        Chain {
            previous_checksum: segment.checksum,
            previous_seal: segment.seal,
            last_sequence: 0,
            last_timestamp: 0,
            durable_sequence: 0,
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
            next: Next::Follower,
        }
    }

    /// Sequence of the next command.
    pub fn next_sequence(&self) -> u64 {
        self.last_sequence + 1
    }

    /// Whether the seal of the frame before is known, so that the next one can be checked.
    pub fn knows_seal(&self) -> bool {
        self.next != Next::Any
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
        if self.next == Next::Rules && kind != Some(FrameKind::Rules) {
            let found = header.kind.into();
            return Err(Fault::Field { name: "kind of the first frame", found });
        }
        if kind == Some(FrameKind::Batch) {
            let end = header.first_timestamp.saturating_add(u64::from(header.count));
            if header.first_timestamp <= self.last_timestamp || end > TIMESTAMP_MAX {
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
        if header.kind() == Some(FrameKind::Batch) {
            self.last_sequence += u64::from(header.count);
            self.last_timestamp = header.first_timestamp + u64::from(header.count - 1);
        }
        self.durable_sequence = self.durable_sequence.max(header.durable_sequence);
        self.previous_checksum = header.checksum;
        self.previous_seal = header.seal;
        self.next = Next::Follower;
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
    use zerocopy::FromZeros;

    /// A batch of 3 commands that follows on a chain of 10.
    fn batch() -> FrameHeader {
        FrameHeader {
            checksum: 0xc,
            previous_checksum: 0xb,
            first_sequence: 11,
            durable_sequence: 10,
            first_timestamp: 101,
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
            next: Next::Follower,
        }
    }

    #[test]
    fn a_frame_follows_only_if_everything_agrees() {
        let good = batch();
        let mark =
            FrameHeader { kind: FrameKind::Mark as u8, count: 0, first_timestamp: 0, ..good };
        let rules = FrameHeader { kind: FrameKind::Rules as u8, ..mark };
        let latest = TIMESTAMP_MAX - 3;
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
        let early = FrameHeader { first_sequence: 1, durable_sequence: 0, ..batch() };
        let kind = Fault::Field { name: "kind of the first frame", found: FrameKind::Batch as u64 };
        let cases = [
            ("rules at the start", &first, rules, Ok(())),
            ("a batch at the start", &first, early, Err(kind)),
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
        assert!(Chain::before(&first).knows_seal());
        assert!(!Chain::before(&later).knows_seal());
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
            next: Next::Follower,
        };
        assert_eq!(chain, expected);
        // A mark moves neither sequence nor time, and nothing makes less durable.
        let mark = FrameHeader {
            checksum: 0xd,
            previous_checksum: 0xc,
            first_sequence: 14,
            durable_sequence: 3,
            kind: FrameKind::Mark as u8,
            ..FrameHeader::new_zeroed()
        };
        chain.extend(&mark);
        let seal = [0; 16];
        assert_eq!(chain, Chain { previous_checksum: 0xd, previous_seal: seal, ..expected });

        // Behind a first frame that was taken on trust everything is known.
        let segment = SegmentHeader::new([1; 16], 2, 4096, None);
        let mut trusting = Chain::before(&segment);
        trusting.extend(&batch());
        assert_eq!(trusting, Chain { durable_sequence: 10, ..expected });
    }
}
