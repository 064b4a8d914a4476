//! Moves money.

use std::sync::Arc;
use std::time::Instant;

use super::super::lanes::{LaneWindow, Lanes};
use super::super::threads::Run;
use super::super::turns::Turn;
use super::super::{PipelineError, Role};
use super::STEP_COMMANDS;
use crate::Gauge;
use crate::counters::Counters;
use crate::gateway::{PULSE_AFTER, Progress};
use ringfence_engine::Settle;
use ringfence_ring::{Poll, Producer, Stage};
use ringfence_types::{Command, Event, Outcome, Step, Verdict, chains_up_to};

/// Moves money.
pub(in crate::pipeline) struct SettleStage {
    judged: Stage<(Command, Verdict), Outcome>,
    events: Option<Producer<Event>>,
    pub(in crate::pipeline) settle: Settle,
    turn: Turn,
    /// When there is something to do next, for the gateway to see; shown only when it is quiet.
    due: Gauge,
    /// Commands were settled since it was shown.
    is_due_stale: bool,
    /// Since when no command has come.
    quiet_since: Option<Instant>,
    counters: Arc<Counters>,
}

impl SettleStage {
    /// A stage that goes on with `settle`.
    pub(in crate::pipeline) fn new(
        (judged, events): (Stage<(Command, Verdict), Outcome>, Producer<Event>),
        settle: Settle,
        (turn, due): (Turn, Gauge),
        counters: &Arc<Counters>,
    ) -> SettleStage {
        SettleStage {
            judged,
            events: Some(events),
            settle,
            turn,
            due,
            is_due_stale: true,
            quiet_since: None,
            counters: Arc::clone(counters),
        }
    }

    /// Shows when there is something to do next, once it has been quiet for as long as a pulse waits:
    /// to find out may take a look at many timers, and nobody asks sooner.
    #[cold]
    fn show_due(&mut self) {
        let quiet_since = *self.quiet_since.get_or_insert_with(Instant::now);
        if quiet_since.elapsed() >= PULSE_AFTER {
            self.due.set(self.settle.next_due().unwrap_or(u64::MAX));
            self.is_due_stale = false;
        }
    }
}

impl Run for SettleStage {
    fn role(&self) -> Role {
        Role::Settle
    }

    fn step(&mut self) -> Result<Progress, PipelineError> {
        let Some(events) = &mut self.events else { return Ok(Progress::Ended) };
        match self.judged.poll(usize::MAX)? {
            Poll::Ended => {
                // Publish has drained the events once it finds their lane closed and empty.
                self.events = None;
                Ok(Progress::Ended)
            }
            Poll::Empty => {
                if self.is_due_stale {
                    self.show_due();
                }
                Ok(Progress::Idle)
            }
            Poll::Ready(mut batch) => {
                if !self.is_due_stale {
                    self.due.set(u64::MAX);
                    self.is_due_stale = true;
                }
                self.quiet_since = None;
                let first_sequence = batch.first_sequence();
                if let Some(rules) = self.turn.take(first_sequence) {
                    self.settle.configure(&rules).expect("the memory was prepared");
                }
                let ((commands, verdicts), mut outcomes) = batch.parts();
                let before = self.turn.before(first_sequence, commands.len());
                let commands = LaneWindow::all(commands).part(0, before);
                let length = chains_up_to(&commands, STEP_COMMANDS);
                let commands = commands.part(0, length);
                let verdicts = LaneWindow::all(verdicts).part(0, length);
                let mut lanes = Lanes::new(&mut outcomes, events);
                let step = self.settle.step(first_sequence, &commands, &verdicts, &mut lanes);
                let put = lanes.put();
                let done = match step {
                    Step::Done => length,
                    Step::LaneFull(done) | Step::Paused(done) => done,
                };
                if done > 0 {
                    batch.publish(done);
                }
                self.counters.tables.show_settle(&self.settle);
                let worked = done > 0 || put > 0 || matches!(step, Step::Paused(_));
                Ok(if worked { Progress::Worked } else { Progress::Idle })
            }
        }
    }
}
