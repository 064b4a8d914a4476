//! The segments that a storage has open to write.

use super::error::JournalError;
use super::files::{Access, Files};
use super::segments::segment_name;
use super::storage::OPERATIONS_MAX;

/// Open files by the number of their segment. There are few at a time.
pub(super) struct OpenSegments<F: Files>(Vec<(u32, F::File)>);

impl<F: Files> OpenSegments<F> {
    /// Opens the segments that operations may name from the start.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if one of them cannot be opened.
    pub fn open(files: &F, segments: &[u32]) -> Result<OpenSegments<F>, JournalError> {
        let mut open = Vec::with_capacity(OPERATIONS_MAX);
        for &segment in segments {
            open.push((segment, files.open(&segment_name(segment), Access::Write)?));
        }
        Ok(OpenSegments(open))
    }

    /// Adds a segment that was made.
    pub fn put(&mut self, segment: u32, file: F::File) {
        self.0.push((segment, file));
    }

    /// Takes a segment out that no operation names any more.
    pub fn take(&mut self, segment: u32) -> Option<F::File> {
        let index = self.0.iter().position(|&(number, _)| number == segment)?;
        Some(self.0.swap_remove(index).1)
    }

    /// The file of a segment.
    ///
    /// # Panics
    ///
    /// If the segment is not open.
    pub fn file(&self, segment: u32) -> &F::File {
        let found = self.0.iter().find(|&&(number, _)| number == segment);
        &found.expect("operations name only segments that were prepared").1
    }
}
