//! Storage over `io_uring`: direct, durable writes that the kernel does on its own.
//!
//! ```text
//!   submit ──▶ submission queue ──begin: one system call──▶ kernel ──▶ disk
//!   complete ◀────────────── completion queue ◀─────────────┘   read from memory, no system call
//!   Prepare ──▶ preparing thread ──▶ made ──▶ complete
//! ```
//!
//! # Invariants
//!
//! * A buffer that the kernel may read from lies in `flights`, and stays there until its completion
//!   was taken in. Dropping the storage waits for that.
//! * A file is closed only when no entry of the submission queue names it; the kernel holds on to
//!   the files of what it has begun.
//! * There is never more under way than the queues hold.
//!
//! One of the few places with `unsafe`: memory is lent to the kernel here.

mod flight;
mod trial;

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;
use crossbeam::sync::Parker;
use io_uring::{IoUring, opcode, squeue, types};

use super::buffer::{Buffer, Registration};
use super::directory::{Directory, DiskFile};
use super::error::JournalError;
use super::files::Files;
use super::open_segments::OpenSegments;
use super::place::Position;
use super::preparing::Preparer;
use super::segments::segment_name;
use super::storage::{Completion, OPERATIONS_MAX, Operation, Storage};
use super::waker::{Notifier, Waker};
use super::witness::Witness;
use super::witnessing::Witnessing;
use flight::{Flight, FromThread, Request};
pub(super) use trial::try_out;

/// Entries of the submission queue: every operation has at most one at a time.
const ENTRIES: u32 = OPERATIONS_MAX as u32;

/// Tells the storages of a process apart.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Storage whose writes are done by the kernel while the journal's thread goes on.
pub struct Uring {
    ring: IoUring,
    id: u64,
    /// What the kernel has or will have in hand; an entry's user data is the index.
    flights: Box<[Option<Flight>]>,
    flight_count: usize,
    /// Registered memory, for as long as the ring lives or longer: the writer's buffers.
    has_registered: bool,
    open: OpenSegments<Directory>,
    /// Released, and perhaps still named in the submission queue.
    released: Vec<DiskFile>,
    preparing: Preparer<Directory>,
    witnessing: Witnessing,
    /// Operations that threads do, and not the kernel.
    threads_count: usize,
    told: Arc<ArrayQueue<FromThread>>,
    parker: Parker,
    done: VecDeque<Completion>,
    files: Directory,
    /// The kernel takes nothing more in; why, was told.
    is_broken: bool,
}

impl Uring {
    /// Sets up the queues for a writer that goes on at `position`. `waker` is called when a thread
    /// has done something; for writes see [`Storage::descriptor`].
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if a segment cannot be opened, the system has no `io_uring` or refuses
    /// a thread.
    pub fn start(
        files: &Directory,
        position: &Position,
        waker: &Waker,
    ) -> Result<Uring, JournalError> {
        let ring = IoUring::new(ENTRIES).map_err(|error| {
            JournalError::io_whole("set up io_uring for", files.path(""), error)
        })?;
        let open = OpenSegments::open(files, &position.segments())?;
        // One more: a witness may fail that nobody demanded.
        let told = Arc::new(ArrayQueue::new(OPERATIONS_MAX + 1));
        let parker = Parker::new();
        let tell = || {
            let (queue, notifier) = (Arc::clone(&told), Notifier::new(parker.unparker(), waker));
            move |what| {
                assert!(queue.push(what).is_ok(), "the queue holds all there can be");
                notifier.notify();
            }
        };
        let made = tell();
        let preparing =
            Preparer::start(files, move |ticket, result| made(FromThread::Made(ticket, result)))?;
        let witnessed = tell();
        let witnessing = Witnessing::start(files, Witness::of(position), move |told| {
            witnessed(FromThread::Witnessed(told));
        })?;
        Ok(Uring {
            ring,
            // Relaxed: numbers need only differ.
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            flights: (0..OPERATIONS_MAX).map(|_| None).collect(),
            flight_count: 0,
            has_registered: false,
            open,
            released: Vec::with_capacity(OPERATIONS_MAX),
            preparing,
            witnessing,
            threads_count: 0,
            told,
            parker,
            done: VecDeque::with_capacity(OPERATIONS_MAX + 1),
            files: files.clone(),
            is_broken: false,
        })
    }

    /// How many operations have begun or wait in the submission queue.
    fn under_way(&self) -> usize {
        self.flight_count + self.threads_count + self.done.len()
    }

    fn take_off(&mut self, flight: Flight) {
        let free = self.flights.iter().position(Option::is_none);
        let index = free.expect("there is a place for all that can be under way");
        self.flights[index] = Some(flight);
        self.flight_count += 1;
        self.push_entry(index);
    }

    /// Puts what is left to do of a flight into the submission queue.
    fn push_entry(&mut self, index: usize) {
        let flight = self.flights[index].as_ref().expect("only flights are pushed");
        let fd = types::Fd(self.open.file(flight.segment).as_fd().as_raw_fd());
        let entry = match &flight.what {
            Request::Write { buffer, offset, bytes, written, durable } => {
                let rest = &buffer.bytes()[*written..*bytes];
                let length = u32::try_from(rest.len()).expect("a group is far shorter than 4 GiB");
                let offset = offset + *written as u64;
                let flags = if *durable { libc::RWF_DSYNC } else { 0 };
                match buffer.registration().filter(|place| place.storage == self.id) {
                    Some(Registration { index, .. }) => {
                        opcode::WriteFixed::new(fd, rest.as_ptr(), length, index)
                            .offset(offset)
                            .rw_flags(flags)
                            .build()
                    }
                    None => opcode::Write::new(fd, rest.as_ptr(), length)
                        .offset(offset)
                        .rw_flags(flags)
                        .build(),
                }
            }
            Request::Sync => opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build(),
        };
        let entry: squeue::Entry = entry.user_data(index as u64);
        // SAFETY: the kernel reads, and never writes, the bytes of the flight's buffer from when it
        // takes the entry in until it has put a completion for it. All that time the buffer lies in
        // `self.flights`: only `land` takes it out, when that completion was read, and `drop` waits
        // for it. A buffer's memory does not move with it and is freed only with it. Nobody writes
        // to it meanwhile, since the buffer itself was moved in here. Where the entry names
        // registered memory, it is that of this buffer: `register` alone gives a buffer this
        // storage's number, and a buffer keeps its memory for life. The descriptor is open until
        // the kernel takes the entry in: files are closed by `close_released` only.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("the queue has an entry for each operation");
    }

    /// Takes in what is done, as far as it is known without asking the system.
    fn reap(&mut self) {
        while let Some(told) = self.told.pop() {
            let completion = match told {
                FromThread::Made(ticket, result) => {
                    let result = result.map(|(segment, file)| self.open.put(segment, file));
                    Completion { ticket, buffer: None, result }
                }
                FromThread::Witnessed(told) => told.into(),
            };
            self.threads_count -= usize::from(completion.ticket > 0);
            self.done.push_back(completion);
        }
        loop {
            let Some(entry) = self.ring.completion().next() else {
                return;
            };
            let index = usize::try_from(entry.user_data()).expect("user data is an index");
            self.land(index, entry.result());
        }
    }

    /// The kernel has done a flight, or a part of it.
    fn land(&mut self, index: usize, result: i32) {
        let flight = self.flights[index].as_mut().expect("a completion is of a flight");
        let outcome = match (&mut flight.what, result) {
            // Not done, and nothing wrong: a thread that began it ended before its turn came.
            (_, code) if code == -libc::ECANCELED || code == -libc::EINTR => {
                return self.push_entry(index);
            }
            (_, code) if code < 0 => Err(io::Error::from_raw_os_error(-code)),
            (Request::Sync, _) => Ok(()),
            (Request::Write { .. }, 0) => Err(io::ErrorKind::WriteZero.into()),
            (Request::Write { bytes, written, .. }, count) => {
                *written += count.unsigned_abs() as usize;
                // A short write ends at a block's boundary, or the next one says what is wrong.
                if *written < *bytes {
                    return self.push_entry(index);
                }
                Ok(())
            }
        };
        let flight = self.flights[index].take().expect("it was there");
        self.flight_count -= 1;
        let result = outcome.map_err(|error| {
            let path = self.files.path(&segment_name(flight.segment));
            match &flight.what {
                Request::Write { offset, written, .. } => {
                    JournalError::io("write", path, offset + *written as u64, error)
                }
                Request::Sync => JournalError::io_whole("sync", path, error),
            }
        });
        let buffer = match flight.what {
            Request::Write { buffer, .. } => Some(buffer),
            Request::Sync => None,
        };
        self.done.push_back(Completion { ticket: flight.ticket, buffer, result });
    }

    /// Gives the kernel what waits in the submission queue, and waits until `completions` of all
    /// that it has are done.
    fn enter(&mut self, completions: usize) {
        match self.ring.submit_and_wait(completions) {
            Ok(_) => {}
            // Tried again the next time.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)
                ) => {}
            Err(error) => {
                self.is_broken = true;
                let path = self.files.path("");
                let result = Err(JournalError::io_whole("submit writes to", path, error));
                self.done.push_back(Completion { ticket: 0, buffer: None, result });
            }
        }
        self.close_released();
    }

    /// Hands released files on to be closed, once no entry names them any more.
    fn close_released(&mut self) {
        if !self.released.is_empty() && self.ring.submission().is_empty() {
            for file in self.released.drain(..) {
                self.preparing.close(file);
            }
        }
    }

    fn check_threads(&self) {
        let died = self.preparing.has_died() || self.witnessing.has_died();
        assert!(!died || !self.told.is_empty(), "a thread of the journal's storage died");
    }

    /// Operations that the kernel has in hand.
    fn begun(&mut self) -> usize {
        self.flight_count - self.ring.submission().len()
    }
}

impl Storage for Uring {
    fn register(&mut self, buffers: &mut [Buffer]) {
        if self.has_registered {
            return;
        }
        let vectors: Vec<libc::iovec> = buffers
            .iter_mut()
            .map(|buffer| {
                let bytes = buffer.bytes_mut();
                libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() }
            })
            .collect();
        // SAFETY: the vectors describe memory that is alive and initialised. The kernel holds on to
        // its pages until the ring is gone, even if a buffer is freed before, and reads from them
        // only for entries that name them; `push_entry` says why those find the buffer alive.
        let registered = unsafe { self.ring.submitter().register_buffers(&vectors) };
        // Where the system lets no more memory be locked, writes only take a little longer.
        if registered.is_ok() {
            self.has_registered = true;
            for (index, buffer) in (0..).zip(buffers) {
                buffer.set_registration(Registration { storage: self.id, index });
            }
        }
    }

    fn submit(&mut self, ticket: u64, operation: Operation) {
        assert!(self.under_way() < OPERATIONS_MAX, "more is under way than was agreed");
        match operation {
            Operation::Prepare(header) => {
                self.threads_count += 1;
                self.preparing.make(ticket, header);
            }
            Operation::Witness(witness) => {
                self.threads_count += 1;
                self.witnessing.demand(ticket, witness);
            }
            Operation::Write { segment, offset, buffer, bytes, durable } => {
                self.preparing.show_filled(segment, offset + bytes as u64);
                let what = Request::Write { buffer, offset, bytes, written: 0, durable };
                self.take_off(Flight { ticket, segment, what });
            }
            Operation::Sync { segment } => {
                self.take_off(Flight { ticket, segment, what: Request::Sync });
            }
            Operation::Release { segment } => {
                self.released.extend(self.open.take(segment));
                self.close_released();
                self.done.push_back(Completion { ticket, buffer: None, result: Ok(()) });
            }
        }
    }

    fn note(&mut self, witness: &Witness) {
        self.witnessing.note(witness);
    }

    fn begin(&mut self) {
        if !self.is_broken && !self.ring.submission().is_empty() {
            self.enter(0);
        }
    }

    fn hurry(&mut self) {
        self.preparing.hurry();
    }

    fn complete(&mut self) -> Option<Completion> {
        if self.done.is_empty() {
            self.reap();
            if self.threads_count > 0 {
                self.check_threads();
            }
        }
        self.done.pop_front()
    }

    fn wait(&mut self) {
        loop {
            self.reap();
            if !self.done.is_empty() {
                return;
            }
            self.preparing.hurry();
            if self.flight_count > 0 && !self.is_broken {
                self.enter(1);
            } else if self.threads_count > 0 {
                self.check_threads();
                self.parker.park();
            } else {
                return;
            }
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        // SAFETY: the ring owns the descriptor and keeps it open; the result borrows the ring.
        Some(unsafe { BorrowedFd::borrow_raw(self.ring.as_raw_fd()) })
    }

    fn describe(&self) -> String {
        let buffers = if self.has_registered { "registered" } else { "ordinary" };
        format!("io_uring, direct writes (O_DIRECT, RWF_DSYNC) from {buffers} buffers")
    }
}

impl Drop for Uring {
    /// What was asked for is done first; the kernel reads from the buffers until then.
    fn drop(&mut self) {
        let mut failures = 0;
        while self.begun() > 0 || (self.flight_count > 0 && !self.is_broken) {
            if self.ring.submit_and_wait(1).is_err() {
                failures += 1;
            }
            self.reap();
            self.done.clear();
            if failures > 1000 {
                // Nobody can tell any more what the kernel still reads: that memory is given up.
                mem::forget(mem::take(&mut self.flights));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
