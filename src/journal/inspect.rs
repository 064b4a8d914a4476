//! Looks a whole journal over and counts what it holds.

use super::cursor::Cursor;
use super::data_dir::DataDir;
use super::entry::{Entry, Tail};
use super::error::JournalError;
use super::files::Files;
use super::format::Seal;
use super::seal::{Key, Seals};
use super::start::Start;
use super::witness::WitnessFound;
use ringfence_types::{Op, Rules};

/// What a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Identity of the journal.
    pub journal_id: u128,
    /// Version of the format.
    pub format_version: u32,
    /// Segment files, those made ahead included.
    pub segments: u64,
    /// Length of all segment files, in bytes.
    pub file_bytes: u64,
    /// Bytes of frames with headers and padding.
    pub frame_bytes: u64,
    /// Frames of all kinds.
    pub frames: u64,
    /// Batches of commands.
    pub batches: u64,
    /// Commands in the largest batch.
    pub batch_commands_max: u64,
    /// Commands of each operation, in the order of [`Op::ALL`].
    pub commands: [u64; Op::ALL.len()],
    /// Sequence of the last command, 0 if there is none.
    pub last_sequence: u64,
    /// Timestamp of the first command, in nanoseconds, 0 if there is none.
    pub first_timestamp: u64,
    /// Timestamp of the last command, in nanoseconds, 0 if there is none.
    pub last_timestamp: u64,
    /// Highest sequence that the journal says is durable.
    pub durable_sequence: u64,
    /// The rules that hold at the end; none in a journal that was never begun.
    pub rules: Option<Rules>,
    /// What stands behind the last good frame.
    pub tail: Option<Tail>,
    /// What the witness says.
    pub witness: WitnessFound,
    /// Whether the journal is sealed, and whether that was checked.
    pub seals: Seals,
    /// Seal of the last frame: whoever keeps it elsewhere can tell later that nothing was cut off.
    pub last_seal: Seal,
}

/// Checks every byte of the journal in `dir` and counts what it holds. With a key it checks
/// seals too. Changes nothing, and calls `on_checked` after every frame with the bytes of frames
/// that were checked so far.
///
/// Beside a running engine the end is where the journal ended when it was reached, and what is just
/// being written may show as a tail.
///
/// # Errors
///
/// [`JournalError::Damaged`] for the first damage, [`JournalError::NotKeyed`],
/// [`JournalError::Io`].
pub fn inspect(
    dir: &DataDir,
    key: Option<Key>,
    on_checked: impl FnMut(u64),
) -> Result<Summary, JournalError> {
    inspect_files(dir.files(), key, on_checked)
}

/// As [`inspect`], for files of any kind.
///
/// # Errors
///
/// As [`inspect`].
pub fn inspect_files<F: Files>(
    files: &F,
    key: Option<Key>,
    mut on_checked: impl FnMut(u64),
) -> Result<Summary, JournalError> {
    let mut cursor = Cursor::open(files, Start::FirstKept, key)?;
    let mut summary = Summary {
        journal_id: u128::from_be_bytes(cursor.segment().journal_id),
        format_version: cursor.segment().version,
        segments: 0,
        file_bytes: cursor.segments().iter().map(|header| header.segment_bytes).sum(),
        frame_bytes: 0,
        frames: 0,
        batches: 0,
        batch_commands_max: 0,
        commands: [0; Op::ALL.len()],
        last_sequence: 0,
        first_timestamp: 0,
        last_timestamp: 0,
        durable_sequence: 0,
        rules: None,
        tail: None,
        witness: WitnessFound::Missing,
        seals: cursor.seals(),
        last_seal: [0; 16],
    };
    while cursor.advance()?.is_some() {
        summary.frames += 1;
        summary.frame_bytes += cursor.frame_bytes();
        if let Some(Entry::Batch { first_timestamp, commands, .. }) = cursor.entry() {
            if summary.batches == 0 {
                summary.first_timestamp = first_timestamp;
            }
            let count = commands.len() as u64;
            summary.batches += 1;
            summary.batch_commands_max = summary.batch_commands_max.max(count);
            let op = Op::ALL.iter().position(|&op| op == commands[0].op());
            summary.commands[op.expect("the cursor gives only known operations")] += count;
        }
        on_checked(summary.frame_bytes);
    }
    summary.segments = cursor.segments().len() as u64;
    summary.file_bytes = cursor.segments().iter().map(|header| header.segment_bytes).sum();
    summary.last_sequence = cursor.chain().last_sequence;
    summary.last_timestamp = cursor.chain().last_timestamp;
    summary.durable_sequence = cursor.durable_sequence();
    summary.rules = cursor.rules().copied();
    summary.last_seal = cursor.chain().previous_seal;
    if let Some(end) = cursor.end() {
        summary.tail.clone_from(&end.tail);
        summary.witness.clone_from(&end.witness);
    }
    Ok(summary)
}
