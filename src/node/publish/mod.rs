//! Where outcomes leave: text, closures, the outcome log; sockets are the server's.
//!
//! # Invariants
//!
//! * Publish decides nothing: it waits until a command is durable and settled, then sends.
//! * Events stand before the outcome of the command in whose course they happened, notices
//!   between the commands between which they were given.

mod each;
mod log_gauges;
mod log_thread;
mod logged;
mod text;

pub use each::Each;
pub(crate) use log_gauges::Front;
pub use log_gauges::{LogGauges, LogListener};
pub use logged::Logged;
pub(crate) use logged::frames_bytes;
pub use text::TextSink;

use ringfence_ring::Bell;
use ringfence_types::{Event, Origin, Outcome};

/// Why a sink can take nothing more.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SinkError(pub Box<dyn std::error::Error + Send + Sync>);

/// Most outcomes that a sink is given in one turn.
pub const TURN_OUTCOMES_MAX: usize = 512;

/// What takes the outcomes that leave the pipeline.
pub trait Sink: Send {
    /// What the source says beside the commands.
    type Notice: Send;

    /// Something that the source had to say here.
    fn notice(&mut self, notice: Self::Notice);

    /// Whose the batch is whose events and outcomes follow; only of one that says something of
    /// itself.
    fn origin(&mut self, origin: &Origin) {
        let _ = origin;
    }

    /// The next event.
    fn event(&mut self, event: &Event);

    /// The outcome of command `sequence`; its events have come before.
    fn outcome(&mut self, sequence: u64, outcome: &Outcome);

    /// Called before the outcomes of each turn.
    fn turn_begins(&mut self) {}

    /// Called after each turn; `idle` says that nothing more is there to publish at the moment,
    /// so that what has gathered should leave. Returns whether anything left.
    fn turn_ends(&mut self, idle: bool) -> bool {
        let _ = idle;
        false
    }

    /// Whether it has room for more outcomes.
    fn is_ready(&self) -> bool {
        true
    }

    /// Asks whether it can go on; called now and then.
    ///
    /// # Errors
    ///
    /// Why it cannot: the run then ends.
    fn check(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Tells the sink which bell wakes the thread that calls it, and which one the gateway's. Called
    /// once, before the start.
    fn attach(&mut self, own: Bell, gateway: Bell) {
        drop((own, gateway));
    }

    /// Whether all that it was given has left.
    fn is_drained(&self) -> bool {
        true
    }
}
