//! Storage that does each operation at once, on the thread that asks: for recovery, which waits
//! anyway, and for tests, which want each step to happen when they say so.

use std::collections::VecDeque;

use super::error::JournalError;
use super::files::{Files, OpenFile};
use super::open_segments::OpenSegments;
use super::segments::make_segment;
use super::storage::{Completion, Operation, Storage};
use super::witness::{Witness, WitnessFile, write_copy};

/// Storage without threads: `submit` returns when the work is done.
pub struct Blocking<F: Files> {
    files: F,
    open: OpenSegments<F>,
    witness: Option<WitnessFile<F>>,
    completions: VecDeque<Completion>,
}

impl<F: Files> Blocking<F> {
    /// `segments` are those that operations may name from the start.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if one of them cannot be opened.
    pub fn new(files: &F, segments: &[u32]) -> Result<Blocking<F>, JournalError> {
        let open = OpenSegments::open(files, segments)?;
        Ok(Blocking { files: files.clone(), open, witness: None, completions: VecDeque::new() })
    }
}

impl<F: Files> Blocking<F> {
    fn write_witness(&mut self, witness: &Witness) -> Result<(), JournalError> {
        let file = match &mut self.witness {
            Some(file) => file,
            none => none.insert(WitnessFile::open(&self.files, witness)?),
        };
        file.write_both(witness)?;
        write_copy(&self.files, witness)
    }
}

impl<F: Files> Storage for Blocking<F> {
    fn submit(&mut self, ticket: u64, operation: Operation) {
        let (buffer, result) = match operation {
            Operation::Prepare(header) => {
                let made = make_segment(&self.files, header);
                (None, made.map(|file| self.open.put(header.segment, file)))
            }
            Operation::Write { segment, offset, buffer, bytes, durable } => {
                let result =
                    self.open.file(segment).write_at(offset, &buffer.bytes()[..bytes], durable);
                (Some(buffer), result)
            }
            Operation::Sync { segment } => (None, self.open.file(segment).sync()),
            Operation::Witness(witness) => (None, self.write_witness(&witness)),
            Operation::Release { segment } => {
                drop(self.open.take(segment));
                (None, Ok(()))
            }
        };
        self.completions.push_back(Completion { ticket, buffer, result });
    }

    /// The witness is written when that is asked for, and not before.
    fn note(&mut self, _: &Witness) {}

    fn complete(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    fn wait(&mut self) {}

    fn describe(&self) -> String {
        "blocking writes on the journal's own thread".into()
    }
}
