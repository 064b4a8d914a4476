//! A disk in memory that fails as real ones do, by a seed: for tests and simulations.
//!
//! ```text
//!   view      what a read shows         ──sync──▶ copied for each dirty sector
//!   durable   what a power cut leaves   ◀──cut── each dirty sector falls back, or not
//! ```
//!
//! # Invariants
//!
//! * A power cut keeps everything that was synced, and of the rest any sectors of any writes.
//! * Names are durable once the directory was synced; before, any of the changes may be lost.
//! * After a failed sync some sectors count as clean without being durable, as on Linux: a later
//!   sync succeeds and saves nothing of them.
//! * A write may be done in pieces, with a crash or a failure between any two.
//! * After a crash every call fails until [`FaultyDisk::restart`].

mod content;
pub(crate) mod pool;
mod shuffled;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::error::JournalError;
use super::files::{Access, Files, OpenFile};
use super::format::BLOCK_BYTES;
use content::Content;
pub use shuffled::Shuffled;

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// What goes wrong, and when. Calls are counted from 1, over all files, from the last restart on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    /// The call in which the machine stops; of a write, any sectors may have arrived.
    pub crash_at: Option<u64>,
    /// The calls that the system refuses.
    pub failure: Option<Failure>,
    /// Whether the system now and then writes less than it was asked to.
    pub short_writes: bool,
}

/// Calls that are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The first of them.
    pub at: u64,
    /// Whether all that follow are refused too, if they change something.
    pub lasts: bool,
    /// The error number, such as `EIO` or `ENOSPC`.
    pub errno: i32,
}

impl Failure {
    fn hits(&self, call: u64, changes: bool) -> bool {
        call == self.at || (self.lasts && changes && call > self.at)
    }
}

/// How a disk comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// The process was killed: what was written is all there, synced or not.
    Killed,
    /// The power was cut: of what was not synced, any part is there.
    PowerCut,
}

/// A faulty disk. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
    is_direct: bool,
    is_steady: bool,
}

struct State {
    random: Pcg64,
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the directory was synced, in order.
    renames: Vec<NameChange>,
    plan: Plan,
    calls: u64,
    is_crashed: bool,
}

#[derive(Clone)]
enum NameChange {
    Created(String, usize),
    /// From, to, and the file: a rename that arrives brings along the file that it was of.
    Renamed(String, String, usize),
    Removed(String),
}

impl FaultyDisk {
    /// An empty disk; all its accidents follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> FaultyDisk {
        FaultyDisk {
            is_direct: true,
            is_steady: false,
            state: Arc::new(Mutex::new(State {
                random: Pcg64::seed_from_u64(seed),
                contents: Vec::new(),
                names: BTreeMap::new(),
                durable_names: BTreeMap::new(),
                renames: Vec::new(),
                plan: Plan::default(),
                calls: 0,
                is_crashed: false,
            })),
        }
    }

    /// The same disk, whose files may be written at any offset and in any length.
    #[must_use]
    pub fn buffered(&self) -> FaultyDisk {
        FaultyDisk { is_direct: false, ..self.clone() }
    }

    /// The same disk, through which nothing goes wrong and no call is counted: to look at it.
    #[must_use]
    pub fn steady(&self) -> FaultyDisk {
        FaultyDisk { is_steady: true, ..self.clone() }
    }

    /// Brings the disk back, with what is to go wrong next.
    pub fn restart(&self, how: Restart, plan: Plan) {
        let mut state = self.state();
        if how == Restart::PowerCut {
            state.cut_power();
        }
        state.plan = plan;
        state.calls = 0;
        state.is_crashed = false;
    }

    /// Changes what is to go wrong next. Calls are counted from 1 again.
    pub fn plan(&self, plan: Plan) {
        let mut state = self.state();
        state.plan = plan;
        state.calls = 0;
    }

    /// Calls since the last restart or plan.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether something went wrong since the last restart.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let state = self.state();
        state.is_crashed || state.plan.failure.is_some_and(|failure| state.calls >= failure.at)
    }

    /// Another disk with the same files, all of them durable.
    #[must_use]
    pub fn copy(&self) -> FaultyDisk {
        let copy = FaultyDisk::new(0);
        let (from, mut to) = (self.state(), copy.state());
        to.contents.resize_with(from.contents.len(), Content::default);
        // Files without a name are gone.
        for &number in from.names.values() {
            to.contents[number].clone_from(&from.contents[number]);
            to.contents[number].sync();
        }
        to.names.clone_from(&from.names);
        to.durable_names.clone_from(&from.names);
        drop(to);
        copy
    }

    /// Changes bytes of a file behind everybody's back, durably.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut [u8])) {
        let mut state = self.state();
        let number = state.names[name];
        let content = &mut state.contents[number];
        let mut bytes = content.to_vec();
        change(&mut bytes);
        content.write(0, &bytes);
        content.sync();
    }

    /// Makes all that is shown durable, also what a failed sync would have lost.
    pub fn settle(&self) {
        let mut state = self.state();
        state.renames.clear();
        state.durable_names = state.names.clone();
        state.contents.iter_mut().for_each(Content::settle);
    }

    /// What a file holds; `None` if there is none of that name.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(name).map(|&number| state.contents[number].to_vec())
    }

    /// Has a file hold these bytes and no others, behind everybody's back, durably. Where there is
    /// none of that name, it is made.
    pub fn replace(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        let number = match state.names.get(name) {
            Some(&number) => number,
            None => {
                let number = state.contents.len();
                state.contents.push(Content::default());
                state.names.insert(name.into(), number);
                state.durable_names.insert(name.into(), number);
                number
            }
        };
        let content = &mut state.contents[number];
        *content = Content::default();
        content.write(0, bytes);
        content.sync();
    }

    /// Takes a file away behind everybody's back, durably.
    pub fn take_away(&self, name: &str) {
        let mut state = self.state();
        state.names.remove(name);
        state.durable_names.remove(name);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    fn failed(
        &self,
        operation: &'static str,
        name: &str,
        offset: Option<u64>,
        error: io::Error,
    ) -> JournalError {
        match offset {
            Some(offset) => JournalError::io(operation, self.path(name), offset, error),
            None => JournalError::io_whole(operation, self.path(name), error),
        }
    }

    /// Counts a call and decides how it goes.
    fn call(
        &self,
        operation: &'static str,
        name: &str,
        offset: Option<u64>,
        changes: bool,
    ) -> Result<(MutexGuard<'_, State>, Fate), JournalError> {
        let mut state = self.state();
        if self.is_steady {
            return Ok((state, Fate::Succeeds));
        }
        state.calls += 1;
        let crashed = || io::Error::other("the machine stopped");
        if state.is_crashed {
            return Err(self.failed(operation, name, offset, crashed()));
        }
        if state.plan.crash_at == Some(state.calls) {
            state.is_crashed = true;
            if changes {
                return Ok((state, Fate::Fails(crashed())));
            }
            return Err(self.failed(operation, name, offset, crashed()));
        }
        let call = state.calls;
        if let Some(failure) = state.plan.failure.filter(|failure| failure.hits(call, changes)) {
            let error = io::Error::from_raw_os_error(failure.errno);
            if changes {
                return Ok((state, Fate::Fails(error)));
            }
            return Err(self.failed(operation, name, offset, error));
        }
        Ok((state, Fate::Succeeds))
    }
}

/// How a call goes.
enum Fate {
    Succeeds,
    /// It may have done any part of its work.
    Fails(io::Error),
}

impl State {
    fn cut_power(&mut self) {
        // From nothing of what was not synced to all of it.
        let kept_percent = [0, 10, 50, 90, 100][self.random.random_range(0..5)];
        let mut names = self.durable_names.clone();
        for change in std::mem::take(&mut self.renames) {
            if self.random.random_range(0..100) < kept_percent {
                change.apply(&mut names);
            }
        }
        self.names = names;
        self.durable_names.clone_from(&self.names);
        for content in &mut self.contents {
            content.fall_back(&mut self.random, kept_percent);
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Created(name, number) => {
                names.insert(name.clone(), *number);
            }
            NameChange::Renamed(from, to, number) => {
                names.remove(from);
                names.insert(to.clone(), *number);
            }
            NameChange::Removed(name) => {
                names.remove(name);
            }
        }
    }
}

impl Files for FaultyDisk {
    type File = FaultyFile;

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("faulty").join(name)
    }

    fn draw_id(&self) -> [u8; 16] {
        // From the seed, like all else.
        self.state().random.random()
    }

    fn names(&self) -> Result<Vec<String>, JournalError> {
        let (state, _) = self.call("list", "", None, false)?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str, _access: Access) -> Result<FaultyFile, JournalError> {
        let (state, _) = self.call("open", name, None, false)?;
        match state.names.get(name) {
            Some(&number) => Ok(FaultyFile { disk: self.clone(), name: name.into(), number }),
            None => Err(self.failed("open", name, None, io::ErrorKind::NotFound.into())),
        }
    }

    fn create(&self, name: &str) -> Result<FaultyFile, JournalError> {
        let (mut state, fate) = self.call("create", name, None, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.failed("create", name, None, error));
        }
        let number = state.contents.len();
        state.contents.push(Content::default());
        state.names.insert(name.into(), number);
        state.renames.push(NameChange::Created(name.into(), number));
        Ok(FaultyFile { disk: self.clone(), name: name.into(), number })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), JournalError> {
        let (mut state, fate) = self.call("rename", from, None, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.failed("rename", from, None, error));
        }
        let Some(&number) = state.names.get(from) else {
            return Err(self.failed("rename", from, None, io::ErrorKind::NotFound.into()));
        };
        let change = NameChange::Renamed(from.into(), to.into(), number);
        change.apply(&mut state.names);
        state.renames.push(change);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), JournalError> {
        let (mut state, fate) = self.call("remove", name, None, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.failed("remove", name, None, error));
        }
        let change = NameChange::Removed(name.into());
        change.apply(&mut state.names);
        state.renames.push(change);
        Ok(())
    }

    fn sync_dir(&self) -> Result<(), JournalError> {
        let (mut state, fate) = self.call("sync", "", None, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.failed("sync", "", None, error));
        }
        state.renames.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }
}

/// A file on a faulty disk.
pub struct FaultyFile {
    disk: FaultyDisk,
    name: String,
    number: usize,
}

impl FaultyFile {
    /// Writes all of `bytes`, or with short writes some of it; how much.
    fn write_some(&self, offset: u64, bytes: &[u8], durable: bool) -> Result<usize, JournalError> {
        let (mut state, fate) = self.disk.call("write", &self.name, Some(offset), true)?;
        let State { contents, random, plan, .. } = &mut *state;
        let content = &mut contents[self.number];
        match fate {
            Fate::Succeeds => {
                let blocks = bytes.len() / BLOCK_BYTES;
                let is_short = plan.short_writes && blocks > 1 && random.random_range(0..4) == 0;
                let count = if is_short {
                    random.random_range(1..blocks) * BLOCK_BYTES
                } else {
                    bytes.len()
                };
                content.write(offset, &bytes[..count]);
                if durable {
                    content.sync_range(offset, offset + count as u64);
                }
                Ok(count)
            }
            Fate::Fails(error) => {
                // Torn: any sectors of it, or in order and then no more.
                let is_prefix: bool = random.random();
                let sectors = bytes.chunks(SECTOR_BYTES);
                let kept = random.random_range(0..=sectors.len());
                for (index, sector) in sectors.enumerate() {
                    if if is_prefix { index < kept } else { random.random() } {
                        content.write(offset + (index * SECTOR_BYTES) as u64, sector);
                    }
                }
                if durable {
                    content.fail_to_sync(random);
                }
                Err(self.disk.failed("write", &self.name, Some(offset), error))
            }
        }
    }
}

impl OpenFile for FaultyFile {
    fn length_bytes(&self) -> Result<u64, JournalError> {
        let (state, _) = self.disk.call("measure", &self.name, None, false)?;
        Ok(state.contents[self.number].length())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, JournalError> {
        let (state, _) = self.disk.call("read", &self.name, Some(offset), false)?;
        Ok(state.contents[self.number].read(offset, bytes))
    }

    fn write_at(&self, offset: u64, bytes: &[u8], durable: bool) -> Result<(), JournalError> {
        let is_aligned = |number: usize| number.is_multiple_of(BLOCK_BYTES);
        assert!(
            !self.disk.is_direct || (is_aligned(offset as usize) && is_aligned(bytes.len())),
            "{} bytes at {offset}: direct writes are of whole blocks",
            bytes.len()
        );
        let mut done = 0;
        while done < bytes.len() {
            done += self.write_some(offset + done as u64, &bytes[done..], durable)?;
        }
        Ok(())
    }

    fn syncs_as_a_whole(&self) -> bool {
        false
    }

    fn reserve(&self, bytes: u64) -> Result<(), JournalError> {
        let (mut state, fate) = self.disk.call("reserve space in", &self.name, None, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.disk.failed("reserve space in", &self.name, None, error));
        }
        state.contents[self.number].extend_to(bytes);
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        let (mut state, fate) = self.disk.call("sync", &self.name, None, true)?;
        let State { contents, random, .. } = &mut *state;
        let content = &mut contents[self.number];
        match fate {
            Fate::Succeeds => {
                content.sync();
                Ok(())
            }
            Fate::Fails(error) => {
                content.fail_to_sync(random);
                Err(self.disk.failed("sync", &self.name, None, error))
            }
        }
    }
}
