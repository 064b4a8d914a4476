//! The first stage: takes commands in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::threads::Run;

use super::super::{PipelineError, Role, Turns};
use crate::Clock;
use crate::counters::Counters;
use crate::gateway::{Intake, Progress, Source, SourceError};
use ringfence_engine::Sessions;
use ringfence_types::{Command, Op, Request};

/// Takes commands in.
pub(in crate::pipeline) struct GatewayStage<S: Source> {
    pub(in crate::pipeline) source: S,
    /// Gone once the source has ended: that closes the ring.
    pub(in crate::pipeline) intake: Option<Intake<S::Notice>>,
    pub(in crate::pipeline) stop: Arc<AtomicBool>,
    pub(in crate::pipeline) turns: Turns,
    /// Larger capacities hold from the next command on: one has to come, though no client sends any.
    pub(in crate::pipeline) owes_pulse: bool,
    /// Sequence and timestamp of the last command, once the source has ended.
    pub(in crate::pipeline) last: (u64, u64),
    /// The sessions that are known, once the source has ended.
    pub(in crate::pipeline) sessions: Option<Sessions>,
    pub(in crate::pipeline) counters: Arc<Counters>,
}

impl<S: Source> Run for GatewayStage<S> {
    fn role(&self) -> Role {
        Role::Gateway
    }

    fn step(&mut self) -> Result<Progress, PipelineError> {
        let Some(intake) = &mut self.intake else { return Ok(Progress::Ended) };
        // Relaxed: the flag carries nothing but itself.
        if self.stop.load(Ordering::Relaxed) {
            self.source.stop();
        }
        if self.turns.is_wanted() {
            self.owes_pulse |= self.turns.send(intake.last_sequence() + 1);
        }
        if self.owes_pulse {
            self.owes_pulse = !pulse(intake)?;
        }
        let progress = self.source.step(intake)?;
        // Whatever it says: a source that has taken something in may have no more work.
        self.counters.tables.show_sessions(intake.sessions());
        if progress == Progress::Ended {
            self.last = (intake.last_sequence(), intake.last_timestamp());
            self.sessions = self.intake.take().map(Intake::into_sessions);
        }
        Ok(progress)
    }
}

/// Takes in a command of the engine's own. False: there is no room for it now.
fn pulse<N>(intake: &mut Intake<N>) -> Result<bool, SourceError> {
    let (clock_ns, pulse) = (Clock::System.read_ns(), Command::pulse());
    if !intake.has_time_for(clock_ns, 1) {
        return Ok(true);
    }
    let first = intake.submit(Op::Pulse, 0, &Request::NONE, clock_ns, 1, |_| &pulse.body)?;
    Ok(first.is_some())
}
