//! Policies, look-ups, and commands about queued payments: a few statuses each.

use ringfence::types::precedence::Precedence;
use ringfence::types::{
    AMOUNT_MAX, Account, AccountFlags, AccountPolicy, Capacities, Command, LedgerPolicy, Lookup,
    Op, PairPolicy, PolicyLimits, RequeueTransfer, ResolveQueues, SECONDS_PER_DAY, Status,
    Transfer, TransferFlags,
};
use tools::script::{Say, account, transfer};

use super::scene::{Prologue, SMALL, rules_of};
use super::{Condition, Impossible, Play, Scene, check, condition};

/// What every scene of this file knows: accounts 1 to 3 of ledger 1, which must not pay more than
/// they have, a transfer that is done (9), and one that waits in the queue of account 1 (10).
struct SmallScene<E> {
    event: E,
    policies: u64,
    /// Whether what the queues owe, settled at once, would overflow a balance.
    would_overflow: bool,
}

impl<E> SmallScene<E> {
    fn of(event: E) -> impl Fn() -> SmallScene<E>
    where
        E: Copy,
    {
        move || SmallScene { event, policies: 16, would_overflow: false }
    }
}

impl<E: Say + Copy> Scene for SmallScene<E> {
    fn play(&self) -> Play {
        let mut prologue = Prologue::default();
        let flags = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
        for id in 1..=3 {
            prologue.says(Account { flags, ..account(id) }, Status::Created);
        }
        prologue.says(Transfer { amount: 0, ..transfer(9) }, Status::Created);
        let flags = TransferFlags::QUEUE;
        prologue.says(Transfer { flags, ..transfer(10) }, Status::Queued);
        if self.would_overflow {
            // Two of them are one more than a balance holds.
            let amount = AMOUNT_MAX / 2 + 1;
            for (id, debit_account_id, credit_account_id) in
                [(11, 1, 2), (12, 1, 2), (13, 2, 3), (14, 2, 3), (15, 3, 1), (16, 3, 1)]
            {
                let owed = Transfer { debit_account_id, credit_account_id, amount, ..transfer(id) };
                prologue.says(Transfer { flags, ..owed }, Status::Queued);
            }
            prologue.says(
                Command::of_lookup(Op::CancelQueuedTransfer, Lookup { id: 10, reserved: [0; 7] }),
                Status::Ok,
            );
        }
        Play {
            rules: rules_of(Capacities { policies: self.policies, ..SMALL }),
            is_alone: true,
            last: prologue.stamp(vec![self.event.command()]),
            prologue: prologue.batches,
        }
    }
}

/// A policy that limits something, and so takes a place.
fn policy() -> AccountPolicy {
    AccountPolicy { account_id: 1, limits: PolicyLimits::DEBIT_AMOUNT_MAX, ..Default::default() }
}

pub(crate) fn set_account_policy(precedence: &Precedence) {
    let conditions: &[Condition<SmallScene<AccountPolicy>>] = &[
        condition(Status::AccountNotFound, &[], &[], |scene| scene.event.account_id = 99),
        condition(Status::InvalidPolicy, &[], &[], |scene| {
            scene.event.limits = scene.event.limits.with(PolicyLimits::DEBIT_RATE);
        }),
        condition(Status::PoliciesFull, &[], &[], |scene| scene.policies = 0),
    ];
    check(precedence, SmallScene::of(policy()), conditions, &[]);
}

pub(crate) fn set_ledger_policy(precedence: &Precedence) {
    let conditions: &[Condition<SmallScene<LedgerPolicy>>] = &[
        condition(Status::InvalidPolicy, &[], &[], |scene| {
            scene.event.open_second = SECONDS_PER_DAY;
        }),
        condition(Status::PoliciesFull, &[], &[], |scene| scene.policies = 0),
    ];
    let halt = LedgerPolicy { ledger: 1, halted: 1, ..LedgerPolicy::default() };
    check(precedence, SmallScene::of(halt), conditions, &[]);
}

pub(crate) fn set_pair_policy(precedence: &Precedence) {
    let conditions: &[Condition<SmallScene<PairPolicy>>] = &[
        condition(Status::AccountNotFound, &[], &[], |scene| scene.event.credit_account_id = 99),
        condition(Status::PoliciesFull, &[], &[], |scene| scene.policies = 0),
    ];
    let block =
        PairPolicy { debit_account_id: 1, credit_account_id: 2, blocked: 1, ..Default::default() };
    check(precedence, SmallScene::of(block), conditions, &[]);
}

/// A command that names an id alone.
#[derive(Clone, Copy)]
struct Named {
    op: Op,
    id: u128,
}

impl Say for Named {
    fn command(self) -> Command {
        Command::of_lookup(self.op, Lookup { id: self.id, reserved: [0; 7] })
    }
}

/// A look-up that finds what is there, or answers `status`.
fn look_up(precedence: &Precedence, id: u128, status: Status) {
    let event = Named { op: precedence.op, id };
    let missing = condition(status, &[], &[], |scene: &mut SmallScene<Named>| scene.event.id = 99);
    check(precedence, SmallScene::of(event), &[missing], &[]);
}

pub(crate) fn lookup_account(precedence: &Precedence) {
    look_up(precedence, 1, Status::NotFound);
}

pub(crate) fn lookup_transfer(precedence: &Precedence) {
    look_up(precedence, 9, Status::NotFound);
}

pub(crate) fn lookup_queue(precedence: &Precedence) {
    look_up(precedence, 1, Status::AccountNotFound);
}

pub(crate) fn lookup_order(precedence: &Precedence) {
    super::orders::look_up(precedence, Status::OrderNotFound);
}

pub(crate) fn lookup_market(precedence: &Precedence) {
    super::orders::look_up(precedence, Status::MarketNotFound);
}

pub(crate) fn resolve_queues(precedence: &Precedence) {
    let conditions: &[Condition<SmallScene<Command>>] = &[
        condition(Status::LedgerMustNotBeZero, &[("ledger", "0")], &[], |scene| {
            scene.event = Command::resolve_queues(ResolveQueues::default());
        }),
        condition(Status::OverflowsBalances, &[("ledger", "1")], &[], |scene| {
            scene.would_overflow = true;
        }),
    ];
    let resolve = Command::resolve_queues(ResolveQueues { ledger: 1, ..Default::default() });
    let impossible = Impossible::between(
        "no account is of ledger 0",
        &[Status::LedgerMustNotBeZero],
        &[Status::OverflowsBalances],
    );
    check(precedence, SmallScene::of(resolve), conditions, &[impossible]);
}

/// No payment is unknown and settled at once.
const OF_A_QUEUED_TRANSFER: Impossible = Impossible::between(
    "what is not found is in no queue and in no other place",
    &[Status::TransferNotFound],
    &[Status::TransferNotQueued],
);

pub(crate) fn cancel_queued_transfer(precedence: &Precedence) {
    let conditions: &[Condition<SmallScene<Named>>] = &[
        condition(Status::TransferNotFound, &[("id", "99")], &[], |scene| scene.event.id = 99),
        condition(Status::TransferNotQueued, &[("id", "9")], &[], |scene| scene.event.id = 9),
    ];
    let event = Named { op: Op::CancelQueuedTransfer, id: 10 };
    check(precedence, SmallScene::of(event), conditions, &[OF_A_QUEUED_TRANSFER]);
}

pub(crate) fn requeue_transfer(precedence: &Precedence) {
    let requeue = |id| Command::requeue_transfer(RequeueTransfer { id, ..Default::default() });
    let conditions: &[Condition<SmallScene<Command>>] = &[
        condition(Status::TransferNotFound, &[("id", "99")], &[], |scene| {
            let body = RequeueTransfer { id: 99, ..Default::default() };
            scene.event = Command::requeue_transfer(body);
        }),
        condition(Status::TransferNotQueued, &[("id", "9")], &[], |scene| {
            let body = RequeueTransfer { id: 9, ..Default::default() };
            scene.event = Command::requeue_transfer(body);
        }),
    ];
    check(precedence, SmallScene::of(requeue(10)), conditions, &[OF_A_QUEUED_TRANSFER]);
}

pub(crate) fn pulse(precedence: &Precedence) {
    check(precedence, SmallScene::of(Command::pulse()), &[], &[]);
}
