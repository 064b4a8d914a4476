//! Markets and orders, as clients send them and as look-ups show them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! names {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $number:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $type {
            $($(#[$doc])* $name = $number,)+
        }

        impl $type {
            /// Every value, in the order of the numbers.
            pub const ALL: &'static [$type] = &[$($type::$name),+];

            /// The value with this number, if there is one.
            #[inline]
            #[must_use]
            pub const fn from_number(number: u8) -> Option<$type> {
                Some(match number {
                    $($number => $type::$name,)+
                    _ => return None,
                })
            }

            /// The name in the text format.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$name => $text,)+
                }
            }

            /// The value with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<$type> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}
pub(super) use names;

names! {
    /// What an order wants of the base ledger.
    Side {
        /// To buy it.
        Buy = 1 "buy",
        /// To sell it.
        Sell = 2 "sell",
    }
}

names! {
    /// What becomes of an order that does not trade at once.
    TimeInForce {
        /// Good till cancelled: it rests.
        Gtc = 0 "gtc",
        /// Immediate or cancel: what is left is dropped.
        Ioc = 1 "ioc",
        /// Fill or kill: it trades in full or not at all.
        Fok = 2 "fok",
        /// Fill or kill without a price: what it costs, or brings, keeps the budget.
        FokBudget = 3 "fok_budget",
    }
}

names! {
    /// What became of an order.
    OrderStatus {
        /// It rests.
        Open = 1 "open",
        /// It traded in full.
        Filled = 2 "filled",
        /// What was left of it was dropped, cancelled or expired.
        Cancelled = 3 "cancelled",
    }
}

names! {
    /// Why a resting order left its book without its owner's word. The first that applies.
    CancelReason {
        /// Its time was over.
        Expired = 1 "expired",
        /// It met an order that shares an account with it.
        SelfTrade = 2 "self_trade",
        /// One of its accounts is closed.
        AccountClosed = 3 "account_closed",
        /// The trade would overflow a balance of its owner.
        Overflow = 4 "overflow",
    }
}

/// A market: one ledger's money (base) for another's (quote).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Market {
    /// The other side of the holds of sells.
    pub base_account_id: u128,
    /// The other side of the holds of buys.
    pub quote_account_id: u128,
    /// Where fees go, on the quote ledger.
    pub fee_account_id: u128,
    /// Base units in one lot; not 0.
    pub lot: u64,
    /// Quote units for one lot and one step of price; not 0.
    pub tick: u64,
    /// What the order that rested pays, in quote units a lot; not above `taker_fee`.
    pub maker_fee: u64,
    /// What the order that came pays, in quote units a lot.
    pub taker_fee: u64,
    /// Chosen by the client; not 0.
    pub id: u32,
    /// The ledger whose money is bought and sold; not 0.
    pub base_ledger: u32,
    /// The ledger whose money it is paid with; not 0, and another one.
    pub quote_ledger: u32,
    /// Zero.
    pub reserved: u32,
    /// Zero.
    pub reserved_more: [u128; 2],
}

/// An order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct PlaceOrder {
    /// Chosen by the client, in a space of its own; neither 0 nor 2^128 − 1. The idempotency key.
    pub id: u128,
    /// The owner's account on the base ledger.
    pub base_account_id: u128,
    /// The owner's account on the quote ledger.
    pub quote_account_id: u128,
    /// Most that a `fok_budget` buy may cost, least that such a sell has to bring, in quote units.
    pub budget: u128,
    /// Opaque to the engine.
    pub user_data_128: u128,
    /// In steps of the market's tick.
    pub price: u64,
    /// In lots.
    pub quantity: u64,
    /// The market.
    pub market: u32,
    /// Seconds after which it leaves the book; 0: never.
    pub timeout: u32,
    /// A [`Side`], by its number.
    pub side: u8,
    /// A [`TimeInForce`], by its number.
    pub time_in_force: u8,
    /// 1: refused if it would trade at once.
    pub post_only: u8,
    /// Zero.
    pub reserved: [u8; 5],
    /// Zero.
    pub reserved_more: u128,
}

/// A change of a resting order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct AmendOrder {
    /// The order.
    pub id: u128,
    /// Its new price in steps; 0: as it is.
    pub price: u64,
    /// What shall remain, in lots; 0: as it is.
    pub quantity: u64,
    /// Zero.
    pub reserved: [u128; 6],
}

/// An order as a look-up shows it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct OrderBody {
    /// Its fields; `price` is the present one, `quantity` is `filled` and `remaining` together.
    pub order: PlaceOrder,
    /// When it was placed, in nanoseconds since the Unix epoch.
    pub timestamp: u64,
    /// Lots that were traded.
    pub filled: u64,
    /// Lots that were not.
    pub remaining: u64,
    /// An [`OrderStatus`], by its number.
    pub order_status: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

/// A market as a look-up shows it, without its prices.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct MarketBody {
    /// Its fields.
    pub market: Market,
    /// When it was created, in nanoseconds since the Unix epoch.
    pub timestamp: u64,
    /// Zero.
    pub reserved: [u64; 3],
}

/// A market in the contents of an engine, with its accounts' indices.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct MarketRecord {
    /// Its fields.
    pub market: Market,
    /// When it was created, in nanoseconds since the Unix epoch.
    pub timestamp: u64,
    /// Index of its base account.
    pub base_index: u32,
    /// Index of its quote account.
    pub quote_index: u32,
    /// Index of its fee account.
    pub fee_index: u32,
    /// Zero.
    pub reserved: [u32; 3],
}

/// How many prices of each side a look-up of a market shows.
pub const LEVELS_SHOWN: usize = 5;

/// What rests at one price.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Level {
    /// Lots of all orders at this price.
    pub quantity: u128,
    /// In steps.
    pub price: u64,
    /// How many orders; 0: there is no such level.
    pub orders: u64,
}

/// The best prices of one side, the best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct LevelsBody {
    /// Levels that there are, then such with no orders.
    pub levels: [Level; LEVELS_SHOWN],
}

/// An order met a resting one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Trade {
    /// The order that came.
    pub taker_order_id: u128,
    /// The order that rested.
    pub maker_order_id: u128,
    /// What the taker pays besides, in quote units.
    pub taker_fee: u128,
    /// What the maker pays besides, in quote units.
    pub maker_fee: u128,
    /// The maker's, in steps.
    pub price: u64,
    /// In lots.
    pub quantity: u64,
    /// The market.
    pub market: u32,
    /// Zero.
    pub reserved: [u32; 3],
    /// Zero.
    pub reserved_more: [u128; 4],
}

/// A resting order left its book without its owner's word.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct OrderCancelled {
    /// The order.
    pub id: u128,
    /// Lots that were not traded.
    pub remaining: u64,
    /// A [`CancelReason`], by its number.
    pub reason: u8,
    /// Zero.
    pub reserved: [u8; 7],
    /// Zero.
    pub reserved_more: [u128; 8],
}

const _: () = assert!(size_of::<MarketRecord>() == 160);
const _: () = assert!(size_of::<Market>() == 128 && align_of::<Market>() == 16);
const _: () = assert!(size_of::<PlaceOrder>() == 128 && align_of::<PlaceOrder>() == 16);
const _: () = assert!(size_of::<AmendOrder>() == 128 && align_of::<AmendOrder>() == 16);
