//! A text that one task writes and another shows.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A text that is there or not.
#[derive(Debug, Default)]
pub struct Note(Mutex<Option<String>>);

impl Note {
    /// Writes it.
    pub fn set(&self, text: impl std::fmt::Display) {
        *self.lock() = Some(text.to_string());
    }

    /// There is none any more.
    pub fn clear(&self) {
        *self.lock() = None;
    }

    /// What was written last.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        // Whoever panicked left a text that is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
