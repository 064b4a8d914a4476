//! Risk policies, as clients set them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Which directions of an account are frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Frozen {
    /// Neither.
    #[default]
    None = 0,
    /// It may not pay.
    Debits = 1,
    /// It may not receive.
    Credits = 2,
    /// It may do neither.
    All = 3,
}

impl Frozen {
    /// Every value with its name in the text format.
    pub const NAMES: [(Frozen, &'static str); 4] = [
        (Frozen::None, "none"),
        (Frozen::Debits, "debits"),
        (Frozen::Credits, "credits"),
        (Frozen::All, "all"),
    ];

    /// The value with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Frozen> {
        Some(match number {
            0 => Frozen::None,
            1 => Frozen::Debits,
            2 => Frozen::Credits,
            3 => Frozen::All,
            _ => return None,
        })
    }
}

/// Which limits of a policy are set. A limit that is not set does not exist; one that is set to 0
/// is a limit of 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(transparent)]
pub struct PolicyLimits(pub u8);

impl PolicyLimits {
    /// `debit_amount_max` of an account, `amount_max` of a ledger.
    pub const DEBIT_AMOUNT_MAX: PolicyLimits = PolicyLimits(1 << 0);
    /// `amount_max` of a ledger: the same bit.
    pub const AMOUNT_MAX: PolicyLimits = PolicyLimits::DEBIT_AMOUNT_MAX;
    /// `credit_amount_max`.
    pub const CREDIT_AMOUNT_MAX: PolicyLimits = PolicyLimits(1 << 1);
    /// `debit_rate`, with its window.
    pub const DEBIT_RATE: PolicyLimits = PolicyLimits(1 << 2);
    /// `amount` of `debit_spend`.
    pub const DEBIT_SPEND_AMOUNT: PolicyLimits = PolicyLimits(1 << 3);
    /// `count` of `debit_spend`.
    pub const DEBIT_SPEND_COUNT: PolicyLimits = PolicyLimits(1 << 4);
    /// Every bit that has a meaning.
    pub const KNOWN: PolicyLimits = PolicyLimits((1 << 5) - 1);

    /// True if any limit of `other` is set here.
    #[must_use]
    pub const fn has(self, other: PolicyLimits) -> bool {
        self.0 & other.0 != 0
    }

    /// These limits and those of `other`.
    #[must_use]
    pub const fn with(self, other: PolicyLimits) -> PolicyLimits {
        PolicyLimits(self.0 | other.0)
    }
}

/// The whole policy of one account.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct AccountPolicy {
    /// The account.
    pub account_id: u128,
    /// Most that one transfer may request to take from the account, in minor units.
    pub debit_amount_max: u128,
    /// Most that one transfer may request to bring to the account, in minor units.
    pub credit_amount_max: u128,
    /// Most that may be debited in one window, in minor units.
    pub debit_spend_amount: u128,
    /// Most transfers that may be debited in one window.
    pub debit_spend_count: u64,
    /// Most attempts to debit the account in one window.
    pub debit_rate_count: u64,
    /// Length of the spend window in seconds.
    pub debit_spend_window_seconds: u32,
    /// Length of the attempt window in seconds.
    pub debit_rate_window_seconds: u32,
    /// A [`Frozen`], by its number.
    pub frozen: u8,
    /// Which limits are set.
    pub limits: PolicyLimits,
    /// Zero.
    pub reserved: [u8; 6],
    /// Zero.
    pub reserved_more: [u64; 4],
}

/// The whole policy of one ledger.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct LedgerPolicy {
    /// Most that one transfer may request, in minor units.
    pub amount_max: u128,
    /// The ledger.
    pub ledger: u32,
    /// When it opens, in UTC seconds of the day.
    pub open_second: u32,
    /// When it closes, in UTC seconds of the day (the first second that is closed).
    pub close_second: u32,
    /// 1: nothing moves.
    pub halted: u8,
    /// Which limits are set: [`PolicyLimits::AMOUNT_MAX`] or none.
    pub limits: PolicyLimits,
    /// Zero.
    pub reserved: [u8; 2],
    /// Zero.
    pub reserved_more: [u128; 6],
}

/// One direction between two accounts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct PairPolicy {
    /// The account that pays.
    pub debit_account_id: u128,
    /// The account that receives.
    pub credit_account_id: u128,
    /// 1: forbidden.
    pub blocked: u8,
    /// Zero.
    pub reserved: [u8; 15],
    /// Zero.
    pub reserved_more: [u128; 5],
}

const _: () = assert!(size_of::<AccountPolicy>() == 128 && align_of::<AccountPolicy>() == 16);
const _: () = assert!(size_of::<LedgerPolicy>() == 128 && align_of::<LedgerPolicy>() == 16);
const _: () = assert!(size_of::<PairPolicy>() == 128 && align_of::<PairPolicy>() == 16);
