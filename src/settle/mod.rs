//! The stage that moves money, in resumable steps.
//!
//! ```text
//!   commands ─┐
//!             ├─▶ chain by chain ──▶ ledger ──▶ outcome
//!   verdicts ─┘                         └─────▶ event (bodies of look-ups)
//! ```
//!
//! # Invariants
//!
//! * A command has exactly one outcome, and its events are put before it.
//! * A step that finds no room for an event has changed nothing of that command: called again with
//!   it, it does what it would have done.
//! * Outcomes depend on the commands and verdicts before, on nothing else.

use crate::ledger::Ledger;
use crate::table::EngineError;
use crate::types::{
    Account, AccountFlags, Command, ContentsSink, ContentsSource, Event, EventBody, EventKind, Op,
    Outbox, Outcome, Rules, Status, Step, Verdict, Window,
};

/// How many commands ahead slots are fetched, and how many ahead records.
const SLOTS_AHEAD: usize = 16;
const RECORDS_AHEAD: usize = 8;
/// Hashes kept from the fetch to the use; more than are in flight.
const HASHES_KEPT: usize = 32;
const _: () = assert!(HASHES_KEPT.is_power_of_two() && SLOTS_AHEAD < HASHES_KEPT);

/// The settle stage's state.
#[derive(Debug)]
pub struct Settle {
    ledger: Ledger,
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
        Ok(Settle { ledger: Ledger::new(rules)?, hashes: [0; HASHES_KEPT] })
    }

    /// Takes over later rules: the tables grow. Not for the hot path.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory, or the rules would shrink a table.
    pub fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        self.ledger.configure(rules)
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.ledger.bytes()
    }

    /// Timestamp at which the next pending transfer expires, if any does.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.ledger.next_due()
    }

    /// All that it holds, in canonical order.
    pub(crate) fn contents(&self, sink: &mut impl ContentsSink) {
        self.ledger.contents(sink);
    }

    /// Takes over, before its first command, settle's part of an engine's contents; `now` is what
    /// [`Settle::event_timestamp`] said then.
    ///
    /// # Errors
    ///
    /// What the source says, or a [`crate::types::Misfit`] for what can be no part of an engine's
    /// contents.
    pub fn restore<S: ContentsSource>(&mut self, now: u64, source: &mut S) -> Result<(), S::Error> {
        self.ledger.restore(now, source)
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
            if command.is_linked() {
                index = self.settle_chain(commands, verdicts, index, outbox);
                continue;
            }
            if command.op() == Op::CreateTransfer {
                self.ledger.begin_event(command.header.timestamp);
                let hash = self.hashes[index % HASHES_KEPT];
                let verdict = verdicts.at(index);
                let answer = self.ledger.create_transfer(command, verdict, hash, false);
                if answer.0.spends_id() {
                    self.ledger.spend_id(command, hash);
                }
                outbox.set_outcome(index, outcome(command, answer));
            } else {
                let sequence = first_sequence + index as u64;
                let verdict = verdicts.at(index);
                match self.settle_other(sequence, command, verdict, outbox) {
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
    }

    #[inline(always)]
    fn fetch_slot(&mut self, commands: &(impl Window<Command> + ?Sized), index: usize) {
        let id = commands.at(index).body.lookup().id;
        self.hashes[index % HASHES_KEPT] = self.ledger.fetch_slot(id);
    }

    #[inline(always)]
    fn fetch_records(
        &self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        index: usize,
    ) {
        let command = commands.at(index);
        if command.op() == Op::CreateTransfer {
            let pending_id = command.body.transfer().pending_id;
            let hash = self.hashes[index % HASHES_KEPT];
            self.ledger.fetch_records(hash, pending_id, verdicts.at(index));
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
        self.ledger.begin_event(commands.at(start).header.timestamp);
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
        self.ledger.begin_event(own);
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
            Op::CreateTransfer => unreachable!("transfers are settled elsewhere"),
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
