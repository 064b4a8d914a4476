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
//! * After a crash every call fails until [`FaultyDisk::restart`].

mod shuffled;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::error::JournalError;
use super::files::{Access, Files, OpenFile};
pub use shuffled::Shuffled;

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// What goes wrong, and when. Calls are counted from 1, over all files, from the last restart on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    /// The call in which the machine stops; of a write, any sectors may have arrived.
    pub crash_at: Option<u64>,
    /// The call that the system refuses, if it is one that changes something, and the error number.
    pub fail_at: Option<(u64, i32)>,
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
    Renamed(String, String),
    Removed(String),
}

#[derive(Default, Clone)]
struct Content {
    view: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that the next sync makes durable.
    dirty: Vec<bool>,
}

impl FaultyDisk {
    /// An empty disk; all its accidents follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> FaultyDisk {
        FaultyDisk {
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

    /// Calls since the last restart.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether something went wrong since the last restart.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let state = self.state();
        state.is_crashed || state.plan.fail_at.is_some_and(|(call, _)| state.calls >= call)
    }

    /// Another disk with the same files, all of them durable.
    #[must_use]
    pub fn copy(&self) -> FaultyDisk {
        let copy = FaultyDisk::new(0);
        let (from, mut to) = (self.state(), copy.state());
        to.contents.clone_from(&from.contents);
        for content in &mut to.contents {
            content.sync();
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
        change(&mut content.view);
        content.mark_dirty(0, content.view.len());
        content.sync();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    fn failed(
        &self,
        operation: &'static str,
        name: &str,
        offset: u64,
        error: io::Error,
    ) -> JournalError {
        JournalError::io(operation, self.path(name), offset, error)
    }

    /// Counts a call and decides how it goes.
    fn call(
        &self,
        operation: &'static str,
        name: &str,
        offset: u64,
        changes: bool,
    ) -> Result<(MutexGuard<'_, State>, Fate), JournalError> {
        let mut state = self.state();
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
        if let Some((call, number)) = state.plan.fail_at
            && call == state.calls
            && changes
        {
            return Ok((state, Fate::Fails(io::Error::from_raw_os_error(number))));
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
            NameChange::Renamed(from, to) => {
                if let Some(number) = names.remove(from) {
                    names.insert(to.clone(), number);
                }
            }
            NameChange::Removed(name) => {
                names.remove(name);
            }
        }
    }
}

impl Content {
    fn extend_to(&mut self, bytes: usize) {
        if self.view.len() < bytes {
            self.view.resize(bytes, 0);
            self.dirty.resize(bytes.div_ceil(SECTOR_BYTES), true);
        }
    }

    fn mark_dirty(&mut self, offset: usize, bytes: usize) {
        self.dirty[offset / SECTOR_BYTES..(offset + bytes).div_ceil(SECTOR_BYTES)].fill(true);
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.extend_to(offset + bytes.len());
        self.view[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.mark_dirty(offset, bytes.len());
    }

    fn sync(&mut self) {
        self.sync_range(0, self.dirty.len());
    }

    fn sync_range(&mut self, from: usize, to: usize) {
        self.durable.resize(self.view.len(), 0);
        for sector in from..to {
            if std::mem::take(&mut self.dirty[sector]) {
                let start = sector * SECTOR_BYTES;
                let end = (start + SECTOR_BYTES).min(self.view.len());
                self.durable[start..end].copy_from_slice(&self.view[start..end]);
            }
        }
    }

    /// Some sectors are saved; some are lost, and nobody will be told again.
    fn fail_to_sync(&mut self, random: &mut impl Rng) {
        for sector in 0..self.dirty.len() {
            match random.random_range(0..3) {
                0 => self.sync_range(sector, sector + 1),
                1 => self.dirty[sector] = false,
                _ => {}
            }
        }
    }

    /// What a power cut leaves.
    fn fall_back(&mut self, random: &mut impl Rng, kept_percent: u32) {
        let keeps_length = random.random_range(0..100) < kept_percent;
        if keeps_length {
            self.durable.resize(self.view.len(), 0);
        }
        for sector in 0..self.durable.len().div_ceil(SECTOR_BYTES) {
            if self.dirty[sector] && random.random_range(0..100) < kept_percent {
                let start = sector * SECTOR_BYTES;
                let end = (start + SECTOR_BYTES).min(self.durable.len());
                self.durable[start..end].copy_from_slice(&self.view[start..end]);
            }
        }
        self.view.clone_from(&self.durable);
        self.dirty.clear();
        self.dirty.resize(self.view.len().div_ceil(SECTOR_BYTES), false);
    }
}

impl Files for FaultyDisk {
    type File = FaultyFile;

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("faulty").join(name)
    }

    fn draw_id(&self) -> [u8; 16] {
        self.state().random.random()
    }

    fn names(&self) -> Result<Vec<String>, JournalError> {
        let (state, _) = self.call("list", "", 0, false)?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str, _access: Access) -> Result<FaultyFile, JournalError> {
        let (state, _) = self.call("open", name, 0, false)?;
        match state.names.get(name) {
            Some(&number) => Ok(FaultyFile { disk: self.clone(), name: name.into(), number }),
            None => Err(self.failed("open", name, 0, io::ErrorKind::NotFound.into())),
        }
    }

    fn create(&self, name: &str) -> Result<FaultyFile, JournalError> {
        let (mut state, fate) = self.call("create", name, 0, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.failed("create", name, 0, error));
        }
        let number = state.contents.len();
        state.contents.push(Content::default());
        state.names.insert(name.into(), number);
        state.renames.push(NameChange::Created(name.into(), number));
        Ok(FaultyFile { disk: self.clone(), name: name.into(), number })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), JournalError> {
        let (mut state, fate) = self.call("rename", from, 0, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.failed("rename", from, 0, error));
        }
        let change = NameChange::Renamed(from.into(), to.into());
        change.apply(&mut state.names);
        state.renames.push(change);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), JournalError> {
        let (mut state, fate) = self.call("remove", name, 0, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.failed("remove", name, 0, error));
        }
        let change = NameChange::Removed(name.into());
        change.apply(&mut state.names);
        state.renames.push(change);
        Ok(())
    }

    fn sync_dir(&self) -> Result<(), JournalError> {
        let (mut state, fate) = self.call("sync", "", 0, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.failed("sync", "", 0, error));
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

impl OpenFile for FaultyFile {
    fn length_bytes(&self) -> Result<u64, JournalError> {
        let (state, _) = self.disk.call("measure", &self.name, 0, false)?;
        Ok(state.contents[self.number].view.len() as u64)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, JournalError> {
        let (state, _) = self.disk.call("read", &self.name, offset, false)?;
        let view = &state.contents[self.number].view;
        let rest = view.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8], durable: bool) -> Result<(), JournalError> {
        let (mut state, fate) = self.disk.call("write", &self.name, offset, true)?;
        let State { contents, random, .. } = &mut *state;
        let content = &mut contents[self.number];
        let start = offset as usize;
        match fate {
            Fate::Succeeds => {
                content.write(start, bytes);
                if durable {
                    let from = start / SECTOR_BYTES;
                    content.sync_range(from, (start + bytes.len()).div_ceil(SECTOR_BYTES));
                }
                Ok(())
            }
            Fate::Fails(error) => {
                // Torn: any sectors of it, or in order and then no more.
                let is_prefix: bool = random.random();
                let sectors = bytes.chunks(SECTOR_BYTES);
                let kept = random.random_range(0..=sectors.len());
                for (index, sector) in sectors.enumerate() {
                    if if is_prefix { index < kept } else { random.random() } {
                        content.write(start + index * SECTOR_BYTES, sector);
                    }
                }
                if durable {
                    content.fail_to_sync(random);
                }
                Err(self.disk.failed("write", &self.name, offset, error))
            }
        }
    }

    fn syncs_as_a_whole(&self) -> bool {
        false
    }

    fn reserve(&self, bytes: u64) -> Result<(), JournalError> {
        let (mut state, fate) = self.disk.call("reserve space in", &self.name, 0, true)?;
        if let Fate::Fails(error) = fate {
            return Err(self.disk.failed("reserve space in", &self.name, 0, error));
        }
        state.contents[self.number].extend_to(bytes as usize);
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        let (mut state, fate) = self.disk.call("sync", &self.name, 0, true)?;
        let State { contents, random, .. } = &mut *state;
        let content = &mut contents[self.number];
        match fate {
            Fate::Succeeds => {
                content.sync();
                Ok(())
            }
            Fate::Fails(error) => {
                content.fail_to_sync(random);
                Err(self.disk.failed("sync", &self.name, 0, error))
            }
        }
    }
}
