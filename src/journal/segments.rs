//! Segments: their names, their headers, their order.
//!
//! ```text
//!   0000000001.journal  0000000002.journal  0000000003.journal …     without a gap
//!     header: number, identity of the journal, length of the file    each agrees with its name,
//!                                                                     with the file, and with the others
//! ```

use super::buffer::Buffer;
use super::error::{Fault, JournalError, is_for_room};
use super::files::{Access, Files, OpenFile};
use super::format::{FORMAT_VERSION, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::pace::Pace;
use super::seal::Key;
use super::witness::WITNESS_NAME;

/// Most bytes that are zeroed at once when a segment is made.
const ZERO_BYTES: usize = 2 * 1024 * 1024;

/// The name of a segment's file in the data directory.
#[must_use]
pub fn segment_name(segment: u32) -> String {
    format!("{segment:010}.journal")
}

/// The number in the name of a segment's file, if it is one.
#[must_use]
pub fn segment_of_name(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".journal")?;
    let segment = digits.parse().ok()?;
    (segment_name(segment) == name && segment > 0).then_some(segment)
}

/// What a segment is called while it is made.
pub(super) fn temporary_name(segment: u32) -> String {
    format!("{}.new", segment_name(segment))
}

/// The name of what was cut from a segment: the first, or another one.
pub(super) fn cut_name(name: &str, number: u32) -> String {
    match number {
        1 => format!("{name}.cut"),
        _ => format!("{name}.cut.{number}"),
    }
}

/// Whether a file was being made when an engine or a repair stopped: a segment, the witness, or a
/// copy of what is cut.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(".new")
        .is_some_and(|made| made == WITNESS_NAME || segment_of_name(made).is_some() || is_cut(made))
}

/// Whether a file holds what was cut from a segment.
pub(super) fn is_cut(name: &str) -> bool {
    name.split_once(".cut").is_some_and(|(of, _)| segment_of_name(of).is_some())
}

/// Numbers of the segments that are there, in order.
///
/// # Errors
///
/// [`JournalError::Io`].
pub(super) fn segment_numbers<F: Files>(files: &F) -> Result<Vec<u32>, JournalError> {
    let names = files.names()?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| segment_of_name(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether there is no journal yet.
///
/// # Errors
///
/// [`JournalError::Io`].
pub fn is_new<F: Files>(files: &F) -> Result<bool, JournalError> {
    Ok(segment_numbers(files)?.is_empty())
}

/// Makes a segment, as fast as the disk takes it: zeros behind a header, durable before it has its
/// name. Returns it open to write.
///
/// # Errors
///
/// [`JournalError::NoRoom`], [`JournalError::Io`]; what was made so far is removed, if that is
/// possible.
pub fn make_segment<F: Files>(files: &F, header: SegmentHeader) -> Result<F::File, JournalError> {
    let pace = Pace::default();
    pace.hurry();
    make_segment_at(&pace, files, header)
}

/// As [`make_segment`], no faster than `pace` allows.
pub(super) fn make_segment_at<F: Files>(
    pace: &Pace,
    files: &F,
    header: SegmentHeader,
) -> Result<F::File, JournalError> {
    let temporary = temporary_name(header.segment);
    fill_segment(pace, files, header)
        .map_err(|error| not_made(files, &temporary, header.segment_bytes, error))
}

/// Removes what was made of a file of `bytes` bytes: it may be all that the disk has left. Gives
/// the error with which it could not be made; of a disk without room, with what is missing.
pub(super) fn not_made<F: Files>(
    files: &F,
    temporary: &str,
    bytes: u64,
    error: JournalError,
) -> JournalError {
    let _ = files.remove(temporary);
    match error {
        JournalError::Io { source, .. } if is_for_room(&source) => JournalError::NoRoom {
            path: files.path(temporary),
            needed_bytes: bytes,
            free_bytes: files.free_bytes(),
            source,
        },
        other => other,
    }
}

fn fill_segment<F: Files>(
    pace: &Pace,
    files: &F,
    header: SegmentHeader,
) -> Result<F::File, JournalError> {
    let (name, temporary) = (segment_name(header.segment), temporary_name(header.segment));
    let mut buffer = Buffer::new(ZERO_BYTES);
    let file = files.create(&temporary)?;
    file.reserve(header.segment_bytes)?;
    let mut zeroed = SEGMENT_HEADER_BYTES as u64;
    while zeroed < header.segment_bytes {
        let bytes = pace.wait(zeroed, header.segment_bytes, ZERO_BYTES as u64);
        fill_with_zeros(&file, buffer.bytes(), zeroed, zeroed + bytes)?;
        zeroed += bytes;
    }
    let block = &mut buffer.bytes_mut()[..SEGMENT_HEADER_BYTES];
    header.write(block);
    file.write_at(0, block, false)?;
    file.sync()?;
    files.rename(&temporary, &name)?;
    files.sync_dir()?;
    Ok(file)
}

/// Writes `zeros`, again and again, from one offset of a file to another.
pub(super) fn fill_with_zeros<F: OpenFile>(
    file: &F,
    zeros: &[u8],
    from: u64,
    to: u64,
) -> Result<(), JournalError> {
    let mut offset = from;
    while offset < to {
        let bytes = (to - offset).min(zeros.len() as u64);
        file.write_at(offset, &zeros[..bytes as usize], false)?;
        offset += bytes;
    }
    Ok(())
}

/// The header of the first segment that is there.
///
/// # Errors
///
/// [`JournalError::NotAJournal`], [`JournalError::Damaged`], [`JournalError::Io`].
pub fn first_segment<F: Files>(files: &F) -> Result<SegmentHeader, JournalError> {
    match segment_numbers(files)?.first() {
        Some(&first) => read_header(files, first, &Expected::default(), None),
        None => Err(no_segment(files)),
    }
}

/// Damage to a segment, by its number.
pub(super) fn damaged<F: Files>(
    files: &F,
    segment: u32,
    offset: u64,
    fault: Fault,
) -> JournalError {
    JournalError::Damaged { path: files.path(&segment_name(segment)), offset, fault }
}

pub(super) fn no_segment<F: Files>(files: &F) -> JournalError {
    let reason = "it holds no segment".into();
    JournalError::NotAJournal { path: files.path(""), reason }
}

/// What a segment's header must agree in with the others; what is not known is not looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expected {
    journal_id: Option<[u8; 16]>,
    is_keyed: Option<u32>,
}

impl Expected {
    /// The journal is known, and nothing else.
    pub fn journal(journal_id: [u8; 16]) -> Expected {
        Expected { journal_id: Some(journal_id), is_keyed: None }
    }

    /// As another segment.
    pub fn of(header: &SegmentHeader) -> Expected {
        Expected { journal_id: Some(header.journal_id), is_keyed: Some(header.is_keyed) }
    }

    /// Whether a header agrees.
    pub fn accept(&self, header: &SegmentHeader) -> Result<(), Fault> {
        if let Some(journal_id) = self.journal_id
            && journal_id != header.journal_id
        {
            return Err(Fault::Foreign {
                expected: u128::from_be_bytes(journal_id),
                found: u128::from_be_bytes(header.journal_id),
            });
        }
        if self.is_keyed.is_some_and(|is_keyed| is_keyed != header.is_keyed) {
            return Err(Fault::Field { name: "keyed", found: header.is_keyed.into() });
        }
        Ok(())
    }
}

/// The headers of segments one after the other, and what is wrong with the one after the last of
/// them, if something is.
pub(super) type Headers = (Vec<SegmentHeader>, Option<JournalError>);

/// Reads the headers of the segments `numbers` from `first` on, up to the first that is missing or
/// not what it should be. `check` looks at each once more.
pub(super) fn read_headers<F: Files>(
    files: &F,
    numbers: &[u32],
    first: u32,
    mut expected: Expected,
    key: Option<&Key>,
    check: impl Fn(&F, &SegmentHeader) -> Result<(), JournalError>,
) -> Result<Headers, JournalError> {
    let last = numbers.last().copied().unwrap_or(0);
    let mut segments: Vec<SegmentHeader> = Vec::with_capacity(numbers.len() + 1);
    for number in first..=last.max(first) {
        let header = if numbers.binary_search(&number).is_err() {
            Err(damaged(files, number, 0, Fault::Missing))
        } else {
            read_header(files, number, &expected, key)
        };
        match header.and_then(|header| check(files, &header).map(|()| header)) {
            Ok(header) => {
                expected = Expected::of(&header);
                segments.push(header);
            }
            Err(damage @ JournalError::Damaged { .. }) => return Ok((segments, Some(damage))),
            Err(error) => return Err(error),
        }
    }
    Ok((segments, None))
}

/// Reads the header of one segment and checks all of it but the length of the file.
pub(super) fn read_header<F: Files>(
    files: &F,
    number: u32,
    expected: &Expected,
    key: Option<&Key>,
) -> Result<SegmentHeader, JournalError> {
    let file = files.open(&segment_name(number), Access::Read)?;
    let mut block = Buffer::new(SEGMENT_HEADER_BYTES);
    let filled = file.read_at(0, block.bytes_mut())?;
    let block = &block.bytes()[..filled];
    if let Some(found) = SegmentHeader::other_version(block) {
        let path = files.path(&segment_name(number));
        return Err(JournalError::OtherFormat { path, found, program: FORMAT_VERSION });
    }
    let refuse = |fault| damaged(files, number, 0, fault);
    let header = SegmentHeader::read(block, number).map_err(refuse)?;
    expected.accept(&header).map_err(refuse)?;
    match key {
        // Whoever takes the seals away must not pass for a journal that never had any.
        Some(_) if header.is_keyed == 0 => Err(JournalError::NotKeyed { path: files.path("") }),
        Some(key) if key.seal_segment(&header) != header.seal => Err(refuse(Fault::Key)),
        _ => Ok(header),
    }
}

/// Whether the file has the length that its header says.
pub(super) fn check_length<F: Files>(
    files: &F,
    header: &SegmentHeader,
) -> Result<(), JournalError> {
    let name = segment_name(header.segment);
    let (expected, found) =
        (header.segment_bytes, files.open(&name, Access::Read)?.length_bytes()?);
    if found != expected {
        let fault = Fault::FileLength { expected, found };
        return Err(damaged(files, header.segment, found.min(expected), fault));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_by_its_name_and_nothing_else_is() {
        let cases = [
            ("0000000001.journal", Some(1)),
            ("4294967295.journal", Some(u32::MAX)),
            ("0000000000.journal", None),
            ("4294967296.journal", None),
            ("1.journal", None),
            ("+000000001.journal", None),
            ("0000000001.journal.new", None),
            ("0000000001.journal.cut", None),
            ("00000000000000000001.snapshot", None),
        ];
        for (name, number) in cases {
            assert_eq!(segment_of_name(name), number, "{name}");
            if let Some(number) = number {
                assert_eq!(segment_name(number), name);
                assert!(is_unfinished(&temporary_name(number)) && !is_unfinished(name));
            }
        }
    }

    #[test]
    fn a_header_agrees_with_the_others_or_is_refused() {
        let header = SegmentHeader::new([7; 16], 3, 4096, None);
        let other = SegmentHeader { journal_id: [8; 16], ..header };
        let keyed = SegmentHeader { is_keyed: 1, ..header };
        let foreign = Fault::Foreign {
            expected: u128::from_be_bytes([7; 16]),
            found: u128::from_be_bytes([8; 16]),
        };
        //  what is known, the header, what is said of it
        let cases = [
            ("nothing", Expected::default(), &other, Ok(())),
            ("the journal", Expected::journal([7; 16]), &keyed, Ok(())),
            ("another journal", Expected::journal([7; 16]), &other, Err(foreign.clone())),
            ("a segment", Expected::of(&header), &header, Ok(())),
            ("a segment of another", Expected::of(&header), &other, Err(foreign)),
            (
                "a segment without a key",
                Expected::of(&header),
                &keyed,
                Err(Fault::Field { name: "keyed", found: 1 }),
            ),
        ];
        for (what, expected, header, said) in cases {
            assert_eq!(expected.accept(header), said, "{what}");
        }
    }
}
