//! Queued payments: what clients send about them, and what they are told.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::orders::names;

names! {
    /// What became of a payment that was sent with `queue`.
    QueueStatus {
        /// It settled, at once or later.
        Settled = 1 "settled",
        /// It waits.
        Queued = 2 "queued",
        /// Its owner took it out.
        Cancelled = 3 "cancelled",
        /// Its time was over.
        Expired = 4 "expired",
        /// It could not settle any more.
        Dropped = 5 "dropped",
    }
}

names! {
    /// What let a queued payment settle.
    SettledBy {
        /// Its account had the money.
        Release = 1 "release",
        /// The payee's next payment settled with it.
        Offset = 2 "offset",
        /// The queues of its ledger were resolved.
        Resolution = 3 "resolution",
    }
}

/// Body of [`super::Op::ResolveQueues`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct ResolveQueues {
    /// Whose queued payments; not 0.
    pub ledger: u32,
    /// Zero.
    pub reserved: [u32; 3],
    /// Zero.
    pub reserved_more: [u128; 7],
}

/// Body of [`super::Op::RequeueTransfer`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct RequeueTransfer {
    /// The queued payment.
    pub id: u128,
    /// 1: among the urgent ones.
    pub urgent: u8,
    /// Zero.
    pub reserved: [u8; 15],
    /// Zero.
    pub reserved_more: [u128; 6],
}

/// The queue of an account, summed up.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct QueueBody {
    /// Minor units of all payments in it; stops at 2^128 − 1.
    pub amount: u128,
    /// The payment that settles next, 0 if there is none.
    pub head_id: u128,
    /// How many payments.
    pub count: u64,
    /// Zero.
    pub reserved: u64,
    /// Zero.
    pub reserved_more: [u128; 7],
}

/// A pending or queued transfer expired, or a queued one settled or was dropped.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct TransferEvent {
    /// The transfer.
    pub id: u128,
    /// Why it was dropped: a [`super::Status`] by its number; else 0.
    pub status: u16,
    /// What let it settle: a [`SettledBy`] by its number; else 0.
    pub by: u8,
    /// Zero.
    pub reserved: [u8; 13],
    /// Zero.
    pub reserved_more: [u128; 8],
}

const _: () = assert!(size_of::<ResolveQueues>() == 128 && align_of::<ResolveQueues>() == 16);
const _: () = assert!(size_of::<RequeueTransfer>() == 128 && align_of::<RequeueTransfer>() == 16);
