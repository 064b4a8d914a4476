//! How long bytes that are not as they should be may still be on their way.

use std::time::{Duration, Instant};

use ringfence_journal::{Fault, JournalError};

/// A frame that is being written is whole long before that.
const LONGEST: Duration = Duration::from_secs(1);

/// Remembers since when a reader stands before the same fault.
#[derive(Debug, Default)]
pub(super) struct Patience {
    fault: Option<(Fault, u64, Instant)>,
}

impl Patience {
    /// Whether `error`, which the reader stands before, has been there for too long.
    pub fn is_over(&mut self, error: &JournalError) -> bool {
        let JournalError::Damaged { offset, fault, .. } = error else { return true };
        match &self.fault {
            Some((before, at, since)) if before == fault && at == offset => {
                since.elapsed() >= LONGEST
            }
            _ => {
                self.fault = Some((fault.clone(), *offset, Instant::now()));
                false
            }
        }
    }

    /// It went on.
    pub fn renew(&mut self) {
        self.fault = None;
    }
}
