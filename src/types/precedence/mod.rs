//! The table of precedence: which statuses may answer a command, which stage finds each, and which
//! comes first where several apply.
//!
//! ```text
//!   OPERATIONS ──▶ Precedence ──▶ parts ──▶ Check, Check, …   the first that applies is the answer
//! ```
//!
//! The stages do not read it: they make their checks in this order. The tests of precedence are
//! made from it, pair by pair, and so are the lists in the documents.
//!
//! Two rules stand above the order. A refusal that spends the id has to be remembered: where there
//! is no room for it, the answer is `transfers_full` or `orders_full`. And in a chain the member
//! that broke it says why, all others `linked_event_failed`.

mod parts;

use super::{Op, Status};
use Status as S;

pub use parts::*;

/// The stage that makes a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckedBy {
    /// Risk: it needs no balance, and nothing that was created before but accounts and markets.
    Risk,
    /// Settle: it depends on money, on earlier transfers and orders, or on an account as it is now.
    Settle,
}

impl CheckedBy {
    /// What people call the stage.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CheckedBy::Risk => "risk",
            CheckedBy::Settle => "settle",
        }
    }
}

/// One check. Where it stands is its place in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// What it refuses with.
    pub status: Status,
    /// The stage that makes it.
    pub by: CheckedBy,
    /// The commands that it is made for, where not for all: `posts`, `pending transfers`.
    pub only: Option<&'static str>,
}

impl Check {
    const fn only(self, only: &'static str) -> Check {
        Check { only: Some(only), ..self }
    }
}

/// A list of checks that operations have in common, or that stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its name in the documents' sources.
    pub name: &'static str,
    /// What it is about, as a heading.
    pub title: &'static str,
    /// In the order in which they are made.
    pub checks: &'static [Check],
}

/// All checks of one operation, or of one kind of its commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precedence {
    /// The operation.
    pub op: Op,
    /// The kind of its commands; nothing where it has one kind alone.
    pub kind: &'static str,
    /// The checks, in the order in which they are made.
    pub parts: &'static [&'static Part],
    /// What the answer may be where none applies.
    pub success: &'static [Status],
}

impl Precedence {
    /// The checks, in the order in which they are made.
    pub fn checks(&self) -> impl Iterator<Item = Check> {
        self.parts.iter().flat_map(|part| part.checks).copied()
    }

    /// True if a command of this kind that is refused with `status` has spent its id.
    #[must_use]
    pub const fn spends_id(&self, status: Status) -> bool {
        matches!(self.op, Op::CreateTransfer | Op::PlaceOrder) && status.spends_id()
    }
}

const fn simple(op: Op, parts: &'static [&'static Part], success: &'static [Status]) -> Precedence {
    Precedence { op, kind: "", parts, success }
}

const CREATED: &[Status] = &[S::Created];
const OK: &[Status] = &[S::Ok];
const FOUND: &[Status] = &[S::Found];

/// The table: every operation, by number; `create_transfer` once for each kind of transfer.
pub const OPERATIONS: &[Precedence] = &[
    simple(Op::CreateAccount, &[&ACCOUNT], CREATED),
    Precedence {
        op: Op::CreateTransfer,
        kind: "posts and voids",
        parts: &[&TRANSFER, &POST_VOID],
        success: CREATED,
    },
    Precedence {
        op: Op::CreateTransfer,
        kind: "single-phase and pending",
        parts: &[
            &TRANSFER,
            &PAYMENT_FIELDS,
            &IMPORTED_PAYMENT,
            &POLICIES,
            &PAYMENT_BALANCES,
            &SPEND_LIMITS,
        ],
        success: CREATED,
    },
    Precedence {
        op: Op::CreateTransfer,
        kind: "with `queue` or `urgent`",
        parts: &[&TRANSFER, &QUEUED_FIELDS, &POLICIES, &QUEUED_BALANCES, &SPEND_LIMITS],
        success: &[S::Created, S::Queued],
    },
    simple(Op::LookupAccount, &[&LOOKUP], FOUND),
    simple(Op::LookupTransfer, &[&LOOKUP], FOUND),
    simple(Op::SetAccountPolicy, &[&ACCOUNT_POLICY], OK),
    simple(Op::SetLedgerPolicy, &[&LEDGER_POLICY], OK),
    simple(Op::SetPairPolicy, &[&PAIR_POLICY], OK),
    simple(Op::CreateMarket, &[&MARKET], CREATED),
    simple(Op::PlaceOrder, &[&ORDER], CREATED),
    simple(Op::AmendOrder, &[&AMENDMENT], OK),
    simple(Op::CancelOrder, &[&CANCELLATION], OK),
    simple(Op::LookupOrder, &[&ORDER_LOOKUP], FOUND),
    simple(Op::LookupMarket, &[&MARKET_LOOKUP], FOUND),
    simple(Op::ResolveQueues, &[&RESOLUTION], OK),
    simple(Op::CancelQueuedTransfer, &[&QUEUED_TRANSFER], OK),
    simple(Op::RequeueTransfer, &[&QUEUED_TRANSFER], OK),
    simple(Op::LookupQueue, &[&QUEUE_LOOKUP], FOUND),
    simple(Op::Pulse, &[], OK),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_every_status_stands_in_the_table() {
        for op in Op::ALL {
            assert!(OPERATIONS.iter().any(|it| it.op == op), "{op:?} has no precedence");
        }
        let numbers = OPERATIONS.iter().map(|it| it.op as u8);
        assert!(numbers.is_sorted(), "operations stand by number");
        for &status in Status::ALL {
            let answers = |it: &Precedence| {
                it.success.contains(&status) || it.checks().any(|check| check.status == status)
            };
            assert!(OPERATIONS.iter().any(answers), "{status:?} answers nothing");
        }
        for part in PARTS {
            let is_used = OPERATIONS.iter().any(|it| it.parts.contains(part));
            assert!(is_used, "no operation is checked for {}", part.name);
        }
    }

    #[test]
    fn a_list_has_each_status_once_and_successes_are_none_of_them() {
        for it in OPERATIONS {
            let statuses: Vec<Status> = it.checks().map(|check| check.status).collect();
            let mut seen = std::collections::HashSet::new();
            for status in &statuses {
                assert!(seen.insert(status), "{status:?} stands twice in {:?} {}", it.op, it.kind);
                assert!(!it.success.contains(status));
            }
            assert!(it.parts.iter().all(|part| PARTS.contains(part)), "all parts are listed");
        }
    }
}
