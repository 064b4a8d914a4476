//! What travels in the lane beside the outcomes: bodies of look-ups, and what commands brought
//! about.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, transmute, transmute_ref};

use super::orders::names;
use super::{
    Account, LevelsBody, MarketBody, OrderBody, OrderCancelled, QueueBody, Trade, Transfer,
    TransferEvent,
};

names! {
    /// What an [`Event`] tells. Bodies of look-ups have names too, but no line of their own.
    EventKind {
        /// The account that a `lookup_account` found.
        AccountBody = 1 "account",
        /// The transfer that a `lookup_transfer` found.
        TransferBody = 2 "transfer",
        /// The order that a `lookup_order` found.
        OrderBody = 3 "order",
        /// The market that a `lookup_market` found. Its bids and asks follow.
        MarketBody = 4 "market",
        /// The best prices of those who buy.
        BidsBody = 5 "bids",
        /// The best prices of those who sell.
        AsksBody = 6 "asks",
        /// The queue that a `lookup_queue` found.
        QueueBody = 7 "queue",
        /// A pending or queued transfer expired.
        TransferExpired = 16 "transfer_expired",
        /// A queued payment settled after its own command, or in its course by offset.
        TransferSettled = 17 "transfer_settled",
        /// A queued payment left its queue unsettled without its owner's word.
        TransferDropped = 18 "transfer_dropped",
        /// An order met a resting one.
        Trade = 19 "trade",
        /// A resting order left its book without its owner's word.
        OrderCancelled = 20 "order_cancelled",
    }
}

impl EventKind {
    /// True if it tells what a command brought about, and so has a number; else it is the body of
    /// a look-up.
    #[must_use]
    pub const fn is_numbered(self) -> bool {
        self as u8 >= EventKind::TransferExpired as u8
    }
}

names! {
    /// What became of a pending transfer.
    PendingStatus {
        /// Not yet resolved.
        Pending = 1 "pending",
        /// Posted, whole or in part.
        Posted = 2 "posted",
        /// Voided.
        Voided = 3 "voided",
        /// Expired.
        Expired = 4 "expired",
    }
}

/// A transfer, and what became of it if it was pending or sent with `queue`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct TransferBody {
    /// The transfer, with the amount that it really moved.
    pub transfer: Transfer,
    /// A [`PendingStatus`] by its number, 0 where the transfer never was pending.
    pub pending_status: u8,
    /// A [`super::QueueStatus`] by its number, 0 where it was not sent with `queue`.
    pub queue_status: u8,
    /// Zero.
    pub reserved: [u8; 14],
    /// Zero.
    pub reserved_more: u128,
}

/// The 160 bytes of an event; what they mean depends on its kind.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(transparent)]
pub struct EventBody([u128; 10]);

/// One entry of the events lane. An outcome follows the last entry of its command.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Event {
    /// Sequence of the command in whose course it happened.
    pub sequence: u64,
    /// The engine's timestamp of that command.
    pub timestamp: u64,
    /// Its number among the numbered events, from 1; 0 for the body of a look-up.
    pub number: u64,
    /// The session that waits for the command's outcome.
    pub session: u16,
    /// An [`EventKind`], by its number.
    pub kind: u8,
    /// Zero.
    pub reserved: u8,
    /// How many commands before that one the event goes out: what a linked chain brings about
    /// belongs to its last member, and goes before the outcome of the first.
    pub lead: u16,
    /// Zero.
    pub reserved_more: u16,
    /// By the kind.
    pub body: EventBody,
}

const _: () = assert!(size_of::<Event>() == 192 && align_of::<Event>() == 16);

macro_rules! event_bodies {
    ($($constructor:ident $view:ident $type:ty;)+) => {
        $(const _: () = assert!(size_of::<$type>() == size_of::<EventBody>());)+
        impl EventBody {
            $(
                #[doc = concat!("The body that is this [`", stringify!($type), "`].")]
                #[must_use]
                pub fn $constructor(body: $type) -> EventBody {
                    EventBody(transmute!(body))
                }

                #[doc = concat!("The body read as [`", stringify!($type), "`].")]
                #[must_use]
                pub fn $view(&self) -> &$type {
                    transmute_ref!(self)
                }
            )+
        }
    };
}

event_bodies! {
    of_transfer transfer TransferBody;
    of_order order OrderBody;
    of_market market MarketBody;
    of_levels levels LevelsBody;
    of_queue queue QueueBody;
    of_transfer_event transfer_event TransferEvent;
    of_trade trade Trade;
    of_cancellation cancellation OrderCancelled;
}

impl EventBody {
    /// The body of an [`EventKind::AccountBody`].
    #[must_use]
    pub fn of_account(account: Account) -> EventBody {
        let account: [u128; 8] = transmute!(account);
        let mut body = [0; 10];
        body[..8].copy_from_slice(&account);
        EventBody(body)
    }

    /// The body read as an account.
    #[must_use]
    pub fn account(&self) -> &Account {
        let words: &[u128; 8] = self.0.first_chunk().expect("eight words of ten");
        transmute_ref!(words)
    }
}

impl Event {
    /// The kind.
    ///
    /// # Panics
    ///
    /// If the number is unknown: only settle writes it.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        EventKind::from_number(self.kind).expect("settle writes only known kinds")
    }

    /// Sequence of the command whose outcome it goes before.
    #[inline]
    #[must_use]
    pub fn goes_before(&self) -> u64 {
        self.sequence - u64::from(self.lead)
    }
}
