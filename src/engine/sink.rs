//! Who takes what the engine answers.

use ringfence_types::{Event, Origin, Outcome};

/// Takes an engine's events and outcomes, in order.
pub trait OutcomeSink {
    /// The next event. The outcome of its command follows.
    fn event(&mut self, event: &Event);

    /// The outcome of the command `sequence`.
    fn outcome(&mut self, sequence: u64, outcome: &Outcome);

    /// Whose the batch is whose events and outcomes follow; only of one that says something of
    /// itself. The engine does not know: who applies a journal says it.
    fn origin(&mut self, origin: &Origin) {
        let _ = origin;
    }
}
