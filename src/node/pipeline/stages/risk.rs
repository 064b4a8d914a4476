//! Finds out who may pay.

use std::sync::Arc;

use super::super::lanes::LaneWindow;
use super::super::threads::Run;
use super::super::turns::Turn;
use super::super::{PipelineError, Role};
use super::STEP_COMMANDS;
use crate::counters::Counters;
use crate::gateway::Progress;
use ringfence_engine::Risk;
use ringfence_ring::{Poll, Stage};
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Verdict, chains_up_to};

/// Finds out who may pay.
pub(in crate::pipeline) struct RiskStage {
    pub(in crate::pipeline) commands: Stage<(Command,), Verdict>,
    pub(in crate::pipeline) risk: Risk,
    pub(in crate::pipeline) turn: Turn,
    pub(in crate::pipeline) counters: Arc<Counters>,
}

impl Run for RiskStage {
    fn role(&self) -> Role {
        Role::Risk
    }

    fn step(&mut self) -> Result<Progress, PipelineError> {
        // All that is there, in parts: where the gateway shares the thread, what it just copied
        // is still in the cache, and settle has the first verdicts early.
        let mut progress = Progress::Idle;
        for _ in 0..BATCH_COMMANDS_MAX / STEP_COMMANDS {
            match self.commands.poll(usize::MAX)? {
                Poll::Ended => return Ok(Progress::Ended),
                Poll::Empty => break,
                Poll::Ready(mut batch) => {
                    let first_sequence = batch.first_sequence();
                    if let Some(rules) = self.turn.take(first_sequence) {
                        self.risk.configure(&rules).expect("the memory was prepared");
                    }
                    let ((commands,), mut verdicts) = batch.parts();
                    let before = self.turn.before(first_sequence, commands.len());
                    let commands = LaneWindow::all(commands).part(0, before);
                    let length = chains_up_to(&commands, STEP_COMMANDS);
                    let commands = commands.part(0, length);
                    self.risk.step(&commands, |index, verdict| verdicts.set(index, verdict));
                    batch.publish(length);
                    self.counters.tables.show_risk(&self.risk);
                    progress = Progress::Worked;
                }
            }
        }
        Ok(progress)
    }
}
