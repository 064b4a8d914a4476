//! Seeded commands that meet each other: small id spaces, edge amounts, repeats, chains, time jumps.
//!
//! ```text
//!   seed ──▶ Profile (how big, how fast, how broken) ──▶ batch ──▶ batch ──▶ …
//!                                     memory of what was sent ──┘ repeats, posts, look-ups draw on it
//! ```
//!
//! The generator draws on what it sent; told what became of it, it does not try to post or void
//! what was refused.
//!
//! # Invariants
//!
//! * The same seed gives the same rules and the same batches.
//! * Every batch is stamped, holds commands of one operation, and is one that a gateway would let
//!   pass.

mod profile;
mod settlement;
mod transfers;

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use ringfence::types::{
    AMOUNT_MAX, Account, AccountFlags, AccountPolicy, BATCH_COMMANDS_MAX, Command, Frozen, ID_MAX,
    IdTime, LedgerPolicy, Lookup, NANOSECONDS_PER_SECOND, Op, Outcome, PairPolicy, PolicyLimits,
    Rules, SECONDS_PER_DAY, TIMESTAMP_MAX, Transfer, TransferFlags, stamp_batch,
};

use self::profile::Profile;
use self::settlement::Memory;

/// The clock stops here, which leaves room for the longest batches to the end of time.
const LATEST_NS: u64 = TIMESTAMP_MAX - 4 * BATCH_COMMANDS_MAX as u64 * (1 << 16);
/// How many transfers the generator remembers having sent.
const MEMORY_TRANSFERS: usize = 96;

/// An endless stream of stamped batches.
#[derive(Debug)]
pub struct Generator {
    dice: Dice,
    profile: Profile,
    rules: Rules,
    /// Of the command before.
    previous_timestamp: u64,
    clock_ns: u64,
    /// The next id that no transfer had yet.
    fresh_id: u128,
    /// Transfers sent lately.
    sent: Vec<Transfer>,
    /// Pending ones among them, and some older.
    sent_pending: Vec<Transfer>,
    /// Accounts have ids up to this that were opened so that there is something to work on.
    opened_accounts: u64,
    /// The accounts of the batch before, if it was one of accounts.
    latest_accounts: Vec<Account>,
    /// Accounts sent lately, with the timestamps they got if they were created.
    sent_accounts: Vec<Account>,
    memory: Memory,
    /// When something becomes due or is forgotten, and the pending transfer that it happens to.
    moments: Vec<(u64, Option<Transfer>)>,
    /// The pending transfer that is about to expire.
    about_to_expire: Option<Transfer>,
    /// Where the timestamps of imported events have come to.
    imported_timestamp: u64,
}

/// Chance, and the ways to ask it.
#[derive(Debug)]
struct Dice(Pcg64Mcg);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    /// True `percent` times in a hundred.
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.random_range(0..choices.len())]
    }

    /// Any number of up to so many bits, small ones as likely as large ones.
    fn up_to_bits(&mut self, bits: u32) -> u64 {
        let kept = self.0.random_range(0..=bits);
        if kept == 0 { 0 } else { self.0.next_u64() >> (64 - kept) }
    }

    /// Forgets and keeps in `memory` so that it never outgrows `length_max`.
    fn remember<T>(&mut self, memory: &mut Vec<T>, value: T, length_max: usize) {
        if memory.len() < length_max {
            memory.push(value);
        } else {
            let index = self.0.random_range(0..length_max);
            memory[index] = value;
        }
    }
}

impl Generator {
    /// The stream with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Generator {
        let mut dice = Dice(Pcg64Mcg::seed_from_u64(seed));
        let profile = Profile::draw(&mut dice);
        let rules = profile.rules(&mut dice);
        Generator {
            previous_timestamp: 0,
            clock_ns: profile.clock_start_ns,
            fresh_id: 1_000,
            sent: Vec::new(),
            sent_pending: Vec::new(),
            opened_accounts: 0,
            latest_accounts: Vec::new(),
            sent_accounts: Vec::new(),
            memory: Memory::default(),
            moments: Vec::new(),
            about_to_expire: None,
            imported_timestamp: 0,
            dice,
            profile,
            rules,
        }
    }

    /// The rules that the stream is made for.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The next batch, stamped.
    pub fn next_batch(&mut self) -> Vec<Command> {
        self.let_time_pass();
        if self.opened_accounts < self.profile.account_ids {
            let batch = self.open_accounts();
            return self.stamp(batch);
        }
        let length = self.batch_length();
        let weights = self.profile.weights;
        let mut chosen = self.dice.below(weights.iter().sum());
        let kind = weights.iter().position(|&weight| {
            let found = chosen < weight;
            chosen = chosen.saturating_sub(weight);
            found
        });
        let batch = match kind.expect("one of them is chosen") {
            0 => self.transfers(length),
            1 => self.accounts(length),
            2 => (0..length).map(|_| self.lookup_account()).collect(),
            3 => (0..length).map(|_| self.lookup_transfer()).collect(),
            4 => (0..length.min(8)).map(|_| self.account_policy()).collect(),
            5 => (0..length.min(4)).map(|_| self.ledger_policy()).collect(),
            6 => (0..length.min(8)).map(|_| self.pair_policy()).collect(),
            7 => vec![Command::pulse()],
            8 if Generator::has(Op::CreateMarket) => self.markets(),
            9 if Generator::has(Op::PlaceOrder) => self.orders(length),
            10 if Generator::has(Op::AmendOrder) => self.amendments(length.min(16)),
            11 if Generator::has(Op::PlaceOrder) => {
                let op = self.dice.pick(&[Op::CancelOrder, Op::CancelOrder, Op::LookupOrder]);
                self.of_orders(op, length.min(32))
            }
            12 if Generator::has(Op::LookupMarket) => {
                self.of_orders(Op::LookupMarket, length.min(3))
            }
            13 if Generator::has(Op::ResolveQueues) => self.of_queues(length),
            _ => self.transfers(length),
        };
        self.stamp(batch)
    }

    /// Learns what became of a batch of its own.
    pub fn heed(&mut self, outcomes: impl Iterator<Item = Outcome>) {
        let outcomes: Vec<Outcome> = outcomes.collect();
        for outcome in &outcomes {
            self.heed_settlement(outcome);
        }
        let mut refused: Vec<u128> = outcomes
            .iter()
            .filter(|outcome| outcome.op() == Op::CreateTransfer && outcome.status().is_refusal())
            .map(|outcome| outcome.id)
            .collect();
        refused.sort_unstable();
        // A few stay, so that something is not found.
        let Generator { dice, sent_pending, .. } = self;
        sent_pending
            .retain(|pending| refused.binary_search(&pending.id).is_err() || dice.chance(3));
    }

    fn stamp(&mut self, mut batch: Vec<Command>) -> Vec<Command> {
        let session = self.dice.below(4) as u16;
        for command in &mut batch {
            command.header.session = session;
        }
        self.previous_timestamp = stamp_batch(&mut batch, self.previous_timestamp, self.clock_ns);
        batch
    }

    fn batch_length(&mut self) -> usize {
        let bits = self.profile.batch_bits;
        let length = 1 + self.dice.up_to_bits(bits) as usize;
        length.min(BATCH_COMMANDS_MAX)
    }

    /// Moves the clock: mostly not at all, sometimes far, sometimes to where it matters.
    fn let_time_pass(&mut self) {
        self.about_to_expire = None;
        if self.dice.chance(4) && !self.moments.is_empty() {
            let (moment, pending) = self.dice.pick(&self.moments);
            let before = moment - self.dice.below(6).min(moment);
            if before > self.now() {
                self.clock_ns = before;
                self.about_to_expire = pending;
                return;
            }
        }
        let step_ns = match self.dice.below(100) {
            0..50 => 0,
            50..70 => self.dice.below(1_000),
            70..98 => self.dice.up_to_bits(self.profile.step_bits),
            _ => NANOSECONDS_PER_SECOND * self.dice.below(self.profile.jump_seconds),
        };
        self.clock_ns = (self.clock_ns.max(self.previous_timestamp) + step_ns).min(LATEST_NS);
    }

    /// The timestamp that the next batch begins with.
    fn now(&self) -> u64 {
        self.clock_ns.max(self.previous_timestamp + 1)
    }

    /// The next id that no transfer or order had yet; where ids carry their time, mostly with one
    /// at which the id is new, and often enough at the edges of that.
    fn fresh_id(&mut self) -> u128 {
        self.fresh_id += 1;
        if self.rules.id_time == IdTime::None as u32 {
            return self.fresh_id;
        }
        let (now_ms, minute_ms) = (self.now() / 1_000_000, 60_000);
        let early_ms = self.rules.retention_ns / 1_000_000 - minute_ms;
        let time_ms = match self.dice.below(20) {
            0 => now_ms + minute_ms,
            1 => now_ms + minute_ms + 1 + self.dice.up_to_bits(20),
            2 => now_ms.saturating_sub(early_ms),
            3 => (now_ms + 1).saturating_sub(early_ms),
            4 => now_ms.saturating_sub(early_ms + self.dice.up_to_bits(20)),
            5..8 => now_ms.saturating_sub(self.dice.below(early_ms)),
            8..11 => now_ms + self.dice.below(minute_ms),
            _ => now_ms,
        };
        u128::from(time_ms) << 80 | self.fresh_id
    }

    fn account_id(&mut self) -> u128 {
        1 + u128::from(self.dice.below(self.profile.account_ids))
    }

    /// The ledger that an account with this id has, if nothing is wrong with it.
    fn ledger_of(&self, account_id: u128) -> u32 {
        1 + (account_id % u128::from(self.profile.ledgers)) as u32
    }

    fn amount(&mut self) -> u128 {
        match self.dice.below(100) {
            0..70 => u128::from(self.dice.up_to_bits(self.profile.amount_bits)),
            70..80 => self.dice.pick(&[0, 1]),
            80..90 => u128::from(self.dice.below(1 << self.profile.amount_bits.min(16))),
            _ if self.dice.chance(self.profile.edge_percent) => self.dice.pick(&[
                AMOUNT_MAX,
                AMOUNT_MAX - 1,
                AMOUNT_MAX - 2,
                AMOUNT_MAX / 2,
                AMOUNT_MAX / 2 + 1,
                AMOUNT_MAX / 4 + 1,
                u128::from(u64::MAX),
                u128::from(u64::MAX) + 1,
            ]),
            _ => self.dice.pick(&[0, 1, 2, 3]),
        }
    }

    /// A timestamp for an imported event, most often one that fits.
    fn brought_timestamp(&mut self) -> u64 {
        let now = self.now();
        let account = self.sent_accounts.last().map_or(0, |account| account.timestamp);
        match self.dice.below(100) {
            0..80 => {
                let room = now.saturating_sub(self.imported_timestamp);
                self.imported_timestamp += 1 + self.dice.below(room / 64 + 1);
                self.imported_timestamp
            }
            80..84 => account,
            84..86 => account.saturating_sub(1),
            86..88 => account.saturating_add(1),
            88..91 => self.imported_timestamp,
            91..94 => now + self.dice.below(4),
            94..96 => self.dice.below(now),
            96..98 => self.dice.pick(&[0, 1]),
            _ => self.dice.pick(&[TIMESTAMP_MAX, TIMESTAMP_MAX + 1, u64::MAX]),
        }
    }

    fn accounts(&mut self, length: usize) -> Vec<Command> {
        let style = self.batch_style();
        let now = self.now();
        self.latest_accounts.clear();
        if style.is_imported {
            // What was created before bars all earlier timestamps.
            let latest = self.sent_accounts.last().map_or(0, |account| account.timestamp);
            self.imported_timestamp = self.imported_timestamp.max(latest);
        }
        let mut batch = Vec::with_capacity(length);
        for index in 0..length {
            let mut account = if self.dice.chance(25) && !self.sent_accounts.is_empty() {
                self.repeated_account()
            } else {
                // Half of them new: beyond those that were opened first.
                let beyond = u128::from(self.profile.account_ids * self.dice.below(2));
                let id = self.account_id() + beyond;
                self.fresh_account(id, style.is_imported)
            };
            if self.dice.chance(style.broken_percent) {
                self.break_account(&mut account);
            }
            let is_linked = self.is_linked(style, index + 1 == length);
            account.flags = account.flags.without(AccountFlags::LINKED);
            if is_linked {
                account.flags = account.flags.with(AccountFlags::LINKED);
            }
            batch.push(Command::create_account(account));
            let timestamp = if account.flags.has(AccountFlags::IMPORTED) {
                account.timestamp.min(now)
            } else {
                now + index as u64
            };
            let account = Account { timestamp, ..account };
            self.latest_accounts.push(account);
            let Generator { dice, sent_accounts, .. } = self;
            dice.remember(sent_accounts, account, 32);
        }
        batch
    }

    /// A first account for most of the ids, with nothing wrong.
    fn open_accounts(&mut self) -> Vec<Command> {
        let length = self.dice.below(64) + 1;
        let first = self.opened_accounts + 1;
        let last = (self.opened_accounts + length).min(self.profile.account_ids);
        self.opened_accounts = last;
        let mut batch = Vec::new();
        for id in first..=last {
            if first == last || self.dice.chance(90) {
                let account = self.fresh_account(u128::from(id), false);
                batch.push(Command::create_account(account));
            }
        }
        if batch.is_empty() { vec![Command::pulse()] } else { batch }
    }

    fn fresh_account(&mut self, id: u128, is_imported: bool) -> Account {
        let mut flags = self.dice.pick(&[
            AccountFlags::NONE,
            AccountFlags::NONE,
            AccountFlags::NONE,
            AccountFlags::HISTORY,
            AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS,
            AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS,
        ]);
        if self.dice.chance(self.profile.limited_percent) {
            flags = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
        }
        if self.dice.chance(1) {
            flags = flags.with(AccountFlags::CLOSED);
        }
        if is_imported {
            flags = flags.with(AccountFlags::IMPORTED);
        }
        Account {
            id,
            user_data_128: u128::from(self.dice.below(2)),
            user_data_64: self.dice.below(2),
            user_data_32: self.dice.below(2) as u32,
            ledger: self.ledger_of(id),
            code: 1,
            flags,
            timestamp: if is_imported { self.brought_timestamp() } else { 0 },
            ..Account::default()
        }
    }

    /// An account sent before, the same or with one field changed.
    fn repeated_account(&mut self) -> Account {
        let mut account = self.dice.pick(&self.sent_accounts);
        if !account.flags.has(AccountFlags::IMPORTED) {
            account.timestamp = 0;
        }
        match self.dice.below(12) {
            0 => account.flags.0 ^= self.dice.pick(&[2, 8, 16, 32]),
            1 => account.user_data_128 ^= 1,
            2 => account.user_data_64 ^= 1,
            3 => account.user_data_32 ^= 1,
            4 => account.ledger ^= 1,
            5 => account.code ^= 2,
            _ => {}
        }
        account
    }

    fn break_account(&mut self, account: &mut Account) {
        match self.dice.below(16) {
            0 => account.id = 0,
            1 => account.id = ID_MAX,
            2 => account.flags.0 |= self.dice.pick(&[1 << 15, 1 << 6]),
            3 => {
                account.flags = account
                    .flags
                    .with(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS)
                    .with(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
            }
            4 => account.debits_pending = 1,
            5 => account.debits_posted = AMOUNT_MAX,
            6 => account.credits_pending = 1,
            7 => account.credits_posted = 1,
            8 => account.ledger = 0,
            9 => account.ledger = 1 + self.dice.below(self.profile.ledgers) as u32,
            10 => account.code = 0,
            11 => account.timestamp ^= 1,
            12 | 13 => account.flags.0 ^= AccountFlags::IMPORTED.0,
            // An id of its own, so that its accounts are missing even in a crowded world.
            _ => account.id ^= 1 << 64,
        }
    }

    fn lookup_account(&mut self) -> Command {
        let id = match self.dice.below(20) {
            0 => self.dice.pick(&[0, ID_MAX]),
            _ => self.account_id(),
        };
        Command::lookup_account(Lookup { id, ..Lookup::default() })
    }

    fn lookup_transfer(&mut self) -> Command {
        let id = match self.dice.below(20) {
            0 => self.dice.pick(&[0, ID_MAX]),
            1 => self.fresh_id,
            2..10 if !self.sent_pending.is_empty() => self.dice.pick(&self.sent_pending).id,
            _ if !self.sent.is_empty() => self.dice.pick(&self.sent).id,
            _ => self.fresh_id,
        };
        Command::lookup_transfer(Lookup { id, ..Lookup::default() })
    }

    fn window_seconds(&mut self) -> u32 {
        self.dice.pick(&[1, 1, 1, 2, 3, 60, SECONDS_PER_DAY, u32::MAX])
    }

    fn account_policy(&mut self) -> Command {
        let mut policy =
            AccountPolicy { account_id: self.account_id(), ..AccountPolicy::default() };
        if self.dice.chance(10) {
            policy.frozen = self.dice.pick(&[Frozen::Debits, Frozen::Credits, Frozen::All]) as u8;
        }
        let mut set = |is_set: bool, limit: PolicyLimits| {
            if is_set {
                policy.limits = policy.limits.with(limit);
            }
        };
        set(self.dice.chance(20), PolicyLimits::DEBIT_AMOUNT_MAX);
        set(self.dice.chance(20), PolicyLimits::CREDIT_AMOUNT_MAX);
        set(self.dice.chance(30), PolicyLimits::DEBIT_RATE);
        set(self.dice.chance(30), PolicyLimits::DEBIT_SPEND_AMOUNT);
        set(self.dice.chance(30), PolicyLimits::DEBIT_SPEND_COUNT);
        let limits = policy.limits;
        if limits.has(PolicyLimits::DEBIT_AMOUNT_MAX) {
            policy.debit_amount_max = self.amount();
        }
        if limits.has(PolicyLimits::CREDIT_AMOUNT_MAX) {
            policy.credit_amount_max = self.amount();
        }
        if limits.has(PolicyLimits::DEBIT_RATE) {
            policy.debit_rate_count = self.dice.below(12);
            policy.debit_rate_window_seconds = self.window_seconds();
        }
        if limits.has(PolicyLimits::DEBIT_SPEND_AMOUNT) {
            policy.debit_spend_amount = self.amount().saturating_mul(4);
        }
        if limits.has(PolicyLimits::DEBIT_SPEND_COUNT) {
            policy.debit_spend_count = self.dice.below(8);
        }
        if limits.has(PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT)) {
            policy.debit_spend_window_seconds = self.window_seconds();
        }
        if self.dice.chance(3) {
            policy.debit_rate_window_seconds = 0;
        }
        if self.dice.chance(3) {
            policy.debit_spend_window_seconds = 0;
        }
        Command::set_account_policy(policy)
    }

    fn ledger_policy(&mut self) -> Command {
        let mut policy = LedgerPolicy {
            ledger: self.dice.below(self.profile.ledgers + 2) as u32,
            ..LedgerPolicy::default()
        };
        match self.dice.below(10) {
            0 => policy.halted = 1,
            1 => {
                policy.open_second = self.dice.below(u64::from(SECONDS_PER_DAY) + 1) as u32;
                policy.close_second = self.dice.below(u64::from(SECONDS_PER_DAY) + 1) as u32;
            }
            2 => {
                // Hours that end or begin about now.
                let second = self.now() / NANOSECONDS_PER_SECOND % u64::from(SECONDS_PER_DAY);
                let second = second as u32;
                policy.open_second = (second + self.dice.below(3) as u32) % SECONDS_PER_DAY;
                policy.close_second = (second + self.dice.below(3) as u32) % SECONDS_PER_DAY;
            }
            3 => {
                policy.open_second = SECONDS_PER_DAY - 1 + self.dice.below(2) as u32;
                policy.close_second = policy.open_second;
            }
            4 => {
                policy.limits = PolicyLimits::AMOUNT_MAX;
                policy.amount_max = self.amount();
            }
            _ => {}
        }
        Command::set_ledger_policy(policy)
    }

    fn pair_policy(&mut self) -> Command {
        Command::set_pair_policy(PairPolicy {
            debit_account_id: self.account_id(),
            credit_account_id: self.account_id(),
            blocked: u8::from(self.dice.chance(35)),
            ..PairPolicy::default()
        })
    }
}
