//! The errors of a ring.

use alloc::string::String;
use core::error::Error;
use core::fmt;

/// The ring was stopped before its end: because a stage or producer panicked or was dropped, or on
/// purpose. No more values can be published, and all stages and producers get this error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halted {
    /// What halted it: the name of a stage, `producer`, `monitor` or `graph`.
    pub by: String,
    /// The reason, for people.
    pub message: String,
}

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ring was halted by {}: {}", self.by, self.message)
    }
}

impl Error for Halted {}

/// Slots could not be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimError {
    /// The claim is longer than the ring, so that waiting would never end.
    BatchTooLong {
        /// Slots asked for.
        asked: usize,
        /// Slots of the ring.
        slots: usize,
    },
    /// The slots were not all free within the time limit.
    TimedOut {
        /// Slots asked for.
        asked: usize,
        /// The time limit.
        limit: core::time::Duration,
    },
    /// The ring is halted.
    Halted(Halted),
}

impl ClaimError {
    /// The halt, if that is the error.
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

/// A value could not be published; it is handed back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishError<T> {
    /// The value.
    pub value: T,
    /// The halt, if the ring is halted; `None` if it is full at the moment.
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

/// A ring cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// The number of slots is not a power of two.
    SlotsNotPowerOfTwo {
        /// Slots asked for.
        slots: usize,
    },
    /// The first sequence is above [`FIRST_SEQUENCE_MAX`].
    FirstSequenceTooHigh {
        /// First sequence asked for.
        first_sequence: u64,
    },
    /// No stage is declared, so no published value would ever be read.
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

/// Highest first sequence of a ring. It leaves 2^63 sequences, more than any machine can publish.
pub const FIRST_SEQUENCE_MAX: u64 = 1 << 63;
