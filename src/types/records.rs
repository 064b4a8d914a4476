//! Accounts and transfers, as clients send them and as look-ups show them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{AccountFlags, TransferFlags};

/// The largest amount. In a post it stands for the whole of the pending transfer.
pub const AMOUNT_MAX: u128 = u128::MAX;

/// An account. Balances are in minor units (cents for EUR, yen for JPY).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Account {
    /// Chosen by the client; neither 0 nor 2^128 − 1.
    pub id: u128,
    /// What pending transfers would take out.
    pub debits_pending: u128,
    /// What was taken out.
    pub debits_posted: u128,
    /// What pending transfers would bring in.
    pub credits_pending: u128,
    /// What was brought in.
    pub credits_posted: u128,
    /// Opaque to the engine.
    pub user_data_128: u128,
    /// Opaque to the engine.
    pub user_data_64: u64,
    /// Opaque to the engine.
    pub user_data_32: u32,
    /// Zero.
    pub reserved: u32,
    /// What may be exchanged with what: one for each currency; not 0.
    pub ledger: u32,
    /// The client's category; not 0.
    pub code: u16,
    /// See [`AccountFlags`].
    pub flags: AccountFlags,
    /// When it was created, in nanoseconds since the Unix epoch; set by the engine.
    pub timestamp: u64,
}

/// A transfer of `amount` minor units from one account to another.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Transfer {
    /// Chosen by the client; neither 0 nor 2^128 − 1. The idempotency key.
    pub id: u128,
    /// The account that pays.
    pub debit_account_id: u128,
    /// The account that receives.
    pub credit_account_id: u128,
    /// Minor units; 0 is legal.
    pub amount: u128,
    /// The pending transfer that this one posts or voids; else 0.
    pub pending_id: u128,
    /// Opaque to the engine.
    pub user_data_128: u128,
    /// Opaque to the engine.
    pub user_data_64: u64,
    /// Opaque to the engine.
    pub user_data_32: u32,
    /// Seconds after which a pending transfer expires; 0: never.
    pub timeout: u32,
    /// The ledger of both accounts.
    pub ledger: u32,
    /// The client's category; not 0.
    pub code: u16,
    /// See [`TransferFlags`].
    pub flags: TransferFlags,
    /// When it was executed, in nanoseconds since the Unix epoch; set by the engine.
    pub timestamp: u64,
}

const _: () = assert!(size_of::<Account>() == 128 && align_of::<Account>() == 16);
const _: () = assert!(size_of::<Transfer>() == 128 && align_of::<Transfer>() == 16);
