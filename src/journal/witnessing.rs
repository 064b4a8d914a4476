//! A thread of its own that writes the witness, so that nothing waits for it.
//!
//! ```text
//!   Writer ──note───▶ [latest]  ──▶ thread ──▶ witness      now and then, while something is new
//!        └───demand─▶ [demands] ──▶   └─────▶ tell          at once
//! ```
//!
//! # Invariants
//!
//! * A note replaces the one before: the thread writes the latest.
//! * While notes come, two writes begin at least [`PERIOD`] apart. So what was durable for longer
//!   than that and one write is witnessed.
//! * Once no more notes come, both slots say the same, and the thread sleeps.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;

use super::error::JournalError;
use super::files::Files;
use super::nap::Nap;
use super::segments::segment_name;
use super::storage::{Completion, OPERATIONS_MAX};
use super::witness::{Witness, WitnessFile, write_copy};

/// Shortest time between the beginnings of two writes that nobody demanded.
const PERIOD: Duration = Duration::from_millis(5);

/// The thread, for who gives it work.
pub(super) struct Witnessing {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    latest: ArrayQueue<Witness>,
    demands: ArrayQueue<(u64, Witness)>,
    nap: Nap,
}

/// What the thread tells.
pub(super) enum Told {
    /// A demand is done.
    Done(u64, Result<(), JournalError>),
    /// A write failed that nobody demanded, or the directory is no longer what it was. Told once.
    Failed(JournalError),
}

impl From<Told> for Completion {
    fn from(told: Told) -> Completion {
        let (ticket, result) = match told {
            Told::Done(ticket, result) => (ticket, result),
            Told::Failed(error) => (0, Err(error)),
        };
        Completion { ticket, buffer: None, result }
    }
}

impl Witnessing {
    /// Starts the thread over a journal of which `witness` is durable. It calls `tell` with what it
    /// has to tell.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if the witness cannot be opened or the system refuses a thread.
    pub fn start<F: Files>(
        files: &F,
        witness: Witness,
        tell: impl FnMut(Told) + Send + 'static,
    ) -> Result<Witnessing, JournalError> {
        let shared = Arc::new(Shared {
            latest: ArrayQueue::new(1),
            demands: ArrayQueue::new(OPERATIONS_MAX),
            nap: Nap::new(),
        });
        let mut watch = Watch {
            file: WitnessFile::open(files, &witness)?,
            files: files.clone(),
            shared: Arc::clone(&shared),
            last: witness,
            is_in_both: false,
            has_failed: false,
            tell,
        };
        let thread =
            thread::Builder::new().name("journal-witness".into()).spawn(move || watch.run());
        let thread = thread
            .map_err(|error| JournalError::io_whole("start a thread for", files.path(""), error))?;
        Ok(Witnessing { shared, thread: Some(thread) })
    }

    /// More is durable. Wakes the thread only if it sleeps because nothing was new.
    pub fn note(&self, witness: &Witness) {
        self.shared.latest.force_push(*witness);
        self.shared.nap.after_put(|| self.handle().thread().unpark());
    }

    /// Has the witness written at once, and told by its ticket.
    pub fn demand(&self, ticket: u64, witness: Witness) {
        let is_put = self.shared.demands.push((ticket, witness)).is_ok();
        assert!(is_put, "the queue holds all that is under way");
        self.handle().thread().unpark();
    }

    /// Whether the thread has died: nothing will be witnessed any more.
    pub fn has_died(&self) -> bool {
        self.handle().is_finished()
    }

    fn handle(&self) -> &JoinHandle<()> {
        self.thread.as_ref().expect("the thread is joined only when this is dropped")
    }
}

impl Drop for Witnessing {
    /// What was noted and demanded before is written first.
    fn drop(&mut self) {
        self.shared.nap.stop();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Watch<F: Files, T> {
    files: F,
    file: WitnessFile<F>,
    shared: Arc<Shared>,
    /// What was written last.
    last: Witness,
    /// Whether both slots say that.
    is_in_both: bool,
    has_failed: bool,
    tell: T,
}

impl<F: Files, T: FnMut(Told)> Watch<F, T> {
    fn run(&mut self) {
        loop {
            let begun = Instant::now();
            // Looked at first: what was noted before is written.
            let stops = self.shared.nap.stops();
            let latest = self.shared.latest.pop();
            while let Some((ticket, witness)) = self.shared.demands.pop() {
                let result =
                    self.write(witness, true).and_then(|()| write_copy(&self.files, &witness));
                (self.tell)(Told::Done(ticket, result));
            }
            match latest.filter(|latest| latest.sequence >= self.last.sequence) {
                Some(latest) if latest != self.last => self.write_noted(latest, stops),
                // Nothing new since: the other slot is brought up to date.
                _ if !self.is_in_both => self.write_noted(self.last, true),
                _ => {}
            }
            if stops {
                return;
            }
            self.sleep(begun);
        }
    }

    /// Until there is something new, but at least for a period if there was.
    fn sleep(&mut self, begun: Instant) {
        let shared = &self.shared;
        if !self.is_in_both && !self.has_failed {
            while let Some(rest) = PERIOD.checked_sub(begun.elapsed())
                && shared.demands.is_empty()
                && !shared.nap.stops()
            {
                thread::park_timeout(rest);
            }
            return;
        }
        // Whoever demands or stops unparks after that: a park then returns at once.
        shared.nap.sleep(|| !shared.latest.is_empty(), thread::park);
    }

    fn write_noted(&mut self, witness: Witness, in_both: bool) {
        if self.has_failed {
            return;
        }
        if let Err(error) = self.write(witness, in_both) {
            self.has_failed = true;
            (self.tell)(Told::Failed(error));
        }
    }

    /// Writes one slot, or makes both say the same.
    fn write(&mut self, witness: Witness, in_both: bool) -> Result<(), JournalError> {
        // What is durable in files that nobody finds any more is not durable.
        self.files.check_in_place(&segment_name(witness.segment))?;
        if witness != self.last {
            self.file.write(&witness)?;
            (self.last, self.is_in_both) = (witness, false);
        }
        if in_both && !self.is_in_both {
            self.file.write(&witness)?;
            self.is_in_both = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::directory::{Directory, WriteMode};
    use super::super::witness::{
        SEQUENCE_AT, SLOT_BYTES, WITNESS_NAME, WitnessFound, read_witness,
    };
    use super::*;

    fn says(files: &Directory, witness: Witness) -> bool {
        matches!(read_witness(files).unwrap(), WitnessFound::Says(found, _) if found == witness)
    }

    fn witness(sequence: u64) -> Witness {
        Witness { journal_id: [7; 16], epoch: 0, sequence, segment: 1, offset: 4096 }
    }

    #[test]
    fn the_latest_note_is_written_soon_and_in_the_end_in_both_slots() {
        let folder = tempfile::tempdir().unwrap();
        let files = Directory::new(folder.path(), WriteMode::Buffered);
        std::fs::write(folder.path().join(segment_name(1)), "").unwrap();
        let (sender, told) = mpsc::channel();
        let tell = move |what| sender.send(what).unwrap();
        let witnessing = Witnessing::start(&files, witness(0), tell).unwrap();
        for round in 1..=5 {
            for note in 1..=1_000 {
                witnessing.note(&witness(round * 1_000 + note));
            }
            let last = round * 1_000 + 1_000;
            let soon = Instant::now() + Duration::from_secs(10);
            let in_both = || {
                let bytes = std::fs::read(folder.path().join(WITNESS_NAME)).unwrap();
                [0, SLOT_BYTES].iter().all(|slot| {
                    let sequence = &bytes[slot + SEQUENCE_AT..][..8];
                    sequence == last.to_le_bytes()
                })
            };
            while !in_both() {
                assert!(Instant::now() < soon, "round {round}");
                thread::sleep(Duration::from_millis(1));
            }
        }
        witnessing.demand(9, witness(7_000));
        assert!(matches!(told.recv().unwrap(), Told::Done(9, Ok(()))));
        assert!(says(&files, witness(7_000)));
        witnessing.note(&witness(8_000));
        drop(witnessing);
        assert!(says(&files, witness(8_000)));
        assert!(told.try_recv().is_err(), "nothing failed");
    }

    #[test]
    fn a_segment_that_is_gone_is_told_once_and_nothing_is_witnessed_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let files = Directory::new(folder.path(), WriteMode::Buffered);
        let path = folder.path().join(segment_name(1));
        std::fs::write(&path, "").unwrap();
        let (sender, told) = mpsc::channel();
        let tell = move |what| sender.send(what).unwrap();
        let witnessing = Witnessing::start(&files, witness(1), tell).unwrap();
        std::fs::remove_file(&path).unwrap();
        for sequence in 2..5 {
            witnessing.note(&witness(sequence));
            thread::sleep(2 * PERIOD);
        }
        drop(witnessing);
        let Ok(Told::Failed(JournalError::Gone { path: gone })) = told.recv() else {
            panic!("it is told what is gone");
        };
        assert_eq!(gone, path);
        assert!(told.recv().is_err(), "once");
        assert!(says(&files, witness(1)));
    }
}
