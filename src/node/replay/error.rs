//! What can keep a journal from being replayed.

use std::path::PathBuf;

use ringfence_engine::EngineError;
use ringfence_journal::JournalError;
use ringfence_types::Misfit;

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal cannot be read, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A snapshot is as it was written, and what it holds can be no engine's contents.
    #[error("{}: {misfit}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// The first record that does not fit.
        misfit: Misfit,
    },
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
    /// The end that is asked for lies before what is still there.
    #[error(
        "the state after sequence {until} cannot be had: what came before is retired, and the earliest snapshot is of sequence {earliest}"
    )]
    Retired {
        /// The last command that was wanted.
        until: u64,
        /// The first that can be had.
        earliest: u64,
    },
    /// The journal ends before its rules.
    #[error("the journal has no rules")]
    NoRules,
}
