//! The steps of a repair, each of which leaves a journal that can be repaired again.

use std::path::PathBuf;

use super::Cut;
use crate::buffer::Buffer;
use crate::error::JournalError;
use crate::files::{Access, Files, OpenFile};
use crate::format::BLOCK_BYTES;
use crate::segments::{segment_name, temporary_name};

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Copies what a segment holds from `from` on to a file beside it. Of no bytes there is no copy.
    Keep { segment: u32, from: u64, bytes: u64 },
    /// Gives a segment another name.
    SetAside { segment: u32, reason: Reason },
    /// Makes names durable.
    SyncNames,
    /// Puts in place of a segment one of its proper length that holds nothing but what is kept.
    Rewrite { segment: u32, segment_bytes: u64, kept_bytes: u64 },
}

/// Why a segment is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// For what is wrong with it.
    Wound,
    /// For what is wrong with one before.
    AfterTheCut,
}

impl Step {
    /// Takes the step; what it took out of the journal. `reason` is what is wrong.
    pub fn take<F: Files>(self, files: &F, reason: &str) -> Result<Option<Cut>, JournalError> {
        match self {
            Step::Keep { segment, from, bytes } => {
                let name = segment_name(segment);
                let kept_in = match bytes {
                    0 => None,
                    _ => Some(keep(files, &name, from)?),
                };
                let path = files.path(&name);
                Ok(Some(Cut { path, offset: from, bytes, reason: reason.to_owned(), kept_in }))
            }
            Step::SetAside { segment, reason: why } => {
                let name = segment_name(segment);
                let bytes = files.open(&name, Access::Read)?.length_bytes()?;
                let kept_in = free_name(files, &name)?;
                files.rename(&name, &kept_in)?;
                let reason = match why {
                    Reason::Wound => reason.to_owned(),
                    Reason::AfterTheCut => "it comes after the cut".to_owned(),
                };
                let (path, kept_in) = (files.path(&name), Some(files.path(&kept_in)));
                Ok(Some(Cut { path, offset: 0, bytes, reason, kept_in }))
            }
            Step::SyncNames => files.sync_dir().map(|()| None),
            Step::Rewrite { segment, segment_bytes, kept_bytes } => {
                rewrite(files, segment, segment_bytes, kept_bytes).map(|()| None)
            }
        }
    }
}

fn rewrite<F: Files>(
    files: &F,
    segment: u32,
    segment_bytes: u64,
    kept_bytes: u64,
) -> Result<(), JournalError> {
    let (name, temporary) = (segment_name(segment), temporary_name(segment));
    let old = files.open(&name, Access::Read)?;
    let new = files.create(&temporary)?;
    new.reserve(segment_bytes)?;
    copy(&old, 0, kept_bytes, &new)?;
    fill_with_zeros(&new, kept_bytes, segment_bytes)?;
    new.sync()?;
    files.rename(&temporary, &name)?;
    files.sync_dir()
}

/// Keeps what a file holds from `offset` on beside it; the path of the copy.
fn keep<F: Files>(files: &F, name: &str, offset: u64) -> Result<PathBuf, JournalError> {
    let file = files.open(name, Access::Read)?;
    let kept_in = free_name(files, name)?;
    let temporary = format!("{kept_in}.new");
    let copied = files.create(&temporary)?;
    let length = file.length_bytes()?;
    copy(&file, offset, length, &copied)?;
    copied.sync()?;
    files.rename(&temporary, &kept_in)?;
    files.sync_dir()?;
    Ok(files.path(&kept_in))
}

/// `NAME.cut`, or what comes after it if there is such a file already.
fn free_name<F: Files>(files: &F, name: &str) -> Result<String, JournalError> {
    let names = files.names()?;
    let candidates = (1..).map(|number| match number {
        1 => format!("{name}.cut"),
        _ => format!("{name}.cut.{number}"),
    });
    let free = candidates.into_iter().find(|candidate| !names.contains(candidate));
    Ok(free.expect("a directory has a last file"))
}

/// Copies the bytes from `from` to `to` of a file to the start of another.
fn copy<F: OpenFile>(old: &F, from: u64, to: u64, new: &F) -> Result<(), JournalError> {
    let mut buffer = Buffer::new(256 * BLOCK_BYTES);
    let mut offset = from;
    while offset < to {
        let wanted = (to - offset).min(buffer.bytes().len() as u64) as usize;
        let read = old.read_at(offset, &mut buffer.bytes_mut()[..wanted])?;
        if read == 0 {
            break;
        }
        new.write_at(offset - from, &buffer.bytes()[..read], false)?;
        offset += read as u64;
    }
    Ok(())
}

/// Whether a file holds nothing but zeros from `from` on.
pub(super) fn is_zero_from<F: OpenFile>(file: &F, from: u64) -> Result<bool, JournalError> {
    let mut buffer = Buffer::new(256 * BLOCK_BYTES);
    let mut offset = from;
    loop {
        match file.read_at(offset, buffer.bytes_mut())? {
            0 => return Ok(true),
            read if buffer.bytes()[..read].iter().any(|&byte| byte != 0) => return Ok(false),
            read => offset += read as u64,
        }
    }
}

fn fill_with_zeros<F: OpenFile>(file: &F, from: u64, to: u64) -> Result<(), JournalError> {
    let zeros = Buffer::new(256 * BLOCK_BYTES);
    let mut offset = from;
    while offset < to {
        let bytes = (to - offset).min(zeros.bytes().len() as u64);
        file.write_at(offset, &zeros.bytes()[..bytes as usize], false)?;
        offset += bytes;
    }
    Ok(())
}
