//! The line that ends a run: what the engine holds now, as `replay` prints it.

use serde::{Serialize, Serializer};

use ringfence_engine::Engine;
use ringfence_types::OutcomeCounts;

/// What a run did and what the engine holds after it.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    commands: String,
    last_sequence: String,
    last_timestamp: String,
    accounts: String,
    transfers: String,
    digest: String,
}

impl Summary {
    /// Sums up `engine` after `commands` commands.
    pub(super) fn of(
        engine: &Engine,
        commands: u64,
        last_sequence: u64,
        last_timestamp: u64,
    ) -> Summary {
        Summary {
            commands: commands.to_string(),
            last_sequence: last_sequence.to_string(),
            last_timestamp: last_timestamp.to_string(),
            accounts: engine.account_count().to_string(),
            transfers: engine.transfer_count().to_string(),
            digest: engine.digest().to_string(),
        }
    }

    /// The line, without its end.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("strings can be written as JSON")
    }
}

/// Outcomes by status, as one line without its end: `{"outcomes":{"created":"7","exists":"1"}}`.
pub(super) fn counts_line(counts: &OutcomeCounts) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(serialize_with = "by_status")]
        outcomes: &'a OutcomeCounts,
    }
    serde_json::to_string(&Line { outcomes: counts }).expect("counts can be written as JSON")
}

/// Counts are strings, as in all of the text format, and come in the order of the statuses' numbers.
fn by_status<S: Serializer>(counts: &OutcomeCounts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(status, count)| (status.name(), count.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_types::Status;

    #[test]
    fn the_counts_are_strings_in_the_order_of_the_numbers() {
        let mut counts = OutcomeCounts::default();
        for status in [Status::Created, Status::Created, Status::NotFound, Status::ExceedsCredits] {
            counts.add(status as u16);
        }
        let expected = r#"{"outcomes":{"created":"2","exceeds_credits":"1","not_found":"1"}}"#;
        assert_eq!(counts_line(&counts), expected);
    }
}
