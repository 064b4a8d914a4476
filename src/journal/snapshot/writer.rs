//! Writes a snapshot file.

use super::format::{
    HEADER_BYTES, PIECE_BYTES, PIECE_HEADER_BYTES, PieceHeader, SECTIONS_MAX, SectionEntry,
    SnapshotHeader, records_per_piece, snapshot_name,
};
use crate::buffer::Buffer;
use crate::error::JournalError;
use crate::files::{Files, OpenFile};
use crate::place::Anchor;
use crate::seal::Key;
use ringfence_types::{ContentsSink, Record, Section};

/// Takes an engine's contents and writes them under a temporary name.
pub struct SnapshotWriter<F: Files> {
    files: F,
    file: F::File,
    header: SnapshotHeader,
    key: Option<Key>,
    buffer: Buffer,
    offset: u64,
    failure: Option<JournalError>,
}

impl<F: Files> SnapshotWriter<F> {
    /// Begins a snapshot behind `anchor`, to be sealed with `key` if the journal has one.
    /// `event_timestamp` and `digest` are the engine's.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn create(
        files: &F,
        anchor: &Anchor,
        event_timestamp: u64,
        digest: [u8; 32],
        key: Option<Key>,
    ) -> Result<SnapshotWriter<F>, JournalError> {
        let file = files.create(&temporary_name(anchor.last_sequence))?;
        Ok(SnapshotWriter {
            files: files.clone(),
            file,
            header: SnapshotHeader::new(anchor, event_timestamp, digest),
            key,
            buffer: Buffer::new(PIECE_BYTES),
            offset: HEADER_BYTES as u64,
            failure: None,
        })
    }

    /// Writes the header and makes all of it durable, still under the temporary name. Gives the
    /// length of the file in bytes.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`], of this or of an earlier write. What was written is removed then, if
    /// that is possible.
    pub fn finish(mut self) -> Result<u64, JournalError> {
        self.end().inspect_err(|_| {
            // It may be all that the disk has left.
            let _ = self.files.remove(&temporary_name(self.header.last_sequence));
        })
    }

    fn end(&mut self) -> Result<u64, JournalError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.header.file_bytes = self.offset;
        let block = &mut self.buffer.bytes_mut()[..HEADER_BYTES];
        self.header.write(block, self.key.as_ref());
        self.file.write_at(0, block, false)?;
        self.file.sync()?;
        self.files.sync_dir()?;
        Ok(self.offset)
    }

    /// Gives a finished snapshot its name.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn install(files: &F, last_sequence: u64) -> Result<(), JournalError> {
        files.rename(&temporary_name(last_sequence), &snapshot_name(last_sequence))?;
        files.sync_dir()
    }

    fn piece<T: Record>(
        &mut self,
        section: Section,
        first: u64,
        count: usize,
        records: &mut impl Iterator<Item = T>,
    ) -> Result<(), JournalError> {
        let bytes = PIECE_HEADER_BYTES + count * size_of::<T>();
        let padded = bytes.next_multiple_of(HEADER_BYTES);
        let piece = &mut self.buffer.bytes_mut()[..padded];
        let mut end = PIECE_HEADER_BYTES;
        for record in records.take(count) {
            piece[end..end + size_of::<T>()].copy_from_slice(record.as_bytes());
            end += size_of::<T>();
        }
        assert_eq!(end, bytes, "{section} is as long as it said");
        piece[end..].fill(0);
        let header = PieceHeader {
            checksum: 0,
            section: section as u32,
            record_bytes: size_of::<T>() as u32,
            count: count as u32,
            first,
            offset: self.offset,
            seal: [0; 16],
            reserved: [0; 16],
        };
        header.write(piece, &self.header, self.key.as_ref());
        self.file.write_at(self.offset, piece, false)?;
        self.offset += padded as u64;
        Ok(())
    }
}

impl<F: Files> ContentsSink for SnapshotWriter<F> {
    fn section<T: Record>(
        &mut self,
        section: Section,
        mut records: impl ExactSizeIterator<Item = T>,
    ) {
        const { assert!(PIECE_BYTES.is_multiple_of(align_of::<T>())) };
        let count = records.len();
        if count == 0 || self.failure.is_some() {
            return;
        }
        let number = self.header.section_count as usize;
        assert!(number < SECTIONS_MAX, "a snapshot has room for every section there is");
        self.header.sections[number] = SectionEntry {
            section: section as u32,
            record_bytes: size_of::<T>() as u32,
            count: count as u64,
            offset: self.offset,
            reserved: 0,
        };
        self.header.section_count += 1;
        let most = records_per_piece(size_of::<T>());
        let mut first = 0;
        while first < count {
            // Only the last piece of a section is shorter than the step between pieces.
            self.offset = self.header.sections[number].piece((first / most) as u64).0;
            let length = (count - first).min(most);
            if let Err(error) = self.piece(section, first as u64, length, &mut records) {
                self.failure = Some(error);
                return;
            }
            first += length;
        }
    }
}

/// What stands behind a snapshot's name until it is whole.
pub(super) const TEMPORARY_SUFFIX: &str = ".new";

/// What a snapshot is called until it is whole.
pub(super) fn temporary_name(last_sequence: u64) -> String {
    format!("{}{TEMPORARY_SUFFIX}", snapshot_name(last_sequence))
}
