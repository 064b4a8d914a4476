//! What decides outcomes besides the commands: kept in the journal, before the first of them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::NANOSECONDS_PER_SECOND;

/// The version of the rules that this program applies. A change of any outcome is a new version.
pub const RULES_VERSION: u32 = 2;
/// The version of the rules where ids carry their time: a program that does not check it must not
/// go on.
const RULES_VERSION_ID_TIME: u32 = 3;

/// How many of each thing are held at most. Memory for them is allocated at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Capacities {
    /// Accounts.
    pub accounts: u64,
    /// Transfers and spent ids.
    pub transfers: u64,
    /// Policies of accounts, ledgers and pairs together.
    pub policies: u64,
    /// Markets.
    pub markets: u64,
    /// Orders.
    pub orders: u64,
}

impl Default for Capacities {
    fn default() -> Capacities {
        Capacities {
            accounts: 64 * 1024,
            transfers: 1024 * 1024,
            policies: 64 * 1024,
            markets: 64,
            orders: 256 * 1024,
        }
    }
}

/// Sessions with a name that an engine remembers unless it is told another number.
const SESSIONS_DEFAULT: u64 = 1024;
/// How long a session may be silent unless it is told otherwise: seven days, in nanoseconds.
const SESSION_RETENTION_DEFAULT_NS: u64 = 7 * 86_400 * NANOSECONDS_PER_SECOND;

/// Whether the ids of transfers and orders say when they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum IdTime {
    /// They do not: any id may come at any time.
    #[default]
    None = 0,
    /// As in a ULID: the first 48 bits are milliseconds since the Unix epoch. An id that is not
    /// remembered is refused if its time lies so far back that it may have been forgotten, or
    /// more than [`ID_TIME_SLACK_NS`] ahead.
    Ulid = 1,
}

impl IdTime {
    /// The one with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<IdTime> {
        match number {
            0 => Some(IdTime::None),
            1 => Some(IdTime::Ulid),
            _ => None,
        }
    }
}

/// How far, in nanoseconds, the time of an id may lie ahead of the engine's, and how much sooner
/// than the retention says an id is refused as expired.
pub const ID_TIME_SLACK_NS: u64 = 60 * NANOSECONDS_PER_SECOND;
/// A retention has to be longer than this, in nanoseconds, where ids carry their time: else no id
/// could be both late and early enough.
pub const ID_TIME_RETENTION_NS_ABOVE: u64 = 2 * ID_TIME_SLACK_NS;

/// The time that an id carries where ids are ULIDs, in nanoseconds since the Unix epoch. It stops
/// at 2^64 − 1: later than any timestamp.
#[inline]
#[must_use]
pub const fn ulid_time_ns(id: u128) -> u64 {
    ((id >> 80) as u64).saturating_mul(1_000_000)
}

/// What decides outcomes besides the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Rules {
    /// Keys the hash tables, so that nobody can choose ids that collide. Neither outcomes nor
    /// the digest depend on it.
    pub hash_key: [u64; 2],
    /// Most of each thing.
    pub capacities: Capacities,
    /// How long ids are remembered, in nanoseconds; 0: for ever.
    pub retention_ns: u64,
    /// [`Rules::known_version`] of the program that wrote it.
    pub version: u32,
    /// An [`IdTime`] by its number: whether the ids of transfers and orders carry their time.
    pub id_time: u32,
    /// Most sessions with a name.
    pub sessions: u64,
    /// How long a session may be silent, in nanoseconds, before it gives its place to a new one
    /// when the table is full.
    pub session_retention_ns: u64,
    /// Zero.
    pub reserved_more: [u64; 5],
}

const _: () = assert!(size_of::<Rules>() == 128);

impl Rules {
    /// The rules of this program with these capacities, for ever remembering, and this key.
    #[must_use]
    pub fn new(capacities: Capacities, hash_key: [u64; 2]) -> Rules {
        Rules {
            hash_key,
            capacities,
            retention_ns: 0,
            version: RULES_VERSION,
            id_time: IdTime::None as u32,
            sessions: SESSIONS_DEFAULT,
            session_retention_ns: SESSION_RETENTION_DEFAULT_NS,
            reserved_more: [0; 5],
        }
    }

    /// The version under which this program applies such rules: [`RULES_VERSION`], and one of its
    /// own where ids carry their time.
    #[must_use]
    pub const fn known_version(&self) -> u32 {
        match IdTime::from_number(self.id_time) {
            Some(IdTime::Ulid) => RULES_VERSION_ID_TIME,
            _ => RULES_VERSION,
        }
    }

    /// True if this program applies exactly these rules.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        IdTime::from_number(self.id_time).is_some() && self.version == self.known_version()
    }

    /// The same rules with ids that carry their time, or not.
    #[must_use]
    pub const fn with_id_time(self, id_time: IdTime) -> Rules {
        let rules = Rules { id_time: id_time as u32, ..self };
        Rules { version: rules.known_version(), ..rules }
    }
}
