//! Reads a snapshot file.

use zerocopy::FromBytes;

use super::format::{
    HEADER_BYTES, PIECE_BYTES, PIECE_HEADER_BYTES, PieceHeader, SectionEntry, SnapshotHeader,
    records_per_piece, snapshot_name,
};
use super::writer::temporary_name;
use crate::buffer::Buffer;
use crate::error::{Fault, JournalError};
use crate::files::{Access, Files, OpenFile};
use crate::seal::Key;
use ringfence_types::{ContentsSource, Misfit, Record, Section};

/// Why a snapshot does not give contents back.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file cannot be read, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The file is as it was written, but what it holds cannot be.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

/// A snapshot file whose header is good.
#[derive(Debug, Clone)]
pub struct Snapshot<F: Files> {
    files: F,
    name: String,
    header: SnapshotHeader,
    key: Option<Key>,
}

impl<F: Files> Snapshot<F> {
    /// Opens the snapshot of `last_sequence` and checks its header, but for its seal.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    pub fn open(files: &F, last_sequence: u64) -> Result<Snapshot<F>, JournalError> {
        Snapshot::open_with(files, last_sequence, None)
    }

    /// As [`Snapshot::open`]; with a key it also checks the seals, here and of all that is read.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    pub fn open_with(
        files: &F,
        last_sequence: u64,
        key: Option<Key>,
    ) -> Result<Snapshot<F>, JournalError> {
        Snapshot::open_named(files, snapshot_name(last_sequence), last_sequence, key)
    }

    /// As [`Snapshot::open_with`], for one that has been written and has not got its name yet.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    pub fn open_unnamed(
        files: &F,
        last_sequence: u64,
        key: Option<Key>,
    ) -> Result<Snapshot<F>, JournalError> {
        Snapshot::open_named(files, temporary_name(last_sequence), last_sequence, key)
    }

    fn open_named(
        files: &F,
        name: String,
        last_sequence: u64,
        key: Option<Key>,
    ) -> Result<Snapshot<F>, JournalError> {
        let file = files.open(&name, Access::Read)?;
        let mut block = Buffer::new(HEADER_BYTES);
        let filled = file.read_at(0, block.bytes_mut())?;
        let block = &block.bytes()[..filled];
        let header = SnapshotHeader::read(block, last_sequence, file.length_bytes()?)
            .and_then(|header| match &key {
                Some(key) => header.check_seal(block, key).map(|()| header),
                None => Ok(header),
            })
            .map_err(|fault| JournalError::Damaged { path: files.path(&name), offset: 0, fault })?;
        Ok(Snapshot { files: files.clone(), name, header, key })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// Checks that it is of the journal `journal_id`.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`].
    pub fn check_identity(&self, journal_id: &[u8; 16]) -> Result<(), JournalError> {
        let found = &self.header.journal_id;
        if found != journal_id {
            return Err(self.damaged(0, Fault::foreign(journal_id, found)));
        }
        Ok(())
    }

    /// What reads the contents.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn source(&self) -> Result<SnapshotSource<F>, JournalError> {
        let file = self.files.open(&self.name, Access::Read)?;
        Ok(SnapshotSource { snapshot: self.clone(), file, buffer: Buffer::new(PIECE_BYTES) })
    }

    /// Checks every byte of the file, and that its contents are those of the digest in the header.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] for the first damage, [`JournalError::Io`].
    pub fn check(&self) -> Result<(), JournalError> {
        let mut source = self.source()?;
        let mut end = HEADER_BYTES as u64;
        // The digest is the hash of the sections as they stand in the file.
        let mut hasher = blake3::Hasher::new();
        for entry in self.header.sections() {
            hasher.update(&entry.section.to_le_bytes());
            hasher.update(&entry.record_bytes.to_le_bytes());
            hasher.update(&entry.count.to_le_bytes());
            for number in 0..entry.pieces() {
                hasher.update(source.piece(entry, number)?);
                let (offset, _, bytes) = entry.piece(number);
                end = offset + bytes as u64;
            }
        }
        if end != self.header.file_bytes {
            let (expected, found) = (end, self.header.file_bytes);
            return Err(self.damaged(end, Fault::FileLength { expected, found }));
        }
        if *hasher.finalize().as_bytes() != self.header.digest {
            return Err(self.damaged(0, Fault::Digest));
        }
        Ok(())
    }

    fn damaged(&self, offset: u64, fault: Fault) -> JournalError {
        JournalError::Damaged { path: self.files.path(&self.name), offset, fault }
    }
}

/// Gives the contents of a snapshot file back, piece by piece, each checked before its records are
/// given.
pub struct SnapshotSource<F: Files> {
    snapshot: Snapshot<F>,
    file: F::File,
    buffer: Buffer,
}

impl<F: Files> SnapshotSource<F> {
    /// The bytes of the records of a piece.
    fn piece(&mut self, entry: &SectionEntry, number: u64) -> Result<&[u8], JournalError> {
        let (offset, count, bytes) = entry.piece(number);
        let filled = self.file.read_at(offset, &mut self.buffer.bytes_mut()[..bytes])?;
        let header = PieceHeader {
            checksum: 0,
            section: entry.section,
            record_bytes: entry.record_bytes,
            count: count as u32,
            first: number * records_per_piece(entry.record_bytes as usize) as u64,
            offset,
            seal: [0; 16],
            reserved: [0; 16],
        };
        let Snapshot { header: snapshot, key, .. } = &self.snapshot;
        let checked = match filled == bytes {
            true => header.check(&self.buffer.bytes()[..bytes], snapshot, key.as_ref()),
            false => Err(Fault::Empty),
        };
        checked.map_err(|fault| self.snapshot.damaged(offset, fault))?;
        let records = count * entry.record_bytes as usize;
        Ok(&self.buffer.bytes()[PIECE_HEADER_BYTES..PIECE_HEADER_BYTES + records])
    }

    fn entry<T: Record>(&self, section: Section) -> Result<Option<SectionEntry>, Misfit> {
        let mut entries = self.snapshot.header.sections().iter();
        let entry = entries.find(|entry| entry.section == section as u32).copied();
        if entry.is_some_and(|entry| entry.record_bytes as usize != size_of::<T>()) {
            return Err(Misfit { section, index: 0, what: "records of another length" });
        }
        Ok(entry)
    }
}

impl<F: Files> ContentsSource for SnapshotSource<F> {
    type Error = SnapshotError;

    fn count<T: Record>(&mut self, section: Section) -> Result<usize, SnapshotError> {
        Ok(self.entry::<T>(section)?.map_or(0, |entry| entry.count as usize))
    }

    fn section<T: Record>(
        &mut self,
        section: Section,
        mut each: impl FnMut(usize, &[T]) -> Result<(), Misfit>,
    ) -> Result<(), SnapshotError> {
        let Some(entry) = self.entry::<T>(section)? else { return Ok(()) };
        let mut first = 0;
        for number in 0..entry.pieces() {
            let bytes = self.piece(&entry, number)?;
            let records =
                <[T]>::ref_from_bytes(bytes).expect("a piece holds whole records, aligned");
            each(first, records)?;
            first += records.len();
        }
        Ok(())
    }
}
