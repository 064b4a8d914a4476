//! Up to which offset a partition is settled.

use std::collections::BTreeSet;

/// Offsets of one partition that are under way.
#[derive(Debug)]
pub(super) struct Offsets {
    unsettled: BTreeSet<i64>,
    /// One more than the last that has come.
    next: i64,
}

impl Offsets {
    /// Begins with this offset.
    pub fn new(start: i64) -> Offsets {
        Offsets { unsettled: BTreeSet::new(), next: start }
    }

    /// A message has come. Offsets increase, with gaps.
    pub fn add(&mut self, offset: i64) {
        self.unsettled.insert(offset);
        self.next = offset + 1;
    }

    /// A message is settled.
    pub fn settle(&mut self, offset: i64) {
        self.unsettled.remove(&offset);
    }

    /// Everything below this offset is settled.
    pub fn settled(&self) -> i64 {
        self.unsettled.first().copied().unwrap_or(self.next)
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
