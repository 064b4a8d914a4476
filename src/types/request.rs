//! What a batch says of itself: whose it is, which it is, and what its sender wants to know it by.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Session, number and tag of a batch. It is kept in the journal with the batch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Request {
    /// Identity of the session, chosen by its client; 0: a session without a name.
    pub session: u128,
    /// What the client wants to recognise the batch by; the engine only keeps it.
    pub tag: u128,
    /// Number of the request, strictly increasing within a session; 0 in one without a name.
    pub number: u64,
    /// Zero.
    pub reserved: u64,
}

const _: () = assert!(size_of::<Request>() == 48);

impl Request {
    /// Of a batch that says nothing of itself.
    pub const NONE: Request = Request { session: 0, tag: 0, number: 0, reserved: 0 };

    /// Whether the batch says nothing of itself.
    #[inline]
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.session == 0 && self.tag == 0 && self.number == 0
    }

    /// Whether the session has a name: only then it can be resumed.
    #[inline]
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.session != 0
    }
}
