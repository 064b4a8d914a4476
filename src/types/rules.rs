//! What decides outcomes besides the commands: kept in the journal, before the first of them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::NANOSECONDS_PER_SECOND;

/// The version of the rules that this program applies. A change of any outcome is a new version.
pub const RULES_VERSION: u32 = 2;

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
    /// [`RULES_VERSION`] of the program that wrote it.
    pub version: u32,
    /// Zero.
    pub reserved: u32,
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
            reserved: 0,
            sessions: SESSIONS_DEFAULT,
            session_retention_ns: SESSION_RETENTION_DEFAULT_NS,
            reserved_more: [0; 5],
        }
    }
}
