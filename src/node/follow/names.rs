//! Which accounts and ledgers a command or an event names.

use ringfence_types::{Command, Event, EventKind, Op, SettledBy};

/// Accounts and ledgers that something names, and whether it may concern others besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Names {
    /// Those that are named, else 0.
    accounts: [u128; 3],
    /// Whether it may concern an account that it does not name.
    pub may_concern_other_accounts: bool,
    /// Those that are named, else 0.
    ledgers: [u32; 2],
    /// Whether it may concern a ledger that it does not name.
    pub may_concern_other_ledgers: bool,
}

impl Names {
    /// Nothing is named, and anything may be concerned.
    const ANY: Names = Names {
        accounts: [0; 3],
        may_concern_other_accounts: true,
        ledgers: [0; 2],
        may_concern_other_ledgers: true,
    };
    /// Nothing is named, and nothing is concerned.
    const NONE: Names = Names {
        accounts: [0; 3],
        may_concern_other_accounts: false,
        ledgers: [0; 2],
        may_concern_other_ledgers: false,
    };

    /// Accounts alone; their ledgers are not said.
    const fn accounts(accounts: [u128; 3]) -> Names {
        Names { accounts, may_concern_other_ledgers: true, ..Names::NONE }
    }

    /// The accounts that are named.
    pub fn named_accounts(&self) -> impl Iterator<Item = u128> {
        self.accounts.into_iter().filter(|&account| account != 0)
    }

    /// The ledgers that are named.
    pub fn named_ledgers(&self) -> impl Iterator<Item = u32> {
        self.ledgers.into_iter().filter(|&ledger| ledger != 0)
    }

    /// What a command names.
    pub fn of_command(command: &Command) -> Names {
        let body = &command.body;
        match command.op() {
            Op::CreateAccount => {
                let account = body.account();
                Names { accounts: [account.id, 0, 0], ledgers: [account.ledger, 0], ..Names::NONE }
            }
            Op::CreateTransfer => {
                let transfer = body.transfer();
                let [debit, credit] = [transfer.debit_account_id, transfer.credit_account_id];
                // A post or a void may leave them to the pending transfer.
                Names {
                    accounts: [debit, credit, 0],
                    may_concern_other_accounts: debit == 0 || credit == 0,
                    ledgers: [transfer.ledger, 0],
                    may_concern_other_ledgers: transfer.ledger == 0,
                }
            }
            Op::SetAccountPolicy => Names::accounts([body.account_policy().account_id, 0, 0]),
            Op::SetLedgerPolicy => {
                Names { ledgers: [body.ledger_policy().ledger, 0], ..Names::NONE }
            }
            Op::SetPairPolicy => {
                let pair = body.pair_policy();
                Names::accounts([pair.debit_account_id, pair.credit_account_id, 0])
            }
            Op::CreateMarket => {
                let market = body.market();
                Names {
                    accounts: [
                        market.base_account_id,
                        market.quote_account_id,
                        market.fee_account_id,
                    ],
                    ledgers: [market.base_ledger, market.quote_ledger],
                    ..Names::NONE
                }
            }
            Op::PlaceOrder => {
                let order = body.order();
                Names::accounts([order.base_account_id, order.quote_account_id, 0])
            }
            Op::ResolveQueues => Names {
                may_concern_other_accounts: true,
                ledgers: [body.resolve_queues().ledger, 0],
                ..Names::NONE
            },
            Op::LookupAccount | Op::LookupQueue => Names::accounts([body.lookup().id, 0, 0]),
            Op::AmendOrder
            | Op::CancelOrder
            | Op::CancelQueuedTransfer
            | Op::RequeueTransfer
            | Op::LookupTransfer
            | Op::LookupOrder
            | Op::LookupMarket => Names::ANY,
            Op::Pulse => Names::NONE,
        }
    }

    /// What a numbered event names that happened in the course of `command`, if that is known.
    pub fn of_event(event: &Event, command: Option<&Command>) -> Names {
        let by_resolution = event.kind() == EventKind::TransferSettled
            && event.body.transfer_event().by == SettledBy::Resolution as u8;
        match command {
            // A resolution settles payments of its ledger alone.
            Some(command) if by_resolution && command.op() == Op::ResolveQueues => {
                Names::of_command(command)
            }
            _ => Names::ANY,
        }
    }
}
