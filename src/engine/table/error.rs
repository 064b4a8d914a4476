//! Why memory of the size asked for cannot be had.

use thiserror::Error;

/// The engine cannot be built, or rebuilt, with the capacities asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The machine gave no memory.
    #[error("no memory for {what}: {bytes} bytes asked for{}", deciding(what))]
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
    /// The memory was not had to the end: the caller wanted it so. A later attempt goes on from
    /// there.
    #[error("the memory of {what} is not all there yet")]
    Interrupted {
        /// What the memory is for.
        what: &'static str,
    },
    /// It grew before, and what it held is not all moved yet.
    #[error("{what} still move to the room of the last growth, some with each command that comes")]
    StillGrowing {
        /// What moves.
        what: &'static str,
    },
}

/// Which capacities decide how much memory `what` takes: the end of the error, or nothing where it
/// is always the same. Programs name their options after the capacities.
fn deciding(what: &str) -> &'static str {
    match what {
        "accounts" | "ids of accounts" | "resolutions" => {
            "; the option `accounts` decides how many"
        }
        "transfers" | "ids of transfers" => "; the option `transfers` decides how many",
        "timers" => "; the options `transfers` and `orders` decide how many",
        "queued payments" => "; the options `accounts` and `transfers` decide how many",
        "policies" => "; the option `policies` decides how many",
        "markets" | "ids of markets" => "; the option `markets` decides how many",
        "orders" | "ids of orders" | "price levels" => "; the option `orders` decides how many",
        "sessions" => "; the option `sessions` decides how many",
        _ => "",
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_error_of_memory_names_the_option_to_change() {
        let error = EngineError::OutOfMemory { what: "ids of transfers", bytes: 7 };
        let text = "no memory for ids of transfers: 7 bytes asked for; the option `transfers` decides how many";
        assert_eq!(error.to_string(), text);
    }
}
