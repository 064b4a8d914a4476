//! What is wrong with a journal, and which steps heal it.

use super::steps::{Reason, Step};
use crate::claims::Claims;
use crate::cursor::Cursor;
use crate::cut::end_of_content;
use crate::error::{Fault, JournalError};
use crate::files::{Access, Files, OpenFile as _};
use crate::format::{BLOCK_BYTES, END_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::place::Position;
use crate::seal::{Key, Seals};
use crate::segments::{segment_name, segment_numbers};
use crate::start::Start;
use crate::witness::{WITNESS_NAME, Witness};

/// What a look at a journal found.
pub(super) struct Found {
    pub seals: Seals,
    /// Where the journal ends that is good so far.
    pub position: Position,
    /// Highest sequence that anything calls durable.
    pub acknowledged_sequence: u64,
    /// The same before a repair that nothing came after, 0 if there was none.
    pub given_up: u64,
    /// What the witness says.
    pub witness: Option<Witness>,
    /// The first thing that is wrong, and why it is.
    pub wound: Option<(Wound, String)>,
}

/// Where the part of a segment ends that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub segment: u32,
    /// Length that its file has when it is whole.
    pub segment_bytes: u64,
    /// Bytes that are kept.
    pub kept_bytes: u64,
}

impl Edge {
    fn at(position: &Position) -> Edge {
        let &Position { segment, segment_bytes, offset, .. } = position;
        Edge { segment, segment_bytes, kept_bytes: offset }
    }
}

/// What a segment's file has behind its edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Length of the file.
    pub file_bytes: u64,
    /// Whether the file is anything but what is kept and zeros.
    pub is_touched: bool,
}

/// One thing that is wrong with a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wound {
    /// The journal ends in a tail, or before a segment that is not what it should be and was never
    /// begun.
    Tail { edge: Edge, later: Vec<u32> },
    /// What was durable is not there, or the segment that the journal goes on in is not: the
    /// journal ends at the position, gives up what came after it, and begins an epoch. `was` is
    /// what is to be remembered until then.
    Damage { position: Position, later: Vec<u32>, was: Witness },
    /// Bytes stand behind the frame that ends a segment. The journal goes on in the next one.
    Overwritten { edge: Edge },
    /// The file is longer or shorter than it was made, behind its last frame. The journal goes on.
    Length { edge: Edge },
    /// The witness is of another journal.
    ForeignWitness,
}

impl Wound {
    fn edge(&self) -> Option<Edge> {
        match self {
            Wound::Damage { position, .. } => Some(Edge::at(position)),
            Wound::Tail { edge, .. } | Wound::Overwritten { edge } | Wound::Length { edge } => {
                Some(*edge)
            }
            Wound::ForeignWitness => None,
        }
    }

    /// The steps that heal it, in order. After each the journal is still judged rightly.
    pub fn steps<F: Files>(&self, files: &F) -> Result<Vec<Step>, JournalError> {
        let Some(edge) = self.edge() else {
            let (name, reason) = (WITNESS_NAME.to_owned(), Reason::Wound);
            return Ok(vec![Step::SetAside { name, reason }, Step::SyncNames]);
        };
        let file = files.open(&segment_name(edge.segment), Access::Read)?;
        let file_bytes = file.length_bytes()?;
        let is_touched = file_bytes != edge.segment_bytes
            || end_of_content(&file, edge.kept_bytes)? > edge.kept_bytes;
        Ok(self.steps_for(&edge, &Extent { file_bytes, is_touched }))
    }

    /// Removes the last segment if it was made ahead and nothing was ever written to it: the next
    /// start makes it again. Whether there was one.
    pub fn make_room<F: Files>(&self, files: &F) -> Result<bool, JournalError> {
        // Where the journal goes on behind the wound, a frame may say that the segment is there.
        let (Wound::Tail { .. } | Wound::Damage { .. }, Some(edge)) = (self, self.edge()) else {
            return Ok(false);
        };
        let last = segment_numbers(files)?.last().copied().unwrap_or(0);
        if last <= edge.segment || !is_empty(files, last)? {
            return Ok(false);
        }
        files.remove(&segment_name(last))?;
        files.sync_dir()?;
        Ok(true)
    }

    fn steps_for(&self, edge: &Edge, extent: &Extent) -> Vec<Step> {
        let &Edge { segment, segment_bytes, kept_bytes } = edge;
        let mut steps = Vec::new();
        let (later, begins) = match self {
            Wound::Tail { later, .. } => (Some(later), None),
            Wound::Damage { later, position, was } => {
                (Some(later), Some((*position, was.sequence)))
            }
            Wound::Overwritten { .. } | Wound::Length { .. } | Wound::ForeignWitness => {
                (None, None)
            }
        };
        if let Wound::Damage { was, .. } = self {
            // From here on the witness proves what the steps below take away.
            steps.push(Step::Witness(*was));
        }
        if extent.is_touched || begins.is_some() {
            let bytes = extent.file_bytes.saturating_sub(kept_bytes);
            let bytes = if extent.is_touched { bytes } else { 0 };
            steps.push(Step::Keep { segment, from: kept_bytes, bytes });
        }
        if let Some(later) = later {
            let is_cut = extent.is_touched || begins.is_some();
            let reason = if is_cut { Reason::AfterTheCut } else { Reason::Wound };
            // From the last on, so that a crash leaves no gap that was not there before.
            let names = later.iter().rev().map(|&segment| segment_name(segment));
            steps.extend(names.map(|name| Step::SetAside { name, reason }));
            steps.push(Step::SyncNames);
        }
        if let Some((position, given_up)) = begins {
            steps.push(Step::SetSnapshotsAside { last_sequence: position.last_sequence });
            steps.push(Step::BeginEpoch { position, given_up });
        } else if extent.is_touched {
            steps.push(Step::Rewrite { segment, segment_bytes, kept_bytes });
        }
        steps
    }
}

/// Reads the journal up to the first thing that is wrong with it.
///
/// # Errors
///
/// [`JournalError::Damaged`] if nothing can be kept, or the lock is that of another journal.
pub(super) fn look<F: Files>(files: &F, key: Option<Key>) -> Result<Found, JournalError> {
    let (mut cursor, bad_segment) = Cursor::open_up_to_damage(files, Start::FirstKept, key)?;
    let stopped = loop {
        match cursor.advance() {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error @ JournalError::Damaged { .. }) => break Some(error),
            Err(error) => return Err(error),
        }
    };
    if let (false, Some(damage)) = (cursor.chain().is_anchored(), stopped.as_ref()) {
        // Where it begins is not known, so nothing can follow.
        let JournalError::Damaged { path, offset, fault } = damage else { unreachable!() };
        let (path, offset, fault) = (path.clone(), *offset, fault.clone());
        return Err(JournalError::Damaged { path, offset, fault });
    }
    let claims = Claims::read(files, cursor.segment(), cursor.chain())?;
    // No step heals that: the segments may be those of another journal.
    claims.check_copy(files, cursor.segment())?;
    let said = claims.of_journal(&cursor.segment().journal_id);
    let witness = said.max_by_key(|it| (it.epoch, it.sequence, it.segment, it.offset));
    let of_this_epoch = witness.filter(|witness| witness.epoch >= cursor.chain().epoch);
    let acknowledged_sequence =
        cursor.durable_sequence().max(of_this_epoch.map_or(0, |witness| witness.sequence));
    let wound = match stopped {
        Some(damage) => {
            Some(wound_of(files, &cursor, damage, bad_segment, witness, acknowledged_sequence)?)
        }
        None => {
            let tail = cursor.end().and_then(|end| end.tail.as_ref()).map(ToString::to_string);
            match tail.or_else(|| bad_segment.map(|damage| damage.to_string())) {
                Some(reason) => {
                    let edge = Edge::at(&cursor.position());
                    let later = later_segments(files, &cursor, edge.segment)?;
                    Some((Wound::Tail { edge, later }, reason))
                }
                None => wrong_length(files, cursor.segments())?,
            }
        }
    };
    let (seals, position) = (cursor.seals(), cursor.position());
    let given_up = cursor.given_up();
    Ok(Found { seals, position, acknowledged_sequence, given_up, witness, wound })
}

/// The wound that stopped a cursor, and why.
fn wound_of<F: Files>(
    files: &F,
    cursor: &Cursor<F>,
    damage: JournalError,
    bad_segment: Option<JournalError>,
    witness: Option<Witness>,
    acknowledged_sequence: u64,
) -> Result<(Wound, String), JournalError> {
    let here = files.path(&segment_name(cursor.segment().segment));
    let reason = damage.to_string();
    let JournalError::Damaged { path, fault, .. } = &damage else { return Err(damage) };
    if *path == files.path(WITNESS_NAME) {
        return Ok((Wound::ForeignWitness, reason));
    }
    if *path == here && *fault == Fault::NotZero {
        return Ok((Wound::Overwritten { edge: Edge::at(&cursor.position()) }, reason));
    }
    // Where the next segment is bad, the frame that promises it goes. What is too long for a tail
    // follows on the good frames, in whichever segment it stands.
    let is_elsewhere = *path != here && !matches!(fault, Fault::TooLong { .. });
    let position = match cursor.before_end() {
        Some(before) if is_elsewhere => *before,
        _ => with_room(cursor),
    };
    // What is wrong with the segment says more than that it is missed.
    let reason = match bad_segment {
        Some(damage) if is_elsewhere => damage.to_string(),
        _ => reason,
    };
    let later = later_segments(files, cursor, position.segment)?;
    let now = Witness::of(&position);
    let was = Witness {
        epoch: witness.map_or(now.epoch, |witness| witness.epoch.max(now.epoch)),
        sequence: acknowledged_sequence,
        ..witness.unwrap_or(now)
    };
    let epoch = was.epoch.checked_add(1).expect("a journal is not repaired so often");
    let position = Position { epoch, ..position };
    Ok((Wound::Damage { position, later, was }, reason))
}

/// Where the cursor stands, or before the closing frames there if the segment has no room for one
/// more behind them.
fn with_room<F: Files>(cursor: &Cursor<F>) -> Position {
    let position = cursor.position();
    let is_at_block = position.offset.is_multiple_of(BLOCK_BYTES as u64);
    let has_room = position.offset + END_BYTES as u64 <= position.segment_bytes;
    match cursor.before_marks() {
        Some(before) if is_at_block && !has_room && before.segment == position.segment => *before,
        _ => position,
    }
}

/// The first segment whose frames are good and whose file is longer or shorter than it was.
fn wrong_length<F: Files>(
    files: &F,
    segments: &[SegmentHeader],
) -> Result<Option<(Wound, String)>, JournalError> {
    for header in segments {
        let file = files.open(&segment_name(header.segment), Access::Read)?;
        let (expected, found) = (header.segment_bytes, file.length_bytes()?);
        if found != expected {
            let edge = Edge {
                segment: header.segment,
                segment_bytes: expected,
                kept_bytes: found.min(expected),
            };
            let reason = Fault::FileLength { expected, found }.to_string();
            return Ok(Some((Wound::Length { edge }, reason)));
        }
    }
    Ok(None)
}

/// Numbers of the segments after `segment`, whatever is in them; none if the only one was made
/// ahead and holds nothing: it is there for the engine to go on in.
fn later_segments<F: Files>(
    files: &F,
    cursor: &Cursor<F>,
    segment: u32,
) -> Result<Vec<u32>, JournalError> {
    let mut later = segment_numbers(files)?;
    later.retain(|&number| number > segment);
    if let [next] = later[..]
        && cursor.segments().last().is_some_and(|header| header.segment == next)
        && is_empty(files, next)?
    {
        later.clear();
    }
    Ok(later)
}

/// Whether a segment holds nothing behind its header.
fn is_empty<F: Files>(files: &F, segment: u32) -> Result<bool, JournalError> {
    let file = files.open(&segment_name(segment), Access::Read)?;
    let begin = SEGMENT_HEADER_BYTES as u64;
    Ok(end_of_content(&file, begin)? == begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In segment 3, 400 of 1000 bytes are kept.
    fn position() -> Position {
        let header = SegmentHeader::new([7; 16], 3, 1000, None);
        Position { offset: 400, last_sequence: 20, ..Position::beginning(&header) }
    }

    fn keep(bytes: u64) -> Step {
        Step::Keep { segment: 3, from: 400, bytes }
    }

    fn aside(segment: u32, reason: Reason) -> Step {
        Step::SetAside { name: segment_name(segment), reason }
    }

    fn check(cases: Vec<(&str, Wound, u64, bool, Vec<Step>)>) {
        for (name, wound, file_bytes, is_touched, steps) in cases {
            let extent = Extent { file_bytes, is_touched };
            assert_eq!(wound.steps_for(&Edge::at(&position()), &extent), steps, "{name}");
        }
    }

    #[test]
    fn what_was_never_acknowledged_is_kept_and_cut() {
        let edge = Edge::at(&position());
        let rewrite = || Step::Rewrite { segment: 3, segment_bytes: 1000, kept_bytes: 400 };
        let tail = |later: &[u32]| Wound::Tail { edge, later: later.to_vec() };
        let (overwritten, length) = (Wound::Overwritten { edge }, Wound::Length { edge });
        //  name, wound, length of the file, whether anything stands behind the edge, steps
        check(vec![
            ("a tail", tail(&[]), 1000, true, vec![keep(600), Step::SyncNames, rewrite()]),
            (
                "a bad segment that was never begun",
                tail(&[4]),
                1000,
                false,
                vec![aside(4, Reason::Wound), Step::SyncNames],
            ),
            ("bytes behind the end", overwritten, 1000, true, vec![keep(600), rewrite()]),
            ("a longer file", length.clone(), 1100, true, vec![keep(700), rewrite()]),
            ("a shorter file", length, 400, true, vec![keep(0), rewrite()]),
        ]);
    }

    #[test]
    fn what_was_acknowledged_is_remembered_first_and_given_up_last() {
        let position = position();
        let was = Witness { sequence: 50, ..Witness::of(&position) };
        let damage = |later: &[u32]| Wound::Damage { position, later: later.to_vec(), was };
        let first = || Step::Witness(was);
        let last = || {
            let begin = Step::BeginEpoch { position, given_up: 50 };
            [Step::SyncNames, Step::SetSnapshotsAside { last_sequence: 20 }, begin]
        };
        let steps = |between: Vec<Step>| [vec![first()], between, last().to_vec()].concat();
        let after = Reason::AfterTheCut;
        check(vec![
            (
                "damage before other segments: the last goes first",
                damage(&[4, 5]),
                1000,
                true,
                steps(vec![keep(600), aside(5, after), aside(4, after)]),
            ),
            ("zeros where commands were", damage(&[]), 1000, false, steps(vec![keep(0)])),
            ("a file that ends within a frame", damage(&[]), 300, true, steps(vec![keep(0)])),
        ]);
    }
}
