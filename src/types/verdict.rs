//! What risk found out about a command, for settle.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Status;

/// Dense indices of what the command names, and what risk would refuse it with.
///
/// A verdict is not a status: settle puts `refusal` at its place in the precedence, so that
/// `exists` and `id_already_failed` come before it.
///
/// | of | debit_index | credit_index | extra_index |
/// |---|---|---|---|
/// | a transfer | debit account | credit account | spend window |
/// | an order | base account | quote account | market |
/// | a market | base account, of one that exists: the market | quote account | fee account |
/// | a look-up of an account or queue | the account | | |
/// | a look-up of a market | the market | | |
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Verdict {
    /// Index of the first account the command names (the debit account), or [`Verdict::NONE`].
    pub debit_index: u32,
    /// Index of the second account the command names (the credit account), or [`Verdict::NONE`].
    pub credit_index: u32,
    /// A [`Status`] by its number, or 0: risk has no objection.
    pub refusal: u16,
    /// Zero, or more of what risk found, by the kind of command.
    pub detail: u16,
    /// Zero, or one more index, by the kind of command.
    pub extra_index: u32,
}

const _: () = assert!(size_of::<Verdict>() == 16);

impl Verdict {
    /// No such thing.
    pub const NONE: u32 = u32::MAX;

    /// In `detail`: `refusal` comes before any look at the id, not after `id_already_failed`.
    pub const BEFORE_ID: u16 = 1 << 0;
    /// In `detail`: the debit account's debits must not exceed its credits.
    pub const DEBITS_LIMITED: u16 = 1 << 1;
    /// In `detail`: the credit account's credits must not exceed its debits.
    pub const CREDITS_LIMITED: u16 = 1 << 2;
    /// In `detail`: the debit account has a spend window, the one at `extra_index`.
    pub const SPEND_LIMITED: u16 = 1 << 3;
    /// In `detail`: the id that `create_account` repeats was taken by the command `extra_index`
    /// places before it, in the chain that fails by this.
    pub const TAKEN_IN_CHAIN: u16 = 1 << 4;

    /// Nothing found, and this refusal.
    #[inline]
    #[must_use]
    pub fn refused(status: Status) -> Verdict {
        Verdict { refusal: status as u16, ..Verdict::default() }
    }

    /// What risk would refuse with, if anything.
    ///
    /// # Panics
    ///
    /// If the number is none of a status: only risk writes it.
    #[inline]
    #[must_use]
    pub fn refusal(&self) -> Option<Status> {
        match self.refusal {
            0 => None,
            number => Some(Status::from_number(number).expect("risk writes only known statuses")),
        }
    }
}

impl Default for Verdict {
    fn default() -> Verdict {
        Verdict {
            debit_index: Verdict::NONE,
            credit_index: Verdict::NONE,
            refusal: 0,
            detail: 0,
            extra_index: Verdict::NONE,
        }
    }
}
