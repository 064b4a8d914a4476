//! The one answer that each command gets.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Command, Op, OrderStatus, Status};

/// The answer to one command. Its sequence is its place in the lane.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Outcome {
    /// The id that the command names, 0 if its kind has none.
    pub id: u128,
    /// The event's timestamp; of the original where the status is `exists`.
    pub timestamp: u64,
    /// A [`Status`], by its number.
    pub status: u16,
    /// The session that waits for it.
    pub session: u16,
    /// The [`Op`] of the command, by its number.
    pub op: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// More of what happened, by the kind of command; zero.
    pub detail: [u64; 4],
}

const _: () = assert!(size_of::<Outcome>() == 64 && align_of::<Outcome>() == 16);

impl Outcome {
    /// The answer to `command` with its own timestamp.
    #[inline]
    #[must_use]
    pub fn of(command: &Command, status: Status) -> Outcome {
        Outcome {
            id: command.id(),
            timestamp: command.header.timestamp,
            status: status as u16,
            session: command.header.session,
            op: command.header.op,
            ..Outcome::default()
        }
    }

    /// The same with what became of an order: its status, and lots traded and not.
    #[must_use]
    pub fn with_order(self, status: OrderStatus, filled: u64, remaining: u64) -> Outcome {
        Outcome { detail: [status as u64, filled, remaining, 0], ..self }
    }

    /// What became of the order: its status, and lots traded and not. `None` where it says nothing.
    #[must_use]
    pub fn order(&self) -> Option<(OrderStatus, u64, u64)> {
        let [status, filled, remaining, _] = self.detail;
        let status = OrderStatus::from_number(u8::try_from(status).ok()?)?;
        Some((status, filled, remaining))
    }

    /// The same with what a resolution settled: how many payments, and their sum in minor units.
    #[must_use]
    pub fn with_settled(self, count: u64, amount: u128) -> Outcome {
        Outcome { detail: [count, 0, amount as u64, (amount >> 64) as u64], ..self }
    }

    /// What a resolution settled: how many payments, and their sum in minor units.
    #[must_use]
    pub fn settled(&self) -> (u64, u128) {
        let [count, _, low, high] = self.detail;
        (count, u128::from(high) << 64 | u128::from(low))
    }

    /// The status.
    ///
    /// # Panics
    ///
    /// If the number is unknown: only settle writes it.
    #[inline]
    #[must_use]
    pub fn status(&self) -> Status {
        Status::from_number(self.status).expect("settle writes only known statuses")
    }

    /// The operation that it answers.
    ///
    /// # Panics
    ///
    /// If the number is unknown: only settle writes it.
    #[inline]
    #[must_use]
    pub fn op(&self) -> Op {
        Op::from_number(self.op).expect("settle writes only known operations")
    }
}
