//! Opens a journal to go on writing it: reads all of it, cuts its tail, makes sure of what is kept.

use super::blocking::Blocking;
use super::buffer::Buffer;
use super::cursor::Cursor;
use super::cut::{CUT_BYTES_MAX, CUTS_KEPT_MAX, cuts, end_of_content, keep};
use super::data_dir::DataDir;
use super::entry::{Entry, Tail};
use super::error::{Fault, JournalError};
use super::files::{Access, Files, OpenFile};
use super::format::{BLOCK_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::options::{Durability, Options};
use super::place::{Anchor, Position};
use super::seal::Seals;
use super::segments::{damaged, is_cut, is_new, is_unfinished, make_segment, segment_name};
use super::snapshot::snapshot_of_name;
use super::start::Start;
use super::trim::{fill_block, zero_behind};
use super::wanted::{Wanted, check_rules_version, wanted_rules};
use super::witness::{WITNESS_NAME, Witness, WitnessFile, WitnessFound, write_copy};
use super::writer::Writer;
use ringfence_types::Rules;

/// What takes a journal's entries and rebuilds a state from them.
pub trait Rebuild {
    /// The next entry.
    fn entry(&mut self, entry: Entry<'_>);

    /// All entries were given, and the journal is to go on under `rules`. Nothing on the disk was
    /// changed yet: false, if the state cannot be had under them, leaves it so.
    fn begin(&mut self, rules: &Rules) -> bool {
        let _ = rules;
        true
    }
}

/// A closure that takes entries.
struct ByEntry<F>(F);

impl<F: FnMut(Entry<'_>)> Rebuild for ByEntry<F> {
    fn entry(&mut self, entry: Entry<'_>) {
        (self.0)(entry);
    }
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

/// Reads the journal in `dir` from its start, gives every entry to `on_entry`, and makes it ready
/// to be written: makes a new one if there is none, cuts a tail, makes what is kept durable, and
/// appends a record if the start asks for other rules.
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
    recover_after(dir, None, wanted, options, &mut ByEntry(on_entry))
}

/// As [`recover`], but reads the journal only from behind the batch of `anchor`, where there is
/// one. The rules that hold there are not given to `rebuild`.
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
    rebuild: &mut impl Rebuild,
) -> Result<Recovered, JournalError> {
    assert!(dir.is_locked_by_us(), "only who holds the lock recovers");
    rebuild_from(dir.files(), anchor, wanted, options, rebuild)
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
    on_entry: impl FnMut(Entry<'_>),
) -> Result<Recovered, JournalError> {
    rebuild_from(files, anchor, wanted, options, &mut ByEntry(on_entry))
}

fn rebuild_from<F: Files>(
    files: &F,
    anchor: Option<&Anchor>,
    wanted: &Wanted,
    options: &Options,
    rebuild: &mut impl Rebuild,
) -> Result<Recovered, JournalError> {
    let is_new = is_new(files)?;
    if is_new {
        check_never_begun(files)?;
        let (journal_id, key) = (files.draw_id(), options.key.as_ref());
        make_segment(files, SegmentHeader::new(journal_id, 1, options.segment_bytes, key))?;
    }
    let start = anchor.map_or(Start::Beginning, Start::After);
    let mut cursor = Cursor::open(files, start, options.key)?;
    if cursor.seals() == Seals::Unchecked {
        return Err(JournalError::KeyNeeded { path: files.path("") });
    }
    // The rules under which the last command was taken in.
    let mut used = anchor.map(|anchor| anchor.rules);
    while cursor.advance()?.is_some() {
        if let Some(entry) = cursor.entry() {
            if let (Entry::Batch { .. }, Some(rules)) = (&entry, cursor.rules()) {
                check_rules_version(files, rules)?;
                used = Some(*rules);
            }
            rebuild.entry(entry);
        }
    }
    let end = cursor.end().expect("a cursor that is at the end knows it");
    let rules = wanted_rules(files, wanted, cursor.rules(), used.as_ref())?;
    if !rebuild.begin(&rules) {
        return Err(JournalError::NotBegun { path: files.path("") });
    }

    // From here on the disk is changed.
    remove_leftovers(files)?;
    let mut notes = Vec::new();
    let mut position = cursor.position();
    if let Some(tail) = &end.tail {
        let kept_in = keep_tail(files, cursor.segments(), &position)?;
        notes.push(describe_cut(files, tail, position.last_sequence, &kept_in));
        cut(files, cursor.segments(), &position)?;
        position.next_segment_bytes = None;
    }
    // Without a tail too: of a group's last blocks nothing but zeros may have come to the disk.
    fill_block(files, &mut position, options.key.as_ref())?;
    secure_kept(files, &cursor, &position)?;
    let has_new_rules = cursor.rules() != Some(&rules);
    begin_life(files, has_new_rules.then_some(&rules), options, &mut position)?;
    if has_new_rules {
        rebuild.entry(Entry::Rules(rules));
    }
    if !is_new {
        notes.extend(describe_witness(files, &end.witness));
    }
    write_witness(files, &position)?;
    Ok(Recovered {
        last_sequence: position.last_sequence,
        last_timestamp: position.last_timestamp,
        rules,
        is_new,
        notes,
        position,
    })
}

/// Writes down durably what holds from here on: other rules, and that frames no longer wait for the
/// disk, from which follows how long a tail behind them can be.
fn begin_life<F: Files>(
    files: &F,
    rules: Option<&Rules>,
    options: &Options,
    position: &mut Position,
) -> Result<(), JournalError> {
    let loosens = options.durability == Durability::Async && !position.is_async;
    if rules.is_some() || loosens {
        let storage = Blocking::new(files, &position.segments())?;
        let mut writer = Writer::new(storage, *position, *options);
        writer.begin_and_wait(rules)?;
        *position = writer.position();
    }
    Ok(())
}

/// Refuses to begin a journal where there was one: something is beside it that only a journal
/// leaves.
fn check_never_begun<F: Files>(files: &F) -> Result<(), JournalError> {
    let names = files.names()?;
    let is_left =
        |name: &String| name == WITNESS_NAME || is_cut(name) || snapshot_of_name(name).is_some();
    match names.iter().any(is_left) {
        true => Err(damaged(files, 1, 0, Fault::Missing)),
        false => Ok(()),
    }
}

/// Removes segments that were being made when the engine stopped.
fn remove_leftovers<F: Files>(files: &F) -> Result<(), JournalError> {
    for name in files.names()?.iter().filter(|name| is_unfinished(name)) {
        files.remove(name)?;
    }
    Ok(())
}

/// Has the witness and its copy say that all before `position` is durable.
fn write_witness<F: Files>(files: &F, position: &Position) -> Result<(), JournalError> {
    let witness = Witness::of(position);
    WitnessFile::open(files, &witness)?.write_both(&witness)?;
    write_copy(files, &witness)
}

/// What to say of a witness that is missing.
fn describe_witness<F: Files>(files: &F, found: &WitnessFound) -> Option<String> {
    let path = files.path(WITNESS_NAME);
    let path = path.display();
    (*found == WitnessFound::Missing).then(|| {
        format!("{path} is missing: without it the journal's own frames alone say where it ends")
    })
}

fn describe_cut<F: Files>(
    files: &F,
    tail: &Tail,
    last_sequence: u64,
    kept_in: &[String],
) -> String {
    let path = files.path(&segment_name(tail.segment));
    let kept = match kept_in {
        [] => "not kept".to_owned(),
        names => format!("kept in {}", names.join(", ")),
    };
    format!(
        "cut {} bytes with {} commands that were never acknowledged ({kept}): {} at byte {}: {}; \
         the last command is {last_sequence}",
        tail.bytes,
        tail.commands,
        path.display(),
        tail.offset,
        tail.fault,
    )
}

/// Keeps what is about to be cut beside the journal, from the block on in which the cut begins: up
/// to so many files, and so much of each. What it is kept in; not kept where the disk is full.
fn keep_tail<F: Files>(
    files: &F,
    segments: &[SegmentHeader],
    end: &Position,
) -> Result<Vec<String>, JournalError> {
    let mut kept_in = Vec::new();
    for header in segments.iter().filter(|header| header.segment >= end.segment) {
        let name = segment_name(header.segment);
        let begin = match header.segment == end.segment {
            true => end.offset,
            false => SEGMENT_HEADER_BYTES as u64,
        };
        let content_end = end_of_content(&files.open(&name, Access::Read)?, begin)?;
        if content_end == begin || cuts(files)? >= CUTS_KEPT_MAX {
            continue;
        }
        let from = begin - begin % BLOCK_BYTES as u64;
        let to = content_end.next_multiple_of(BLOCK_BYTES as u64).min(from + CUT_BYTES_MAX);
        match keep(files, &name, from, to) {
            Ok(name) => kept_in.push(name),
            Err(error) if error.is_for_room() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(kept_in)
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
/// A sync alone would prove nothing: after one that failed, the system counts as clean, and shows
/// to readers, what it never brought to the disk.
fn secure_kept<F: Files>(
    files: &F,
    cursor: &Cursor<F>,
    end: &Position,
) -> Result<(), JournalError> {
    let mut from = match cursor.first_unmarked() {
        Some(frame) => (frame.segment, frame.offset - frame.offset % BLOCK_BYTES as u64),
        None => (end.segment, end.offset),
    };
    let mut buffer = Buffer::new(256 * BLOCK_BYTES);
    while from.0 <= end.segment {
        let name = segment_name(from.0);
        let segment = cursor.segments().iter().find(|header| header.segment == from.0);
        let segment_bytes = segment.expect("the cursor went through it").segment_bytes;
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
