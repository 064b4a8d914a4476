//! Batches from the program that embeds the engine.

use super::{Clock, Intake, Progress, Source, SourceError};
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Request};

/// Takes batches from an iterator, stamped by the machine's clock, until that ends.
///
/// The iterator is asked on a thread of the pipeline, and must not wait: a program whose commands come
/// at their own time writes a [`Source`] that reports [`Progress::Idle`] meanwhile.
#[derive(Debug)]
pub struct Batches<I> {
    batches: I,
    /// The batch for which the ring had no room.
    waiting: Option<Vec<Command>>,
    stopped: bool,
}

impl<I: Iterator<Item = Vec<Command>>> Batches<I> {
    /// Takes what `batches` gives: each is one to [`BATCH_COMMANDS_MAX`] commands of one operation.
    pub fn new(batches: impl IntoIterator<IntoIter = I>) -> Batches<I> {
        Batches { batches: batches.into_iter(), waiting: None, stopped: false }
    }
}

fn check(batch: &[Command]) -> Result<(), SourceError> {
    let not = |reason: String| Err(SourceError::NotABatch { reason });
    if !(1..=BATCH_COMMANDS_MAX).contains(&batch.len()) {
        return not(format!("{} commands, not 1 to {BATCH_COMMANDS_MAX}", batch.len()));
    }
    let op = batch[0].op();
    match batch.iter().position(|command| command.op() != op) {
        Some(index) => not(format!(
            "command {index} is `{}`, the first is `{}`",
            batch[index].op().name(),
            op.name()
        )),
        None => Ok(()),
    }
}

impl<I: Iterator<Item = Vec<Command>> + Send> Source for Batches<I> {
    type Notice = ();

    fn step(&mut self, intake: &mut Intake<()>) -> Result<Progress, SourceError> {
        let batch = match self.waiting.take() {
            Some(batch) => batch,
            None if self.stopped => return Ok(Progress::Ended),
            None => {
                let Some(batch) = self.batches.next() else { return Ok(Progress::Ended) };
                check(&batch)?;
                batch
            }
        };
        let clock_ns = Clock::System.read_ns();
        let (op, length) = (batch[0].op(), batch.len());
        if intake
            .submit(op, 0, &Request::NONE, clock_ns, length, |index| &batch[index].body)?
            .is_none()
        {
            self.waiting = Some(batch);
            return Ok(Progress::Idle);
        }
        Ok(Progress::Worked)
    }

    fn stop(&mut self) {
        self.stopped = true;
    }
}
