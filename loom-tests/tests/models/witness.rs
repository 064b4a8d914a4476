//! The thread that writes the journal's witness: no note is slept over, and none is left at the
//! end. The queues are stood for by numbers; the file under test is the journal's own.

#[path = "../../../src/journal/nap.rs"]
mod nap;

/// What the file is built on.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering, fence};

    /// Whether this run leaves an ordering out, as the variable `WEAKEN` says.
    pub(super) fn weakens(ordering: &str) -> bool {
        // Each thread asks for itself: what one read for all would need an ordering of its own.
        std::thread_local! {
            static WEAKENED: Option<String> = std::env::var("WEAKEN").ok();
        }
        WEAKENED.with(|weakened| weakened.as_deref() == Some(ordering))
    }
}

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread::{self, JoinHandle};
use nap::Nap;

use crate::support::check;

/// The latest note, 0 before the first, and how the thread sleeps.
struct Shared {
    latest: AtomicU64,
    nap: Nap,
}

impl Shared {
    fn new() -> Arc<Shared> {
        // Relaxed in all of these: the number alone proves nothing, the orderings under test do.
        Arc::new(Shared { latest: AtomicU64::new(0), nap: Nap::new() })
    }

    fn note(&self, number: u64, thread: &JoinHandle<()>) {
        self.latest.store(number, Relaxed);
        self.nap.after_put(|| thread.thread().unpark());
    }

    /// Sleeps until the latest note is this one.
    fn sleep_until(&self, number: u64) {
        let is_put = || self.latest.load(Relaxed) == number;
        while !is_put() {
            self.nap.sleep(is_put, thread::park);
        }
    }
}

/// Forbidden: the thread finds no note and sleeps, and the note finds it awake.
#[test]
fn a_note_wakes_the_thread() {
    check(None, || {
        let shared = Shared::new();
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || own.sleep_until(1));
        shared.note(1, &thread);
        thread.join().unwrap();
    });
}

/// Forbidden: the second note, put while the thread wakes up for the first, is slept over.
#[test]
fn a_note_during_a_wake_up_is_not_slept_over() {
    check(3, || {
        let shared = Shared::new();
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || own.sleep_until(2));
        shared.note(1, &thread);
        shared.note(2, &thread);
        thread.join().unwrap();
    });
}

/// Forbidden: the thread sees that it is to stop, and not what was noted before; it would end
/// without having written that. Here it waits for it, for ever.
#[test]
fn what_was_noted_before_the_stop_is_seen_with_it() {
    check(None, || {
        let shared = Shared::new();
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            if own.nap.stops() && own.latest.load(Relaxed) == 0 {
                // Nobody wakes this one.
                let (nobody, waits) = loom::sync::mpsc::channel::<()>();
                waits.recv().unwrap();
                drop(nobody);
            }
        });
        shared.latest.store(1, Relaxed);
        shared.nap.stop();
        thread.join().unwrap();
    });
}

/// Forbidden: the thread sleeps on although it is to stop.
#[test]
fn a_stop_ends_the_sleep() {
    check(None, || {
        let shared = Shared::new();
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !own.nap.stops() {
                own.nap.sleep(|| false, thread::park);
            }
        });
        shared.nap.stop();
        thread.thread().unpark();
        thread.join().unwrap();
    });
}
