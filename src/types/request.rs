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

/// Whose a batch is, and where its commands are.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct Origin {
    /// What the batch says of itself.
    pub request: Request,
    /// Sequence of its first command.
    pub first_sequence: u64,
    /// Timestamp of its first command, in nanoseconds; each further one's is 1 later.
    pub first_timestamp: u64,
    /// How many commands it has.
    pub commands: u32,
    /// Their [`Op`](super::Op), by its number.
    pub op: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// Zero.
    pub reserved_more: u64,
}

const _: () = assert!(size_of::<Origin>() == 80);

impl Origin {
    /// Sequence of its last command.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.commands) - 1
    }

    /// Of a batch, from its header and place.
    #[must_use]
    pub fn of(request: &Request, first_sequence: u64, header: &super::Header) -> Origin {
        Origin {
            request: *request,
            first_sequence,
            first_timestamp: header.timestamp,
            commands: header.batch_length.into(),
            op: header.op,
            ..Origin::default()
        }
    }
}

/// What an engine knows of a session.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct SessionRecord {
    /// Its identity.
    pub id: u128,
    /// Number of the last request that was taken in.
    pub last_request: u64,
    /// Sequence of that request's last command.
    pub last_sequence: u64,
    /// Timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// Zero.
    pub reserved: u64,
}

const _: () = assert!(size_of::<SessionRecord>() == 48);

impl SessionRecord {
    /// Of no session.
    pub const NONE: SessionRecord =
        SessionRecord { id: 0, last_request: 0, last_sequence: 0, last_timestamp: 0, reserved: 0 };
}

impl Request {
    /// Of a batch that says nothing of itself.
    pub const NONE: Request = Request { session: 0, tag: 0, number: 0, reserved: 0 };

    /// Whether the batch says nothing of itself.
    #[inline]
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.session == 0 && self.tag == 0 && self.number == 0
    }

    /// Whether its fields go together: it has a number where the session has a name, and nowhere
    /// else, and what is reserved is zero.
    #[inline]
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.is_named() == (self.number != 0) && self.reserved == 0
    }

    /// Whether the session has a name: only then it can be resumed.
    #[inline]
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.session != 0
    }
}
