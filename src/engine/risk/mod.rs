//! The stage that checks all that needs no balance: accounts, the fields of commands, policies.
//!
//! ```text
//!   Command ──▶ shape ──▶ directory ──▶ policies ──▶ Verdict
//!              fields      id → index     limits       indices, and a refusal
//! ```
//!
//! Risk alone decides about new accounts and markets. Of a transfer or order it checks all that
//! needs no balance and no earlier transfer or order; settle puts its refusal at its place in the
//! table of precedence.
//!
//! # Invariants
//!
//! * Verdicts depend on the commands before, on nothing else: nothing flows back from settle.
//! * Accounts get their indices in order of creation, without gaps, also after a failed chain.
//! * No allocation, lock or system call in [`Risk::step`].

mod directory;
mod markets;
mod orders;
mod policies;
mod shape;

use crate::table::{EngineError, Growth, NO_INDEX};
use ringfence_types::{
    Account, AccountFlags, Command, ContentsSink, ContentsSource, Op, Rules, Section, Status,
    Transfer, TransferFlags, TransferIndices, Verdict, Window,
};

use directory::{Directory, Trail};
use markets::Markets;
use policies::Policies;
pub(crate) use shape::Imports;

/// How many commands ahead table slots are prefetched, and how many ahead records.
const SLOTS_AHEAD: usize = 16;
const RECORDS_AHEAD: usize = 8;
/// Trails kept from the prefetch to the use; more than are in flight.
const TRAILS_KEPT: usize = 32;
const _: () = assert!(TRAILS_KEPT.is_power_of_two() && SLOTS_AHEAD < TRAILS_KEPT);

/// The risk stage's state.
#[derive(Debug)]
pub struct Risk {
    directory: Directory,
    policies: Policies,
    markets: Markets,
    /// True if the batch that is under way is one of imported events.
    imports: Imports,
    /// Timestamp of the account created last.
    last_account_timestamp: u64,
}

/// A chain of `create_account` under way.
struct Chain {
    /// Index in the window of its first member.
    start: usize,
    /// How many accounts there were before it.
    accounts: u32,
    last_account_timestamp: u64,
    broken: bool,
}

impl Risk {
    /// The state before the first command, with all memory that it will use.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory.
    pub fn new(rules: &Rules) -> Result<Risk, EngineError> {
        Ok(Risk {
            directory: Directory::new(rules)?,
            policies: Policies::new(rules)?,
            markets: Markets::new(rules)?,
            imports: Imports::default(),
            last_account_timestamp: 0,
        })
    }

    /// Takes over later rules: the tables grow. Not for the hot path.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory, or the rules would shrink a table.
    pub fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        self.directory.configure(rules)?;
        self.policies.configure(rules)?;
        self.markets.configure(rules)
    }

    /// Adds its memory.
    pub(crate) fn add_to(&self, growth: &mut Growth) {
        self.directory.add_to(growth);
        self.policies.add_to(growth);
        self.markets.add_to(growth);
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.directory.bytes() + self.policies.bytes() + self.markets.bytes()
    }

    /// How many accounts there are.
    #[must_use]
    pub fn account_count(&self) -> u64 {
        u64::from(self.directory.count())
    }

    /// How many policies there are that limit something, and how many markets.
    #[must_use]
    pub fn used(&self) -> (u64, u64) {
        (self.policies.count() as u64, self.markets.count().into())
    }

    /// The part of its contents that settle does not hold too, in canonical order.
    pub(crate) fn contents(&self, sink: &mut impl ContentsSink) {
        self.policies.contents(sink);
    }

    /// Takes over, before its first command, risk's part of an engine's contents, and settle's
    /// accounts and markets.
    ///
    /// # Errors
    ///
    /// What the source says, or a [`ringfence_types::Misfit`] for what can be no part of an
    /// engine's contents.
    pub fn restore<S: ContentsSource>(&mut self, source: &mut S) -> Result<(), S::Error> {
        source.section(Section::Accounts, |first, accounts: &[Account]| {
            if let Some(last) = accounts.last() {
                // Later accounts have later timestamps, imported ones too.
                self.last_account_timestamp = last.timestamp;
            }
            self.directory.restore(first, accounts)
        })?;
        let accounts = self.directory.count();
        self.markets.restore(accounts, source)?;
        let directory = &mut self.directory;
        self.policies.restore(source, |account, policy| {
            if account >= directory.count() {
                return Err("no such account");
            }
            directory.entry_mut(account).policy = policy;
            Ok(())
        })
    }

    /// Judges a window of commands, which must not cut a linked chain. `verdict` is called with
    /// index and verdict in the order of the commands; where a chain breaks, it is called again
    /// for its earlier members.
    pub fn step(
        &mut self,
        commands: &(impl Window<Command> + ?Sized),
        mut verdict: impl FnMut(usize, Verdict),
    ) {
        let count = commands.len();
        let mut trails = [[Trail::NONE; 2]; TRAILS_KEPT];
        for index in 0..count.min(SLOTS_AHEAD) {
            trails[index % TRAILS_KEPT] = self.prefetch_slots(commands.at(index));
        }
        for index in 0..count.min(RECORDS_AHEAD) {
            self.prefetch_records(&mut trails[index % TRAILS_KEPT]);
        }
        let mut chain: Option<Chain> = None;
        for index in 0..count {
            if index + SLOTS_AHEAD < count {
                let ahead = index + SLOTS_AHEAD;
                trails[ahead % TRAILS_KEPT] = self.prefetch_slots(commands.at(ahead));
            }
            if index + RECORDS_AHEAD < count {
                self.prefetch_records(&mut trails[(index + RECORDS_AHEAD) % TRAILS_KEPT]);
            }
            let command = commands.at(index);
            if command.header.batch_index == 0 {
                self.imports = Imports::of_batch(command);
            }
            let trail = trails[index % TRAILS_KEPT];
            match command.op() {
                Op::CreateTransfer => {
                    // A window does not begin within a chain.
                    let in_chain = || {
                        command.header.batch_index > 0
                            && index > 0
                            && commands.at(index - 1).is_linked()
                    };
                    verdict(index, self.judge_transfer(command, trail, in_chain));
                }
                Op::CreateAccount => {
                    self.judge_account(command, trail[0], index, &mut chain, &mut verdict);
                }
                Op::LookupAccount | Op::LookupQueue => {
                    let account = self.directory.find(trail[0], command.body.lookup().id);
                    verdict(index, Verdict::of_account(account));
                }
                Op::PlaceOrder => verdict(index, self.judge_order(command, trail)),
                Op::CreateMarket => verdict(index, self.create_market(command)),
                Op::LookupMarket => verdict(index, self.find_market(command.body.lookup().id)),
                Op::SetAccountPolicy => verdict(index, self.set_account_policy(command)),
                Op::SetLedgerPolicy => {
                    let status = self.policies.set_ledger(command.body.ledger_policy());
                    verdict(index, refused_or_not(status));
                }
                Op::SetPairPolicy => verdict(index, self.set_pair_policy(command)),
                Op::LookupTransfer
                | Op::AmendOrder
                | Op::CancelOrder
                | Op::LookupOrder
                | Op::ResolveQueues
                | Op::CancelQueuedTransfer
                | Op::RequeueTransfer
                | Op::Pulse => verdict(index, Verdict::EMPTY),
            }
        }
        assert!(chain.is_none(), "a window never ends within a chain");
    }

    /// Prefetches the table slots of the accounts that `command` names.
    #[inline(always)]
    fn prefetch_slots(&self, command: &Command) -> [Trail; 2] {
        let ids = match command.op() {
            Op::CreateTransfer => {
                let transfer = command.body.transfer();
                [transfer.debit_account_id, transfer.credit_account_id]
            }
            Op::PlaceOrder => {
                let order = command.body.order();
                [order.base_account_id, order.quote_account_id]
            }
            Op::CreateAccount | Op::LookupAccount | Op::LookupQueue => {
                [command.body.lookup().id; 2]
            }
            _ => return [Trail::NONE; 2],
        };
        ids.map(|id| self.directory.prefetch_slot(id))
    }

    #[inline(always)]
    fn prefetch_records(&self, trails: &mut [Trail; 2]) {
        self.directory.prefetch_record(&mut trails[0]);
        self.directory.prefetch_record(&mut trails[1]);
    }

    #[inline(always)]
    fn judge_transfer(
        &mut self,
        command: &Command,
        trails: [Trail; 2],
        in_chain: impl FnOnce() -> bool,
    ) -> Verdict {
        let transfer = command.body.transfer();
        let mut verdict = Verdict::of_transfer(TransferIndices {
            debit: self.directory.find(trails[0], transfer.debit_account_id),
            credit: self.directory.find(trails[1], transfer.credit_account_id),
            spend: NO_INDEX,
        });
        let posts_or_voids = transfer
            .flags
            .has(TransferFlags::POST_PENDING_TRANSFER.with(TransferFlags::VOID_PENDING_TRANSFER));
        if posts_or_voids {
            verdict.refuse(shape::of_post_void(transfer));
        } else {
            let refused = self.judge_payment(command, transfer, &mut verdict);
            verdict.refuse(shape::of_payment(transfer).or(refused));
        }
        let malformed = shape::of_transfer(command, self.imports);
        if malformed.is_some() {
            verdict.refuse(malformed);
            verdict.add(Verdict::BEFORE_ID);
        } else if transfer.flags.has(TransferFlags::QUEUE.with(TransferFlags::URGENT)) {
            verdict.refuse(shape::of_queueing(transfer, in_chain()));
        }
        verdict
    }

    /// Checks the accounts of a single-phase or pending transfer, and their policies. Runs for
    /// every such transfer, even if its fields are wrong: attempts count.
    #[inline(always)]
    fn judge_payment(
        &mut self,
        command: &Command,
        transfer: &Transfer,
        verdict: &mut Verdict,
    ) -> Option<Status> {
        let TransferIndices { debit: debit_index, credit: credit_index, .. } = verdict.transfer();
        if debit_index == NO_INDEX {
            return Some(Status::DebitAccountNotFound);
        }
        if credit_index == NO_INDEX {
            return Some(Status::CreditAccountNotFound);
        }
        let debit = *self.directory.entry(debit_index);
        let credit = *self.directory.entry(credit_index);
        if debit.ledger != credit.ledger {
            return Some(Status::AccountsMustHaveTheSameLedger);
        }
        if transfer.ledger != debit.ledger {
            return Some(Status::TransferMustHaveTheSameLedgerAsAccounts);
        }
        if debit.flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS) {
            verdict.add(Verdict::DEBITS_LIMITED);
        }
        if credit.flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS) {
            verdict.add(Verdict::CREDITS_LIMITED);
        }
        if self.policies.is_empty()
            || transfer.flags.has(TransferFlags::IMPORTED)
            || debit_index == credit_index
        {
            return None;
        }
        if self.policies.limits_spending(debit.policy) {
            verdict.limit_spending(debit.policy);
        }
        let accounts = policies::Pair {
            debit_index,
            credit_index,
            debit_policy: debit.policy,
            credit_policy: credit.policy,
            ledger: debit.ledger,
        };
        self.policies.judge(&accounts, transfer.amount, command.header.timestamp)
    }

    #[inline(always)]
    fn judge_account(
        &mut self,
        command: &Command,
        trail: Trail,
        index: usize,
        chain: &mut Option<Chain>,
        verdict: &mut impl FnMut(usize, Verdict),
    ) {
        let account = command.body.account();
        let is_linked = account.flags.has(AccountFlags::LINKED);
        if is_linked && chain.is_none() {
            *chain = Some(Chain {
                start: index,
                accounts: self.directory.count(),
                last_account_timestamp: self.last_account_timestamp,
                broken: false,
            });
        }
        let judged = if is_linked && command.ends_batch() {
            Verdict::refused_before_id(Status::LinkedEventChainOpen)
        } else if chain.as_ref().is_some_and(|chain| chain.broken) {
            Verdict::refused_before_id(Status::LinkedEventFailed)
        } else {
            self.create_account(command, account, trail, index, chain.as_ref())
        };
        verdict(index, judged);
        let Some(under_way) = chain else { return };
        if judged.is_refused() && !under_way.broken {
            under_way.broken = true;
            self.directory.shrink(under_way.accounts);
            self.last_account_timestamp = under_way.last_account_timestamp;
            for earlier in under_way.start..index {
                verdict(earlier, Verdict::refused_before_id(Status::LinkedEventFailed));
            }
        }
        if command.ends_chain() {
            *chain = None;
        }
    }

    fn create_account(
        &mut self,
        command: &Command,
        account: &Account,
        trail: Trail,
        index: usize,
        chain: Option<&Chain>,
    ) -> Verdict {
        if let Some(status) = shape::of_account(command, self.imports) {
            return Verdict::refused_before_id(status);
        }
        let existing = self.directory.find(trail, account.id);
        if existing != NO_INDEX {
            return match chain {
                // Each member before this one has created one account, in order.
                Some(chain) if existing >= chain.accounts => {
                    let taken_by = chain.start + (existing - chain.accounts) as usize;
                    Verdict::of_repeat_in_chain(existing, (index - taken_by) as u32)
                }
                _ => Verdict::of_repeat(existing),
            };
        }
        if let Some(status) = shape::of_new_account(account) {
            return Verdict::refused(status);
        }
        let timestamp = shape::account_timestamp(command);
        if timestamp <= self.last_account_timestamp {
            return Verdict::refused(Status::ImportedEventTimestampMustNotRegress);
        }
        match self.directory.add(trail.hash, account) {
            NO_INDEX => Verdict::refused(Status::AccountsFull),
            created => {
                self.last_account_timestamp = timestamp;
                Verdict::of_account(created)
            }
        }
    }

    #[cold]
    fn set_account_policy(&mut self, command: &Command) -> Verdict {
        let policy = command.body.account_policy();
        let account = self.directory.find_id(policy.account_id);
        if account == NO_INDEX {
            return Verdict::refused(Status::AccountNotFound);
        }
        let index = &mut self.directory.entry_mut(account).policy;
        let before = *index;
        let status = self.policies.set_account(policy, account, index);
        // Where the policy limits nothing now, its spend window ends where it was.
        let policy = if *index == NO_INDEX { before } else { *index };
        let mut verdict = Verdict::of_new_policy(policy);
        verdict.refuse(status);
        verdict
    }

    #[cold]
    fn set_pair_policy(&mut self, command: &Command) -> Verdict {
        let policy = command.body.pair_policy();
        let debit = self.directory.find_id(policy.debit_account_id);
        let credit = self.directory.find_id(policy.credit_account_id);
        let status = if debit == NO_INDEX || credit == NO_INDEX {
            Some(Status::AccountNotFound)
        } else {
            self.policies.set_pair(debit, credit, policy.blocked != 0)
        };
        refused_or_not(status)
    }
}

/// The verdict with this refusal or none, and nothing more.
fn refused_or_not(refusal: Option<Status>) -> Verdict {
    refusal.map_or(Verdict::EMPTY, Verdict::refused)
}
