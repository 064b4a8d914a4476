//! The stage that moves money, in resumable steps.
//!
//! ```text
//!   commands ─┐
//!             ├─▶ unit by unit ──▶ ledger ──▶ outcome
//!   verdicts ─┘            │           └─────▶ event (bodies of look-ups, and what a command brought about)
//!                          └─▶ exchange ──▶ books
//!
//!   step      cuts the window into units (a command, or a linked chain), each with its phases
//!   execute   one command that stands alone       chain   a linked chain: all of it or nothing
//!   prefetch  asks for the memory of the commands that come next
//! ```
//!
//! # Invariants
//!
//! * A command has exactly one outcome, and its events are emitted before it.
//! * A step that finds no room for an event stops before what would bring it about: called again
//!   with the same command, it goes on from there, and nothing happens twice. So neither the size
//!   of the events lane nor the places where steps end change any outcome.
//! * Outcomes depend on the commands and verdicts before, on nothing else.

mod accounts;
mod chain;
mod emitter;
mod exchange;
mod execute;
mod orders;
mod prefetch;
mod step;

use alloc::boxed::Box;
use alloc::vec;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::ledger::Ledger;
use crate::table::{EngineError, Growth};
use exchange::Exchange;
use prefetch::Hashes;
use ringfence_types::{
    BATCH_COMMANDS_MAX, Command, ContentsSink, ContentsSource, Outcome, Rules, Section, Status,
};
use step::Phase;

/// What settle holds besides its rooms.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct SettleRecord {
    last_event_number: u64,
    reserved: [u64; 7],
}

/// The settle stage's state.
#[derive(Debug)]
pub struct Settle {
    ledger: Ledger,
    exchange: Exchange,
    /// Number of the event emitted last.
    last_event_number: u64,
    /// Bodies emitted of the look-up under way.
    bodies_emitted: u8,
    hashes: Hashes,
    phase: Phase,
    /// Outcomes of the unit under way, once it is executed.
    outcomes: Box<[Outcome]>,
}

impl Settle {
    /// The state before the first command, with all memory that it will use.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory.
    pub fn new(rules: &Rules) -> Result<Settle, EngineError> {
        Ok(Settle {
            ledger: Ledger::new(rules)?,
            exchange: Exchange::new(rules)?,
            last_event_number: 0,
            bodies_emitted: 0,
            hashes: Hashes::default(),
            phase: Phase::Expire,
            outcomes: vec![Outcome::default(); BATCH_COMMANDS_MAX].into_boxed_slice(),
        })
    }

    /// Takes over later rules: the tables grow. Not for the hot path.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory, or the rules would shrink a table.
    pub fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        self.ledger.configure(rules)?;
        self.exchange.configure(rules, self.ledger.event_timestamp())
    }

    /// Adds what grows with the capacities.
    pub(crate) fn add_to(&self, growth: &mut Growth) {
        self.ledger.add_to(growth);
        self.exchange.add_to(growth);
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.ledger.bytes() + self.exchange.bytes() + size_of_val(&*self.outcomes) as u64
    }

    /// How many places of its tables are taken: of transfers, spent ids included, and of orders.
    #[must_use]
    pub fn used(&self) -> (u64, u64) {
        (self.ledger.transfers_used(), self.exchange.orders_used())
    }

    /// Timestamp at which the next pending transfer expires, if any does.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        [self.ledger.next_due(), self.exchange.next_due()].into_iter().flatten().min()
    }

    /// Checks all that must always be true, from the records themselves. Slow.
    ///
    /// # Panics
    ///
    /// If something is not as it must be: a bug.
    pub(crate) fn check_in_full(&self) {
        self.ledger.check_in_full(&self.exchange.check_in_full(self.ledger.event_timestamp()));
    }

    /// All that it holds, in canonical order.
    pub(crate) fn contents(&self, sink: &mut impl ContentsSink) {
        self.ledger.contents(sink);
        self.exchange.contents(self.ledger.event_timestamp(), sink);
        let besides = SettleRecord { last_event_number: self.last_event_number, reserved: [0; 7] };
        // Before the first event there is nothing to say.
        let said = (self.last_event_number != 0).then_some(besides);
        sink.section(Section::Settle, said.into_iter());
    }

    /// Takes over, before its first command, settle's part of an engine's contents; `now` is what
    /// [`Settle::event_timestamp`] said then.
    ///
    /// # Errors
    ///
    /// What the source says, or a [`ringfence_types::Misfit`] for what can be no part of an
    /// engine's contents.
    pub fn restore<S: ContentsSource>(&mut self, now: u64, source: &mut S) -> Result<(), S::Error> {
        self.ledger.restore(now, source)?;
        let accounts = self.ledger.account_count() as u32;
        self.exchange.restore(now, accounts, source)?;
        source.section(Section::Settle, |_, records: &[SettleRecord]| {
            self.last_event_number = records[0].last_event_number;
            Ok(())
        })
    }

    /// Timestamp of the last event, of a chain that of its first member: up to here all that was
    /// due has happened. 0 before the first.
    #[must_use]
    pub fn event_timestamp(&self) -> u64 {
        self.ledger.event_timestamp()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// The outcome of `command`, with this status and timestamp.
#[inline(always)]
fn outcome(command: &Command, (status, timestamp): (Status, u64)) -> Outcome {
    Outcome { timestamp, ..Outcome::of(command, status) }
}
