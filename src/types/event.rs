//! What travels in the lane beside the outcomes: bodies of look-ups, and what commands brought about.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, transmute, transmute_ref};

use super::{Account, Transfer};

/// What an [`Event`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EventKind {
    /// The account that a `lookup_account` found.
    AccountBody = 1,
    /// The transfer that a `lookup_transfer` found.
    TransferBody = 2,
}

impl EventKind {
    /// The kind with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<EventKind> {
        Some(match number {
            1 => EventKind::AccountBody,
            2 => EventKind::TransferBody,
            _ => return None,
        })
    }
}

/// What became of a pending transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PendingStatus {
    /// Not yet resolved.
    Pending = 1,
    /// Posted, whole or in part.
    Posted = 2,
    /// Voided.
    Voided = 3,
    /// Expired.
    Expired = 4,
}

impl PendingStatus {
    /// The status with this number; 0 is none.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<PendingStatus> {
        Some(match number {
            1 => PendingStatus::Pending,
            2 => PendingStatus::Posted,
            3 => PendingStatus::Voided,
            4 => PendingStatus::Expired,
            _ => return None,
        })
    }

    /// The name in the text format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PendingStatus::Pending => "pending",
            PendingStatus::Posted => "posted",
            PendingStatus::Voided => "voided",
            PendingStatus::Expired => "expired",
        }
    }
}

/// A transfer, and what became of it if it was pending.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct TransferBody {
    /// The transfer, with the amount that it really moved.
    pub transfer: Transfer,
    /// A [`PendingStatus`] by its number, 0 where the transfer never was pending.
    pub pending_status: u8,
    /// Zero.
    pub reserved: [u8; 15],
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
    pub reserved: [u8; 5],
    /// By the kind.
    pub body: EventBody,
}

const _: () = assert!(size_of::<TransferBody>() == size_of::<EventBody>());
const _: () = assert!(size_of::<Event>() == 192 && align_of::<Event>() == 16);

impl EventBody {
    /// The body of an [`EventKind::AccountBody`].
    #[must_use]
    pub fn of_account(account: Account) -> EventBody {
        let account: [u128; 8] = transmute!(account);
        let mut body = [0; 10];
        body[..8].copy_from_slice(&account);
        EventBody(body)
    }

    /// The body of an [`EventKind::TransferBody`].
    #[must_use]
    pub fn of_transfer(transfer: TransferBody) -> EventBody {
        EventBody(transmute!(transfer))
    }

    /// The body read as an account.
    #[must_use]
    pub fn account(&self) -> &Account {
        let words: &[u128; 8] = self.0.first_chunk().expect("eight words of ten");
        transmute_ref!(words)
    }

    /// The body read as a transfer.
    #[must_use]
    pub fn transfer(&self) -> &TransferBody {
        transmute_ref!(self)
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
}
