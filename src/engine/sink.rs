//! Who takes what the engine answers.

use ringfence_types::{Event, Outcome};

/// Takes an engine's events and outcomes, in order.
pub trait OutcomeSink {
    /// The next event. The outcome of its command follows.
    fn event(&mut self, event: &Event);

    /// The outcome of the command `sequence`.
    fn outcome(&mut self, sequence: u64, outcome: &Outcome);
}
