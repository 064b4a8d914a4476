//! What batches say of themselves, as a stage finds it beside their commands.

use super::super::PipelineError;
use ringfence_ring::{Poll, Stage};
use ringfence_types::Origin;

/// The origins that a stage has not used yet, in the order of their batches.
pub(in crate::pipeline) struct Origins {
    stage: Stage<(Origin,), ()>,
    next: Option<Origin>,
}

impl Origins {
    /// Takes origins from `stage`.
    pub(in crate::pipeline) fn new(stage: Stage<(Origin,), ()>) -> Origins {
        Origins { stage, next: None }
    }

    /// Looks for the next one, where there is none yet. Who has seen the first command of its batch
    /// finds it.
    pub(in crate::pipeline) fn look(&mut self) -> Result<Option<&Origin>, PipelineError> {
        if self.next.is_none()
            && let Poll::Ready(mut batch) = self.stage.poll(1)?
        {
            self.next = Some(*batch.parts().0.0.at(0));
            batch.publish(1);
        }
        Ok(self.next.as_ref())
    }

    /// Sequence of the first command of the batch whose origin is next, [`u64::MAX`] where none was
    /// found.
    #[inline]
    pub(in crate::pipeline) fn next_sequence(&self) -> u64 {
        self.next.as_ref().map_or(u64::MAX, |origin| origin.first_sequence)
    }

    /// The origin that was found is used.
    pub(in crate::pipeline) fn take(&mut self) -> Option<Origin> {
        self.next.take()
    }
}
