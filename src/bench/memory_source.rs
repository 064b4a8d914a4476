//! Commands from memory, for measuring.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Stamps;
use ringfence_node::gateway::{Intake, Progress, Source, SourceError};
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Request};

/// From so many commands on that were taken in, the other stages of the thread have their turn.
const COMMANDS_A_TURN: usize = BATCH_COMMANDS_MAX / 8;

/// When the batches of a load are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as they are taken.
    Flood,
    /// Each once the outcomes of the one before were published.
    ClosedLoop,
    /// On a schedule of so many commands a second, whether the engine keeps up or not.
    Planned {
        /// Commands a second.
        commands_per_second: f64,
    },
}

/// Feeds commands that lie ready in memory, in batches.
pub struct MemorySource {
    commands: Arc<[Command]>,
    batch: usize,
    pace: Pace,
    start: Option<Instant>,
    next: usize,
    stamps: Arc<Stamps>,
}

impl MemorySource {
    /// Feeds `commands` in batches of `batch` (the last may be shorter); all are of one operation
    /// and already carry the timestamps that the engine shall give them. When each batch was due
    /// is left in `stamps`.
    #[must_use]
    pub fn new(
        commands: Arc<[Command]>,
        batch: usize,
        pace: Pace,
        stamps: Arc<Stamps>,
    ) -> MemorySource {
        MemorySource { commands, batch, pace, start: None, next: 0, stamps }
    }
}

impl MemorySource {
    /// Takes the next batch in, if it is due.
    fn take_in(&mut self, intake: &mut Intake<()>) -> Result<Progress, SourceError> {
        if self.next == self.commands.len() {
            return Ok(Progress::Ended);
        }
        let now = Instant::now();
        let start = *self.start.get_or_insert_with(|| {
            self.stamps.start(now);
            now
        });
        let due = match self.pace {
            // Woken by who publishes.
            Pace::ClosedLoop if self.stamps.published() < self.next.div_ceil(self.batch) => {
                return Ok(Progress::Idle);
            }
            Pace::Flood | Pace::ClosedLoop => now,
            Pace::Planned { commands_per_second } => {
                start + Duration::from_secs_f64(self.next as f64 / commands_per_second)
            }
        };
        if due > now {
            // Nothing would wake this thread when the time has come, so it must not sleep.
            std::thread::yield_now();
            return Ok(Progress::Worked);
        }
        let end = self.commands.len().min(self.next + self.batch);
        let batch = &self.commands[self.next..end];
        // Before the batch is claimed, so that publish finds it whatever happens in between.
        self.stamps.set(self.next / self.batch, due);
        let clock_ns = batch[0].header.timestamp;
        let op = batch[0].op();
        match intake
            .submit(op, 0, &Request::NONE, clock_ns, batch.len(), |index| &batch[index].body)?
        {
            None => Ok(Progress::Idle),
            Some(_) => {
                self.next = end;
                Ok(Progress::Worked)
            }
        }
    }
}

impl Source for MemorySource {
    type Notice = ();

    fn step(&mut self, intake: &mut Intake<()>) -> Result<Progress, SourceError> {
        let first = self.next;
        loop {
            let before = self.next;
            let progress = self.take_in(intake)?;
            if self.next == before {
                return Ok(if before > first { Progress::Worked } else { progress });
            }
            if self.next - first >= COMMANDS_A_TURN {
                return Ok(Progress::Worked);
            }
        }
    }

    fn stop(&mut self) {
        self.next = self.commands.len();
    }
}
