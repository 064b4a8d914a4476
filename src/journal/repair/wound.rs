//! What is wrong with a journal, and which steps heal it.

use super::steps::{Reason, Step, is_zero_from};
use crate::cursor::Cursor;
use crate::error::{Fault, JournalError};
use crate::files::{Access, Files, OpenFile as _};
use crate::format::{BLOCK_BYTES, SegmentHeader};
use crate::place::Position;
use crate::seal::{Key, Seals};
use crate::segments::{segment_name, segment_numbers};
use crate::start::Start;

/// What a look at a journal found.
pub(super) struct Found {
    pub seals: Seals,
    pub last_sequence: u64,
    pub acknowledged_sequence: u64,
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
    /// The frames end before the edge's segment does, in damage or in a tail: the journal ends there,
    /// and the segments after it are no part of it.
    Ends { edge: Edge, later: Vec<u32> },
    /// A segment is missing or not what it should be. The edge is in the one before, behind which the
    /// journal ends: before the frame that promises the bad one.
    Unfollowed { edge: Edge, later: Vec<u32> },
    /// Bytes stand behind the frame that ends a segment. The journal goes on in the next one.
    Overwritten { edge: Edge },
    /// The file is longer or shorter than it was made, behind its last frame. The journal goes on.
    Length { edge: Edge },
}

impl Wound {
    fn edge(&self) -> &Edge {
        match self {
            Wound::Ends { edge, .. }
            | Wound::Unfollowed { edge, .. }
            | Wound::Overwritten { edge }
            | Wound::Length { edge } => edge,
        }
    }

    /// What the file of the edge has behind it.
    pub fn extent<F: Files>(&self, files: &F) -> Result<Extent, JournalError> {
        let edge = self.edge();
        let file = files.open(&segment_name(edge.segment), Access::Read)?;
        let file_bytes = file.length_bytes()?;
        let is_touched = file_bytes != edge.segment_bytes || !is_zero_from(&file, edge.kept_bytes)?;
        Ok(Extent { file_bytes, is_touched })
    }

    /// The steps that heal it, in order. After each the journal can be repaired again.
    pub fn steps(&self, extent: &Extent) -> Vec<Step> {
        let &Edge { segment, segment_bytes, kept_bytes } = self.edge();
        let mut steps = Vec::new();
        if extent.is_touched {
            let bytes = extent.file_bytes.saturating_sub(kept_bytes);
            steps.push(Step::Keep { segment, from: kept_bytes, bytes });
        }
        if let Wound::Ends { later, .. } | Wound::Unfollowed { later, .. } = self {
            let reason = if extent.is_touched { Reason::AfterTheCut } else { Reason::Wound };
            // From the last on, so that a crash leaves no gap that was not there before.
            steps.extend(later.iter().rev().map(|&segment| Step::SetAside { segment, reason }));
            steps.push(Step::SyncNames);
        }
        if extent.is_touched {
            steps.push(Step::Rewrite { segment, segment_bytes, kept_bytes });
        }
        steps
    }
}

/// Reads the journal up to the first thing that is wrong with it.
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
    let wound = match stopped {
        Some(damage) => Some(wound_of(files, &cursor, damage, bad_segment)?),
        None => {
            let tail = cursor.end().and_then(|end| end.tail.as_ref()).map(ToString::to_string);
            match tail.or_else(|| bad_segment.map(|damage| damage.to_string())) {
                Some(reason) => Some((ends(files, &cursor)?, reason)),
                None => wrong_length(files, cursor.segments())?,
            }
        }
    };
    Ok(Found {
        seals: cursor.seals(),
        last_sequence: cursor.chain().last_sequence,
        acknowledged_sequence: cursor.durable_sequence(),
        wound,
    })
}

/// The wound that stopped a cursor, and why.
fn wound_of<F: Files>(
    files: &F,
    cursor: &Cursor<F>,
    damage: JournalError,
    bad_segment: Option<JournalError>,
) -> Result<(Wound, String), JournalError> {
    let here = files.path(&segment_name(cursor.segment().segment));
    let reason = damage.to_string();
    match &damage {
        JournalError::Damaged { path, fault: Fault::NotZero, .. } if *path == here => {
            let edge = Edge::at(&cursor.position());
            Ok((Wound::Overwritten { edge }, reason))
        }
        JournalError::Damaged { path, .. } if *path != here => {
            let position = cursor.before_end().copied().unwrap_or_else(|| cursor.position());
            let edge = Edge::at(&position);
            let later = later_segments(files, cursor, edge.segment)?;
            // What is wrong with the segment says more than that it is missed.
            let reason = bad_segment.map_or(reason, |damage| damage.to_string());
            Ok((Wound::Unfollowed { edge, later }, reason))
        }
        _ => Ok((ends(files, cursor)?, reason)),
    }
}

/// The journal ends where the cursor stands.
fn ends<F: Files>(files: &F, cursor: &Cursor<F>) -> Result<Wound, JournalError> {
    let edge = Edge::at(&cursor.position());
    Ok(Wound::Ends { edge, later: later_segments(files, cursor, edge.segment)? })
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

/// Numbers of the segments after `segment`, whatever is in them; none if the only one was made ahead and
/// holds nothing: it is there for the engine to go on in.
fn later_segments<F: Files>(
    files: &F,
    cursor: &Cursor<F>,
    segment: u32,
) -> Result<Vec<u32>, JournalError> {
    let mut later = segment_numbers(files)?;
    later.retain(|&number| number > segment);
    if let [next] = later[..]
        && cursor.segments().last().is_some_and(|header| header.segment == next)
        && is_zero_from(&files.open(&segment_name(next), Access::Read)?, BLOCK_BYTES as u64)?
    {
        later.clear();
    }
    Ok(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wound_has_its_steps() {
        let edge = Edge { segment: 3, segment_bytes: 1000, kept_bytes: 400 };
        let keep = |bytes| Step::Keep { segment: 3, from: 400, bytes };
        let rewrite = Step::Rewrite { segment: 3, segment_bytes: 1000, kept_bytes: 400 };
        let aside = |segment, reason| Step::SetAside { segment, reason };
        let (after, itself) = (Reason::AfterTheCut, Reason::Wound);
        let extent = |file_bytes, is_touched| Extent { file_bytes, is_touched };
        let ends = |later: &[u32]| Wound::Ends { edge, later: later.to_vec() };
        let unfollowed = |later: &[u32]| Wound::Unfollowed { edge, later: later.to_vec() };
        let (overwritten, length) = (Wound::Overwritten { edge }, Wound::Length { edge });
        //  name, wound, what stands behind the edge, steps
        let cases: [(&str, Wound, Extent, Vec<Step>); 8] = [
            (
                "damage in the last segment",
                ends(&[]),
                extent(1000, true),
                vec![keep(600), Step::SyncNames, rewrite],
            ),
            (
                "damage before others: the last goes first",
                ends(&[4, 5]),
                extent(1000, true),
                vec![keep(600), aside(5, after), aside(4, after), Step::SyncNames, rewrite],
            ),
            (
                "zeros where frames were",
                ends(&[4]),
                extent(1000, false),
                vec![aside(4, itself), Step::SyncNames],
            ),
            (
                "a file that ends within a frame",
                ends(&[]),
                extent(300, true),
                vec![keep(0), Step::SyncNames, rewrite],
            ),
            (
                "the next segment is missing, and later ones are there",
                unfollowed(&[5]),
                extent(1000, true),
                vec![keep(600), aside(5, after), Step::SyncNames, rewrite],
            ),
            (
                "bytes behind the frame that ends the segment",
                overwritten,
                extent(1000, true),
                vec![keep(600), rewrite],
            ),
            ("a file that is longer", length.clone(), extent(1100, true), vec![keep(700), rewrite]),
            ("a file that is shorter", length, extent(400, true), vec![keep(0), rewrite]),
        ];
        for (name, wound, extent, steps) in cases {
            assert_eq!(wound.steps(&extent), steps, "{name}");
        }
    }
}
