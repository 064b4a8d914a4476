//! Where commands come in: text, sockets, memory.
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

mod clock;
mod intake;
mod memory;
mod text;

pub use clock::Clock;
pub use intake::{Intake, Notice};
pub use memory::{MemorySource, Pace};
pub use text::{InputThread, TextNotice, TextSource};

use crate::pipeline::{PipelineError, Progress};
use crate::ring::Bell;

/// What feeds the pipeline.
pub trait Source: Send {
    /// What it has to say beside the commands, in their order: see [`Notice`].
    type Notice: Send;

    /// Takes in a bounded amount of what there is and hands it to `intake`, without waiting.
    /// [`Progress::Ended`] says that nothing will follow.
    ///
    /// # Errors
    ///
    /// If the input can no longer be read, or the ring was halted.
    fn step(&mut self, intake: &mut Intake<Self::Notice>) -> Result<Progress, PipelineError>;

    /// Takes in nothing new from now on; what was begun is finished.
    fn stop(&mut self);

    /// Tells the source which bell wakes the thread that steps it. Called once, before the start.
    fn attach(&mut self, bell: Bell) {
        drop(bell);
    }
}
