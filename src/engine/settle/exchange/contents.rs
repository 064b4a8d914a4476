//! Markets and orders, to sections and back.

use alloc::vec::Vec;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::*;
use crate::book::Rest;
use ringfence_types::{ContentsSink, ContentsSource, MarketRecord, Misfit, Section};

/// An order or a spent id. Accounts and markets are named by their indices.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct OrderRecord {
    id: u128,
    budget: u128,
    user_data_128: u128,
    price: u64,
    remaining: u64,
    placed_price: u64,
    placed_quantity: u64,
    quantity: u64,
    timestamp: u64,
    settled_at: u64,
    base_index: u32,
    quote_index: u32,
    market: u32,
    timeout: u32,
    side: u8,
    time_in_force: u8,
    /// A [`State`], by its number.
    state: u8,
    post_only: u8,
    limited: u8,
    reserved: [u8; 3],
}

const _: () = assert!(size_of::<OrderRecord>() == 128);

impl Exchange {
    /// All that it holds at `now`, in canonical order.
    pub(in crate::settle) fn contents(&self, now: u64, sink: &mut impl ContentsSink) {
        let markets = self.markets[..self.market_count].iter();
        let record = |market: &Market| MarketRecord {
            market: market.fields,
            timestamp: market.timestamp,
            base_index: market.base_index,
            quote_index: market.quote_index,
            fee_index: market.fee_index,
            reserved: [0; 3],
        };
        sink.section(Section::Markets, markets.map(record));
        let mut open = Vec::new();
        for market in 0..self.market_count as u32 {
            open.extend(self.books.resting(market, Side::Buy));
            open.extend(self.books.resting(market, Side::Sell));
        }
        sink.section(Section::OpenOrders, open.iter().map(|&slot| self.record(slot)));
        let settled = self.books.settled(now);
        sink.section(Section::SettledOrders, settled.iter().map(|&slot| self.record(slot)));
    }

    fn record(&self, slot: u32) -> OrderRecord {
        let (order, rest) = (self.books.order(slot), self.books.rest(slot));
        OrderRecord {
            id: order.id,
            budget: rest.budget,
            user_data_128: rest.user_data_128,
            price: order.price,
            remaining: order.remaining,
            placed_price: rest.placed_price,
            placed_quantity: rest.placed_quantity,
            quantity: rest.quantity,
            timestamp: rest.timestamp,
            settled_at: rest.settled_at,
            base_index: order.base_index,
            quote_index: order.quote_index,
            market: order.market,
            timeout: rest.timeout,
            side: order.side as u8,
            time_in_force: order.time_in_force as u8,
            state: order.state as u8,
            post_only: order.post_only.into(),
            limited: order.limited.into(),
            reserved: [0; 3],
        }
    }

    /// Takes over what [`Exchange::contents`] gave, at the time of the event before; there are
    /// `accounts` accounts.
    pub(in crate::settle) fn restore<S: ContentsSource>(
        &mut self,
        now: u64,
        accounts: u32,
        source: &mut S,
    ) -> Result<(), S::Error> {
        source.section(Section::Markets, |first, records: &[MarketRecord]| {
            let end = first + records.len();
            let fits = end <= self.markets.len();
            Misfit::unless(fits, Section::Markets, first, "more than the capacity")?;
            for (index, record) in (first..).zip(records) {
                let MarketRecord { base_index, quote_index, fee_index, .. } = *record;
                let last = base_index.max(quote_index).max(fee_index);
                Misfit::unless(last < accounts, Section::Markets, index, "no such account")?;
                self.markets[index] = Market {
                    fields: record.market,
                    timestamp: record.timestamp,
                    base_index,
                    quote_index,
                    fee_index,
                };
            }
            self.market_count = end;
            Ok(())
        })?;
        // Timers of one nanosecond expire in the order of adding, which has to be that of creation.
        let mut timed: Vec<(u64, u32)> = Vec::new();
        let section = Section::OpenOrders;
        source.section(section, |first, records: &[OrderRecord]| {
            for (index, record) in (first..).zip(records) {
                let slot = self.restore_order(section, index, record, accounts)?;
                self.books.rest_order(slot);
                if let Some(expires_at) = expires_at(record.timestamp, record.timeout) {
                    Misfit::unless(expires_at > now, section, index, "it should have expired")?;
                    timed.push((record.timestamp, slot));
                }
            }
            Ok(())
        })?;
        timed.sort_unstable();
        for (timestamp, slot) in timed {
            let timeout = self.books.rest(slot).timeout;
            let expires_at = expires_at(timestamp, timeout).expect("it has a timeout");
            self.timers.add(slot, expires_at, now);
            self.books.set_timed(slot, true);
        }
        let section = Section::SettledOrders;
        source.section(section, |first, records: &[OrderRecord]| {
            for (index, record) in (first..).zip(records) {
                let slot = self.restore_order(section, index, record, accounts)?;
                let Order { state, .. } = *self.books.order(slot);
                self.books.settle(slot, state, record.settled_at);
            }
            Ok(())
        })
    }

    /// Adds an order or a spent id to the next slot.
    fn restore_order(
        &mut self,
        section: Section,
        index: usize,
        record: &OrderRecord,
        accounts: u32,
    ) -> Result<u32, Misfit> {
        let misfit = |what| Misfit { section, index, what };
        let state = State::from_number(record.state).ok_or(misfit("no state of an order"))?;
        let side = Side::from_number(record.side).ok_or(misfit("no side"))?;
        let time_in_force =
            TimeInForce::from_number(record.time_in_force).ok_or(misfit("no time in force"))?;
        let belongs = (state == State::Open) == (section == Section::OpenOrders);
        Misfit::unless(belongs, section, index, "a state of the other kind of orders")?;
        let is_order = state != State::Spent;
        let both = record.base_index.max(record.quote_index);
        Misfit::unless(!is_order || both < accounts, section, index, "no such account")?;
        let has_market = (record.market as usize) < self.market_count;
        Misfit::unless(!is_order || has_market, section, index, "no such market")?;
        let is_whole = record.remaining <= record.quantity;
        Misfit::unless(is_whole, section, index, "more remains than there was")?;
        let is_open = state == State::Open;
        let rests = !is_open || record.remaining > 0;
        Misfit::unless(rests, section, index, "nothing is left of an open order")?;
        // At time 0 nothing is forgotten, and contents hold nothing that was.
        Misfit::unless(self.books.has_room(0), section, index, "more than the capacity")?;
        if is_open {
            let held = self.market(record.market).held(side, record.price, record.remaining);
            Misfit::unless(held.is_some(), section, index, "it holds more than any amount")?;
        }
        let order = Order {
            id: record.id,
            price: record.price,
            remaining: record.remaining,
            base_index: record.base_index,
            quote_index: record.quote_index,
            market: record.market,
            side,
            time_in_force,
            state,
            post_only: record.post_only != 0,
            limited: record.limited != 0,
            ..Order::VACANT
        };
        let rest = Rest {
            user_data_128: record.user_data_128,
            budget: record.budget,
            placed_price: record.placed_price,
            placed_quantity: record.placed_quantity,
            quantity: record.quantity,
            timestamp: record.timestamp,
            settled_at: record.settled_at,
            timeout: record.timeout,
        };
        Ok(self.books.insert(self.books.hash(record.id), order, rest))
    }
}
