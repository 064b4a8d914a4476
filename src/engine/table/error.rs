//! Why memory of the size asked for cannot be had.

use thiserror::Error;

/// The engine cannot be built, or rebuilt, with the capacities asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The machine gave no memory.
    #[error("no memory for {what}: {bytes} bytes asked for")]
    OutOfMemory {
        /// What the memory was for.
        what: &'static str,
        /// How much, in bytes.
        bytes: u64,
    },
    /// More than the engine can count.
    #[error("capacity of {what} is {asked}, at most {most} are possible")]
    CapacityTooLarge {
        /// What there would be too many of.
        what: &'static str,
        /// How many were asked for.
        asked: u64,
        /// How many are possible.
        most: u64,
    },
    /// Less than before: what is held might no longer fit.
    #[error("capacity of {what} was {before} and cannot shrink to {asked}")]
    CapacityShrinks {
        /// What there would be fewer of.
        what: &'static str,
        /// How many before.
        before: u64,
        /// How many were asked for.
        asked: u64,
    },
}

impl EngineError {
    /// Checks that `asked` elements of `what` can be counted, and gives their number.
    ///
    /// # Errors
    ///
    /// [`EngineError::CapacityTooLarge`] above [`super::INDICES_MAX`].
    pub(crate) fn check_capacity(what: &'static str, asked: u64) -> Result<usize, EngineError> {
        let most = super::INDICES_MAX;
        match usize::try_from(asked) {
            Ok(count) if asked <= most => Ok(count),
            _ => Err(EngineError::CapacityTooLarge { what, asked, most }),
        }
    }

    /// Checks that a capacity does not shrink from `before` to `asked`.
    ///
    /// # Errors
    ///
    /// [`EngineError::CapacityShrinks`], [`EngineError::CapacityTooLarge`].
    pub(crate) fn check_growth(
        what: &'static str,
        before: usize,
        asked: u64,
    ) -> Result<usize, EngineError> {
        let count = EngineError::check_capacity(what, asked)?;
        if count < before {
            return Err(EngineError::CapacityShrinks { what, before: before as u64, asked });
        }
        Ok(count)
    }
}
