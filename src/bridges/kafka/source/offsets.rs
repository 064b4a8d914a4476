//! Up to which offset a partition is settled.

use std::collections::{BTreeSet, VecDeque};

/// Offsets of one partition that are under way.
#[derive(Debug)]
pub(super) struct Offsets {
    /// From the oldest that is not settled on.
    come: VecDeque<i64>,
    /// Those of them that were settled before an older one.
    early: BTreeSet<i64>,
    /// One more than the last that has come.
    next: i64,
}

impl Offsets {
    /// Begins with this offset.
    pub fn new(start: i64) -> Offsets {
        Offsets { come: VecDeque::new(), early: BTreeSet::new(), next: start }
    }

    /// A message has come. Offsets increase, with gaps.
    pub fn add(&mut self, offset: i64) {
        self.come.push_back(offset);
        self.next = offset + 1;
    }

    /// A message is settled.
    pub fn settle(&mut self, offset: i64) {
        if self.come.front() != Some(&offset) {
            self.early.insert(offset);
            return;
        }
        self.come.pop_front();
        while let Some(first) = self.early.first()
            && self.come.front() == Some(first)
        {
            self.early.pop_first();
            self.come.pop_front();
        }
    }

    /// Everything below this offset is settled.
    pub fn settled(&self) -> i64 {
        self.come.front().copied().unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_unsettled_offset_holds_back_those_behind_it() {
        let mut offsets = Offsets::new(7);
        assert_eq!(offsets.settled(), 7);
        for offset in [7, 8, 12] {
            offsets.add(offset);
        }
        offsets.settle(8);
        assert_eq!(offsets.settled(), 7);
        offsets.settle(7);
        assert_eq!(offsets.settled(), 12);
        offsets.settle(12);
        assert_eq!(offsets.settled(), 13);
    }
}
