//! Why a ring refuses.

use alloc::string::String;
use core::error::Error;
use core::fmt;

/// The ring was stopped before its end: by a stage or producer that panicked or went away, or on
/// purpose. Nothing more goes in, and every stage is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halted {
    /// Name of the stage that halted it, `producer`, or `monitor`.
    pub by: String,
    /// What went wrong there, for people.
    pub message: String,
}

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ring was halted by {}: {}", self.by, self.message)
    }
}

impl Error for Halted {}

/// Why no slots could be claimed, now or ever.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimError {
    /// More slots were asked for than the ring has: waiting would never end.
    BatchTooLong {
        /// Slots asked for.
        asked: usize,
        /// Slots of the ring.
        slots: usize,
    },
    /// The time to wait ran out while the ring was too full.
    TimedOut {
        /// Slots asked for.
        asked: usize,
        /// How long was waited.
        limit: core::time::Duration,
    },
    /// The ring was halted.
    Halted(Halted),
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

impl From<Halted> for ClaimError {
    fn from(halted: Halted) -> Self {
        Self::Halted(halted)
    }
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatchTooLong { asked, slots } => {
                write!(f, "a batch of {asked} does not fit a ring of {slots} slots")
            }
            Self::TimedOut { asked, limit } => {
                write!(f, "no room for {asked} within {} ms", limit.as_millis())
            }
            Self::Halted(halted) => halted.fmt(f),
        }
    }
}

impl Error for ClaimError {}

/// A value that could not be published now, handed back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishError<T> {
    /// The value.
    pub value: T,
    /// Set if the ring was halted; otherwise it is full for the moment.
    pub halted: Option<Halted>,
}

impl<T> fmt::Display for PublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.halted {
            None => f.write_str("the ring is full"),
            Some(halted) => halted.fmt(f),
        }
    }
}

impl<T: fmt::Debug> Error for PublishError<T> {}

/// Why a ring cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// The number of slots is not a power of two.
    SlotsNotPowerOfTwo {
        /// Slots asked for.
        slots: usize,
    },
    /// The first sequence leaves too little room to count on.
    FirstSequenceTooHigh {
        /// First sequence asked for.
        first_sequence: u64,
    },
    /// A ring without a stage: nobody would read what is published.
    NoStage,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlotsNotPowerOfTwo { slots } => {
                write!(f, "a ring of {slots} slots: the number must be a power of two")
            }
            Self::FirstSequenceTooHigh { first_sequence } => {
                write!(f, "first sequence {first_sequence} is above {FIRST_SEQUENCE_MAX}")
            }
            Self::NoStage => f.write_str("a ring needs at least one stage"),
        }
    }
}

impl Error for GraphError {}

/// Highest first sequence of a ring. Above it 2^63 more remain, which no machine counts through.
pub const FIRST_SEQUENCE_MAX: u64 = 1 << 63;
