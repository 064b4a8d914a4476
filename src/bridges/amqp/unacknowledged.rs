//! Which deliveries may be acknowledged together.

use std::collections::BTreeSet;

/// Deliveries of one channel that are not acknowledged. RabbitMQ acknowledges "all up to this one":
/// so the oldest that is not settled holds back those behind it.
#[derive(Debug, Default)]
pub(crate) struct Unacknowledged {
    unsettled: BTreeSet<u64>,
    /// The last delivery.
    last: u64,
    acknowledged: u64,
}

impl Unacknowledged {
    /// A delivery has come. Their tags increase.
    pub fn add(&mut self, tag: u64) {
        self.unsettled.insert(tag);
        self.last = tag;
    }

    /// A delivery is settled.
    pub fn settle(&mut self, tag: u64) {
        self.unsettled.remove(&tag);
    }

    /// The delivery up to which all can be acknowledged now, if there are new ones.
    pub fn take(&mut self) -> Option<u64> {
        let up_to = self.unsettled.first().map_or(self.last, |first| first - 1);
        if up_to <= self.acknowledged {
            return None;
        }
        self.acknowledged = up_to;
        Some(up_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_unsettled_delivery_holds_back_those_behind_it() {
        let mut deliveries = Unacknowledged::default();
        assert_eq!(deliveries.take(), None);
        (1..=5).for_each(|tag| deliveries.add(tag));
        deliveries.settle(2);
        assert_eq!(deliveries.take(), None);
        deliveries.settle(1);
        assert_eq!(deliveries.take(), Some(2));
        assert_eq!(deliveries.take(), None);
        deliveries.settle(5);
        deliveries.settle(4);
        deliveries.settle(3);
        assert_eq!(deliveries.take(), Some(5));
    }
}
