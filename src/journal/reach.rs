//! How far a journal is written, and how far it is on stable storage.

use super::options::Durability;
use super::place::Position;
use super::witness::Witness;

/// A place behind commands, and what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// Sequence of the last command before.
    pub sequence: u64,
    /// The segment, and where in it, in bytes.
    pub end: (u32, u64),
}

/// How far a journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    journal_id: [u8; 16],
    epoch: u16,
    durability: Durability,
    /// What was written.
    written: Point,
    /// What is on stable storage.
    durable: Point,
    /// What was noted of that.
    noted: Point,
}

impl Reach {
    /// All that stands before `position` is durable.
    pub fn new(position: &Position, durability: Durability) -> Reach {
        let end = (position.segment, position.offset);
        let point = Point { sequence: position.last_sequence, end };
        let &Position { journal_id, epoch, .. } = position;
        Reach { journal_id, epoch, durability, written: point, durable: point, noted: point }
    }

    /// What was written.
    pub fn written(&self) -> Point {
        self.written
    }

    /// Highest sequence on stable storage.
    pub fn durable_sequence(&self) -> u64 {
        self.durable.sequence
    }

    /// Highest sequence whose outcome may leave.
    pub fn released_sequence(&self) -> u64 {
        match self.durability {
            Durability::Sync => self.durable.sequence,
            Durability::Async => self.written.sequence,
        }
    }

    /// A group was written, as all before it.
    pub fn write(&mut self, point: Point, has_batches: bool) {
        self.written = point;
        match self.durability {
            Durability::Sync => self.durable = point,
            // What holds no commands is durable by itself.
            Durability::Async if !has_batches && self.durable.sequence == point.sequence => {
                self.durable = point;
            }
            Durability::Async => {}
        }
    }

    /// A sync is done that covers `point`, as all before it.
    pub fn sync(&mut self, point: Point) {
        if point.end > self.durable.end {
            self.durable = point;
        }
    }

    /// What the witness is to say.
    pub fn witness(&self) -> Witness {
        let &Reach {
            journal_id, epoch, durable: Point { sequence, end: (segment, offset) }, ..
        } = self;
        Witness { journal_id, epoch, sequence, segment, offset }
    }

    /// The same, if that is more than was noted before.
    pub fn note(&mut self) -> Option<Witness> {
        if self.noted == self.durable {
            return None;
        }
        self.noted = self.durable;
        Some(self.witness())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::SegmentHeader;

    fn point(sequence: u64, segment: u32, offset: u64) -> Point {
        Point { sequence, end: (segment, offset) }
    }

    fn reach(durability: Durability) -> Reach {
        let header = SegmentHeader::new([1; 16], 1, 1 << 21, None);
        Reach::new(&Position::beginning(&header), durability)
    }

    #[test]
    fn what_was_written_durably_may_leave_and_is_noted_once() {
        let mut reach = reach(Durability::Sync);
        assert_eq!(reach.note(), None);
        reach.write(point(5, 1, 8192), true);
        assert_eq!((reach.released_sequence(), reach.durable_sequence()), (5, 5));
        let noted = reach.note().unwrap();
        assert_eq!((noted.sequence, noted.segment, noted.offset), (5, 1, 8192));
        assert_eq!(reach.note(), None);
        // A closing frame holds no command, and is noted all the same.
        reach.write(point(5, 1, 12288), false);
        assert_eq!(reach.note().map(|it| it.offset), Some(12288));
    }

    #[test]
    fn without_waiting_only_a_sync_makes_commands_durable() {
        let mut reach = reach(Durability::Async);
        reach.write(point(5, 1, 8192), true);
        reach.write(point(9, 1, 12288), true);
        assert_eq!((reach.released_sequence(), reach.durable_sequence()), (9, 0));
        assert_eq!(reach.note(), None);
        // A frame without commands is durable, but not what stands before it.
        reach.write(point(9, 1, 16384), false);
        assert_eq!(reach.note(), None);
        reach.sync(point(9, 1, 16384));
        assert_eq!(reach.note().map(|it| (it.sequence, it.offset)), Some((9, 16384)));
        reach.write(point(9, 1, 20480), false);
        assert_eq!(reach.note().map(|it| (it.sequence, it.offset)), Some((9, 20480)));
        // An older sync takes nothing back.
        reach.sync(point(5, 1, 8192));
        assert_eq!(reach.note(), None);
    }
}
