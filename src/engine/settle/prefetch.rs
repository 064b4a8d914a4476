//! Prefetching: asks for the memory of a command while those before it are executed.
//!
//! ```text
//!   commands ahead   16              8         4
//!                    slots of ids    records   neighbours of an order that leaves its place
//! ```

use super::Settle;
use ringfence_types::{Command, Op, Verdict, Window};

/// How many commands ahead the table slots of ids are prefetched.
const SLOTS_AHEAD: usize = 16;
/// How many commands ahead records and balances are.
const RECORDS_AHEAD: usize = 8;
/// How many commands ahead what stands around an order is that leaves its place.
const NEIGHBOURS_AHEAD: usize = 4;

/// Hashes of ids kept from the prefetch to the use: more than are in flight.
const HASHES_KEPT: usize = 32;
const _: () = assert!(HASHES_KEPT.is_power_of_two() && SLOTS_AHEAD < HASHES_KEPT);

/// Hashes of the ids of the commands that come next, by index in the window.
#[derive(Debug, Default)]
pub(super) struct Hashes([u32; HASHES_KEPT]);

impl Hashes {
    /// The hash of the id of the command at `index`, whose slot was prefetched.
    #[inline(always)]
    pub(super) fn of(&self, index: usize) -> u32 {
        self.0[index % HASHES_KEPT]
    }
}

impl Settle {
    /// Prefetches for the first commands of a window.
    #[inline(always)]
    pub(super) fn prefetch_first(
        &mut self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
    ) {
        for index in 0..commands.len().min(SLOTS_AHEAD) {
            self.prefetch_slot(commands, index);
        }
        for index in 0..commands.len().min(RECORDS_AHEAD) {
            self.prefetch_records(commands, verdicts, index);
        }
    }

    /// Prefetches for the commands that come a little after `index`.
    #[inline(always)]
    pub(super) fn prefetch_ahead(
        &mut self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        index: usize,
    ) {
        if index + SLOTS_AHEAD < commands.len() {
            self.prefetch_slot(commands, index + SLOTS_AHEAD);
        }
        if index + RECORDS_AHEAD < commands.len() {
            self.prefetch_records(commands, verdicts, index + RECORDS_AHEAD);
        }
    }

    /// Prefetches the table slot of a command's id and keeps its hash.
    #[inline(always)]
    fn prefetch_slot(&mut self, commands: &(impl Window<Command> + ?Sized), index: usize) {
        let command = commands.at(index);
        let id = command.body.lookup().id;
        self.hashes.0[index % HASHES_KEPT] = match command.is_of_order() {
            false => self.ledger.prefetch_slot(id),
            true => self.exchange.prefetch_slot(id),
        };
    }

    /// Prefetches the records and balances that a command will touch.
    #[inline(always)]
    fn prefetch_records(
        &self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        index: usize,
    ) {
        let command = commands.at(index);
        let hash = self.hashes.of(index);
        if command.header.op == Op::CreateTransfer as u8 {
            let pending_id = command.body.transfer().pending_id;
            self.ledger.prefetch_records(hash, pending_id, verdicts.at(index));
        } else if command.is_of_order() {
            self.prefetch_order(command, verdicts.at(index), hash);
        }
    }

    /// Prefetches what stands around an order that a command a little after `index` takes out of
    /// its place, if one does.
    #[inline(always)]
    pub(super) fn prefetch_neighbours(
        &self,
        commands: &(impl Window<Command> + ?Sized),
        index: usize,
    ) {
        let ahead = index + NEIGHBOURS_AHEAD;
        if ahead < commands.len()
            && commands.at(ahead).is_of_order()
            && commands.at(ahead).op() != Op::PlaceOrder
        {
            self.exchange.prefetch_neighbours(&self.ledger, self.hashes.of(ahead));
        }
    }
}
