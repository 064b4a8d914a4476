//! The engine's slow, obvious twin: the documents' rules in plain maps, one after the other.
//!
//! ```text
//!   batch ──▶ chain by chain ──▶ time passes ──▶ each event checked, then executed ──▶ answers
//!                                (expiry, then     └─ a chain that breaks is undone by
//!                                 forgetting)         putting back what stood there before
//! ```
//!
//! It shares the plain data of `ringfence::types` with the engine and nothing else, and was written
//! from the semantics alone, so that the two can be compared. Nothing here is clever; where it is
//! slower than it could be, that is the point.
//!
//! # Invariants
//!
//! Asserted as running totals after each event or chain, and from scratch in
//! [`Twin::check_in_full`]:
//!
//! * in each ledger, debits posted equal credits posted, and debits pending equal credits pending;
//! * in each ledger, the amounts of pending transfers add up to its debits pending;
//! * no account with a limit flag exceeds its limit;
//! * no queue has a head that could settle, alone or against another head;
//! * no book is crossed, and what is held on markets' accounts is held for open orders;
//! * transfers and spent ids together never exceed the capacity.
//!
//! # Fine points
//!
//! What the semantics mean in detail is on the page `docs/semantics.md`; the twin follows it.

mod accounts;
mod moves;
mod orders;
mod queues;
mod resolve;
mod risk;
mod settlement;
mod state;
mod transfers;

use ringfence::types::{
    Account, AccountFlags, Command, Event, EventBody, EventKind, ID_MAX, Op, Outcome, QueueStatus,
    Rules, Status, TIMESTAMP_MAX, TransferBody, TransferFlags,
};

use std::collections::VecDeque;

use self::risk::Risk;
use self::settlement::Settlement;
use self::state::{Known, State};
use self::transfers::spends_id;

/// What one command is answered: what happened in its course, and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// The outcome.
    pub outcome: Outcome,
}

/// The whole deterministic engine, written to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    rules: Rules,
    state: State,
    risk: Risk,
    settlement: Settlement,
    /// Stirred accounts, in the order in which their queues will be looked at.
    line: VecDeque<u128>,
    /// The command in whose course things happen.
    course: Course,
    /// What happened since the last answer.
    events: Vec<Event>,
    /// Number of the last numbered event.
    event_count: u64,
    /// Of the command answered last; 0 before the first.
    sequence: u64,
}

/// What an event says of the command in whose course it happened: of a chain, its last member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Course {
    sequence: u64,
    timestamp: u64,
    session: u16,
    /// How many commands before that one it goes out.
    lead: u16,
}

/// What an event has to know of the batch around it.
#[derive(Debug, Clone, Copy)]
struct Surroundings {
    /// Whether the batch's first event is imported.
    is_imported: bool,
    /// The engine's timestamp of the batch's last event.
    last_timestamp: u64,
}

/// Why an account or transfer was not created.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    status: Status,
    /// When the original was created, where the status is `exists`.
    original_timestamp: Option<u64>,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal { status, original_timestamp: None }
    }
}

/// `Err` with this status unless the condition holds.
fn ensure(holds: bool, status: Status) -> Result<(), Status> {
    if holds { Ok(()) } else { Err(status) }
}

impl Twin {
    /// A twin that knows nothing yet and follows `rules`.
    #[must_use]
    pub fn new(rules: &Rules) -> Twin {
        Twin {
            rules: *rules,
            state: State::default(),
            risk: Risk::default(),
            settlement: Settlement::default(),
            line: VecDeque::new(),
            course: Course::default(),
            events: Vec::new(),
            event_count: 0,
            sequence: 0,
        }
    }

    /// Answers one whole, stamped batch.
    ///
    /// # Panics
    ///
    /// If an invariant of the ledger does not hold afterwards: a fault in the twin.
    pub fn apply(&mut self, batch: &[Command]) -> Vec<Answer> {
        let surroundings = Surroundings {
            is_imported: batch.first().is_some_and(is_imported),
            last_timestamp: batch.last().map_or(0, |command| command.header.timestamp),
        };
        let mut answers = Vec::with_capacity(batch.len());
        for chain in batch.chunk_by(|command, _| command.is_linked()) {
            let last = chain[chain.len() - 1].header;
            self.course = Course {
                sequence: self.sequence + chain.len() as u64,
                timestamp: last.timestamp,
                session: last.session,
                lead: chain.len() as u16 - 1,
            };
            self.pass_time(chain[0].header.timestamp);
            let mut outcomes = if matches!(chain[0].op(), Op::CreateAccount | Op::CreateTransfer) {
                self.apply_chain(chain, surroundings)
            } else {
                vec![self.answer_alone(&chain[0])]
            };
            self.settle_queues();
            self.state.keep();
            self.sequence += chain.len() as u64;
            for (command, outcome) in chain.iter().zip(&mut outcomes) {
                self.tell_what_waits(command, outcome);
            }
            let mut events = std::mem::take(&mut self.events);
            answers.extend(
                outcomes
                    .into_iter()
                    .map(|outcome| Answer { events: std::mem::take(&mut events), outcome }),
            );
            self.state.assert_running_totals();
            self.assert_queues_at_rest();
            assert!(self.settlement.known_order_count() as u64 <= self.rules.capacities.orders);
            assert!(self.state.known_count() as u64 <= self.rules.capacities.transfers);
        }
        answers
    }

    /// Every account as a look-up shows it, in order of creation.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        let mut accounts: Vec<Account> = self.state.accounts().copied().collect();
        // Each account is later than all before it, imported ones included.
        accounts.sort_by_key(|account| account.timestamp);
        accounts
    }

    /// How many transfers are remembered, without spent ids.
    #[must_use]
    pub fn transfer_count(&self) -> usize {
        self.state.transfer_count()
    }

    /// Adds everything up from scratch and compares.
    ///
    /// # Panics
    ///
    /// If an invariant does not hold: a fault in the twin.
    pub fn check_in_full(&self) {
        self.state.check_in_full();
        self.settlement.assert_uncrossed();
        self.check_holds();
    }

    /// What falls due up to `timestamp` happens: first expiry, of transfers and of orders, and what
    /// the queues make of it; then forgetting.
    fn pass_time(&mut self, timestamp: u64) {
        loop {
            let transfer = self.state.first_due();
            let order = self.settlement.first_due();
            let is_transfer = order.is_none_or(|order| transfer.is_some_and(|it| it < order));
            let first = if is_transfer { transfer } else { order };
            let Some((_, _, id)) = first.filter(|&(expires_at, ..)| expires_at <= timestamp) else {
                break;
            };
            if is_transfer {
                self.expire(id, timestamp);
            } else {
                self.expire_order(id, timestamp);
            }
        }
        self.settle_queues();
        if self.rules.retention_ns > 0 {
            while let Some(id) = self.state.first_forgotten(timestamp, self.rules.retention_ns) {
                self.state.set_known(id, None);
            }
            let retention_ns = self.rules.retention_ns;
            while let Some(id) = self.settlement.first_forgotten(timestamp, retention_ns) {
                self.settlement.set_order(id, None);
            }
        }
        self.state.keep();
    }

    /// Answers one chain; an event that is not linked is a chain of one.
    fn apply_chain(&mut self, chain: &[Command], surroundings: Surroundings) -> Vec<Outcome> {
        // Only a batch's last chain can end with an event that is linked.
        let is_open = chain[chain.len() - 1].is_linked();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(chain.len());
        let mut is_broken = false;
        for (index, command) in chain.iter().enumerate() {
            let objection = self.attempt(command);
            let result = if is_open && index + 1 == chain.len() {
                Err(Status::LinkedEventChainOpen.into())
            } else if is_broken {
                Err(Status::LinkedEventFailed.into())
            } else if command.op() == Op::CreateAccount {
                self.create_account(command, surroundings)
            } else {
                self.create_transfer(command, surroundings, objection, chain.len() > 1 || is_open)
            };
            outcomes.push(outcome_of(command, result));
            if let Err(refusal) = result
                && !is_broken
            {
                is_broken = true;
                self.state.undo();
                self.line.clear();
                for (sibling, outcome) in chain[..index].iter().zip(&mut outcomes) {
                    *outcome = Outcome::of(sibling, Status::LinkedEventFailed);
                }
                if spends_id(refusal.status) {
                    self.state.set_known(command.id(), Some(Known::spent(command)));
                }
            }
        }
        self.state.keep();
        outcomes
    }

    /// What an answer can say only once the queues are at rest again.
    fn tell_what_waits(&self, command: &Command, outcome: &mut Outcome) {
        match (command.op(), outcome.status()) {
            (Op::CreateTransfer, Status::Created) => {
                let executed = self.state.executed(command.id());
                let queue = executed.and_then(|executed| executed.queue);
                if queue.is_some_and(|queue| queue != QueueStatus::Settled) {
                    outcome.status = Status::Queued as u16;
                }
            }
            (Op::PlaceOrder, Status::Created | Status::Exists)
            | (Op::AmendOrder | Op::CancelOrder, Status::Ok) => {
                let order = self.settlement.order(command.id()).expect("it was placed");
                *outcome = outcome.with_order(order.status, order.filled, order.remaining);
            }
            _ => {}
        }
    }

    /// Answers a command that cannot be linked.
    fn answer_alone(&mut self, command: &Command) -> Outcome {
        let id = command.id();
        let result = match command.op() {
            Op::LookupAccount => self.show(self.state.account(id).copied(), |twin, account| {
                twin.tell(EventKind::AccountBody, EventBody::of_account(account));
            }),
            Op::LookupTransfer => self.show(self.state.executed(id).copied(), |twin, executed| {
                let body = TransferBody {
                    transfer: executed.transfer,
                    pending_status: executed.fate.map_or(0, |fate| fate as u8),
                    queue_status: executed.queue.map_or(0, |queue| queue as u8),
                    ..TransferBody::default()
                };
                twin.tell(EventKind::TransferBody, EventBody::of_transfer(body));
            }),
            Op::LookupOrder => match self.show_order(id) {
                Some(order) => self.show(Some(order), |twin, order| {
                    twin.tell(EventKind::OrderBody, EventBody::of_order(order));
                }),
                None => Err(Status::OrderNotFound.into()),
            },
            Op::LookupMarket => match u32::try_from(id).ok().and_then(|id| self.show_market(id)) {
                Some((market, bids, asks)) => {
                    self.tell(EventKind::MarketBody, EventBody::of_market(market));
                    self.tell(EventKind::BidsBody, EventBody::of_levels(bids));
                    self.tell(EventKind::AsksBody, EventBody::of_levels(asks));
                    Err(Status::Found.into())
                }
                None => Err(Status::MarketNotFound.into()),
            },
            Op::LookupQueue => {
                let account_id = command.body.lookup().id;
                if self.state.account(account_id).is_some() {
                    let body = self.show_queue(account_id);
                    self.tell(EventKind::QueueBody, EventBody::of_queue(body));
                    Err(Status::Found.into())
                } else {
                    Err(Status::AccountNotFound.into())
                }
            }
            Op::SetAccountPolicy => {
                Err(self.set_account_policy(command.body.account_policy()).into())
            }
            Op::SetLedgerPolicy => Err(self.set_ledger_policy(command.body.ledger_policy()).into()),
            Op::SetPairPolicy => Err(self.set_pair_policy(command.body.pair_policy()).into()),
            Op::CreateMarket => self.create_market(command.body.market(), command.header.timestamp),
            Op::PlaceOrder => self.place_order(command),
            Op::AmendOrder => done(self.amend_order(command.body.amendment())),
            Op::CancelOrder => done(self.cancel_order(id)),
            Op::CancelQueuedTransfer => done(self.cancel_queued(id)),
            Op::RequeueTransfer => {
                let requeue = command.body.requeue();
                done(self.requeue(id, requeue.urgent != 0))
            }
            Op::ResolveQueues => match self.resolve_queues(command.body.resolve_queues().ledger) {
                Ok((count, amount)) => {
                    return Outcome::of(command, Status::Ok).with_settled(count, amount);
                }
                Err(status) => Err(status.into()),
            },
            Op::Pulse => Err(Status::Ok.into()),
            op => unreachable!("{op:?} is answered in a chain"),
        };
        outcome_of(command, result)
    }

    /// Tells what a look-up found, if it found anything.
    fn show<T>(
        &mut self,
        found: Option<T>,
        tell: impl FnOnce(&mut Twin, T),
    ) -> Result<u64, Refusal> {
        let Some(found) = found else { return Err(Status::NotFound.into()) };
        tell(self, found);
        Err(Status::Found.into())
    }

    /// The checks that come first for accounts and transfers alike. Returns the timestamp that the
    /// account or transfer is to have.
    fn check_preamble(
        command: &Command,
        surroundings: Surroundings,
        is_imported: bool,
        brought_timestamp: u64,
        has_reserved_flag: bool,
    ) -> Result<u64, Status> {
        ensure(is_imported || !surroundings.is_imported, Status::ImportedEventExpected)?;
        ensure(!is_imported || surroundings.is_imported, Status::ImportedEventNotExpected)?;
        if is_imported {
            ensure(
                (1..=TIMESTAMP_MAX).contains(&brought_timestamp),
                Status::ImportedEventTimestampOutOfRange,
            )?;
            ensure(
                brought_timestamp < surroundings.last_timestamp,
                Status::ImportedEventTimestampMustNotAdvance,
            )?;
        } else {
            ensure(brought_timestamp == 0, Status::TimestampMustBeZero)?;
        }
        ensure(!has_reserved_flag, Status::ReservedFlag)?;
        ensure(command.id() != 0, Status::IdMustNotBeZero)?;
        ensure(command.id() != ID_MAX, Status::IdMustNotBeIntMax)?;
        Ok(if is_imported { brought_timestamp } else { command.header.timestamp })
    }
}

/// The answer of a command that has no timestamp to give but its own.
fn done(result: Result<(), Status>) -> Result<u64, Refusal> {
    Err(result.err().unwrap_or(Status::Ok).into())
}

fn is_imported(command: &Command) -> bool {
    match command.op() {
        Op::CreateAccount => command.body.account().flags.has(AccountFlags::IMPORTED),
        Op::CreateTransfer => command.body.transfer().flags.has(TransferFlags::IMPORTED),
        _ => false,
    }
}

fn outcome_of(command: &Command, result: Result<u64, Refusal>) -> Outcome {
    let (status, timestamp) = match result {
        Ok(timestamp) => (Status::Created, timestamp),
        Err(refusal) => {
            (refusal.status, refusal.original_timestamp.unwrap_or(command.header.timestamp))
        }
    };
    Outcome { timestamp, ..Outcome::of(command, status) }
}
