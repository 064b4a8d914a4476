//! Batches from the program that embeds the engine.

use super::{Intake, Progress, Source, SourceError};
use crate::Clock;
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Request};

/// From so many commands on that were taken in, the other stages of the thread have their turn:
/// batches of one command are taken in many at a time, and share the writes of the journal.
const COMMANDS_A_TURN: usize = BATCH_COMMANDS_MAX / 8;

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

impl<I: Iterator<Item = Vec<Command>>> Batches<I> {
    /// The next batch, if there is one.
    fn next(&mut self) -> Result<Option<Vec<Command>>, SourceError> {
        if let Some(waiting) = self.waiting.take() {
            return Ok(Some(waiting));
        }
        let next = if self.stopped { None } else { self.batches.next() };
        // An iterator that has ended is asked no more.
        self.stopped |= next.is_none();
        next.map(|batch| check(&batch).map(|()| batch)).transpose()
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
        let clock_ns = Clock::System.read_ns();
        let mut commands = 0;
        while commands < COMMANDS_A_TURN {
            let Some(batch) = self.next()? else {
                return Ok(if commands > 0 { Progress::Worked } else { Progress::Ended });
            };
            let (op, length) = (batch[0].op(), batch.len());
            let body = |index: usize| &batch[index].body;
            if intake.submit(op, 0, &Request::NONE, clock_ns, length, body)?.is_none() {
                self.waiting = Some(batch);
                return Ok(if commands > 0 { Progress::Worked } else { Progress::Idle });
            }
            commands += length;
        }
        Ok(Progress::Worked)
    }

    fn stop(&mut self) {
        self.stopped = true;
    }
}
