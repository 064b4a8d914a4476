//! Tables of what goes in and what comes out.
//!
//! ```text
//!   Script::new().says(account(1), Created).says(transfer(9), DebitAccountNotFound) … .run()
//!                      └─ every subject is told the same, and must answer the same
//! ```
//!
//! Besides statuses a script checks what every answer has in common: that it repeats the id, and
//! that it carries the timestamp of its command, or of the original where the status is `exists`, or
//! the one that an imported event brought along.

use std::collections::BTreeMap;

use ringfence::types::{
    Account, AccountFlags, AccountPolicy, Capacities, Command, EventKind, IdTime, LedgerPolicy,
    Lookup, NANOSECONDS_PER_SECOND, Op, OrderStatus, PairPolicy, PendingStatus, QueueStatus, Rules,
    Status, Transfer, TransferBody, TransferFlags, stamp_batch,
};

use crate::scenario::{Batch, Subject, line_of, lines_of, tell};
use crate::subjects;
use crate::twin::Answer;

/// An account of ledger 1 with nothing special.
#[must_use]
pub fn account(id: u128) -> Account {
    Account { id, ledger: 1, code: 1, ..Account::default() }
}

/// A single-phase transfer of 10 from account 1 to account 2, of ledger 1.
#[must_use]
pub fn transfer(id: u128) -> Transfer {
    Transfer {
        id,
        debit_account_id: 1,
        credit_account_id: 2,
        amount: 10,
        ledger: 1,
        code: 1,
        ..Transfer::default()
    }
}

/// As `transfer`, but pending.
#[must_use]
pub fn pending(id: u128) -> Transfer {
    Transfer { flags: TransferFlags::PENDING, ..transfer(id) }
}

/// A post of the whole of `pending_id` that says nothing else.
#[must_use]
pub fn post(id: u128, pending_id: u128) -> Transfer {
    let flags = TransferFlags::POST_PENDING_TRANSFER;
    Transfer { id, pending_id, flags, amount: u128::MAX, ..Transfer::default() }
}

/// A void of `pending_id` that says nothing else.
#[must_use]
pub fn void(id: u128, pending_id: u128) -> Transfer {
    let flags = TransferFlags::VOID_PENDING_TRANSFER;
    Transfer { id, pending_id, flags, ..Transfer::default() }
}

/// What can be said to an engine.
pub trait Say: Sized {
    /// As a command, not yet stamped.
    fn command(self) -> Command;

    /// As a command tied to the next one of its batch.
    #[must_use]
    fn linked(self) -> Command {
        let command = self.command();
        match command.op() {
            Op::CreateAccount => {
                let account = *command.body.account();
                let flags = account.flags.with(AccountFlags::LINKED);
                Command::create_account(Account { flags, ..account })
            }
            Op::CreateTransfer => {
                let transfer = *command.body.transfer();
                let flags = transfer.flags.with(TransferFlags::LINKED);
                Command::create_transfer(Transfer { flags, ..transfer })
            }
            op => panic!("a {op:?} cannot be linked"),
        }
    }
}

impl Say for Command {
    fn command(self) -> Command {
        self
    }
}

impl Say for Account {
    fn command(self) -> Command {
        Command::create_account(self)
    }
}

impl Say for Transfer {
    fn command(self) -> Command {
        Command::create_transfer(self)
    }
}

impl Say for AccountPolicy {
    fn command(self) -> Command {
        Command::set_account_policy(self)
    }
}

impl Say for LedgerPolicy {
    fn command(self) -> Command {
        Command::set_ledger_policy(self)
    }
}

impl Say for PairPolicy {
    fn command(self) -> Command {
        Command::set_pair_policy(self)
    }
}

/// What a script looks at between batches.
#[derive(Debug, Clone)]
enum Look {
    Account(Account),
    Balances(u128, [u128; 4]),
    AccountFlags(u128, AccountFlags),
    Transfer(Transfer),
    Amount(u128, u128),
    Pending(u128, Option<PendingStatus>),
    NoAccount(u128),
    NoTransfer(u128),
    Queue(u128, Option<QueueStatus>),
    Queued(u128, u64, u128, u128),
    Order(u128, OrderStatus, u64, u64),
    Levels(u32, &'static [[u64; 3]], &'static [[u64; 3]]),
    Tells(&'static [&'static str]),
}

#[derive(Debug, Clone)]
enum Step {
    Batch(Batch, Vec<Status>),
    Look(Look),
}

/// A list of batches and looks with what each must give.
#[derive(Debug, Clone)]
pub struct Script {
    rules: Rules,
    steps: Vec<Step>,
    previous_timestamp: u64,
    clock_ns: u64,
}

impl Default for Script {
    fn default() -> Script {
        Script::new()
    }
}

impl Script {
    /// Nothing said yet; room for a thousand of each thing, ids remembered for ever.
    #[must_use]
    pub fn new() -> Script {
        Script::with_capacities(1_000, 1_000, 1_000)
    }

    /// Nothing said yet; room for so many accounts, transfers and policies.
    #[must_use]
    pub fn with_capacities(accounts: u64, transfers: u64, policies: u64) -> Script {
        let capacities = Capacities { accounts, transfers, policies, ..Capacities::default() };
        Script {
            rules: Rules::new(capacities, [1, 2]),
            steps: Vec::new(),
            previous_timestamp: 0,
            clock_ns: 0,
        }
    }

    /// The same with ids remembered for so long.
    #[must_use]
    pub fn with_retention_ns(mut self, retention_ns: u64) -> Script {
        self.rules.retention_ns = retention_ns;
        self
    }

    /// The same with ids that carry their time.
    #[must_use]
    pub fn with_id_time(mut self) -> Script {
        self.rules = self.rules.with_id_time(IdTime::Ulid);
        self
    }

    /// The same with another number of transfers that can be remembered.
    #[must_use]
    pub fn with_transfers_max(mut self, transfers: u64) -> Script {
        self.rules.capacities.transfers = transfers;
        self
    }

    /// Accounts 1 and 2.
    #[must_use]
    pub fn with_two_accounts(self) -> Script {
        self.says(account(1), Status::Created).says(account(2), Status::Created)
    }

    /// The next batch is stamped with this time, unless it has already passed.
    #[must_use]
    pub fn at_ns(mut self, clock_ns: u64) -> Script {
        self.clock_ns = clock_ns;
        self
    }

    /// The next batch is stamped with the beginning of this second.
    #[must_use]
    pub fn at_second(self, second: u64) -> Script {
        self.at_ns(second * NANOSECONDS_PER_SECOND)
    }

    /// The timestamp of the last command.
    #[must_use]
    pub fn last_timestamp(&self) -> u64 {
        self.previous_timestamp
    }

    /// A batch of one command.
    #[must_use]
    pub fn says(self, what: impl Say, status: Status) -> Script {
        self.batch([(what.command(), status)])
    }

    /// A batch.
    #[must_use]
    pub fn batch(mut self, table: impl IntoIterator<Item = (Command, Status)>) -> Script {
        let (mut batch, statuses): (Batch, Vec<Status>) = table.into_iter().unzip();
        self.previous_timestamp = stamp_batch(&mut batch, self.previous_timestamp, self.clock_ns);
        self.steps.push(Step::Batch(batch, statuses));
        self
    }

    /// An account reads exactly so, but for the timestamp.
    #[must_use]
    pub fn shows_account(self, account: Account) -> Script {
        self.look(Look::Account(account))
    }

    /// An account has these debits pending, debits posted, credits pending and credits posted.
    #[must_use]
    pub fn holds(self, id: u128, balances: [u128; 4]) -> Script {
        self.look(Look::Balances(id, balances))
    }

    /// An account has exactly these flags.
    #[must_use]
    pub fn has_flags(self, id: u128, flags: AccountFlags) -> Script {
        self.look(Look::AccountFlags(id, flags))
    }

    /// A transfer reads exactly so, but for the timestamp.
    #[must_use]
    pub fn shows_transfer(self, transfer: Transfer) -> Script {
        self.look(Look::Transfer(transfer))
    }

    /// A transfer moved this much.
    #[must_use]
    pub fn moved(self, id: u128, amount: u128) -> Script {
        self.look(Look::Amount(id, amount))
    }

    /// What became of a pending transfer; `None` for one that never was pending.
    #[must_use]
    pub fn is_now(self, id: u128, status: impl Into<Option<PendingStatus>>) -> Script {
        self.look(Look::Pending(id, status.into()))
    }

    /// There is no such account.
    #[must_use]
    pub fn has_no_account(self, id: u128) -> Script {
        self.look(Look::NoAccount(id))
    }

    /// No transfer of this id is remembered.
    #[must_use]
    pub fn has_no_transfer(self, id: u128) -> Script {
        self.look(Look::NoTransfer(id))
    }

    /// What became of a payment that was sent with `queue`; `None` for one that was not.
    #[must_use]
    pub fn is_queued_as(self, id: u128, status: impl Into<Option<QueueStatus>>) -> Script {
        self.look(Look::Queue(id, status.into()))
    }

    /// An account's queue has so many payments of this sum, headed by this one.
    #[must_use]
    pub fn owes(self, account_id: u128, count: u64, amount: u128, head_id: u128) -> Script {
        self.look(Look::Queued(account_id, count, amount, head_id))
    }

    /// What became of an order: its status, lots filled and lots remaining.
    #[must_use]
    pub fn has_order(self, id: u128, status: OrderStatus, filled: u64, remaining: u64) -> Script {
        self.look(Look::Order(id, status, filled, remaining))
    }

    /// A market shows these bids and asks: price, lots, orders.
    #[must_use]
    pub fn has_levels(
        self,
        market: u32,
        bids: &'static [[u64; 3]],
        asks: &'static [[u64; 3]],
    ) -> Script {
        self.look(Look::Levels(market, bids, asks))
    }

    /// The batch before brought about exactly this, and in this order.
    #[must_use]
    pub fn tells(mut self, events: &'static [&'static str]) -> Script {
        self.steps.push(Step::Look(Look::Tells(events)));
        self
    }

    fn look(mut self, look: Look) -> Script {
        // A look is a command and takes its nanosecond.
        let (Look::Account(Account { id, .. })
        | Look::Balances(id, _)
        | Look::AccountFlags(id, _)
        | Look::Transfer(Transfer { id, .. })
        | Look::Amount(id, _)
        | Look::Pending(id, _)
        | Look::NoAccount(id)
        | Look::NoTransfer(id)
        | Look::Queue(id, _)
        | Look::Queued(id, ..)
        | Look::Order(id, ..)) = look
        else {
            let Look::Levels(market, ..) = look else { panic!("a look has an id") };
            let lookup = Lookup { id: market.into(), ..Lookup::default() };
            self = self.says(Command::of_lookup(Op::LookupMarket, lookup), Status::Found);
            self.steps.push(Step::Look(look));
            return self;
        };
        let lookup = Lookup { id, ..Lookup::default() };
        let (command, status) = match look {
            Look::Account(_) | Look::Balances(..) | Look::AccountFlags(..) => {
                (Command::lookup_account(lookup), Status::Found)
            }
            Look::Order(..) => (Command::of_lookup(Op::LookupOrder, lookup), Status::Found),
            Look::Queued(..) => (Command::of_lookup(Op::LookupQueue, lookup), Status::Found),
            Look::NoAccount(_) => (Command::lookup_account(lookup), Status::NotFound),
            Look::NoTransfer(_) => (Command::lookup_transfer(lookup), Status::NotFound),
            _ => (Command::lookup_transfer(lookup), Status::Found),
        };
        self = self.says(command, status);
        self.steps.push(Step::Look(look));
        self
    }

    /// The rules that the script is meant for.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The batches in order.
    #[must_use]
    pub fn batches(&self) -> Vec<Batch> {
        let batch = |step: &Step| match step {
            Step::Batch(batch, _) => Some(batch.clone()),
            Step::Look(_) => None,
        };
        self.steps.iter().filter_map(batch).collect()
    }

    fn commands(&self) -> impl Iterator<Item = &Command> {
        self.steps.iter().flat_map(|step| match step {
            Step::Batch(batch, _) => batch.as_slice(),
            Step::Look(_) => &[],
        })
    }

    /// Whether the engine executes all that is said.
    fn is_built(&self) -> bool {
        self.commands().all(|command| command.op().is_built())
    }

    /// Whether a transfer waits in a queue, and the engine knows of none: it would refuse the flag.
    fn uses_unknown_flags(&self) -> bool {
        let waits = TransferFlags(3 << 9);
        let is_of_queues = |command: &Command| {
            command.op() == Op::CreateTransfer && command.body.transfer().flags.has(waits)
        };
        !TransferFlags::KNOWN.has(waits) && self.commands().any(is_of_queues)
    }

    /// Tells every subject the script and checks every answer.
    ///
    /// # Panics
    ///
    /// If one answers otherwise.
    pub fn run(&self, name: &str) {
        if self.uses_unknown_flags() {
            return;
        }
        for (subject_name, mut subject) in subjects::all(&self.rules) {
            // What the engine does not execute yet, the twin alone is asked.
            if subject_name != "twin" && !self.is_built() {
                continue;
            }
            let checker = Checker { script: self, name, subject_name, created: BTreeMap::new() };
            checker.run(&mut *subject);
        }
    }
}

struct Checker<'a> {
    script: &'a Script,
    name: &'a str,
    subject_name: &'static str,
    /// When what has this operation and id was created.
    created: BTreeMap<(Op, u128), u64>,
}

impl Checker<'_> {
    fn run(mut self, subject: &mut dyn Subject) {
        let mut last_answer = None;
        let mut last_batch: Vec<String> = Vec::new();
        for step in &self.script.steps {
            match step {
                Step::Batch(batch, statuses) => {
                    let answers = subject.apply(batch);
                    self.check_batch(batch, statuses, &answers);
                    last_batch =
                        answers.iter().flat_map(|it| &it.events).filter_map(tell).collect();
                    last_answer = answers.last().cloned();
                }
                Step::Look(Look::Tells(events)) => {
                    assert_eq!(last_batch, *events, "told, expected in {}", self.context());
                }
                Step::Look(look) => {
                    let answer = last_answer.as_ref().expect("a look follows its look-up");
                    self.check_look(look, answer);
                }
            }
        }
    }

    fn context(&self) -> String {
        let lines = lines_of(&self.script.rules, &self.script.batches());
        format!("{}, {}:\n{lines}", self.name, self.subject_name)
    }

    fn check_batch(&mut self, batch: &[Command], statuses: &[Status], answers: &[Answer]) {
        let found: Vec<Status> = answers.iter().map(|answer| answer.outcome.status()).collect();
        assert_eq!(
            found,
            statuses,
            "found, expected {} of {}",
            batch.iter().map(line_of).collect::<Vec<_>>().join("\n"),
            self.context()
        );
        for (command, answer) in batch.iter().zip(answers) {
            let outcome = &answer.outcome;
            let key = (command.op(), command.id());
            let own = command.header.timestamp;
            let expected = match (outcome.status(), command.op()) {
                (Status::Exists, _) => self.created[&key],
                (Status::Created, Op::CreateAccount) => {
                    own_or(command.body.account().timestamp, own)
                }
                (Status::Created, Op::CreateTransfer) => {
                    own_or(command.body.transfer().timestamp, own)
                }
                _ => own,
            };
            if matches!(outcome.status(), Status::Created | Status::Queued) {
                self.created.insert(key, expected);
            }
            assert_eq!(outcome.timestamp, expected, "timestamp of {}", line_of(command));
            assert_eq!(outcome.id, command.id(), "id of {}", line_of(command));
            assert_eq!(outcome.op(), command.op(), "op of {}", line_of(command));
            let bodies = answer.events.iter().filter(|event| !event.kind().is_numbered()).count();
            let expected = match (outcome.status(), outcome.op()) {
                (Status::Found, Op::LookupMarket) => 3,
                (Status::Found, _) => 1,
                _ => 0,
            };
            assert_eq!(bodies, expected, "bodies of {}", line_of(command));
        }
    }

    fn check_look(&self, look: &Look, answer: &Answer) {
        let body = |kind| {
            let event = answer.events.iter().find(|event| event.kind() == kind);
            &event.expect("the look-up found it").body
        };
        let of_account = || *body(EventKind::AccountBody).account();
        let of_transfer = || -> TransferBody { *body(EventKind::TransferBody).transfer() };
        let context = || format!("{look:?} of {}", self.context());
        match *look {
            Look::Account(expected) => {
                let timestamp = self.created[&(Op::CreateAccount, expected.id)];
                assert_eq!(of_account(), Account { timestamp, ..expected }, "{}", context());
            }
            Look::Balances(_, expected) => {
                let account = of_account();
                let found = [
                    account.debits_pending,
                    account.debits_posted,
                    account.credits_pending,
                    account.credits_posted,
                ];
                assert_eq!(found, expected, "{}", context());
            }
            Look::AccountFlags(_, expected) => {
                assert_eq!(of_account().flags, expected, "{}", context());
            }
            Look::Transfer(expected) => {
                let timestamp = self.created[&(Op::CreateTransfer, expected.id)];
                let found = of_transfer().transfer;
                assert_eq!(found, Transfer { timestamp, ..expected }, "{}", context());
            }
            Look::Amount(_, expected) => {
                assert_eq!(of_transfer().transfer.amount, expected, "{}", context());
            }
            Look::Pending(_, expected) => {
                let found = PendingStatus::from_number(of_transfer().pending_status);
                assert_eq!(found, expected, "{}", context());
            }
            Look::Queue(_, expected) => {
                let found = QueueStatus::from_number(of_transfer().queue_status);
                assert_eq!(found, expected, "{}", context());
            }
            Look::Queued(_, count, amount, head_id) => {
                let it = body(EventKind::QueueBody).queue();
                let found = (it.count, it.amount, it.head_id);
                assert_eq!(found, (count, amount, head_id), "{}", context());
            }
            Look::Order(_, status, filled, remaining) => {
                let it = body(EventKind::OrderBody).order();
                let found = (OrderStatus::from_number(it.order_status), it.filled, it.remaining);
                assert_eq!(found, (Some(status), filled, remaining), "{}", context());
            }
            Look::Levels(_, bids, asks) => {
                for (kind, expected) in [(EventKind::BidsBody, bids), (EventKind::AsksBody, asks)] {
                    let levels = body(kind).levels().levels;
                    let found: Vec<[u64; 3]> = levels
                        .iter()
                        .filter(|level| level.orders > 0)
                        .map(|level| [level.price, level.quantity as u64, level.orders])
                        .collect();
                    assert_eq!(found, expected, "{kind:?} {}", context());
                }
            }
            Look::NoAccount(_) | Look::NoTransfer(_) | Look::Tells(_) => {}
        }
    }
}

fn own_or(brought: u64, own: u64) -> u64 {
    if brought == 0 { own } else { brought }
}
