//! Keeps what is cut from a journal beside it, in files that are never replaced.

use super::buffer::Buffer;
use super::error::JournalError;
use super::files::{Access, Files, OpenFile};
use super::format::BLOCK_BYTES;
use super::segments::{cut_name, is_cut, not_made};
use super::survey::is_zero;

/// Most files with cuts beside a journal for which a start keeps one more.
pub(super) const CUTS_KEPT_MAX: usize = 16;
/// The most that a start keeps of one segment, in bytes.
pub(super) const CUT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Zeros that are not copied are so many bytes at least.
const SPARSE_BYTES: usize = 16 * BLOCK_BYTES;

/// `NAME.cut`, or what comes after it if there is such a file already.
pub(super) fn free_name<F: Files>(files: &F, name: &str) -> Result<String, JournalError> {
    let names = files.names()?;
    let free = (1..).map(|number| cut_name(name, number)).find(|free| !names.contains(free));
    Ok(free.expect("a directory has a last file"))
}

/// How many files with cuts there are.
pub(super) fn cuts<F: Files>(files: &F) -> Result<usize, JournalError> {
    Ok(files.names()?.iter().filter(|name| is_cut(name)).count())
}

/// Copies what the file `name` holds between two offsets to a file beside it, durably; the name of
/// the copy.
pub(super) fn keep<F: Files>(
    files: &F,
    name: &str,
    from: u64,
    to: u64,
) -> Result<String, JournalError> {
    let file = files.open(name, Access::Read)?;
    let kept_in = free_name(files, name)?;
    let temporary = format!("{kept_in}.new");
    let kept = files.create(&temporary).and_then(|copied| {
        copy_sparsely(&file, from, to, &copied)?;
        copied.sync()?;
        files.rename(&temporary, &kept_in)?;
        files.sync_dir()
    });
    match kept {
        Ok(()) => Ok(kept_in),
        Err(error) => {
            let content_end = end_of_content(&file, from).map_or(to, |end| end.min(to));
            Err(not_made(files, &temporary, content_end - from, error))
        }
    }
}

/// Copies the bytes from `from` to `to` of a file to the start of another.
pub(super) fn copy<F: OpenFile>(old: &F, from: u64, to: u64, new: &F) -> Result<(), JournalError> {
    copy_parts(old, from, to, new, 256 * BLOCK_BYTES, |_| true)
}

/// As [`copy`] to a new file, whose zeros take no room but for the last of them.
fn copy_sparsely<F: OpenFile>(old: &F, from: u64, to: u64, new: &F) -> Result<(), JournalError> {
    copy_parts(old, from, to, new, SPARSE_BYTES, |part| !is_zero(part))
}

/// Copies parts of so many bytes, those that are `wanted` and the last one.
fn copy_parts<F: OpenFile>(
    old: &F,
    from: u64,
    to: u64,
    new: &F,
    part_bytes: usize,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<(), JournalError> {
    let mut buffer = Buffer::new(part_bytes);
    let mut offset = from;
    while offset < to {
        let most = (to - offset).min(buffer.bytes().len() as u64) as usize;
        let read = old.read_at(offset, &mut buffer.bytes_mut()[..most])?;
        if read == 0 {
            break;
        }
        let part = &buffer.bytes()[..read];
        if wanted(part) || offset + read as u64 == to {
            new.write_at(offset - from, part, false)?;
        }
        offset += read as u64;
    }
    Ok(())
}

/// Where the last byte of a file ends from `from` on that is not zero; `from` if there is none.
pub(super) fn end_of_content<F: OpenFile>(file: &F, from: u64) -> Result<u64, JournalError> {
    let mut buffer = Buffer::new(256 * BLOCK_BYTES);
    let (mut offset, mut end) = (from, from);
    loop {
        let read = file.read_at(offset, buffer.bytes_mut())?;
        if read == 0 {
            return Ok(end);
        }
        if let Some(last) = buffer.bytes()[..read].iter().rposition(|&byte| byte != 0) {
            end = offset + last as u64 + 1;
        }
        offset += read as u64;
    }
}
