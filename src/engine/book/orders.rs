//! What the books keep of an order or a spent id.
//!
//! An order is open while it trades or rests; it is settled by the command that fills or cancels
//! it.

use zerocopy::FromZeros;

use crate::table::{Array, ColdPart, EngineError, HotPart, NO_INDEX, Store, StoreNames};
use ringfence_types::{OrderStatus, Side, TimeInForce};

/// Orders and spent ids, by id.
pub(super) type Orders = Store<Order, Rest>;

pub(super) const NAMES: StoreNames = StoreNames { records: "orders", ids: "ids of orders" };

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Trades or rests.
    Open = 1,
    /// Nothing is left of it.
    Filled = 2,
    /// What was left of it was dropped.
    Cancelled = 3,
    /// No order: an id that a refusal has spent.
    Spent = 4,
    /// No longer found; waits for its slot to be freed.
    Forgotten = 5,
}

impl State {
    /// The state that a record of contents names by its number; none is forgotten there.
    pub(crate) fn from_number(number: u8) -> Option<State> {
        Some(match number {
            1 => State::Open,
            2 => State::Filled,
            3 => State::Cancelled,
            4 => State::Spent,
            _ => return None,
        })
    }
}

/// The first line of a record.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Order {
    pub(crate) id: u128,
    /// In steps, as it is now; 0 of `fok_budget`.
    pub(crate) price: u64,
    /// Lots not traded; of a cancelled order, those that were dropped.
    pub(crate) remaining: u64,
    /// The owner's account on the market's base ledger.
    pub(crate) base_index: u32,
    /// The owner's account on the market's quote ledger.
    pub(crate) quote_index: u32,
    pub(crate) market: u32,
    /// Neighbours in the queue of its level, or [`NO_INDEX`].
    pub(crate) before: u32,
    pub(crate) after: u32,
    /// Its price level while it rests, else [`NO_INDEX`].
    pub(crate) level: u32,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) state: State,
    pub(crate) post_only: bool,
    /// Scratch of one look-ahead.
    pub(crate) marked: bool,
    /// True if its owner's account must not pay more than it has.
    pub(crate) limited: bool,
    /// True if a timer runs for it.
    pub(crate) timed: bool,
}

/// The rest of a record.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C)]
pub(crate) struct Rest {
    pub(crate) user_data_128: u128,
    /// Quote units, of `fok_budget`.
    pub(crate) budget: u128,
    /// As first placed, in steps.
    pub(crate) placed_price: u64,
    /// As first placed, in lots.
    pub(crate) placed_quantity: u64,
    /// Filled and remaining lots together.
    pub(crate) quantity: u64,
    /// When it was placed.
    pub(crate) timestamp: u64,
    /// Engine's timestamp of the command that placed, filled or cancelled it, or refused it, last.
    pub(crate) settled_at: u64,
    /// Seconds; 0: never.
    pub(crate) timeout: u32,
}

const _: () = assert!(size_of::<Order>() == 64 && size_of::<Rest>() == 80);

impl Order {
    /// What a slot holds that was never used.
    pub(crate) const VACANT: Order = Order {
        id: 0,
        price: 0,
        remaining: 0,
        base_index: 0,
        quote_index: 0,
        market: 0,
        before: NO_INDEX,
        after: NO_INDEX,
        level: NO_INDEX,
        side: Side::Buy,
        time_in_force: TimeInForce::Gtc,
        state: State::Forgotten,
        post_only: false,
        marked: false,
        limited: false,
        timed: false,
    };
}

impl Rest {
    /// What the fields of a new record are that nothing else says.
    pub(crate) const VACANT: Rest = Rest {
        user_data_128: 0,
        budget: 0,
        placed_price: 0,
        placed_quantity: 0,
        quantity: 0,
        timestamp: 0,
        settled_at: 0,
        timeout: 0,
    };
}

impl HotPart for Order {
    type State = State;
    const FORGOTTEN: State = State::Forgotten;

    fn array(what: &'static str, length: usize) -> Result<Array<Order>, EngineError> {
        Array::new(what, length, Order::VACANT)
    }

    #[inline(always)]
    fn id(&self) -> u128 {
        self.id
    }

    #[inline(always)]
    fn state(&self) -> State {
        self.state
    }

    #[inline(always)]
    fn set_state(&mut self, state: State) {
        self.state = state;
    }

    #[inline(always)]
    fn is_open(&self) -> bool {
        self.state == State::Open
    }

    #[inline(always)]
    fn next_free(&self) -> u32 {
        self.after
    }

    #[inline(always)]
    fn set_next_free(&mut self, slot: u32) {
        self.after = slot;
    }
}

impl ColdPart for Rest {
    #[inline(always)]
    fn settled_at(&self) -> u64 {
        self.settled_at
    }

    #[inline(always)]
    fn set_settled_at(&mut self, timestamp: u64) {
        self.settled_at = timestamp;
    }
}

impl Order {
    /// How the order stands, for those who ask.
    ///
    /// # Panics
    ///
    /// If it is no order.
    pub(crate) fn status(&self) -> OrderStatus {
        match self.state {
            State::Open => OrderStatus::Open,
            State::Filled => OrderStatus::Filled,
            State::Cancelled => OrderStatus::Cancelled,
            State::Spent | State::Forgotten => panic!("a spent id has no status"),
        }
    }

    /// The order behind it at its price, or [`NO_INDEX`].
    #[inline(always)]
    pub(crate) fn after(&self) -> u32 {
        self.after
    }
}
