//! Outcomes to a closure of the program that embeds the engine.

use super::Sink;
use ringfence_types::{Event, Outcome};

/// Calls a closure with the sequence and the outcome of each command, in order. Under
/// `Durability::Sync` the command is on stable storage by then. Events are passed over.
///
/// The closure is called on a thread of the pipeline: while it waits, outcomes wait.
#[derive(Debug, Clone, Copy)]
pub struct Each<F>(pub F);

impl<F: FnMut(u64, &Outcome) + Send> Sink for Each<F> {
    type Notice = ();

    fn notice(&mut self, (): ()) {}

    fn event(&mut self, _: &Event) {}

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        (self.0)(sequence, outcome);
    }
}
