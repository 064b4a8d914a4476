//! The places of named subscriptions, in the file `subscriptions` of the data directory.
//!
//! ```text
//!   [ slot │ slot ]        written in turn, so that one is always whole
//!   slot = [ header 64 │ name, sequence, dropped, epoch │ … ]
//! ```
//!
//! # Invariants
//!
//! * What a consumer is said to have dealt with, it has: places that a crash takes back were earlier.
//! * [`Positions::needed_after`] goes by what is on stable storage.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use ringfence_node::History;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The file.
pub(super) const NAME: &str = "subscriptions";
/// Most names.
pub(super) const NAMES_MAX: usize = 1024;
/// Length of a slot, in bytes: whole blocks.
const SLOT_BYTES: usize = 36 * 1024;
const MAGIC: [u8; 8] = *b"RINGSUBS";
const VERSION: u32 = 1;

const _: () = assert!(size_of::<Header>() == 64 && size_of::<Entry>() == 32);
const _: () = assert!(size_of::<Header>() + NAMES_MAX * size_of::<Entry>() <= SLOT_BYTES);

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: u32,
    /// CRC-32C of the header with this field zero, and of the entries.
    checksum: u32,
    journal_id: [u8; 16],
    /// How often it was written: the slot with the larger number is newer.
    generation: u64,
    entries: u32,
    reserved: [u8; 20],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Entry {
    name: u128,
    sequence: u64,
    is_dropped: u32,
    epoch: u32,
}

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Everything up to here was dealt with.
    pub sequence: u64,
    /// Whether it was too far behind, and nothing is kept for it any more.
    pub is_dropped: bool,
    /// The epoch of the journal whose outcomes these were.
    pub epoch: u16,
}

/// The places of all names.
#[derive(Debug)]
pub(super) struct Positions {
    history: History,
    generation: u64,
    places: BTreeMap<u128, Place>,
    is_changed: bool,
    /// Whether the file was there and had nothing whole in it.
    was_damaged: bool,
    /// The last outcome that no name on stable storage needs any more.
    needed_after: u64,
}

impl Positions {
    /// Reads the file in `dir`, if it is there: places of another journal are none.
    pub fn open(dir: &Path, history: History) -> io::Result<Positions> {
        let (mut generation, mut places) = (0, BTreeMap::new());
        let mut was_damaged = false;
        match File::open(dir.join(NAME)) {
            Ok(file) => {
                was_damaged = true;
                for slot in 0..2 {
                    match read_slot(&file, slot, &history.journal_id)? {
                        Found::Places(found, entries) => {
                            was_damaged = false;
                            if found > generation {
                                (generation, places) = (found, entries);
                            }
                        }
                        Found::OfAnotherJournal => was_damaged = false,
                        Found::Nothing => {}
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let needed_after = needed_after(&places);
        let is_changed = false;
        Ok(Positions { history, generation, places, is_changed, was_damaged, needed_after })
    }

    /// Whether the file was there and had nothing whole in it: places that it had are lost.
    pub fn was_damaged(&self) -> bool {
        self.was_damaged
    }

    /// Where `name` stands, if it is known.
    pub fn get(&self, name: u128) -> Option<Place> {
        self.places.get(&name).copied()
    }

    /// The names for which outcomes are kept, and up to where each has dealt with them.
    pub fn kept(&self) -> impl Iterator<Item = (u128, u64)> {
        let kept = self.places.iter().filter(|(_, place)| !place.is_dropped);
        kept.map(|(&name, place)| (name, place.sequence))
    }

    /// Puts `name` at a place; `false` where there is no room for another name.
    pub fn put(&mut self, name: u128, sequence: u64) -> bool {
        let is_known = self.places.contains_key(&name);
        if !is_known && self.places.len() == NAMES_MAX {
            // A name that was dropped makes way.
            let Some((&gone, _)) = self.places.iter().find(|(_, place)| place.is_dropped) else {
                return false;
            };
            self.places.remove(&gone);
        }
        let place = Place { sequence, is_dropped: false, epoch: self.history.epoch };
        if self.places.insert(name, place) != Some(place) {
            self.is_changed = true;
        }
        true
    }

    /// Drops the names for which the log no longer reaches back, `oldest` being its first outcome;
    /// which these are.
    pub fn drop_behind(&mut self, oldest: u64) -> Vec<(u128, Place)> {
        let behind = |place: &Place| !place.is_dropped && place.sequence.saturating_add(1) < oldest;
        let mut dropped = Vec::new();
        for (name, place) in self.places.iter_mut().filter(|(_, place)| behind(place)) {
            place.is_dropped = true;
            dropped.push((*name, *place));
        }
        self.is_changed |= !dropped.is_empty();
        dropped
    }

    /// The last outcome that no name needs any more; `u64::MAX` where none needs any.
    pub fn needed_after(&self) -> u64 {
        self.needed_after.min(needed_after(&self.places))
    }

    /// What is to be written, if something has changed.
    pub fn changed(&mut self) -> Option<Changed> {
        std::mem::take(&mut self.is_changed).then(|| {
            let generation = self.generation + 1;
            let bytes = slot(&self.history.journal_id, generation, &self.places);
            Changed { generation, bytes, needed_after: needed_after(&self.places) }
        })
    }

    /// `changed` is on stable storage.
    pub fn is_saved(&mut self, changed: &Changed) {
        self.generation = changed.generation;
        self.needed_after = changed.needed_after;
    }

    /// What [`Positions::changed`] gave could not be written: it is to be tried again, in the same
    /// slot, so that the other one stays whole.
    pub fn is_not_saved(&mut self) {
        self.is_changed = true;
    }
}

/// The places as they were at one moment, to be written without anybody waiting for it.
#[derive(Debug)]
pub(super) struct Changed {
    generation: u64,
    bytes: Vec<u8>,
    needed_after: u64,
}

/// The file of the places.
#[derive(Debug, Default)]
pub(super) struct PositionsFile(Option<File>);

impl PositionsFile {
    /// Writes `changed`, and returns when it is on stable storage.
    pub fn write(&mut self, dir: &Path, changed: &Changed) -> io::Result<()> {
        let file = match &self.0 {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(false).mode(0o600);
                let file = options.open(dir.join(NAME))?;
                File::open(dir)?.sync_all()?;
                self.0.insert(file)
            }
        };
        file.write_all_at(&changed.bytes, (changed.generation % 2) * SLOT_BYTES as u64)?;
        file.sync_data()
    }
}

fn needed_after(places: &BTreeMap<u128, Place>) -> u64 {
    let kept = places.values().filter(|place| !place.is_dropped);
    kept.map(|place| place.sequence).min().unwrap_or(u64::MAX)
}

fn slot(journal_id: &[u8; 16], generation: u64, places: &BTreeMap<u128, Place>) -> Vec<u8> {
    let mut header = Header {
        magic: MAGIC,
        version: VERSION,
        checksum: 0,
        journal_id: *journal_id,
        generation,
        entries: places.len() as u32,
        reserved: [0; 20],
    };
    let mut bytes = header.as_bytes().to_vec();
    for (&name, place) in places {
        let (sequence, is_dropped) = (place.sequence, place.is_dropped.into());
        let epoch = place.epoch.into();
        bytes.extend_from_slice(Entry { name, sequence, is_dropped, epoch }.as_bytes());
    }
    header.checksum = crc32c::crc32c(&bytes);
    bytes[..size_of::<Header>()].copy_from_slice(header.as_bytes());
    bytes
}

/// What stands in a slot.
enum Found {
    /// Its number, and its places.
    Places(u64, BTreeMap<u128, Place>),
    /// It is whole, but of another journal.
    OfAnotherJournal,
    /// It is not whole, or was never written.
    Nothing,
}

fn read_slot(file: &File, slot: u64, journal_id: &[u8; 16]) -> io::Result<Found> {
    let mut bytes = vec![0; SLOT_BYTES];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], slot * SLOT_BYTES as u64 + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let (header, entries) = Header::read_from_prefix(&bytes).expect("a slot is longer");
    let length = header.entries as usize * size_of::<Entry>();
    let Some(entries) = entries.get(..length) else { return Ok(Found::Nothing) };
    let sum = crc32c::crc32c(Header { checksum: 0, ..header }.as_bytes());
    let is_whole = header.magic == MAGIC
        && header.version == VERSION
        && header.checksum == crc32c::crc32c_append(sum, entries);
    let entries = entries.chunks_exact(size_of::<Entry>()).map(|bytes| {
        let entry = Entry::read_from_bytes(bytes).expect("the length is its own");
        let Entry { name, sequence, is_dropped, epoch } = entry;
        // It was written as 16 bits.
        let place = Place { sequence, is_dropped: is_dropped != 0, epoch: epoch as u16 };
        (name, place)
    });
    Ok(match (is_whole, header.journal_id == *journal_id) {
        (true, true) => Found::Places(header.generation, entries.collect()),
        (true, false) => Found::OfAnotherJournal,
        (false, _) => Found::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const HISTORY: History = History { journal_id: [7; 16], epoch: 3 };

    fn place(sequence: u64) -> Option<Place> {
        Some(Place { sequence, is_dropped: false, epoch: 3 })
    }

    fn save(positions: &mut Positions, dir: &Path) {
        let changed = positions.changed().unwrap();
        PositionsFile::default().write(dir, &changed).unwrap();
        positions.is_saved(&changed);
    }

    #[test]
    fn a_place_that_could_not_be_written_is_written_to_the_same_slot() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, gone) = (folder.path(), folder.path().join("gone"));
        let mut positions = Positions::open(dir, HISTORY).unwrap();
        assert!(positions.put(1, 40));
        save(&mut positions, dir);
        assert!(positions.put(1, 90));
        let changed = positions.changed().unwrap();
        PositionsFile::default().write(&gone, &changed).unwrap_err();
        assert!(positions.changed().is_none(), "nothing else has changed");
        positions.is_not_saved();
        let again = positions.changed().unwrap();
        assert_eq!(again.generation, changed.generation, "the last good slot stays whole");
        assert_eq!(positions.needed_after(), 40);
    }

    #[test]
    fn places_survive_and_a_write_that_is_cut_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let mut positions = Positions::open(dir, HISTORY).unwrap();
        assert_eq!((positions.get(1), positions.needed_after()), (None, u64::MAX));
        assert!(positions.put(1, 40) && positions.put(2, 70));
        save(&mut positions, dir);
        assert_eq!(positions.needed_after(), 40);
        assert!(positions.put(1, 90));
        // Until it is saved, a crash can take it back.
        assert_eq!(positions.needed_after(), 40);
        save(&mut positions, dir);
        assert_eq!(positions.needed_after(), 70);
        let again = Positions::open(dir, HISTORY).unwrap();
        assert_eq!((again.get(1), again.get(2), again.needed_after()), (place(90), place(70), 70));
        let other = History { journal_id: [8; 16], ..HISTORY };
        let of_another = Positions::open(dir, other).unwrap();
        assert_eq!((of_another.get(1), of_another.was_damaged()), (None, false));
        let mut later = Positions::open(dir, History { epoch: 4, ..HISTORY }).unwrap();
        assert_eq!(later.get(1), place(90), "it stays that of its epoch");
        assert!(later.put(1, 90));
        assert_eq!(later.get(1).map(|place| place.epoch), Some(4));

        let path = dir.join(NAME);
        let whole = fs::read(&path).unwrap();
        // The second write went to the first slot.
        for byte in [0, 9, 20, 41, 70, 80, 100] {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1;
            fs::write(&path, damaged).unwrap();
            let again = Positions::open(dir, HISTORY).unwrap();
            assert_eq!((again.get(1), again.needed_after()), (place(40), 40), "byte {byte}");
            assert!(!again.was_damaged(), "a write that is cut is none");
        }
        for bytes in [&whole[..10], &vec![0x5a; whole.len()]] {
            fs::write(&path, bytes).unwrap();
            let again = Positions::open(dir, HISTORY).unwrap();
            assert_eq!((again.get(1), again.was_damaged()), (None, true));
        }
        fs::remove_file(&path).unwrap();
        assert!(!Positions::open(dir, HISTORY).unwrap().was_damaged());
    }

    #[test]
    fn a_name_that_is_too_far_behind_is_dropped_and_makes_way() {
        let folder = tempfile::tempdir().unwrap();
        let mut positions = Positions::open(folder.path(), HISTORY).unwrap();
        for name in 1..=NAMES_MAX as u128 {
            assert!(positions.put(name, 100));
        }
        assert!(!positions.put(5_000, 100), "there is no room");
        assert!(positions.put(1, 200));
        assert!(positions.put(9, 50));
        assert_eq!(positions.drop_behind(51), []);
        let dropped = positions.drop_behind(52);
        assert_eq!(dropped, [(9, Place { sequence: 50, is_dropped: true, epoch: 3 })]);
        assert_eq!((positions.drop_behind(52), positions.needed_after()), (vec![], 100));
        assert!(positions.put(5_000, 100));
        assert_eq!(positions.get(9), None);
    }
}
