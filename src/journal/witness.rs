//! The witness: a small file beside the journal that says what was durable. `docs/journal.md`
//! describes it byte by byte.
//!
//! ```text
//!   witness   [ slot │ slot ]    a block each, written in turn: one of them is always whole
//!   lock      [ slot ]           what was durable when an engine started or stopped, once more
//! ```
//!
//! # Invariants
//!
//! * What it says was durable before it was written. So an old one proves nothing wrong, and one
//!   that is ahead of the journal proves that something is missing.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use super::buffer::Buffer;
use super::error::{Fault, JournalError};
use super::files::{Access, Files, OpenFile};
use super::format::BLOCK_BYTES;
use super::place::Position;
use super::survey::is_zero;

/// The name of the witness in the data directory.
pub const WITNESS_NAME: &str = "witness";
/// The file that a running engine holds locked. It holds what was durable when one started or stopped.
pub(super) const LOCK_NAME: &str = "lock";
/// Version of the format that this program writes.
const WITNESS_VERSION: u32 = 1;
/// What a slot begins with.
const WITNESS_MAGIC: [u8; 8] = *b"RINGWITN";
pub(super) const SLOT_BYTES: usize = BLOCK_BYTES;
const SLOTS: usize = 2;

const _: () = assert!(size_of::<Slot>() <= SLOT_BYTES);

/// What was durable at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// Identity of the journal.
    pub journal_id: [u8; 16],
    /// How many repairs until then gave up commands that had been acknowledged.
    pub epoch: u16,
    /// Sequence of the last command that was durable, 0 if there was none.
    pub sequence: u64,
    /// The segment in which what was durable ended, by its number.
    pub segment: u32,
    /// Where it ended there, in bytes.
    pub offset: u64,
}

impl Witness {
    /// All that stands before `position` is durable.
    #[must_use]
    pub fn of(position: &Position) -> Witness {
        Witness {
            journal_id: position.journal_id,
            epoch: position.epoch,
            sequence: position.last_sequence,
            segment: position.segment,
            offset: position.offset,
        }
    }
}

/// The start of a slot; the rest of its block is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Slot {
    magic: [u8; 8],
    version: u32,
    /// CRC-32C of the block with this field zero.
    checksum: u32,
    journal_id: [u8; 16],
    /// How often the witness was written: the slot with more is the newer one.
    written: u64,
    sequence: u64,
    offset: u64,
    segment: u32,
    epoch: u16,
    reserved: u16,
}

/// Where a slot says what was durable.
#[cfg(test)]
pub(super) const SEQUENCE_AT: usize = std::mem::offset_of!(Slot, sequence);

impl Slot {
    fn write(witness: &Witness, written: u64, block: &mut [u8]) {
        block.fill(0);
        let slot = Slot {
            magic: WITNESS_MAGIC,
            version: WITNESS_VERSION,
            journal_id: witness.journal_id,
            written,
            sequence: witness.sequence,
            offset: witness.offset,
            segment: witness.segment,
            epoch: witness.epoch,
            ..Slot::new_zeroed()
        };
        block[..size_of::<Slot>()].copy_from_slice(slot.as_bytes());
        let checksum = crc32c::crc32c(block);
        block[12..16].copy_from_slice(&checksum.to_le_bytes());
    }

    fn read(block: &[u8]) -> Result<(u64, Witness), Fault> {
        let Ok((slot, rest)) = Slot::read_from_prefix(block) else {
            let (expected, found) = ((SLOTS * SLOT_BYTES) as u64, block.len() as u64);
            return Err(Fault::FileLength { expected, found });
        };
        if slot.magic != WITNESS_MAGIC {
            return Err(Fault::Magic);
        }
        if slot.version != WITNESS_VERSION {
            return Err(Fault::Version { expected: WITNESS_VERSION, found: slot.version });
        }
        let zeroed = Slot { checksum: 0, ..slot };
        let sum = crc32c::crc32c_append(crc32c::crc32c(zeroed.as_bytes()), rest);
        if sum != slot.checksum {
            return Err(Fault::Checksum { expected: sum, found: slot.checksum });
        }
        let Slot { journal_id, epoch, sequence, segment, offset, written, .. } = slot;
        Ok((written, Witness { journal_id, epoch, sequence, segment, offset }))
    }
}

/// What a look for the witness found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessFound {
    /// There is no such file.
    Missing,
    /// No slot is whole: what is wrong with the first.
    Unreadable(Fault),
    /// What the newer of the good slots says, and how often the witness was written.
    Says(Witness, u64),
}

impl WitnessFound {
    /// What it says, if it says something.
    pub(super) fn says(&self) -> Option<Witness> {
        match self {
            WitnessFound::Says(witness, _) => Some(*witness),
            WitnessFound::Missing | WitnessFound::Unreadable(_) => None,
        }
    }
}

/// Reads the witness of the directory.
///
/// # Errors
///
/// [`JournalError::Io`].
pub fn read_witness<F: Files>(files: &F) -> Result<WitnessFound, JournalError> {
    if !files.names()?.iter().any(|name| name == WITNESS_NAME) {
        return Ok(WitnessFound::Missing);
    }
    let file = files.open(WITNESS_NAME, Access::Read)?;
    let mut buffer = Buffer::new(SLOTS * SLOT_BYTES);
    let filled = file.read_at(0, buffer.bytes_mut())?;
    let bytes = &buffer.bytes()[..filled];
    let (first, second) = bytes.split_at(filled.min(SLOT_BYTES));
    Ok(match (Slot::read(first), Slot::read(second)) {
        (Ok(first), Ok(second)) => {
            let (written, witness) = if first.0 > second.0 { first } else { second };
            WitnessFound::Says(witness, written)
        }
        (Ok((written, witness)), Err(_)) | (Err(_), Ok((written, witness))) => {
            WitnessFound::Says(witness, written)
        }
        (Err(fault), Err(_)) => WitnessFound::Unreadable(fault),
    })
}

/// Reads what the lock's file says of the journal. One that is empty, or all zeros, is missing: a
/// first start may have been cut short before it was written, or while it was.
///
/// # Errors
///
/// [`JournalError::Io`].
pub(super) fn read_copy<F: Files>(files: &F) -> Result<WitnessFound, JournalError> {
    if !files.names()?.iter().any(|name| name == LOCK_NAME) {
        return Ok(WitnessFound::Missing);
    }
    let file = files.open(LOCK_NAME, Access::Read)?;
    let mut block = Buffer::new(SLOT_BYTES);
    file.read_at(0, block.bytes_mut())?;
    // Where the file is shorter there are zeros, as in what was to come: no crash leaves a slot
    // that cannot be read.
    let block = block.bytes();
    Ok(match Slot::read(block) {
        _ if is_zero(block) => WitnessFound::Missing,
        Ok((written, witness)) => WitnessFound::Says(witness, written),
        Err(fault) => WitnessFound::Unreadable(fault),
    })
}

/// Writes the same into the lock's file, where there is one.
///
/// # Errors
///
/// [`JournalError::Io`].
pub(super) fn write_copy<F: Files>(files: &F, witness: &Witness) -> Result<(), JournalError> {
    if !files.names()?.iter().any(|name| name == LOCK_NAME) {
        return Ok(());
    }
    let mut block = Buffer::new(SLOT_BYTES);
    Slot::write(witness, 1, block.bytes_mut());
    files.open(LOCK_NAME, Access::Write)?.write_at(0, block.bytes(), true)
}

/// Writes the witness.
pub(super) struct WitnessFile<F: Files> {
    file: F::File,
    block: Buffer,
    written: u64,
}

impl<F: Files> WitnessFile<F> {
    /// Opens the witness to go on writing it. Where there is none that is whole, one is made that
    /// says `witness`, under its name only once it is durable.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn open(files: &F, witness: &Witness) -> Result<WitnessFile<F>, JournalError> {
        let block = Buffer::new(SLOT_BYTES);
        if let WitnessFound::Says(_, written) = read_witness(files)?
            && files.open(WITNESS_NAME, Access::Read)?.length_bytes()?
                == (SLOTS * SLOT_BYTES) as u64
        {
            let file = files.open(WITNESS_NAME, Access::Write)?;
            return Ok(WitnessFile { file, block, written });
        }
        WitnessFile::make(files, witness, block).inspect_err(|_| {
            // Whatever kept it from being made, a full disk may need the room.
            let _ = files.remove(&unfinished_witness());
        })
    }

    /// Makes a witness that says `witness`, in place of what has its name.
    fn make(files: &F, witness: &Witness, block: Buffer) -> Result<WitnessFile<F>, JournalError> {
        let temporary = unfinished_witness();
        let file = files.create(&temporary)?;
        let mut made = WitnessFile { file, block, written: 0 };
        made.write_both(witness)?;
        files.rename(&temporary, WITNESS_NAME)?;
        files.sync_dir()?;
        Ok(made)
    }

    /// Writes one slot, the older one; durable when it returns.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn write(&mut self, witness: &Witness) -> Result<(), JournalError> {
        self.written += 1;
        Slot::write(witness, self.written, self.block.bytes_mut());
        let offset = (self.written % SLOTS as u64) * SLOT_BYTES as u64;
        self.file.write_at(offset, self.block.bytes(), true)
    }

    /// Writes both slots, one after the other.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn write_both(&mut self, witness: &Witness) -> Result<(), JournalError> {
        self.write(witness)?;
        self.write(witness)
    }
}

/// What the witness is called until it is whole.
pub(super) fn unfinished_witness() -> String {
    format!("{WITNESS_NAME}.new")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Directory, WriteMode};

    fn witness(sequence: u64) -> Witness {
        Witness { journal_id: [7; 16], epoch: 3, sequence, segment: 9, offset: 8192 }
    }

    #[test]
    fn slots_are_written_in_turn_and_the_newer_good_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let files = Directory::new(folder.path(), WriteMode::Buffered);
        assert_eq!(read_witness(&files).unwrap(), WitnessFound::Missing);
        let mut file = WitnessFile::open(&files, &witness(1)).unwrap();
        for sequence in 2..=6 {
            file.write(&witness(sequence)).unwrap();
            let found = read_witness(&files).unwrap();
            assert_eq!(found, WitnessFound::Says(witness(sequence), sequence + 1));
        }
        // Whatever happens to one slot, the other is there.
        let path = folder.path().join(WITNESS_NAME);
        let good = std::fs::read(&path).unwrap();
        let newer = usize::from(6 % 2 == 0) * SLOT_BYTES;
        for (at, says) in [(newer + 4095, 5), (SLOT_BYTES - newer + 40, 6)] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let WitnessFound::Says(found, _) = read_witness(&files).unwrap() else {
                panic!("one slot is whole");
            };
            assert_eq!(found.sequence, says, "byte {at}");
        }
        for cut in [0, 10, 4096] {
            std::fs::write(&path, &good[..cut]).unwrap();
            let is_said = matches!(read_witness(&files).unwrap(), WitnessFound::Says(..));
            assert_eq!(is_said, cut == 4096, "cut at {cut}");
            // It is made anew, and goes on.
            WitnessFile::open(&files, &witness(20)).unwrap().write(&witness(21)).unwrap();
            let found = read_witness(&files).unwrap();
            assert_eq!(found, WitnessFound::Says(witness(21), 3), "cut at {cut}");
        }
    }
}
