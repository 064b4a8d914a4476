//! What the sleep of the witness's thread is built on. Models put loom in its place.

pub(super) use std::sync::atomic::{AtomicBool, Ordering, fence};

/// Whether an ordering is left out, to see that a model notices: never but in models.
pub(super) const fn weakens(_ordering: &str) -> bool {
    false
}
