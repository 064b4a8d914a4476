//! Sessions of clients: the last request of each that was taken in.
//!
//! ```text
//!   identity ──hash──▶ slot: last request, its last sequence, its timestamp
//!   slots in order of their last request:  oldest ◀──▶ … ◀──▶ newest
//! ```
//!
//! # Invariants
//!
//! * The table follows from the requests that were taken in, in their order, and nothing else: so
//!   replay gives it again, at any capacity that held them.
//! * It refuses nobody who is in it. A new session finds a free place, or that of the session that
//!   has been silent longest if that was silent for longer than the retention.

use crate::table::{Array, EngineError, Growth, IdHasher, NO_INDEX, Table};
use ringfence_types::{
    ContentsSink, ContentsSource, Misfit, Request, Rules, Section, SessionRecord,
};

/// What errors call the table.
const WHAT: &str = "sessions";

#[derive(Debug, Clone, Copy)]
struct Entry {
    record: SessionRecord,
    older: u32,
    newer: u32,
}

const VACANT: Entry = Entry { record: SessionRecord::NONE, older: NO_INDEX, newer: NO_INDEX };

/// No session more finds a place: the table is full, and none has been silent for so long that it
/// would give its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the table of sessions is full")]
pub struct SessionsFull;

/// The sessions that the engine knows.
#[derive(Debug)]
pub struct Sessions {
    hasher: IdHasher,
    ids: Table,
    entries: Array<Entry>,
    /// Slots from here on were never used; none is ever given up but to the next session.
    used: u32,
    oldest: u32,
    newest: u32,
    retention_ns: u64,
}

impl Sessions {
    /// A table without a session, with all memory that it will use.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if there are too many to be counted, or not so much memory.
    pub fn new(rules: &Rules) -> Result<Sessions, EngineError> {
        let capacity = EngineError::check_capacity(WHAT, rules.sessions)?;
        Ok(Sessions {
            hasher: IdHasher::new(rules.hash_key),
            ids: Table::new(WHAT, capacity)?,
            entries: Array::new(WHAT, capacity, VACANT)?,
            used: 0,
            oldest: NO_INDEX,
            newest: NO_INDEX,
            retention_ns: rules.session_retention_ns,
        })
    }

    /// Takes over later rules: the table grows.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory, or the rules would shrink the table.
    pub fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        let capacity = EngineError::check_growth(WHAT, self.entries.len(), rules.sessions)?;
        self.ids.grow(capacity)?;
        self.entries.grow(capacity)?;
        self.retention_ns = rules.session_retention_ns;
        Ok(())
    }

    /// Adds the table, which no running engine enlarges. The entries are written when they are
    /// made.
    pub(crate) fn add_to(&self, growth: &mut Growth) {
        growth.add_fixed(&self.ids);
    }

    fn find(&self, hash: u32, id: u128) -> u32 {
        self.ids.find(hash, |slot| self.entries[slot as usize].record.id == id)
    }

    /// What is known of the session `id`.
    #[must_use]
    pub fn get(&self, id: u128) -> Option<SessionRecord> {
        match self.find(self.hasher.hash(id), id) {
            NO_INDEX => None,
            slot => Some(self.entries[slot as usize].record),
        }
    }

    /// Whether a request of the session `id`, taken in at `timestamp`, finds a place.
    #[must_use]
    pub fn would_accept(&self, id: u128, timestamp: u64) -> bool {
        self.has_room(timestamp) || self.get(id).is_some()
    }

    fn has_room(&self, timestamp: u64) -> bool {
        (self.used as usize) < self.entries.len()
            || (self.oldest != NO_INDEX && self.is_forgotten(self.oldest, timestamp))
    }

    fn is_forgotten(&self, slot: u32, timestamp: u64) -> bool {
        let last = self.entries[slot as usize].record.last_timestamp;
        timestamp > last.saturating_add(self.retention_ns)
    }

    /// Takes in a request of a session with a name, whose last command has this sequence and
    /// timestamp. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`SessionsFull`], and nothing happened.
    ///
    /// # Panics
    ///
    /// If the session has no name, or the number does not increase.
    pub fn accept(
        &mut self,
        request: &Request,
        last_sequence: u64,
        last_timestamp: u64,
    ) -> Result<(), SessionsFull> {
        assert!(request.is_named(), "only a session with a name is remembered");
        let hash = self.hasher.hash(request.session);
        let mut slot = self.find(hash, request.session);
        if slot == NO_INDEX {
            slot = self.free_slot(last_timestamp)?;
            self.ids.insert(hash, slot);
        } else {
            let last = self.entries[slot as usize].record.last_request;
            assert!(request.number > last, "request {} after {last}", request.number);
            self.unlink(slot);
        }
        self.entries[slot as usize].record = SessionRecord {
            id: request.session,
            last_request: request.number,
            last_sequence,
            last_timestamp,
            reserved: 0,
        };
        self.link_newest(slot);
        Ok(())
    }

    /// A slot for a new session; that of the oldest is taken from it.
    fn free_slot(&mut self, timestamp: u64) -> Result<u32, SessionsFull> {
        if !self.has_room(timestamp) {
            return Err(SessionsFull);
        }
        if (self.used as usize) < self.entries.len() {
            self.used += 1;
            return Ok(self.used - 1);
        }
        let slot = self.oldest;
        let id = self.entries[slot as usize].record.id;
        self.ids.remove(self.hasher.hash(id), slot);
        self.unlink(slot);
        Ok(slot)
    }

    fn unlink(&mut self, slot: u32) {
        let Entry { older, newer, .. } = self.entries[slot as usize];
        match older {
            NO_INDEX => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
        match newer {
            NO_INDEX => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let newest = self.newest;
        let entry = &mut self.entries[slot as usize];
        (entry.older, entry.newer) = (newest, NO_INDEX);
        match newest {
            NO_INDEX => self.oldest = slot,
            newest => self.entries[newest as usize].newer = slot,
        }
        self.newest = slot;
    }

    /// How many sessions are known.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::from(self.used)
    }

    /// All of them, the one that has been silent longest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SessionRecord> {
        let mut next = self.oldest;
        (0..self.used as usize).map(move |_| {
            let entry = &self.entries[next as usize];
            next = entry.newer;
            entry.record
        })
    }

    /// All that it holds, in canonical order.
    pub fn contents(&self, sink: &mut impl ContentsSink) {
        sink.section(Section::Sessions, self.iter());
    }

    /// Takes over what [`Sessions::contents`] gave, before the first session.
    ///
    /// # Errors
    ///
    /// The source's error, or a [`Misfit`].
    pub fn restore<S: ContentsSource>(&mut self, source: &mut S) -> Result<(), S::Error> {
        let section = Section::Sessions;
        let mut last = 0;
        source.section(section, |first, records: &[SessionRecord]| {
            for (index, record) in (first..).zip(records) {
                let check = |holds, what| Misfit::unless(holds, section, index, what);
                check(record.id != 0 && record.reserved == 0, "not a session with a name")?;
                check(record.last_request != 0, "a session without a request")?;
                check(self.get(record.id).is_none(), "a session that is there already")?;
                check(record.last_timestamp > last, "not in order")?;
                last = record.last_timestamp;
                check((self.used as usize) < self.entries.len(), "more than the capacity")?;
                let (session, number) = (record.id, record.last_request);
                let request = Request { session, number, ..Request::NONE };
                self.accept(&request, record.last_sequence, record.last_timestamp)
                    .expect("there is room");
            }
            Ok(())
        })
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.ids.bytes() + self.entries.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;
    use ringfence_types::Capacities;

    fn rules(sessions: u64, session_retention_ns: u64) -> Rules {
        Rules { sessions, session_retention_ns, ..Rules::new(Capacities::default(), [1, 2]) }
    }

    fn request(session: u128, number: u64) -> Request {
        Request { session, number, ..Request::NONE }
    }

    #[test]
    fn a_full_table_gives_the_place_of_the_one_that_was_silent_longest() {
        let mut sessions = Sessions::new(&rules(2, 10)).unwrap();
        sessions.accept(&request(1, 5), 1, 100).unwrap();
        sessions.accept(&request(2, 5), 2, 101).unwrap();
        sessions.accept(&request(1, 6), 3, 102).unwrap();
        assert_eq!(sessions.accept(&request(3, 1), 4, 111), Err(SessionsFull), "2 spoke 10 ago");
        assert!(!sessions.would_accept(3, 111));
        assert!(sessions.would_accept(1, 111));
        assert!(sessions.would_accept(3, 112));
        sessions.accept(&request(3, 1), 4, 112).unwrap();
        assert_eq!(sessions.get(2), None);
        assert_eq!(sessions.get(1).unwrap().last_request, 6);
        assert_eq!(sessions.get(3).unwrap().last_sequence, 4);
        assert_eq!(sessions.iter().map(|record| record.id).collect::<Vec<_>>(), [1, 3]);
        sessions.configure(&rules(3, 10)).unwrap();
        sessions.accept(&request(2, 1), 5, 113).unwrap();
        assert_eq!(sessions.iter().map(|record| record.id).collect::<Vec<_>>(), [1, 3, 2]);
    }

    #[test]
    fn it_agrees_with_a_list() {
        let seed = 7;
        let mut random = Pcg64::seed_from_u64(seed);
        let (capacity, retention) = (8, 40);
        let mut sessions = Sessions::new(&rules(capacity, retention)).unwrap();
        let mut list: Vec<SessionRecord> = Vec::new();
        let mut refused = 0;
        for sequence in 1..20_000 {
            let timestamp = sequence * 3;
            let id = random.random_range(1..=14);
            let known = list.iter().position(|record| record.id == id);
            let number = known.map_or(0, |at| list[at].last_request) + random.random_range(1..4);
            let fits = known.is_some()
                || list.len() < capacity as usize
                || list[0].last_timestamp + retention < timestamp;
            assert_eq!(sessions.would_accept(id, timestamp), fits, "seed {seed}, {sequence}");
            let accepted = sessions.accept(&request(id, number), sequence, timestamp);
            assert_eq!(accepted.is_ok(), fits, "seed {seed}, {sequence}");
            refused += u64::from(!fits);
            if fits {
                match known {
                    Some(at) => drop(list.remove(at)),
                    None if list.len() == capacity as usize => drop(list.remove(0)),
                    None => {}
                }
                list.push(SessionRecord {
                    id,
                    last_request: number,
                    last_sequence: sequence,
                    last_timestamp: timestamp,
                    reserved: 0,
                });
            }
            assert!(sessions.iter().eq(list.iter().copied()), "seed {seed}, {sequence}");
            assert_eq!(sessions.get(id), list.iter().find(|it| it.id == id).copied());
        }
        assert!(refused > 100, "the test reaches both");
    }

    #[test]
    #[should_panic(expected = "request 5 after 5")]
    fn a_number_increases() {
        let mut sessions = Sessions::new(&rules(2, 10)).unwrap();
        sessions.accept(&request(1, 5), 1, 100).unwrap();
        let _ = sessions.accept(&request(1, 5), 2, 101);
    }
}
