//! Which deliveries may be acknowledged, in the order in which they came.

use std::collections::VecDeque;

/// Deliveries of one connection that are not acknowledged. MQTT wants acknowledgements in the order
/// of the deliveries: so the oldest that is not settled holds back those behind it.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    /// Packet identifier of each delivery, and what it still waits for.
    waiting: VecDeque<(u16, u32)>,
    /// Number of the first of `waiting`.
    first: u64,
}

impl Acknowledgements {
    /// A delivery has come, and waits for one thing. Returns its number.
    pub fn add(&mut self, packet: u16) -> u64 {
        self.waiting.push_back((packet, 1));
        self.first + self.waiting.len() as u64 - 1
    }

    /// The delivery waits for one thing more.
    pub fn wait_for_one_more(&mut self, number: u64) {
        if let Some((_, waits)) = self.find(number) {
            *waits += 1;
        }
    }

    /// One thing that the delivery waits for is there.
    pub fn settle_one(&mut self, number: u64) {
        if let Some((_, waits)) = self.find(number) {
            *waits -= 1;
        }
    }

    /// The packet identifier of the next delivery that can be acknowledged.
    pub fn take(&mut self) -> Option<u16> {
        let &(packet, 0) = self.waiting.front()? else { return None };
        self.waiting.pop_front();
        self.first += 1;
        Some(packet)
    }

    fn find(&mut self, number: u64) -> Option<&mut (u16, u32)> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.waiting.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_unsettled_delivery_holds_back_those_behind_it() {
        let mut deliveries = Acknowledgements::default();
        assert_eq!(deliveries.take(), None);
        let numbers: Vec<u64> = (11..=13).map(|packet| deliveries.add(packet)).collect();
        deliveries.settle_one(numbers[1]);
        assert_eq!(deliveries.take(), None);
        deliveries.wait_for_one_more(numbers[0]);
        deliveries.settle_one(numbers[0]);
        assert_eq!(deliveries.take(), None);
        deliveries.settle_one(numbers[0]);
        assert_eq!((deliveries.take(), deliveries.take()), (Some(11), Some(12)));
        assert_eq!(deliveries.take(), None);
        deliveries.settle_one(numbers[2]);
        assert_eq!(deliveries.take(), Some(13));
        // The broker uses an identifier again once it is acknowledged.
        let again = deliveries.add(11);
        deliveries.settle_one(again);
        assert_eq!(deliveries.take(), Some(11));
    }
}
