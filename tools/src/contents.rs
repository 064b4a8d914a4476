//! Contents of an engine in memory.

use std::collections::BTreeMap;

use ringfence::types::{ContentsSink, ContentsSource, Misfit, Record, Section};

/// Records that are given at a time: few, so that sections come in several parts.
const PART_RECORDS: usize = 100;

/// Sections by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    sections: BTreeMap<Section, Kept>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Kept {
    record_bytes: usize,
    bytes: Vec<u8>,
}

impl Contents {
    /// Whether the section has no records.
    #[must_use]
    pub fn is_empty(&self, section: Section) -> bool {
        self.sections.get(&section).is_none_or(|kept| kept.bytes.is_empty())
    }

    /// Lets `change` have the first record of a section that `is` wanted.
    ///
    /// # Panics
    ///
    /// If the section has none.
    pub fn change_first(
        &mut self,
        section: Section,
        is: impl Fn(&[u8]) -> bool,
        change: impl FnOnce(&mut [u8]),
    ) {
        let kept = self.sections.get_mut(&section).expect("the section is there");
        let mut records = kept.bytes.chunks_exact_mut(kept.record_bytes);
        change(records.find(|record| is(record)).expect("there is such a record"));
    }
}

impl ContentsSink for Contents {
    fn section<T: Record>(&mut self, section: Section, records: impl ExactSizeIterator<Item = T>) {
        let count = records.len();
        let mut kept = Kept { record_bytes: size_of::<T>(), bytes: Vec::new() };
        records.for_each(|record| kept.bytes.extend_from_slice(record.as_bytes()));
        assert_eq!(kept.bytes.len(), count * size_of::<T>(), "{section} is as long as it said");
        assert!(self.sections.insert(section, kept).is_none(), "{section} comes once");
    }
}

impl ContentsSource for Contents {
    type Error = Misfit;

    fn count<T: Record>(&mut self, section: Section) -> Result<usize, Misfit> {
        Ok(self.sections.get(&section).map_or(0, |kept| {
            assert_eq!(kept.record_bytes, size_of::<T>(), "{section}");
            kept.bytes.len() / kept.record_bytes
        }))
    }

    fn section<T: Record>(
        &mut self,
        section: Section,
        mut each: impl FnMut(usize, &[T]) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        let Some(kept) = self.sections.get(&section) else { return Ok(()) };
        let read = |bytes: &[u8]| T::read_from_bytes(bytes).expect("a whole record");
        let records: Vec<T> = kept.bytes.chunks_exact(size_of::<T>()).map(read).collect();
        for (part, records) in records.chunks(PART_RECORDS).enumerate() {
            each(part * PART_RECORDS, records)?;
        }
        Ok(())
    }
}
