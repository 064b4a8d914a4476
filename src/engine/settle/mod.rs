//! The stage that moves money, in resumable steps.
//!
//! ```text
//!   commands ─┐
//!             ├─▶ chain by chain ──▶ ledger ──▶ outcome
//!   verdicts ─┘             │           └─────▶ event (what came of it, bodies of look-ups)
//!                           └─▶ exchange ──▶ books
//!
//!   of each command or chain:   expiries ─▶ releases ─▶ execution ─▶ releases ─▶ outcomes
//! ```
//!
//! # Invariants
//!
//! * A command has exactly one outcome, and its events are put before it.
//! * A step that finds no room for an event stops before what would bring it about: called again with
//!   the same command, it goes on from there, and nothing happens twice. So neither the size of the
//!   events lane nor where steps end shows anywhere but in the time it takes.
//! * Outcomes depend on the commands and verdicts before, on nothing else.

mod exchange;
mod orders;
mod teller;

use alloc::boxed::Box;
use alloc::vec;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::ledger::{Ledger, Progress, Tell};
use crate::table::EngineError;
use exchange::Exchange;
use ringfence_types::{
    Account, AccountFlags, BATCH_COMMANDS_MAX, Command, ContentsSink, ContentsSource, EventBody,
    EventKind, Op, Outbox, Outcome, Rules, Section, Side, Status, Step, TransferEvent, Verdict,
    Window,
};
use teller::Teller;

/// How many commands ahead slots are fetched, and how many ahead records.
const SLOTS_AHEAD: usize = 16;
const RECORDS_AHEAD: usize = 8;
/// And how many ahead what stands around an order that leaves its place.
const NEIGHBOURS_AHEAD: usize = 4;
/// Hashes kept from the fetch to the use; more than are in flight.
const HASHES_KEPT: usize = 32;
const _: () = assert!(HASHES_KEPT.is_power_of_two() && SLOTS_AHEAD < HASHES_KEPT);

/// Most events that one step tells: then others on the thread have their turn.
const EVENTS_PER_STEP: usize = 4096;

/// What comes next of the command or chain under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// None is under way.
    Between,
    /// What is due expires.
    Expiring,
    /// What that lets settle from queues does.
    ReleasingBefore,
    /// It is executed.
    Executing,
    /// What that lets settle from queues does; then its outcomes are there.
    ReleasingAfter,
}

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
    stage: Stage,
    /// Outcomes of the command or chain under way, once it is executed.
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
            bodies_put: 0,
            hashes: [0; HASHES_KEPT],
            stage: Stage::Between,
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

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.ledger.bytes() + self.exchange.bytes() + size_of_val(&*self.outcomes) as u64
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
    /// What the source says, or a [`ringfence_types::Misfit`] for what can be no part of an engine's
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
        let mut left = EVENTS_PER_STEP;
        while index < count {
            self.fetch_ahead(commands, verdicts, index);
            let command = commands.at(index);
            // Nearly all commands stand alone, at a time when nothing is due, and stir nobody.
            if self.stage == Stage::Between
                && !command.is_linked()
                && self.begin_event(command.header.timestamp)
            {
                let hash = self.hashes[index % HASHES_KEPT];
                let verdict = verdicts.at(index);
                if command.header.op == Op::CreateTransfer as u8 {
                    let answer = self.ledger.create_transfer(command, verdict, hash, false);
                    if answer.0.spends_id() {
                        self.ledger.spend_id(command, hash);
                    }
                    if !self.ledger.is_stirred() {
                        outbox.set_outcome(index, outcome(command, answer));
                        index += 1;
                        continue;
                    }
                    self.outcomes[0] = outcome(command, answer);
                    self.stage = Stage::ReleasingAfter;
                } else {
                    if command.is_of_order() {
                        self.fetch_neighbours(commands, index + NEIGHBOURS_AHEAD);
                    }
                    let sequence = first_sequence + index as u64;
                    if self.settle_other(sequence, command, verdict, hash, outbox, &mut left) {
                        outbox.set_outcome(index, self.outcomes[0]);
                        index += 1;
                        continue;
                    }
                }
            }
            match self.settle_unit(first_sequence, commands, verdicts, index, outbox, &mut left) {
                Some(end) => index = end,
                None if outbox.events_free() == 0 => return Step::LaneFull(index),
                None => return Step::Paused(index),
            }
        }
        Step::Done
    }

    /// Executes what is no transfer and stands in no chain, as far as can be told; its outcome is then
    /// the first of `outcomes`. Whether that is all there is to it.
    #[inline(never)]
    fn settle_other<O: Outbox>(
        &mut self,
        sequence: u64,
        command: &Command,
        verdict: &Verdict,
        hash: u32,
        outbox: &mut O,
        left: &mut usize,
    ) -> bool {
        let Settle { ledger, exchange, last_event_number, bodies_put, .. } = self;
        let mut teller = Teller::new(sequence, command, 0, outbox, last_event_number, left);
        let settled = match command.op() {
            Op::PlaceOrder | Op::AmendOrder | Op::CancelOrder => {
                orders::settle(ledger, exchange, command, verdict, hash, &mut teller)
            }
            _ => execute(ledger, exchange, bodies_put, command, verdict, &mut teller),
        };
        let Some(outcome) = settled else {
            self.stage = Stage::Executing;
            return false;
        };
        self.outcomes[0] = outcome;
        if self.ledger.is_stirred() {
            self.stage = Stage::ReleasingAfter;
            return false;
        }
        true
    }

    /// Settles the command or linked chain at `start`, from where it was left. Returns where it
    /// ends, or `None`: nothing more can be told now.
    #[cold]
    fn settle_unit<O: Outbox>(
        &mut self,
        first_sequence: u64,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        start: usize,
        outbox: &mut O,
        left: &mut usize,
    ) -> Option<usize> {
        let mut end = start + 1;
        while !commands.at(end - 1).ends_chain() {
            end += 1;
        }
        let began_at = commands.at(start).header.timestamp;
        // What happens before a chain and after it belongs to its last member, and goes out before
        // the outcome of its first.
        let (last, lead) = (commands.at(end - 1), end - 1 - start);
        let sequence = first_sequence + (end - 1) as u64;
        loop {
            let Settle { ledger, exchange, last_event_number, bodies_put, .. } = self;
            let mut teller = Teller::new(sequence, last, lead, outbox, last_event_number, left);
            let progress = match self.stage {
                Stage::Between | Stage::Expiring => {
                    self.stage = Stage::Expiring;
                    expire_due(ledger, exchange, began_at, &mut teller)
                }
                Stage::ReleasingBefore => ledger.release(began_at, &mut teller),
                Stage::Executing if lead > 0 || last.is_linked() => {
                    self.execute_chain(commands, verdicts, start, end);
                    Progress::Done
                }
                Stage::Executing => {
                    let (hash, verdict) = (self.hashes[start % HASHES_KEPT], verdicts.at(start));
                    let settled = match last.op() {
                        Op::CreateTransfer => Some(create_transfer(ledger, last, verdict, hash)),
                        Op::PlaceOrder | Op::AmendOrder | Op::CancelOrder => {
                            orders::settle(ledger, exchange, last, verdict, hash, &mut teller)
                        }
                        _ => execute(ledger, exchange, bodies_put, last, verdict, &mut teller),
                    };
                    match settled {
                        Some(outcome) => {
                            self.outcomes[0] = outcome;
                            Progress::Done
                        }
                        None => Progress::Stopped,
                    }
                }
                Stage::ReleasingAfter => ledger.release(last.header.timestamp, &mut teller),
            };
            if progress == Progress::Stopped {
                return None;
            }
            self.stage = match self.stage {
                Stage::Between | Stage::Expiring => Stage::ReleasingBefore,
                Stage::ReleasingBefore => {
                    let is_quiet = self.begin_event(began_at);
                    debug_assert!(is_quiet, "what was due has expired");
                    Stage::Executing
                }
                Stage::Executing => Stage::ReleasingAfter,
                Stage::ReleasingAfter => break,
            };
        }
        self.stage = Stage::Between;
        if self.outcomes[0].status == Status::Queued as u16 && self.ledger.has_settled(last.id()) {
            self.outcomes[0].status = Status::Created as u16;
        }
        for index in start..end {
            outbox.set_outcome(index, self.outcomes[index - start]);
            if index > start {
                self.fetch_ahead(commands, verdicts, index);
            }
        }
        Some(end)
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
    }

    #[inline(always)]
    fn fetch_slot(&mut self, commands: &(impl Window<Command> + ?Sized), index: usize) {
        let command = commands.at(index);
        let id = command.body.lookup().id;
        self.hashes[index % HASHES_KEPT] = match command.is_of_order() {
            false => self.ledger.fetch_slot(id),
            true => self.exchange.fetch_slot(id),
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
        if command.header.op == Op::CreateTransfer as u8 {
            let pending_id = command.body.transfer().pending_id;
            self.ledger.fetch_records(hash, pending_id, verdicts.at(index));
        } else if command.is_of_order() {
            self.fetch_order(command, verdicts.at(index), hash);
        }
    }

    /// Lets time pass up to an event at `now`, and forgets what is old enough. `false`: something may
    /// be due, which has to expire first, and nothing happened.
    #[inline(always)]
    fn begin_event(&mut self, now: u64) -> bool {
        if !(self.ledger.sleeps_at(now) && self.exchange.sleeps_at(now)) {
            return false;
        }
        self.ledger.begin_event(now);
        self.exchange.forget_some(now);
        true
    }

    /// Executes the linked chain from `start` up to `end`: all of it or nothing.
    fn execute_chain(
        &mut self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        start: usize,
        end: usize,
    ) {
        let is_transfers = commands.at(start).op() == Op::CreateTransfer;
        let mut broken = false;
        for index in start..end {
            let (command, verdict) = (commands.at(index), verdicts.at(index));
            let hash = self.ledger.fetch_slot(command.id());
            let own = command.header.timestamp;
            let answer = if command.is_linked() && command.ends_batch() {
                (Status::LinkedEventChainOpen, own)
            } else if !is_transfers {
                // Risk knew what becomes of the chain before it handed it on.
                create_account(&mut self.ledger, commands, verdict, index)
            } else if broken {
                (Status::LinkedEventFailed, own)
            } else {
                self.ledger.create_transfer(command, verdict, hash, true)
            };
            self.outcomes[index - start] = outcome(command, answer);
            if is_transfers && answer.0 != Status::Created && !broken {
                broken = true;
                self.ledger.undo_chain();
                if answer.0.spends_id() {
                    self.ledger.spend_id(command, hash);
                }
                for earlier in start..index {
                    let command = commands.at(earlier);
                    let failed = (Status::LinkedEventFailed, command.header.timestamp);
                    self.outcomes[earlier - start] = outcome(command, failed);
                }
            }
        }
        self.ledger.commit_chain();
    }
}

/// Lets expire what is due at `now`, orders and transfers in one order.
fn expire_due<O: Outbox>(
    ledger: &mut Ledger,
    exchange: &mut Exchange,
    now: u64,
    teller: &mut Teller<'_, O>,
) -> Progress {
    loop {
        let transfer = ledger.first_due(now);
        let order = exchange.first_due(now);
        if transfer.is_none() && order.is_none() {
            return Progress::Done;
        }
        if !teller.may_tell() {
            return Progress::Stopped;
        }
        if order.is_some_and(|order| transfer.is_none_or(|transfer| order < transfer)) {
            exchange.expire_first(ledger, now, teller);
        } else {
            let id = ledger.expire_first(now);
            let body = TransferEvent { id, ..TransferEvent::default() };
            teller.tell(EventKind::TransferExpired, EventBody::of_transfer_event(body));
        }
    }
}

/// Executes a transfer that stands in no chain; `hash` is that of its id.
#[inline(always)]
fn create_transfer(
    ledger: &mut Ledger,
    command: &Command,
    verdict: &Verdict,
    hash: u32,
) -> Outcome {
    let answer = ledger.create_transfer(command, verdict, hash, false);
    if answer.0.spends_id() {
        ledger.spend_id(command, hash);
    }
    outcome(command, answer)
}

/// Executes a command that stands in no chain and is neither a transfer nor about an order. `None`:
/// nothing more can be told; with the same command again it goes on.
fn execute<O: Outbox>(
    ledger: &mut Ledger,
    exchange: &mut Exchange,
    bodies_put: &mut u8,
    command: &Command,
    verdict: &Verdict,
    teller: &mut Teller<'_, O>,
) -> Option<Outcome> {
    let own = command.header.timestamp;
    let looks_up = matches!(command.op(), Op::LookupAccount | Op::LookupTransfer | Op::LookupQueue);
    if looks_up && !teller.may_tell() {
        return None;
    }
    let status = match command.op() {
        Op::CreateAccount => {
            let answer = create_account(ledger, core::slice::from_ref(command), verdict, 0);
            return Some(outcome(command, answer));
        }
        Op::LookupAccount => match verdict.debit_index {
            Verdict::NONE => Status::NotFound,
            index => {
                let body = EventBody::of_account(ledger.show_account(index));
                teller.show(EventKind::AccountBody, body);
                Status::Found
            }
        },
        Op::LookupTransfer => match ledger.find_transfer(command.id()) {
            None => Status::NotFound,
            Some(found) => {
                teller.show(EventKind::TransferBody, EventBody::of_transfer(found));
                Status::Found
            }
        },
        Op::LookupQueue => match verdict.debit_index {
            Verdict::NONE => Status::AccountNotFound,
            index => {
                teller.show(EventKind::QueueBody, EventBody::of_queue(ledger.show_queue(index)));
                Status::Found
            }
        },
        Op::CancelQueuedTransfer => ledger.cancel_queued(command.id()),
        Op::RequeueTransfer => {
            let requeue = command.body.requeue();
            ledger.requeue(requeue.id, requeue.urgent != 0)
        }
        Op::ResolveQueues => match command.body.resolve_queues().ledger {
            0 => Status::LedgerMustNotBeZero,
            number => match ledger.resolve_queues(number, own, teller)? {
                Ok((count, amount)) => {
                    return Some(Outcome::of(command, Status::Ok).with_settled(count, amount));
                }
                Err(status) => status,
            },
        },
        Op::SetAccountPolicy => {
            let refusal = verdict.refusal();
            if refusal.is_none() && verdict.extra_index != Verdict::NONE {
                ledger.set_spend(verdict.extra_index, command.body.account_policy(), own);
            }
            refusal.unwrap_or(Status::Ok)
        }
        Op::SetLedgerPolicy | Op::SetPairPolicy => verdict.refusal().unwrap_or(Status::Ok),
        Op::Pulse => Status::Ok,
        Op::CreateMarket => {
            let answer = exchange.create_market(command.body.market(), verdict, own);
            return Some(outcome(command, answer));
        }
        Op::LookupOrder => orders::look_up_order(ledger, exchange, command, teller)?,
        Op::LookupMarket => orders::look_up_market(exchange, bodies_put, verdict, teller)?,
        Op::CreateTransfer | Op::PlaceOrder | Op::AmendOrder | Op::CancelOrder => {
            unreachable!("they are executed elsewhere")
        }
    };
    Some(Outcome::of(command, status))
}

/// What became of the `create_account` at `index`: risk has decided, but for flags as they are
/// now.
fn create_account(
    ledger: &mut Ledger,
    commands: &(impl Window<Command> + ?Sized),
    verdict: &Verdict,
    index: usize,
) -> (Status, u64) {
    let command = commands.at(index);
    let account = command.body.account();
    match verdict.refusal() {
        None => {
            let timestamp = timestamp_of(command);
            let opened = ledger.open_account(account, timestamp);
            assert_eq!(opened, verdict.debit_index, "risk counts accounts as settle does");
            (Status::Created, timestamp)
        }
        Some(Status::Exists) => {
            let existing = if verdict.detail & Verdict::TAKEN_IN_CHAIN != 0 {
                let taken_by = commands.at(index - verdict.extra_index as usize);
                Account { timestamp: timestamp_of(taken_by), ..*taken_by.body.account() }
            } else {
                ledger.show_account(verdict.debit_index)
            };
            match difference(account, &existing) {
                Some(status) => (status, command.header.timestamp),
                None => (Status::Exists, existing.timestamp),
            }
        }
        Some(status) => (status, command.header.timestamp),
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
