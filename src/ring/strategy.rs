//! The strategies by which a thread can wait.

/// How a thread waits while there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Spins with a pause instruction. Lowest latency; each waiting thread uses a whole core.
    BusySpin,
    /// Spins 100 times, then yields to other threads between looks.
    Yield,
    /// Sleeps at once; the publisher wakes it. Uses least processor time, reacts slowest.
    Park,
    /// Spins 100 times, then yields 400 times, then sleeps.
    #[default]
    Phased,
}

impl WaitStrategy {
    /// True if a thread that waits by this strategy may sleep, so that publishers must wake it.
    #[must_use]
    pub const fn parks(self) -> bool {
        matches!(self, Self::Park | Self::Phased)
    }
}
