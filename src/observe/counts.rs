//! How many commands had which outcome.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::types::Status;

/// Outcomes by status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCounts {
    by_number: Box<[u64]>,
}

impl Default for OutcomeCounts {
    fn default() -> OutcomeCounts {
        let numbers = Status::ALL.iter().map(|&status| status as usize + 1).max().unwrap_or(0);
        OutcomeCounts { by_number: vec![0; numbers].into_boxed_slice() }
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
        self.by_number[usize::from(status_number)] += 1;
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

impl Serialize for OutcomeCounts {
    /// `{"created":"7","exists":"1"}`: counts are strings, as in all of the text format.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (status, count) in self.iter() {
            map.serialize_entry(status.name(), &count.to_string())?;
        }
        map.end()
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
        assert_eq!(
            serde_json::to_string(&counts).unwrap(),
            r#"{"created":"2","exceeds_credits":"1","not_found":"1"}"#
        );
    }
}
