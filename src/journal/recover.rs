//! Opens a journal to go on writing it: reads all of it, cuts its tail, makes sure of what is kept.

use std::fmt::Write as _;

use super::blocking::Blocking;
use super::buffer::Buffer;
use super::cursor::{Anchor, Entry, Start, Tail, Walk};
use super::data_dir::DataDir;
use super::error::JournalError;
use super::files::{Access, Files, OpenFile};
use super::format::{
    BLOCK_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, segment_name, segment_of_name,
};
use super::seal::Seals;
use super::trim::{fill_block, zero_behind};
use super::writer::{Options, Position, Writer};
use ringfence_types::{Capacities, RULES_VERSION, Rules};

/// What a start asks for of all that decides outcomes. `None`: as in the journal, and for a new
/// journal the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Most accounts.
    pub accounts: Option<u64>,
    /// Most transfers and spent ids.
    pub transfers: Option<u64>,
    /// Most policies.
    pub policies: Option<u64>,
    /// Most markets.
    pub markets: Option<u64>,
    /// Most orders.
    pub orders: Option<u64>,
    /// How long ids are remembered, in nanoseconds; 0: for ever.
    pub retention_ns: Option<u64>,
}

/// What recovery found, and where the journal goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Sequence of the last command, 0 if there is none.
    pub last_sequence: u64,
    /// Timestamp of the last command, in nanoseconds, 0 if there is none.
    pub last_timestamp: u64,
    /// The rules that hold from here on.
    pub rules: Rules,
    /// Whether there was no journal before.
    pub is_new: bool,
    /// What people should know: a tail that was cut.
    pub notes: Vec<String>,
    /// Where the writer goes on.
    pub position: Position,
}

/// Reads the journal in `dir` from its start, gives every entry to `on_entry`, and makes it ready to
/// be written: makes a new one if there is none, cuts a tail, makes what is kept durable, and appends a
/// record if the start asks for other rules.
///
/// # Errors
///
/// [`JournalError::Damaged`], with nothing changed; [`JournalError::SmallerCapacity`];
/// [`JournalError::RulesVersion`]; [`JournalError::KeyNeeded`]; [`JournalError::NotKeyed`];
/// [`JournalError::Io`].
///
/// # Panics
///
/// If `dir` was opened only to read.
pub fn recover(
    dir: &DataDir,
    wanted: &Wanted,
    options: &Options,
    on_entry: impl FnMut(Entry<'_>),
) -> Result<Recovered, JournalError> {
    recover_after(dir, None, wanted, options, on_entry)
}

/// As [`recover`], but reads the journal only from behind the batch of `anchor`, where there is one.
/// The rules that hold there are not given to `on_entry`.
///
/// # Errors
///
/// As [`recover`]; [`JournalError::Damaged`] if that batch is not there.
///
/// # Panics
///
/// If `dir` was opened only to read.
pub fn recover_after(
    dir: &DataDir,
    anchor: Option<&Anchor>,
    wanted: &Wanted,
    options: &Options,
    on_entry: impl FnMut(Entry<'_>),
) -> Result<Recovered, JournalError> {
    assert!(dir.is_locked_by_us(), "only who holds the lock recovers");
    recover_from(dir.files(), anchor, wanted, options, on_entry)
}

/// As [`recover`], for files of any kind. The caller makes sure that nobody else writes them.
///
/// # Errors
///
/// As [`recover`].
pub fn recover_files<F: Files>(
    files: &F,
    wanted: &Wanted,
    options: &Options,
    on_entry: impl FnMut(Entry<'_>),
) -> Result<Recovered, JournalError> {
    recover_from(files, None, wanted, options, on_entry)
}

/// As [`recover_after`], for files of any kind.
///
/// # Errors
///
/// As [`recover_after`].
pub fn recover_from<F: Files>(
    files: &F,
    anchor: Option<&Anchor>,
    wanted: &Wanted,
    options: &Options,
    mut on_entry: impl FnMut(Entry<'_>),
) -> Result<Recovered, JournalError> {
    let is_new = is_new(files)?;
    if is_new {
        let (journal_id, key) = (files.draw_id(), options.key.as_ref());
        files.make_segment(SegmentHeader::new(journal_id, 1, options.segment_bytes, key))?;
    }
    let mut walk = Walk::open(files, anchor.map_or(Start::Beginning, Start::After), options.key)?;
    if walk.seals() == Seals::Unchecked {
        return Err(JournalError::KeyNeeded { path: files.path("") });
    }
    while walk.advance()?.is_some() {
        if let Some(entry) = walk.entry() {
            if let (Entry::Batch { .. }, Some(rules)) = (&entry, &walk.rules) {
                check_rules_version(files, rules)?;
            }
            on_entry(entry);
        }
    }
    let end = walk.end.clone().expect("a walk that is over knows its end");
    let rules = wanted_rules(files, wanted, walk.rules.as_ref())?;

    // From here on the disk is changed.
    remove_leftovers(files)?;
    let mut notes = Vec::new();
    let mut position = walk.position();
    if let Some(tail) = &end.tail {
        notes.push(describe_cut(files, tail, walk.last_sequence));
        cut(files, walk.segments(), &position)?;
        position.next_segment_bytes = None;
    }
    // Without a tail too: of a group's last blocks nothing but zeros may have come to the disk.
    fill_block(files, &mut position, options.key.as_ref())?;
    secure_kept(files, &walk, &position)?;
    if walk.rules != Some(rules) {
        let storage = Blocking::new(files, &segments_at(&position))?;
        let mut writer = Writer::new(storage, position, *options);
        writer.append_rules_and_wait(&rules)?;
        position = writer.position();
        on_entry(Entry::Rules(rules));
    }
    Ok(Recovered {
        last_sequence: position.last_sequence,
        last_timestamp: position.last_timestamp,
        rules,
        is_new,
        notes,
        position,
    })
}

/// Whether there is no journal yet.
///
/// # Errors
///
/// [`JournalError::Io`].
pub fn is_new<F: Files>(files: &F) -> Result<bool, JournalError> {
    Ok(!files.names()?.iter().any(|name| segment_of_name(name).is_some()))
}

/// The segments that a writer at `position` may name.
pub(super) fn segments_at(position: &Position) -> Vec<u32> {
    let mut segments = vec![position.segment];
    if position.next_segment_bytes.is_some() {
        segments.push(position.segment + 1);
    }
    segments
}

/// The rules of a journal that begins now, or of an engine that keeps none: the defaults, with what
/// the start asks for, and a key drawn by chance.
///
/// # Panics
///
/// If the system has no random numbers.
#[must_use]
pub fn rules_of_a_new_journal(wanted: &Wanted) -> Rules {
    let mut key = [0; 16];
    getrandom::fill(&mut key).expect("the system has random numbers");
    new_rules(wanted, &key)
}

fn new_rules(wanted: &Wanted, key: &[u8; 16]) -> Rules {
    let (low, high) = key.split_at(8);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let mut rules = Rules::new(Capacities::default(), [word(low), word(high)]);
    for (_, capacity, wanted) in tables(&mut rules.capacities, wanted) {
        *capacity = wanted.unwrap_or(*capacity);
    }
    rules.retention_ns = wanted.retention_ns.unwrap_or(0);
    rules
}

/// Each table's option, its capacity, and what the start asks for.
fn tables<'a>(
    capacities: &'a mut Capacities,
    wanted: &Wanted,
) -> [(&'static str, &'a mut u64, Option<u64>); 5] {
    [
        ("--accounts", &mut capacities.accounts, wanted.accounts),
        ("--transfers", &mut capacities.transfers, wanted.transfers),
        ("--policies", &mut capacities.policies, wanted.policies),
        ("--markets", &mut capacities.markets, wanted.markets),
        ("--orders", &mut capacities.orders, wanted.orders),
    ]
}

/// The journal's rules with what the start asks for.
fn wanted_rules<F: Files>(
    files: &F,
    wanted: &Wanted,
    journaled: Option<&Rules>,
) -> Result<Rules, JournalError> {
    let path = files.path("");
    let mut rules = match journaled {
        // Commands under other rules were refused: there are none, or a snapshot covers them.
        Some(rules) => Rules { version: RULES_VERSION, ..*rules },
        None => return Ok(new_rules(wanted, &files.draw_id())),
    };
    for (name, capacity, wanted) in tables(&mut rules.capacities, wanted) {
        let wanted = wanted.unwrap_or(*capacity);
        if wanted < *capacity {
            let journaled = *capacity;
            return Err(JournalError::SmallerCapacity { path, name, wanted, journaled });
        }
        *capacity = wanted;
    }
    rules.retention_ns = wanted.retention_ns.unwrap_or(rules.retention_ns);
    Ok(rules)
}

/// Refuses commands that were taken in under other rules than this program has.
fn check_rules_version<F: Files>(files: &F, rules: &Rules) -> Result<(), JournalError> {
    if rules.version == RULES_VERSION {
        return Ok(());
    }
    let (path, journaled, program) = (files.path(""), rules.version, RULES_VERSION);
    Err(JournalError::RulesVersion { path, journaled, program })
}

/// Removes segments that were being made when the engine stopped.
fn remove_leftovers<F: Files>(files: &F) -> Result<(), JournalError> {
    let is_leftover = |name: &str| name.strip_suffix(".new").and_then(segment_of_name).is_some();
    for name in files.names()?.iter().filter(|name| is_leftover(name)) {
        files.remove(name)?;
    }
    Ok(())
}

fn describe_cut<F: Files>(files: &F, tail: &Tail, last_sequence: u64) -> String {
    let path = files.path(&segment_name(tail.segment));
    let mut note = String::new();
    let _ = write!(
        note,
        "cut {} bytes that were never acknowledged: {} at byte {}: {}; the last command is {last_sequence}",
        tail.bytes,
        path.display(),
        tail.offset,
        tail.fault,
    );
    note
}

/// Removes what stands behind the end: segments after its own, then the rest of its own.
///
/// A crash in between leaves a tail again: no mark is written before the rest is gone.
fn cut<F: Files>(
    files: &F,
    segments: &[SegmentHeader],
    end: &Position,
) -> Result<(), JournalError> {
    for header in segments.iter().filter(|header| header.segment > end.segment).rev() {
        files.remove(&segment_name(header.segment))?;
    }
    files.sync_dir()?;
    zero_behind(files, end)
}

/// Makes sure of the frames which no mark calls durable, up to `end`: writes
/// them again, as they are, and syncs.
///
/// A sync alone would prove nothing: after one that failed, the system counts as clean, and shows to
/// readers, what it never brought to the disk.
fn secure_kept<F: Files>(files: &F, walk: &Walk<F>, end: &Position) -> Result<(), JournalError> {
    let mut from = match walk.unmarked.front() {
        Some(frame) => (frame.segment, frame.offset - frame.offset % BLOCK_BYTES as u64),
        None => (end.segment, end.offset),
    };
    let mut buffer = Buffer::new(256 * BLOCK_BYTES);
    while from.0 <= end.segment {
        let name = segment_name(from.0);
        let segment = walk.segments().iter().find(|header| header.segment == from.0);
        let segment_bytes = segment.expect("the walk went through it").segment_bytes;
        let to = if from.0 == end.segment { end.offset } else { segment_bytes };
        let (read, write) = (files.open(&name, Access::Read)?, files.open(&name, Access::Write)?);
        while from.1 < to {
            let bytes = (to - from.1).min(buffer.bytes().len() as u64) as usize;
            read.read_at(from.1, &mut buffer.bytes_mut()[..bytes])?;
            write.write_at(from.1, &buffer.bytes()[..bytes], false)?;
            from.1 += bytes as u64;
        }
        write.sync()?;
        from = (from.0 + 1, SEGMENT_HEADER_BYTES as u64);
    }
    files.sync_dir()
}
