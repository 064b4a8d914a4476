//! Wakes whoever waits for a storage.

use std::sync::Arc;

use crossbeam::sync::Unparker;

/// Called, on another thread, whenever an operation has completed.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Wakes the journal's thread, wherever it waits. A thread that ends lets it go: who waits for that
/// thread then finds out.
pub(super) struct Notifier {
    unparker: Unparker,
    waker: Waker,
}

impl Notifier {
    /// `unparker` is that of a thread in [`super::Storage::wait`], `waker` that of the engine.
    pub fn new(unparker: &Unparker, waker: &Waker) -> Notifier {
        Notifier { unparker: unparker.clone(), waker: Arc::clone(waker) }
    }

    /// Something is done.
    pub fn notify(&self) {
        self.unparker.unpark();
        (self.waker)();
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.notify();
    }
}
