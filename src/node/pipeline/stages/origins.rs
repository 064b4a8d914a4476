//! What batches say of themselves, as a stage finds it beside their commands.

use super::super::PipelineError;
use ringfence_ring::{Poll, Stage};
use ringfence_types::Origin;

/// Origins that are taken out of their lane at once. Where each batch is one command, a poll for
/// each costs as much as the rest of what a stage does for it.
const TAKEN_AT_ONCE: usize = 64;

/// The origins that a stage has not used yet, in the order of their batches.
pub(in crate::pipeline) struct Origins {
    stage: Stage<(Origin,), ()>,
    /// Taken out of the lane; those before `used` are used.
    taken: Vec<Origin>,
    used: usize,
}

impl Origins {
    /// Takes origins from `stage`.
    pub(in crate::pipeline) fn new(stage: Stage<(Origin,), ()>) -> Origins {
        Origins { stage, taken: Vec::with_capacity(TAKEN_AT_ONCE), used: 0 }
    }

    /// Looks for the next one, where there is none yet. Who has seen the first command of its batch
    /// finds it.
    #[inline]
    pub(in crate::pipeline) fn look(&mut self) -> Result<Option<&Origin>, PipelineError> {
        if self.used == self.taken.len() {
            self.take_more()?;
        }
        Ok(self.taken.get(self.used))
    }

    #[inline(never)]
    fn take_more(&mut self) -> Result<(), PipelineError> {
        self.taken.clear();
        self.used = 0;
        if let Poll::Ready(mut batch) = self.stage.poll(TAKEN_AT_ONCE)? {
            let view = batch.parts().0.0;
            let count = view.len();
            self.taken.extend((0..count).map(|index| *view.at(index)));
            batch.publish(count);
        }
        Ok(())
    }

    /// Sequence of the first command of the batch whose origin is next, [`u64::MAX`] where none was
    /// found.
    #[inline]
    pub(in crate::pipeline) fn next_sequence(&self) -> u64 {
        self.taken.get(self.used).map_or(u64::MAX, |origin| origin.first_sequence)
    }

    /// The origin that was found is used.
    #[inline]
    pub(in crate::pipeline) fn take(&mut self) -> Option<Origin> {
        let origin = *self.taken.get(self.used)?;
        self.used += 1;
        Some(origin)
    }
}
