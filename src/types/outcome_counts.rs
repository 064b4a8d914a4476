//! How many commands had which outcome.

use super::Status;

/// One more than the largest number of a [`Status`].
pub const STATUS_NUMBERS: usize = {
    let (mut numbers, mut index) = (0, 0);
    while index < Status::ALL.len() {
        let number = Status::ALL[index] as usize;
        numbers = if number < numbers { numbers } else { number + 1 };
        index += 1;
    }
    numbers
};

/// Outcomes by status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCounts {
    by_number: [u64; STATUS_NUMBERS],
}

impl Default for OutcomeCounts {
    fn default() -> OutcomeCounts {
        OutcomeCounts { by_number: [0; STATUS_NUMBERS] }
    }
}

impl OutcomeCounts {
    /// Counts an outcome with this status number.
    ///
    /// # Panics
    ///
    /// If the number is none of a [`Status`].
    #[inline]
    pub fn add(&mut self, status_number: u16) {
        self.add_many(status_number, 1);
    }

    /// Counts `count` outcomes with this status number.
    ///
    /// # Panics
    ///
    /// If the number is none of a [`Status`].
    #[inline]
    pub fn add_many(&mut self, status_number: u16, count: u64) {
        self.by_number[usize::from(status_number)] += count;
    }

    /// How many outcomes had this status.
    #[must_use]
    pub fn of(&self, status: Status) -> u64 {
        self.by_number[status as usize]
    }

    /// How many outcomes were refusals.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.iter().filter(|(status, _)| status.is_refusal()).map(|(_, count)| count).sum()
    }

    /// How many outcomes there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_number.iter().sum()
    }

    /// Every status that occurred with its count, in the order of the numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Status, u64)> {
        Status::ALL.iter().map(|&status| (status, self.of(status))).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_show_only_what_occurred_and_know_refusals() {
        let mut counts = OutcomeCounts::default();
        for status in [Status::Created, Status::Created, Status::NotFound, Status::ExceedsCredits] {
            counts.add(status as u16);
        }
        assert_eq!(counts.total(), 4);
        assert_eq!(counts.refused(), 1, "a look-up that finds nothing is not a refusal");
        assert!(counts.iter().eq([
            (Status::Created, 2),
            (Status::ExceedsCredits, 1),
            (Status::NotFound, 1)
        ]));
    }
}
