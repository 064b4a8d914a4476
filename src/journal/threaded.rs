//! Storage for systems without asynchronous I/O: threads that block, so that the journal's does
//! not.
//!
//! ```text
//!   Writer ──submit──▶ [writes]  ──▶ writing thread   ──┐
//!        ├──────────▶ [prepare] ──▶ preparing thread ──┼──▶ [completions] ──▶ Writer, and the waker
//!        └───note───▶ [witness] ──▶ witness thread   ──┘
//! ```
//!
//! # Invariants
//!
//! * Queues are bounded and as long as all that can be under way: nothing waits for room.
//! * Making the next segment never delays a write to the current one: each has its own thread.

use std::sync::Arc;
use std::thread::{self, JoinHandle, Thread};

use crossbeam::queue::ArrayQueue;
use crossbeam::sync::Parker;

use super::error::JournalError;
use super::files::{Files, OpenFile};
use super::open_segments::OpenSegments;
use super::place::Position;
use super::preparing::Preparer;
use super::storage::{Completion, OPERATIONS_MAX, Operation, Storage};
use super::waker::{Notifier, Waker};
use super::witness::Witness;
use super::witnessing::Witnessing;

/// Storage that works on threads of its own, over the blocking calls of [`Files`].
pub struct Threaded<F: Files> {
    /// Before the writing thread, so that it ends first: it hands its files on to that one.
    preparing: Preparer<F>,
    witnessing: Witnessing,
    writing: Worker<F>,
    completions: Arc<ArrayQueue<Completion>>,
    parker: Parker,
    under_way: usize,
    description: String,
}

enum Request<F: Files> {
    Do(u64, Operation),
    /// The writing thread takes over a segment's open file.
    Adopt(u32, F::File),
    Stop,
}

struct Worker<F: Files> {
    requests: Arc<ArrayQueue<Request<F>>>,
    thread: Option<JoinHandle<()>>,
}

impl<F: Files> Worker<F> {
    fn push(&self, request: Request<F>) {
        assert!(self.requests.push(request).is_ok(), "the queue holds all that is under way");
        self.thread().unpark();
    }

    fn handle(&self) -> &JoinHandle<()> {
        self.thread.as_ref().expect("the thread is joined only when this is dropped")
    }

    fn thread(&self) -> &Thread {
        self.handle().thread()
    }
}

impl<F: Files> Drop for Worker<F> {
    /// What was asked for before is done first.
    fn drop(&mut self) {
        // A full queue means a thread that died.
        let _ = self.requests.push(Request::Stop);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Tells the writer about what is done.
struct Done {
    completions: Arc<ArrayQueue<Completion>>,
    notifier: Notifier,
}

impl Done {
    fn put(&self, completion: Completion) {
        let is_put = self.completions.push(completion).is_ok();
        assert!(is_put, "the queue holds all that is under way");
    }
}

impl<F: Files> Threaded<F> {
    /// Starts the threads, for a writer that goes on at `position`.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if a segment cannot be opened or a thread not started.
    pub fn start(
        files: &F,
        position: &Position,
        waker: &Waker,
        description: String,
    ) -> Result<Threaded<F>, JournalError> {
        // One more: a witness may fail that nobody demanded.
        let completions = Arc::new(ArrayQueue::new(OPERATIONS_MAX + 1));
        let parker = Parker::new();
        let done = || Done {
            completions: Arc::clone(&completions),
            notifier: Notifier::new(parker.unparker(), waker),
        };
        let open = OpenSegments::open(files, &position.segments())?;
        let failed = |error| JournalError::io_whole("start a thread for", files.path(""), error);

        let requests = Arc::new(ArrayQueue::new(2 * OPERATIONS_MAX));
        let mut writer = WritingThread {
            requests: Arc::clone(&requests),
            open,
            unsynced: Vec::with_capacity(OPERATIONS_MAX),
            done: done(),
        };
        let thread = thread::Builder::new()
            .name("journal-write".into())
            .spawn(move || writer.run())
            .map_err(failed)?;
        let writing = Worker { requests, thread: Some(thread) };

        let witnessed = done();
        let witnessing = Witnessing::start(files, Witness::of(position), move |told| {
            witnessed.put(told.into());
            witnessed.notifier.notify();
        })?;

        let (adopting, write_thread) = (Arc::clone(&writing.requests), writing.thread().clone());
        let done = done();
        let preparing = Preparer::start(files, move |ticket, made| {
            let result = made.map(|(segment, file)| {
                // Before the completion: what the writer asks for next finds it there.
                let adopted = adopting.push(Request::Adopt(segment, file));
                assert!(adopted.is_ok(), "the queue has room for what is adopted");
                write_thread.unpark();
            });
            done.put(Completion { ticket, buffer: None, result });
            done.notifier.notify();
        })?;
        Ok(Threaded {
            writing,
            preparing,
            witnessing,
            completions,
            parker,
            under_way: 0,
            description,
        })
    }

    fn check_threads(&self) {
        let died = self.writing.handle().is_finished()
            || self.preparing.has_died()
            || self.witnessing.has_died();
        assert!(!died || !self.completions.is_empty(), "a thread of the journal's storage died");
    }
}

impl<F: Files> Storage for Threaded<F> {
    fn submit(&mut self, ticket: u64, operation: Operation) {
        assert!(self.under_way < OPERATIONS_MAX, "more is under way than was agreed");
        self.under_way += 1;
        match operation {
            Operation::Prepare(header) => self.preparing.make(ticket, header),
            Operation::Witness(witness) => self.witnessing.demand(ticket, witness),
            operation => {
                if let Operation::Write { segment, offset, bytes, .. } = &operation {
                    self.preparing.show_filled(*segment, offset + *bytes as u64);
                }
                self.writing.push(Request::Do(ticket, operation));
            }
        }
    }

    fn note(&mut self, witness: &Witness) {
        self.witnessing.note(witness);
    }

    fn hurry(&mut self) {
        self.preparing.hurry();
    }

    fn complete(&mut self) -> Option<Completion> {
        let completion = self.completions.pop();
        if let Some(completion) = &completion {
            self.under_way -= usize::from(completion.ticket > 0);
        } else if self.under_way > 0 {
            self.check_threads();
        }
        completion
    }

    fn wait(&mut self) {
        while self.under_way > 0 && self.completions.is_empty() {
            self.check_threads();
            self.preparing.hurry();
            self.parker.park();
        }
    }

    fn describe(&self) -> String {
        self.description.clone()
    }
}

struct WritingThread<F: Files> {
    requests: Arc<ArrayQueue<Request<F>>>,
    open: OpenSegments<F>,
    /// Written, and waiting for one sync of their segment.
    unsynced: Vec<(u32, Completion)>,
    done: Done,
}

impl<F: Files> WritingThread<F> {
    fn run(&mut self) {
        loop {
            match self.requests.pop() {
                Some(Request::Stop) => return self.sync_gathered(),
                Some(Request::Adopt(segment, file)) => self.open.put(segment, file),
                Some(Request::Do(ticket, operation)) => self.work(ticket, operation),
                None if !self.unsynced.is_empty() => self.sync_gathered(),
                // An unpark between the look and the park makes the park return at once.
                None => thread::park(),
            }
        }
    }

    fn work(&mut self, ticket: u64, operation: Operation) {
        let (buffer, result) = match operation {
            Operation::Write { segment, offset, buffer, bytes, durable } => {
                let file = self.open.file(segment);
                let is_gathered = durable && file.syncs_as_a_whole();
                let written = &buffer.bytes()[..bytes];
                let result = file.write_at(offset, written, durable && !is_gathered);
                if is_gathered && result.is_ok() {
                    let completion = Completion { ticket, buffer: Some(buffer), result };
                    return self.unsynced.push((segment, completion));
                }
                (Some(buffer), result)
            }
            Operation::Sync { segment } => {
                self.sync_gathered();
                (None, self.open.file(segment).sync())
            }
            Operation::Release { segment } => {
                self.sync_gathered();
                drop(self.open.take(segment));
                (None, Ok(()))
            }
            Operation::Prepare(_) | Operation::Witness(_) => {
                unreachable!("other threads do that")
            }
        };
        self.done.put(Completion { ticket, buffer, result });
        self.done.notifier.notify();
    }

    /// One sync of each segment for all that was written to it.
    fn sync_gathered(&mut self) {
        let mut unsynced = std::mem::take(&mut self.unsynced);
        let mut synced = None;
        for (segment, mut completion) in unsynced.drain(..) {
            if synced != Some(segment) {
                completion.result = self.open.file(segment).sync();
                // After a failed sync the next is tried again: its success would prove nothing, but
                // the writer is poisoned by the first completion and never looks at the second.
                synced = completion.result.is_ok().then_some(segment);
            }
            self.done.put(completion);
        }
        self.unsynced = unsynced;
        self.done.notifier.notify();
    }
}
