//! Storage without threads that writes the witness too, so that an engine that is killed leaves one.

use ringfence::journal::{Blocking, Completion, Files, JournalError, Operation, Storage, Witness};

/// One note in so many is written: a witness lags behind what is durable, as a real one does.
const EVERY: u32 = 3;
/// Tickets of the writer count from 1 on, and never come here.
const OWN_TICKET: u64 = u64::MAX;

/// Writes as [`Blocking`], and every few notes the witness.
pub(super) struct Witnessed<F: Files> {
    blocking: Blocking<F>,
    notes: u32,
}

impl<F: Files> Witnessed<F> {
    /// As [`Blocking::new`].
    pub fn new(files: &F, segments: &[u32]) -> Result<Witnessed<F>, JournalError> {
        Ok(Witnessed { blocking: Blocking::new(files, segments)?, notes: 0 })
    }
}

impl<F: Files> Storage for Witnessed<F> {
    fn submit(&mut self, ticket: u64, operation: Operation) {
        self.blocking.submit(ticket, operation);
    }

    fn note(&mut self, witness: &Witness) {
        self.notes += 1;
        if self.notes.is_multiple_of(EVERY) {
            self.blocking.submit(OWN_TICKET, Operation::Witness(*witness));
        }
    }

    fn complete(&mut self) -> Option<Completion> {
        let completion = self.blocking.complete()?;
        if completion.ticket != OWN_TICKET {
            return Some(completion);
        }
        completion.result.expect("the disk is well");
        self.complete()
    }

    fn wait(&mut self) {
        self.blocking.wait();
    }

    fn describe(&self) -> String {
        self.blocking.describe()
    }
}
