//! The line that ends a run: what the engine holds now, as `replay` prints it.

use serde::Serialize;

use crate::engine::Engine;
use crate::observe::OutcomeCounts;

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

/// Outcomes by status, as one line without its end.
pub(super) fn counts_line(counts: &OutcomeCounts) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        outcomes: &'a OutcomeCounts,
    }
    serde_json::to_string(&Line { outcomes: counts }).expect("counts can be written as JSON")
}
