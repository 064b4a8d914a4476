//! What a consumer wants to hear of.
//!
//! A filter never hides what concerns an account or a ledger that it names. So it lets pass what
//! names one of them, and also what does not say whom it concerns:
//!
//! | | accounts that are named | ledgers that are named |
//! |---|---|---|
//! | `create_account` | its own | its own |
//! | `create_transfer` | both; one that is 0 in a post or void may be any | its own; 0 may be any |
//! | `set_account_policy`, `set_pair_policy` | the account, or both | any |
//! | `set_ledger_policy` | none | its own |
//! | `create_market` | all three | both |
//! | `place_order` | both | any: the market's |
//! | `amend_order`, `cancel_order`, `cancel_queued_transfer`, `requeue_transfer` | any | any |
//! | `resolve_queues` | any | its own |
//! | `lookup_account`, `lookup_queue` | the account | any |
//! | other look-ups | any | any |
//! | `pulse` | none | none |
//! | events | any: they name transfers and orders | any; `transfer_settled` by `resolution`: that of the command |
//!
//! Operations and success are asked of commands and outcomes, not of events: in the course of
//! which command a transfer expires is chance.
//!
//! Who is *confined* to ledgers is given only what names ledgers, and none but these.

use super::names::Names;
use ringfence_types::{Command, Event, Op, Outcome};

/// Which commands, outcomes and events are given. Lists are joined by "and", what stands in one
/// list by "or"; an empty list asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    ledgers: Vec<u32>,
    accounts: Vec<u128>,
    operations: u64,
    only_successes: bool,
    confined_to: Option<Vec<u32>>,
}

impl Filter {
    /// Lets everything pass.
    #[must_use]
    pub fn all() -> Filter {
        Filter::default()
    }

    /// The same, but only what concerns one of these ledgers.
    #[must_use]
    pub fn ledgers(self, ledgers: impl IntoIterator<Item = u32>) -> Filter {
        Filter { ledgers: sorted(ledgers), ..self }
    }

    /// The same, but only what concerns one of these accounts.
    #[must_use]
    pub fn accounts(self, accounts: impl IntoIterator<Item = u128>) -> Filter {
        Filter { accounts: sorted(accounts), ..self }
    }

    /// The same, but only these operations: bit n stands for operation n; 0: all.
    #[must_use]
    pub fn operations(self, operations: u64) -> Filter {
        Filter { operations, ..self }
    }

    /// The same, but only what succeeded.
    #[must_use]
    pub fn only_successes(self, only_successes: bool) -> Filter {
        Filter { only_successes, ..self }
    }

    /// The same, but nothing that does not name ledgers, or names another than these.
    #[must_use]
    pub fn confined_to(self, ledgers: impl IntoIterator<Item = u32>) -> Filter {
        Filter { confined_to: Some(sorted(ledgers)), ..self }
    }

    /// Whether commands' bodies decide.
    #[must_use]
    pub fn needs_bodies(&self) -> bool {
        !self.ledgers.is_empty() || !self.accounts.is_empty() || self.confined_to.is_some()
    }

    /// Whether an outcome passes, and so its command. The command is there where bodies decide.
    pub(super) fn passes(&self, outcome: &Outcome, command: Option<&Command>) -> bool {
        self.passes_operation(outcome.op())
            && (!self.only_successes || outcome.status().is_success())
            && command.is_none_or(|command| self.passes_names(|| Names::of_command(command)))
    }

    /// Whether a numbered event passes. `command`: in whose course it happened, where that is
    /// known.
    pub(super) fn passes_event(&self, event: &Event, command: Option<&Command>) -> bool {
        self.passes_names(|| Names::of_event(event, command))
    }

    fn passes_operation(&self, op: Op) -> bool {
        self.operations == 0 || self.operations & (1 << op as u8) != 0
    }

    fn passes_names(&self, names: impl Fn() -> Names) -> bool {
        if !self.needs_bodies() {
            return true;
        }
        let names = names();
        self.passes_accounts(&names)
            && self.passes_ledgers(&names)
            && self.confined_to.as_ref().is_none_or(|ledgers| {
                let mut named = names.named_ledgers().peekable();
                named.peek().is_some() && named.all(|it| ledgers.binary_search(&it).is_ok())
            })
    }

    fn passes_accounts(&self, names: &Names) -> bool {
        let is_wanted = |account| self.accounts.binary_search(&account).is_ok();
        self.accounts.is_empty()
            || names.may_concern_other_accounts
            || names.named_accounts().any(is_wanted)
    }

    fn passes_ledgers(&self, names: &Names) -> bool {
        let is_wanted = |ledger| self.ledgers.binary_search(&ledger).is_ok();
        self.ledgers.is_empty()
            || names.may_concern_other_ledgers
            || names.named_ledgers().any(is_wanted)
    }
}

fn sorted<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.dedup();
    values
}
