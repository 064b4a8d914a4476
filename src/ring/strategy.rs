//! The ways in which a thread can wait.

/// How a thread waits while there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Spins with a pause instruction: lowest latency, a whole core each.
    BusySpin,
    /// Spins a little, then lets other threads run between looks.
    Yield,
    /// Sleeps at once; the publisher wakes it. Cheapest on the processor, slowest to react.
    Park,
    /// Spins, then yields, then sleeps.
    #[default]
    Phased,
}

impl WaitStrategy {
    /// Whether a thread that waits this way may sleep, so that publishers must look after it.
    #[must_use]
    pub const fn parks(self) -> bool {
        matches!(self, Self::Park | Self::Phased)
    }
}
