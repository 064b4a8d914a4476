//! A thread of its own that makes segments ahead and closes files, so that neither delays a write.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam::queue::ArrayQueue;

use super::error::JournalError;
use super::files::Files;
use super::format::SegmentHeader;
use super::pace::Pace;
use super::segments::make_segment_at;
use super::storage::OPERATIONS_MAX;

/// The thread, for who gives it work.
pub(super) struct Preparer<F: Files> {
    pace: Pace,
    /// The segment that is filled while the next one is made.
    current: u32,
    requests: Arc<ArrayQueue<Request<F>>>,
    thread: Option<JoinHandle<()>>,
}

enum Request<F: Files> {
    Make(u64, SegmentHeader),
    Close(F::File),
    Stop,
}

impl<F: Files> Preparer<F> {
    /// Starts the thread. It calls `on_made` for each segment that it has made or failed to make,
    /// with the ticket, the segment's number and its file, open to write.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if the system refuses a thread.
    pub fn start(
        files: &F,
        mut on_made: impl FnMut(u64, Result<(u32, F::File), JournalError>) + Send + 'static,
    ) -> Result<Preparer<F>, JournalError> {
        // Each operation asks for at most one of these, and one more ends the thread.
        let requests: Arc<ArrayQueue<Request<F>>> = Arc::new(ArrayQueue::new(OPERATIONS_MAX + 1));
        let (queue, own) = (Arc::clone(&requests), files.clone());
        let pace = Pace::default();
        let own_pace = pace.clone();
        let thread = thread::Builder::new()
            .name("journal-prepare".into())
            .spawn(move || {
                loop {
                    match queue.pop() {
                        Some(Request::Make(ticket, header)) => {
                            let made = make_segment_at(&own_pace, &own, header);
                            on_made(ticket, made.map(|file| (header.segment, file)));
                        }
                        Some(Request::Close(file)) => drop(file),
                        Some(Request::Stop) => return,
                        // An unpark between the look and the park makes the park return at once.
                        None => thread::park(),
                    }
                }
            })
            .map_err(|error| JournalError::io_whole("start a thread for", files.path(""), error))?;
        Ok(Preparer { pace, current: 0, requests, thread: Some(thread) })
    }

    /// Has a segment made, beside the one before it, which is filled meanwhile.
    pub fn make(&mut self, ticket: u64, header: SegmentHeader) {
        let current = header.segment - 1;
        // Not one that is tried again: how far the current one is, is known.
        if self.current != current {
            self.current = current;
            self.pace.begin();
        }
        self.push(Request::Make(ticket, header));
    }

    /// `segment` is filled up to `offset`, or will be at once.
    #[inline]
    pub fn show_filled(&self, segment: u32, offset: u64) {
        if segment == self.current {
            self.pace.show(offset);
        }
    }

    /// Somebody waits for what is being made.
    pub fn hurry(&self) {
        self.pace.hurry();
    }

    /// Has a file closed.
    pub fn close(&self, file: F::File) {
        self.push(Request::Close(file));
    }

    /// Whether the thread has died: no segment will ever be made again.
    pub fn has_died(&self) -> bool {
        self.handle().is_finished()
    }

    fn push(&self, request: Request<F>) {
        assert!(self.requests.push(request).is_ok(), "the queue holds all that is under way");
        self.handle().thread().unpark();
    }

    fn handle(&self) -> &JoinHandle<()> {
        self.thread.as_ref().expect("the thread is joined only when this is dropped")
    }
}

impl<F: Files> Drop for Preparer<F> {
    /// What was asked for before is done first.
    fn drop(&mut self) {
        self.hurry();
        // A full queue means a thread that died.
        let _ = self.requests.push(Request::Stop);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
