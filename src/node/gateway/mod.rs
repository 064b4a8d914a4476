//! Where commands come in: text, memory; sockets are the server's.
//!
//! ```text
//!   Source ──▶ Intake ──▶ commands lane
//!     │           stamps, claims, copies, publishes whole batches
//!     └────────▶ notices: what the source has to say between two commands
//! ```
//!
//! # Invariants
//!
//! * A batch enters the ring whole or not at all; where there is no room the source keeps it.
//! * Timestamps are the only thing that the gateway adds that decides outcomes.
//! * Nothing here blocks: a source that would wait for its input reports that it is idle.

mod batches;
mod intake;
mod pulse;
mod text;

pub use batches::Batches;
pub use intake::Intake;
pub use pulse::{PULSE_AFTER, Pulse};
pub use text::{InputThread, TextSource};

use std::sync::Arc;

use crate::Gauge;
use crate::poller::Poller;
use ringfence_ring::{Bell, Halted};

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Something was done.
    Worked,
    /// There was nothing to do.
    Idle,
    /// There never will be anything to do again.
    Ended,
}

/// Why a source can take nothing more in.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The ring was halted; who did it says why.
    #[error(transparent)]
    Halted(#[from] Halted),
    /// What the embedding program gave is no batch. Batches before it are executed.
    #[error("not a batch: {reason}")]
    NotABatch {
        /// What is wrong with it.
        reason: String,
    },
    /// Something that the source cannot do without failed.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// What feeds the pipeline.
pub trait Source: Send {
    /// What it has to say beside the commands, in their order: see [`Notice`](crate::notice::Notice).
    type Notice: Send;

    /// Takes in a bounded amount of what there is and hands it to `intake`, without waiting.
    /// [`Progress::Ended`] says that nothing will follow.
    ///
    /// # Errors
    ///
    /// If the input can no longer be read, or the ring was halted.
    fn step(&mut self, intake: &mut Intake<Self::Notice>) -> Result<Progress, SourceError>;

    /// Takes in nothing new from now on; what was begun is finished.
    fn stop(&mut self);

    /// Tells the source which bell wakes the thread that steps it, and which one publish's.
    /// Called once, before the start.
    fn attach(&mut self, own: Bell, publish: Bell) {
        drop((own, publish));
    }

    /// What the thread that steps the source sleeps on, where more than other stages has to wake it.
    fn poller(&self) -> Option<Arc<Poller>> {
        None
    }

    /// Shows the source when settle has something to do next, as a timestamp; [`u64::MAX`] where it
    /// has nothing. Called once, before the start.
    fn watch(&mut self, due: Gauge) {
        drop(due);
    }
}
