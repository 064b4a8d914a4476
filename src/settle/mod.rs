//! The stage that moves money, in resumable steps.
//!
//! ```text
//!   commands ─┐
//!             ├─▶ chain by chain ──▶ ledger ──▶ outcome
//!   verdicts ─┘             │           └─────▶ event (what came of it, bodies of look-ups)
//!                           └─▶ exchange ──▶ books
//! ```
//!
//! # Invariants
//!
//! * A command has exactly one outcome, and its events are put before it.
//! * A step that finds no room for an event stops before what would bring it about: called again with
//!   the same command, it goes on from there, and nothing happens twice.
//! * Outcomes depend on the commands and verdicts before, on nothing else.

mod exchange;
mod orders;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::ledger::Ledger;
use crate::table::EngineError;
use crate::types::{
    Account, AccountFlags, Command, ContentsSink, ContentsSource, Event, EventBody, EventKind, Op,
    Outbox, Outcome, Rules, Section, Side, Status, Step, TransferEvent, Verdict, Window,
};
use exchange::{Exchange, Report};
use orders::Reporter;

/// How many commands ahead slots are fetched, and how many ahead records.
const SLOTS_AHEAD: usize = 16;
const RECORDS_AHEAD: usize = 8;
/// And how many ahead what stands around an order that leaves its place.
const NEIGHBOURS_AHEAD: usize = 4;
/// Hashes kept from the fetch to the use; more than are in flight.
const HASHES_KEPT: usize = 32;
const _: () = assert!(HASHES_KEPT.is_power_of_two() && SLOTS_AHEAD < HASHES_KEPT);

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
    /// Number of the event put last.
    last_event_number: u64,
    /// Bodies put of the look-up under way.
    bodies_put: u8,
    /// Hashes of the ids of the commands that come next, by index in the window.
    hashes: [u32; HASHES_KEPT],
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
            bodies_put: 0,
            hashes: [0; HASHES_KEPT],
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

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.ledger.bytes() + self.exchange.bytes()
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
    /// What the source says, or a [`crate::types::Misfit`] for what can be no part of an engine's
    /// contents.
    pub fn restore<S: ContentsSource>(&mut self, now: u64, source: &mut S) -> Result<(), S::Error> {
        self.ledger.restore(now, source)?;
        let accounts = self.ledger.account_count() as u32;
        self.exchange.restore(now, accounts, source)?;
        source.section(Section::Settle, |_, records: &[SettleRecord]| {
            self.last_event_number = records[0].last_event_number;
            Ok(())
        })
    }

    /// Timestamp of the last event, of a chain that of its first member: up to here all that was due
    /// has happened. 0 before the first.
    #[must_use]
    pub fn event_timestamp(&self) -> u64 {
        self.ledger.event_timestamp()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Settles a window of commands, which must not cut a linked chain. The first has the sequence
    /// `first_sequence`, and `verdicts` are risk's for the same commands.
    pub fn step(
        &mut self,
        first_sequence: u64,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        outbox: &mut impl Outbox,
    ) -> Step {
        let count = commands.len();
        for index in 0..count.min(SLOTS_AHEAD) {
            self.fetch_slot(commands, index);
        }
        for index in 0..count.min(RECORDS_AHEAD) {
            self.fetch_records(commands, verdicts, index);
        }
        let mut index = 0;
        while index < count {
            self.fetch_ahead(commands, verdicts, index);
            let command = commands.at(index);
            let sequence = first_sequence + index as u64;
            if !self.begin_event(sequence, commands, index, outbox) {
                return Step::LaneFull(index);
            }
            if command.is_linked() {
                index = self.settle_chain(commands, verdicts, index, outbox);
                continue;
            }
            if command.op() == Op::CreateTransfer {
                let hash = self.hashes[index % HASHES_KEPT];
                let verdict = verdicts.at(index);
                let answer = self.ledger.create_transfer(command, verdict, hash, false);
                if answer.0.spends_id() {
                    self.ledger.spend_id(command, hash);
                }
                outbox.set_outcome(index, outcome(command, answer));
            } else {
                let verdict = verdicts.at(index);
                let settled = match command.op() {
                    Op::PlaceOrder | Op::AmendOrder | Op::CancelOrder => {
                        let hash = self.hashes[index % HASHES_KEPT];
                        self.settle_order(sequence, command, verdict, hash, outbox)
                    }
                    _ => self.settle_other(sequence, command, verdict, outbox),
                };
                match settled {
                    Some(outcome) => outbox.set_outcome(index, outcome),
                    None => return Step::LaneFull(index),
                }
            }
            index += 1;
        }
        Step::Done
    }

    /// Fetches for the commands that come a little after `index`.
    #[inline(always)]
    fn fetch_ahead(
        &mut self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        index: usize,
    ) {
        if index + SLOTS_AHEAD < commands.len() {
            self.fetch_slot(commands, index + SLOTS_AHEAD);
        }
        if index + RECORDS_AHEAD < commands.len() {
            self.fetch_records(commands, verdicts, index + RECORDS_AHEAD);
        }
        if index + NEIGHBOURS_AHEAD < commands.len() {
            let ahead = index + NEIGHBOURS_AHEAD;
            if matches!(commands.at(ahead).op(), Op::AmendOrder | Op::CancelOrder) {
                self.exchange.fetch_neighbours(&self.ledger, self.hashes[ahead % HASHES_KEPT]);
            }
        }
    }

    #[inline(always)]
    fn fetch_slot(&mut self, commands: &(impl Window<Command> + ?Sized), index: usize) {
        let command = commands.at(index);
        let id = command.body.lookup().id;
        self.hashes[index % HASHES_KEPT] = match command.op() {
            Op::PlaceOrder | Op::AmendOrder | Op::CancelOrder => self.exchange.fetch_slot(id),
            _ => self.ledger.fetch_slot(id),
        };
    }

    #[inline(always)]
    fn fetch_records(
        &self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        index: usize,
    ) {
        let command = commands.at(index);
        let hash = self.hashes[index % HASHES_KEPT];
        match command.op() {
            Op::CreateTransfer => {
                let pending_id = command.body.transfer().pending_id;
                self.ledger.fetch_records(hash, pending_id, verdicts.at(index));
            }
            Op::PlaceOrder => {
                let buys = command.body.order().side == Side::Buy as u8;
                let Verdict { debit_index, credit_index, .. } = *verdicts.at(index);
                self.ledger.fetch_balances(if buys { credit_index } else { debit_index });
            }
            Op::AmendOrder | Op::CancelOrder => self.exchange.fetch_record(hash),
            _ => {}
        }
    }

    /// Lets time pass up to an event: what is due expires, in one order. False: there is no room for
    /// what that brings about; called again, it goes on from there.
    #[inline(always)]
    fn begin_event(
        &mut self,
        sequence: u64,
        commands: &(impl Window<Command> + ?Sized),
        index: usize,
        outbox: &mut impl Outbox,
    ) -> bool {
        let now = commands.at(index).header.timestamp;
        let is_quiet = self.ledger.sleeps_at(now) && self.exchange.sleeps_at(now);
        if !is_quiet && !self.expire_due(sequence, commands, index, outbox) {
            return false;
        }
        self.ledger.begin_event(now);
        self.exchange.forget_some(now);
        true
    }

    #[cold]
    fn expire_due(
        &mut self,
        sequence: u64,
        commands: &(impl Window<Command> + ?Sized),
        index: usize,
        outbox: &mut impl Outbox,
    ) -> bool {
        let now = commands.at(index).header.timestamp;
        // What happens before a chain belongs to its last member, and goes before the first outcome.
        let mut last = index;
        while !commands.at(last).ends_chain() {
            last += 1;
        }
        let lead = last - index;
        let sequence = sequence + lead as u64;
        let (command, last_number) = (commands.at(last), &mut self.last_event_number);
        let report = &mut Reporter { outbox, sequence, lead: lead as u16, command, last_number };
        loop {
            let transfer = self.ledger.first_due(now);
            let order = self.exchange.first_due(now);
            if transfer.is_none() && order.is_none() {
                return true;
            }
            if report.is_full() {
                return false;
            }
            if order.is_some_and(|order| transfer.is_none_or(|transfer| order < transfer)) {
                self.exchange.expire_first(&mut self.ledger, now, report);
            } else {
                let id = self.ledger.expire_first(now);
                let body = TransferEvent { id, ..TransferEvent::default() };
                report.put(EventKind::TransferExpired, EventBody::of_transfer_event(body));
            }
        }
    }

    /// Settles the linked chain that begins at `start`: all of it or nothing. Returns where it
    /// ends.
    #[cold]
    fn settle_chain(
        &mut self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        start: usize,
        outbox: &mut impl Outbox,
    ) -> usize {
        let is_transfers = commands.at(start).op() == Op::CreateTransfer;
        let mut broken = false;
        let mut index = start;
        loop {
            if index > start {
                self.fetch_ahead(commands, verdicts, index);
            }
            let (command, verdict) = (commands.at(index), verdicts.at(index));
            let hash = self.hashes[index % HASHES_KEPT];
            let own = command.header.timestamp;
            let answer = if command.is_linked() && command.ends_batch() {
                (Status::LinkedEventChainOpen, own)
            } else if !is_transfers {
                // Risk knew what becomes of the chain before it handed it on.
                self.create_account(commands, verdict, index)
            } else if broken {
                (Status::LinkedEventFailed, own)
            } else {
                self.ledger.create_transfer(command, verdict, hash, true)
            };
            outbox.set_outcome(index, outcome(command, answer));
            if is_transfers && answer.0 != Status::Created && !broken {
                broken = true;
                self.ledger.undo_chain();
                if answer.0.spends_id() {
                    self.ledger.spend_id(command, hash);
                }
                for earlier in start..index {
                    let command = commands.at(earlier);
                    let failed = (Status::LinkedEventFailed, command.header.timestamp);
                    outbox.set_outcome(earlier, outcome(command, failed));
                }
            }
            index += 1;
            if command.ends_chain() {
                break;
            }
        }
        self.ledger.commit_chain();
        index
    }

    /// Settles what is no transfer. `None`: there is no room for its event, and nothing happened.
    fn settle_other(
        &mut self,
        sequence: u64,
        command: &Command,
        verdict: &Verdict,
        outbox: &mut impl Outbox,
    ) -> Option<Outcome> {
        let looks_up = matches!(command.op(), Op::LookupAccount | Op::LookupTransfer);
        if looks_up && outbox.events_free() == 0 {
            return None;
        }
        let own = command.header.timestamp;
        let status = match command.op() {
            Op::CreateAccount => {
                let answer = self.create_account(std::slice::from_ref(command), verdict, 0);
                return Some(outcome(command, answer));
            }
            Op::LookupAccount => match verdict.debit_index {
                Verdict::NONE => Status::NotFound,
                index => {
                    let body = EventBody::of_account(self.ledger.show_account(index));
                    outbox.put_event(&event(sequence, command, EventKind::AccountBody, body));
                    Status::Found
                }
            },
            Op::LookupTransfer => match self.ledger.find_transfer(command.id()) {
                None => Status::NotFound,
                Some(found) => {
                    let body = EventBody::of_transfer(found);
                    outbox.put_event(&event(sequence, command, EventKind::TransferBody, body));
                    Status::Found
                }
            },
            Op::SetAccountPolicy => {
                let refusal = verdict.refusal();
                if refusal.is_none() && verdict.extra_index != Verdict::NONE {
                    let policy = command.body.account_policy();
                    self.ledger.set_spend(verdict.extra_index, policy, own);
                }
                refusal.unwrap_or(Status::Ok)
            }
            Op::SetLedgerPolicy | Op::SetPairPolicy => verdict.refusal().unwrap_or(Status::Ok),
            Op::Pulse => Status::Ok,
            Op::CreateMarket => {
                let answer = self.exchange.create_market(command.body.market(), verdict, own);
                return Some(outcome(command, answer));
            }
            Op::LookupOrder | Op::LookupMarket => {
                self.look_up_exchange(sequence, command, verdict, outbox)?
            }
            op => unreachable!("{op:?} is not built, so that no client can send it"),
        };
        Some(Outcome::of(command, status))
    }

    /// What became of the `create_account` at `index`: risk has decided, but for flags as they are
    /// now.
    fn create_account(
        &mut self,
        commands: &(impl Window<Command> + ?Sized),
        verdict: &Verdict,
        index: usize,
    ) -> (Status, u64) {
        let command = commands.at(index);
        let account = command.body.account();
        match verdict.refusal() {
            None => {
                let timestamp = timestamp_of(command);
                let opened = self.ledger.open_account(account, timestamp);
                assert_eq!(opened, verdict.debit_index, "risk counts accounts as settle does");
                (Status::Created, timestamp)
            }
            Some(Status::Exists) => {
                let existing = if verdict.detail & Verdict::TAKEN_IN_CHAIN != 0 {
                    let taken_by = commands.at(index - verdict.extra_index as usize);
                    Account { timestamp: timestamp_of(taken_by), ..*taken_by.body.account() }
                } else {
                    self.ledger.show_account(verdict.debit_index)
                };
                match difference(account, &existing) {
                    Some(status) => (status, command.header.timestamp),
                    None => (Status::Exists, existing.timestamp),
                }
            }
            Some(status) => (status, command.header.timestamp),
        }
    }
}

/// The timestamp that an account gets when it is created.
fn timestamp_of(command: &Command) -> u64 {
    let account = command.body.account();
    let is_imported = account.flags.has(AccountFlags::IMPORTED);
    if is_imported { account.timestamp } else { command.header.timestamp }
}

/// The first field in which an account that is sent again differs from the one there is.
fn difference(sent: &Account, existing: &Account) -> Option<Status> {
    let differences = [
        (sent.flags != existing.flags, Status::ExistsWithDifferentFlags),
        (sent.user_data_128 != existing.user_data_128, Status::ExistsWithDifferentUserData128),
        (sent.user_data_64 != existing.user_data_64, Status::ExistsWithDifferentUserData64),
        (sent.user_data_32 != existing.user_data_32, Status::ExistsWithDifferentUserData32),
        (sent.ledger != existing.ledger, Status::ExistsWithDifferentLedger),
        (sent.code != existing.code, Status::ExistsWithDifferentCode),
    ];
    differences.into_iter().find(|(differs, _)| *differs).map(|(_, status)| status)
}

#[inline(always)]
fn outcome(command: &Command, (status, timestamp): (Status, u64)) -> Outcome {
    Outcome { timestamp, ..Outcome::of(command, status) }
}

fn event(sequence: u64, command: &Command, kind: EventKind, body: EventBody) -> Event {
    Event {
        sequence,
        timestamp: command.header.timestamp,
        session: command.header.session,
        kind: kind as u8,
        body,
        ..Event::default()
    }
}
