//! Storage on a real disk, in the way that was found to work there.

use std::os::fd::BorrowedFd;

use super::buffer::Buffer;
use super::data_dir::{Backend, DataDir};
use super::directory::Directory;
use super::error::JournalError;
use super::options::Options;
use super::place::Position;
use super::recover::Recovered;
use super::storage::{Completion, Operation, Storage};
use super::threaded::Threaded;
use super::uring::Uring;
use super::waker::Waker;
use super::witness::Witness;
use super::writer::Writer;

/// Storage on a real disk.
pub enum Disk {
    /// The kernel writes on its own.
    Uring(Box<Uring>),
    /// A thread writes, and waits.
    Threaded(Threaded<Directory>),
}

impl Disk {
    /// Storage for the files of `dir`, by its backend, for a writer that goes on at `position`;
    /// `waker` is called, on another thread, when something is done that [`Storage::descriptor`]
    /// does not tell.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if a segment cannot be opened or the system refuses a thread or a ring.
    pub fn start(dir: &DataDir, position: &Position, waker: &Waker) -> Result<Disk, JournalError> {
        Ok(match dir.backend() {
            Backend::Uring => Disk::Uring(Box::new(Uring::start(dir.files(), position, waker)?)),
            Backend::Threads | Backend::Buffered => {
                let description = format!("{} on a thread of their own", dir.write_mode());
                Disk::Threaded(Threaded::start(dir.files(), position, waker, description)?)
            }
        })
    }
}

impl Storage for Disk {
    fn register(&mut self, buffers: &mut [Buffer]) {
        match self {
            Disk::Uring(uring) => uring.register(buffers),
            Disk::Threaded(threaded) => threaded.register(buffers),
        }
    }

    fn submit(&mut self, ticket: u64, operation: Operation) {
        match self {
            Disk::Uring(uring) => uring.submit(ticket, operation),
            Disk::Threaded(threaded) => threaded.submit(ticket, operation),
        }
    }

    fn note(&mut self, witness: &Witness) {
        match self {
            Disk::Uring(uring) => uring.note(witness),
            Disk::Threaded(threaded) => threaded.note(witness),
        }
    }

    fn begin(&mut self) {
        match self {
            Disk::Uring(uring) => uring.begin(),
            Disk::Threaded(threaded) => threaded.begin(),
        }
    }

    fn complete(&mut self) -> Option<Completion> {
        match self {
            Disk::Uring(uring) => uring.complete(),
            Disk::Threaded(threaded) => threaded.complete(),
        }
    }

    fn hurry(&mut self) {
        match self {
            Disk::Uring(uring) => uring.hurry(),
            Disk::Threaded(threaded) => threaded.hurry(),
        }
    }

    fn wait(&mut self) {
        match self {
            Disk::Uring(uring) => uring.wait(),
            Disk::Threaded(threaded) => threaded.wait(),
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Disk::Uring(uring) => uring.descriptor(),
            Disk::Threaded(threaded) => threaded.descriptor(),
        }
    }

    fn describe(&self) -> String {
        match self {
            Disk::Uring(uring) => uring.describe(),
            Disk::Threaded(threaded) => threaded.describe(),
        }
    }
}

impl Writer<Disk> {
    /// The writer of the journal in `dir`, going on where `recovered` ends. `waker` is called, on
    /// another thread, when there is something to [`Writer::poll`] for that
    /// [`Writer::descriptor`] does not tell.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if a segment cannot be opened or a thread not started.
    pub fn open(
        dir: &DataDir,
        recovered: &Recovered,
        options: Options,
        waker: &Waker,
    ) -> Result<Self, JournalError> {
        let storage = Disk::start(dir, &recovered.position, waker)?;
        Ok(Writer::new(storage, recovered.position, options))
    }
}
