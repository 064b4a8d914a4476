//! What an engine holds, in its canonical form: sections of records of fixed size.
//!
//! ```text
//!   rooms ──▶ ContentsSink     a digest, a snapshot's file
//!   rooms ◀── ContentsSource   the file again
//! ```
//!
//! # Invariants
//!
//! * No capacity, no key, no slot and no address shows in it: the same commands give the same
//!   sections, byte for byte, and restoring them gives an engine that answers the same.
//! * Records have no padding that is not a field, so their bytes can be hashed and kept as they
//!   are.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A record of a section: plain bytes, all of them fields.
pub trait Record: FromBytes + IntoBytes + Immutable + KnownLayout + Copy + 'static {}

impl<T: FromBytes + IntoBytes + Immutable + KnownLayout + Copy + 'static> Record for T {}

macro_rules! sections {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $name:literal,)+) => {
        /// A section of the contents. Numbers are part of snapshot files and of the digest: they
        /// never change, and a section whose records change gets a new one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Section {
            $($(#[$doc])* $variant = $number,)+
        }

        impl Section {
            /// Every section, in the order of the numbers.
            pub const ALL: &'static [Section] = &[$(Section::$variant),+];

            /// What people call it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Section::$variant => $name,)+
                }
            }
        }
    };
}

sections! {
    /// Accounts as look-ups show them, in order of creation.
    Accounts = 1 "accounts",
    /// Places of accounts' policies, in the order of the places, free ones included.
    AccountPolicies = 2 "account policies",
    /// Free places of accounts' policies, the next to be given out last.
    FreeAccountPolicies = 3 "free account policies",
    /// Ledgers' policies, by ledger.
    LedgerPolicies = 4 "ledger policies",
    /// Pairs of accounts between which payments are forbidden, by their indices.
    PairPolicies = 5 "pair policies",
    /// Spend windows, by the place of their policy.
    SpendWindows = 6 "spend windows",
    /// Transfers that are not pending and spent ids, in the order in which they are forgotten.
    SettledTransfers = 7 "settled transfers",
    /// Pending transfers, in order of creation.
    PendingTransfers = 8 "pending transfers",
    /// What the ledger holds besides: one record.
    Ledger = 9 "ledger",
    /// Queued payments in order of arrival, by their places among the pending transfers.
    QueuedTransfers = 10 "queued transfers",
    /// Markets, in order of creation.
    Markets = 16 "markets",
    /// Orders that rest: by market, buys before sells, in the order in which they would trade.
    OpenOrders = 17 "open orders",
    /// Orders that do not and spent ids, in the order in which they are forgotten.
    SettledOrders = 18 "settled orders",
    /// What settle holds besides: one record.
    Settle = 24 "settle",
    /// Sessions with a name, in the order of their last requests.
    Sessions = 25 "sessions",
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What takes contents.
pub trait ContentsSink {
    /// Takes a section whole. Each section comes once, in whatever order, but always the same.
    fn section<T: Record>(&mut self, section: Section, records: impl ExactSizeIterator<Item = T>);
}

/// What gives contents back, section by section, in any order and as often as asked.
pub trait ContentsSource {
    /// Why it could not: it cannot be read, or what it gives is no contents.
    type Error: From<Misfit>;

    /// How many records the section has; 0 if it is not there.
    ///
    /// # Errors
    ///
    /// If the section's records are not as long as `T`.
    fn count<T: Record>(&mut self, section: Section) -> Result<usize, Self::Error>;

    /// Gives the section's records to `each` in their order, many at a time, each time with the
    /// index of the first.
    ///
    /// # Errors
    ///
    /// If the section cannot be read, or the first error of `each`; some records may then have been
    /// given.
    fn section<T: Record>(
        &mut self,
        section: Section,
        each: impl FnMut(usize, &[T]) -> Result<(), Misfit>,
    ) -> Result<(), Self::Error>;
}

/// A record that cannot be part of an engine's contents, although it was read as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{section}, record {index}: {what}")]
pub struct Misfit {
    /// The section.
    pub section: Section,
    /// The record, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Misfit {
    /// Checks one thing about a record.
    ///
    /// # Errors
    ///
    /// Itself, unless `holds`.
    #[inline]
    pub fn unless(
        holds: bool,
        section: Section,
        index: usize,
        what: &'static str,
    ) -> Result<(), Misfit> {
        if holds { Ok(()) } else { Err(Misfit { section, index, what }) }
    }
}
