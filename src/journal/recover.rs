//! Opens a journal to go on writing it: reads all of it, cuts its tail, makes sure of what is kept.

use std::fmt::Write as _;

use zerocopy::{FromBytes, IntoBytes};

use super::blocking::Blocking;
use super::buffer::Buffer;
use super::directory::DataDir;
use super::error::JournalError;
use super::files::{Access, Files, OpenFile};
use super::format::{
    BLOCK_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, SEGMENT_HEADER_BYTES, SegmentHeader,
    segment_name, segment_of_name,
};
use super::walk::{Anchor, End, Entry, Start, Tail, Walk};
use super::writer::{Options, Position, Writer};
use crate::types::{Capacities, RULES_VERSION, Rules};

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
/// [`JournalError::RulesVersion`]; [`JournalError::Io`].
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
    let is_new = !files.names()?.iter().any(|name| segment_of_name(name).is_some());
    if is_new {
        let journal_id = files.draw_id();
        files.make_segment(SegmentHeader::new(journal_id, 1, options.segment_bytes, false))?;
    }
    let mut walk = Walk::open(files, anchor.map_or(Start::Beginning, Start::After))?;
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
    let mut offset = end.offset;
    let mut previous_checksum = walk.previous_checksum;
    if let Some(tail) = &end.tail {
        notes.push(describe_cut(files, tail, walk.last_sequence));
        (offset, previous_checksum) = cut(files, &walk, &end)?;
    }
    secure_kept(files, &walk, &end, offset)?;
    let next = walk.segments().iter().find(|header| header.segment == end.segment + 1);
    let kept_next = if end.tail.is_some() { None } else { next };
    let mut position = Position {
        journal_id: walk.segment().journal_id,
        segment: end.segment,
        segment_bytes: walk.segment().segment_bytes,
        offset,
        previous_checksum,
        last_sequence: walk.last_sequence,
        last_timestamp: walk.last_timestamp,
        marked_sequence: walk.highest_mark,
        next_segment_bytes: kept_next.map(|header| header.segment_bytes),
    };
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

/// The segments that a writer at `position` may name.
pub(super) fn segments_at(position: &Position) -> Vec<u32> {
    let mut segments = vec![position.segment];
    if position.next_segment_bytes.is_some() {
        segments.push(position.segment + 1);
    }
    segments
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

/// The rules of a journal that begins now, or of an engine that keeps none: the defaults, with what
/// the start asks for, and a key drawn by chance.
///
/// # Panics
///
/// If the system has no random numbers.
#[must_use]
pub fn rules_of_a_new_journal(wanted: &Wanted) -> Rules {
    let key: [u8; 16] = random_bytes();
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
        None => return Ok(rules_of_a_new_journal(wanted)),
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

/// Zeroes all that stands behind the last good frame. Returns where the next group begins and the
/// checksum of the frame before it.
///
/// A crash in between leaves a tail again: no mark is written before the rest is gone.
fn cut<F: Files>(files: &F, walk: &Walk<F>, end: &End) -> Result<(u64, u32), JournalError> {
    let later = walk.segments().iter().filter(|header| header.segment > end.segment);
    for header in later.rev() {
        files.remove(&segment_name(header.segment))?;
    }
    files.sync_dir()?;

    let name = segment_name(end.segment);
    let segment = walk.segment();
    let file = files.open(&name, Access::Write)?;
    let zeros = Buffer::new(256 * BLOCK_BYTES);
    let aligned = end.offset.next_multiple_of(BLOCK_BYTES as u64);
    let mut offset = aligned;
    while offset < segment.segment_bytes {
        let bytes = (segment.segment_bytes - offset).min(zeros.bytes().len() as u64);
        file.write_at(offset, &zeros.bytes()[..bytes as usize], false)?;
        offset += bytes;
    }
    file.sync()?;
    if aligned == end.offset {
        return Ok((aligned, walk.previous_checksum));
    }

    // The last good frame ends within a block: a closing frame fills the block up. The bytes before
    // it are written as they were, so however the write ends, they are there.
    let start = aligned - BLOCK_BYTES as u64;
    let used = (end.offset - start) as usize;
    let mut block = Buffer::new(BLOCK_BYTES);
    files.open(&name, Access::Read)?.read_at(start, block.bytes_mut())?;
    let mut header = FrameHeader::read_from_bytes(&[0; FRAME_HEADER_BYTES])
        .expect("a header has the length of a header");
    let (head, padding) = block.bytes_mut()[used..].split_at_mut(FRAME_HEADER_BYTES);
    padding.fill(0);
    let seed = segment.frame_seed();
    header.kind = FrameKind::Mark as u8;
    header.first_sequence = walk.last_sequence + 1;
    header.durable_sequence = walk.highest_mark;
    header.length_bytes = (BLOCK_BYTES - used) as u32;
    header.offset_steps = (end.offset / FRAME_HEADER_BYTES as u64) as u32;
    header.previous_checksum = walk.previous_checksum;
    header.payload_checksum = crc32c::crc32c_append(seed, padding);
    header.checksum = header.sum(seed);
    head.copy_from_slice(header.as_bytes());
    file.write_at(start, block.bytes(), true)?;
    Ok((aligned, header.checksum))
}

/// Makes sure of the frames which no mark calls durable, up to `offset` of the last segment:
/// writes them again, as they are, and syncs.
///
/// A sync alone would prove nothing: after one that failed, the system counts as clean, and shows to
/// readers, what it never brought to the disk.
fn secure_kept<F: Files>(
    files: &F,
    walk: &Walk<F>,
    end: &End,
    offset: u64,
) -> Result<(), JournalError> {
    let mut from = match walk.unmarked.front() {
        Some(frame) => (frame.segment, frame.offset - frame.offset % BLOCK_BYTES as u64),
        None => (end.segment, offset),
    };
    let mut buffer = Buffer::new(256 * BLOCK_BYTES);
    while from.0 <= end.segment {
        let name = segment_name(from.0);
        let segment = walk.segments().iter().find(|header| header.segment == from.0);
        let segment_bytes = segment.expect("the walk went through it").segment_bytes;
        let to = if from.0 == end.segment { offset } else { segment_bytes };
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
