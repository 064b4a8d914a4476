//! What can keep a journal from being replayed.

use ringfence_engine::EngineError;
use ringfence_journal::JournalError;

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal cannot be read, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An engine cannot be set up under the journal's rules.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Commands were taken in under other rules than this program has.
    #[error(
        "command {sequence} was taken in under version {journaled} of the rules, this program has version {program}"
    )]
    RulesVersion {
        /// The first such command.
        sequence: u64,
        /// Version in the journal.
        journaled: u32,
        /// Version of the program.
        program: u32,
    },
}
