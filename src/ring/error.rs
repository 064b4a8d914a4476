//! Why a ring says no.

use thiserror::Error;

/// The ring was stopped before its end: by a stage or producer that panicked or went away, or on
/// purpose. Nothing more goes in, and every stage is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the ring was halted by {by}: {message}")]
pub struct Halted {
    /// Name of the stage that halted it, `producer`, or `monitor`.
    pub by: String,
    /// What went wrong there, for people.
    pub message: String,
}

/// Why no slots could be claimed, now or ever.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// More slots were asked for than the ring has: waiting would never end.
    #[error("a batch of {asked} does not fit a ring of {slots} slots")]
    BatchTooLong {
        /// Slots asked for.
        asked: usize,
        /// Slots of the ring.
        slots: usize,
    },
    /// The time to wait ran out while the ring was too full.
    #[error("no room for {asked} within {} ms", limit.as_millis())]
    TimedOut {
        /// Slots asked for.
        asked: usize,
        /// How long was waited.
        limit: core::time::Duration,
    },
    /// The ring was halted.
    #[error(transparent)]
    Halted(#[from] Halted),
}

impl ClaimError {
    /// Why the ring was halted, if that is the reason.
    pub(super) fn halted(self) -> Option<Halted> {
        match self {
            Self::Halted(halted) => Some(halted),
            Self::BatchTooLong { .. } | Self::TimedOut { .. } => None,
        }
    }
}

/// A value that could not be published now, handed back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", halted.as_ref().map_or_else(|| "the ring is full".to_owned(), Halted::to_string))]
pub struct PublishError<T> {
    /// The value.
    pub value: T,
    /// Set if the ring was halted; otherwise it is full for the moment.
    pub halted: Option<Halted>,
}

/// Why a ring cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The number of slots is not a power of two.
    #[error("a ring of {slots} slots: the number must be a power of two")]
    SlotsNotPowerOfTwo {
        /// Slots asked for.
        slots: usize,
    },
    /// The first sequence leaves too little room to count on.
    #[error("first sequence {first_sequence} is above {max}", max = FIRST_SEQUENCE_MAX)]
    FirstSequenceTooHigh {
        /// First sequence asked for.
        first_sequence: u64,
    },
    /// A ring without a stage: nobody would read what is published.
    #[error("a ring needs at least one stage")]
    NoStage,
}

/// Highest first sequence of a ring. Above it 2^63 more remain, which no machine counts through.
pub const FIRST_SEQUENCE_MAX: u64 = 1 << 63;
