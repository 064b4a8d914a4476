//! Markets: id → dense index, and what risk needs to know of them.

use crate::table::{Array, EngineError, Growth, IdHasher, NO_INDEX, Table, growth};
use ringfence_types::{ContentsSource, Market, MarketRecord, Misfit, Rules, Section, Status};

const WHAT: &str = "markets";

/// A market as risk knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: u32,
    pub(super) base_ledger: u32,
    pub(super) quote_ledger: u32,
    pub(super) base_index: u32,
    pub(super) quote_index: u32,
    pub(super) fee_index: u32,
    lot: u64,
    pub(super) tick: u64,
    maker_fee: u64,
    pub(super) taker_fee: u64,
}

const VACANT: Entry = Entry {
    id: 0,
    base_ledger: 0,
    quote_ledger: 0,
    base_index: NO_INDEX,
    quote_index: NO_INDEX,
    fee_index: NO_INDEX,
    lot: 0,
    tick: 0,
    maker_fee: 0,
    taker_fee: 0,
};

impl Entry {
    /// The market that is asked for, with its base, quote and fee account at these indices.
    pub(super) fn new(market: &Market, [base_index, quote_index, fee_index]: [u32; 3]) -> Entry {
        Entry {
            id: market.id,
            base_ledger: market.base_ledger,
            quote_ledger: market.quote_ledger,
            base_index,
            quote_index,
            fee_index,
            lot: market.lot,
            tick: market.tick,
            maker_fee: market.maker_fee,
            taker_fee: market.taker_fee,
        }
    }

    /// True if the account with this index is one of the market's own.
    #[inline(always)]
    pub(super) fn owns(&self, account: u32) -> bool {
        account == self.base_index || account == self.quote_index || account == self.fee_index
    }
}

/// All markets, in order of creation.
#[derive(Debug)]
pub(super) struct Markets {
    hasher: IdHasher,
    ids: Table,
    entries: Array<Entry>,
    count: u32,
}

impl Markets {
    pub(super) fn new(rules: &Rules) -> Result<Markets, EngineError> {
        let capacity = EngineError::check_capacity(WHAT, rules.capacities.markets)?;
        Ok(Markets {
            hasher: IdHasher::new(rules.hash_key),
            ids: Table::new("ids of markets", capacity)?,
            entries: Array::new(WHAT, capacity, VACANT)?,
            count: 0,
        })
    }

    pub(super) fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        let before = self.entries.len();
        let capacity = EngineError::check_growth(WHAT, before, rules.capacities.markets)?;
        self.ids.grow(capacity)?;
        self.entries.grow(capacity)
    }

    /// Adds what grows with the capacities.
    pub(super) fn add_to(&self, growth: &mut Growth) {
        growth.add(&self.ids, |rules| Table::slots_for(rules.capacities.markets));
        growth.add(&self.entries, growth::markets);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.ids.bytes() + self.entries.bytes()
    }

    /// Index of the market `id`, or [`NO_INDEX`].
    #[inline(always)]
    pub(super) fn find(&self, id: u128) -> u32 {
        let is = |index: u32| u128::from(self.entries[index as usize].id) == id;
        self.ids.find(self.hasher.hash(id), is)
    }

    #[inline(always)]
    pub(super) fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }

    /// Checks a new market as far as other markets and its own numbers go. An error has the index
    /// of the market that has its id, or [`NO_INDEX`].
    pub(super) fn check(&self, entry: &Entry) -> Result<(), (Status, u32)> {
        let existing = self.find(entry.id.into());
        if existing != NO_INDEX {
            let is_same = self.entry(existing) == entry;
            let status = if is_same { Status::Exists } else { Status::ExistsWithDifferentFields };
            return Err((status, existing));
        }
        let status = if entry.id == 0 {
            Status::IdMustNotBeZero
        } else if entry.base_ledger == 0 || entry.quote_ledger == 0 {
            Status::LedgerMustNotBeZero
        } else if entry.base_ledger == entry.quote_ledger {
            Status::LedgersMustBeDifferent
        } else if entry.lot == 0 {
            Status::LotMustNotBeZero
        } else if entry.tick == 0 {
            Status::TickMustNotBeZero
        } else if entry.maker_fee > entry.taker_fee {
            Status::MakerFeeMustNotExceedTakerFee
        } else {
            return Ok(());
        };
        Err((status, NO_INDEX))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Takes over settle's markets; there are `accounts` accounts.
    pub(super) fn restore<S: ContentsSource>(
        &mut self,
        accounts: u32,
        source: &mut S,
    ) -> Result<(), S::Error> {
        let section = Section::Markets;
        source.section(section, |first, records: &[MarketRecord]| {
            for (index, record) in (first..).zip(records) {
                let own = [record.base_index, record.quote_index, record.fee_index];
                let exist = own.iter().all(|&own| own < accounts);
                Misfit::unless(exist, section, index, "no such account")?;
                let is_new = self.find(record.market.id.into()) == NO_INDEX;
                Misfit::unless(is_new, section, index, "a market that is there already")?;
                let fits = self.add(Entry::new(&record.market, own));
                Misfit::unless(fits, section, index, "more than the capacity")?;
            }
            Ok(())
        })
    }

    /// Adds a market that passed [`Markets::check`]. `false`: there is no room.
    pub(super) fn add(&mut self, entry: Entry) -> bool {
        let Some(vacant) = self.entries.get_mut(self.count as usize) else { return false };
        *vacant = entry;
        self.ids.insert(self.hasher.hash(entry.id.into()), self.count);
        self.count += 1;
        true
    }
}
