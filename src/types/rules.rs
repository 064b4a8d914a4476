//! What decides outcomes besides the commands: kept in the journal, before the first of them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

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
    /// Zero.
    pub reserved_more: [u64; 7],
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
            reserved_more: [0; 7],
        }
    }
}
