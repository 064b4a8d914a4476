//! The five stages: each reads lanes, does its work, writes its own lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::Receiver;

use super::lanes::{LaneWindow, Lanes};
use super::threads::Run;
use super::{PipelineError, Role};
use crate::Gauge;
use crate::gateway::{Intake, Notice, PULSE_AFTER, Progress, Source};
use crate::publish::Sink;
use ringfence_engine::{Risk, Settle};
use ringfence_journal::{Storage, Writer};
use ringfence_ring::{Poll, Producer, Stage};
use ringfence_types::OutcomeCounts;
use ringfence_types::{
    BATCH_COMMANDS_MAX, Command, Event, Outcome, Step, Verdict, Window, chains_up_to,
};

/// Commands that risk and settle take on in one step, so that the next stage has work early and
/// what they touch stays in the cache of their core. Chains are not cut.
const STEP_COMMANDS: usize = 512;

/// How long the journal has nothing to do before it writes a closing frame: a client that sends one
/// command at a time does not wait behind it.
const IDLE: Duration = Duration::from_millis(2);

/// Takes commands in.
pub(super) struct GatewayStage<S: Source> {
    pub(super) source: S,
    /// Gone once the source has ended: that closes the ring.
    pub(super) intake: Option<Intake<S::Notice>>,
    pub(super) stop: Arc<AtomicBool>,
    /// Sequence and timestamp of the last command, once the source has ended.
    pub(super) last: (u64, u64),
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
        let progress = self.source.step(intake)?;
        if progress == Progress::Ended {
            self.last = (intake.last_sequence(), intake.last_timestamp());
            self.intake = None;
        }
        Ok(progress)
    }
}

/// Makes commands durable.
pub(super) struct JournalStage<J: Storage> {
    pub(super) commands: Stage<(Command,), ()>,
    pub(super) writer: Writer<J>,
    /// Sequence of the last command that may be answered, for publish to see.
    pub(super) durable: Gauge,
    /// Since when there was nothing to do.
    pub(super) idle_since: Option<Instant>,
}

impl<J: Storage + Send> Run for JournalStage<J> {
    fn role(&self) -> Role {
        Role::Journal
    }

    fn step(&mut self) -> Result<Progress, PipelineError> {
        let mut progress = Progress::Idle;
        let ended = match self.commands.poll_ahead(usize::MAX)? {
            Poll::Ended => true,
            Poll::Empty => false,
            Poll::Ready(mut batch) => {
                let first_sequence = batch.first_sequence();
                let mut taken = 0;
                {
                    let ((commands,), _) = batch.parts();
                    let commands = LaneWindow::all(commands);
                    // A frame holds one batch, whole: what of it is not there yet comes later.
                    while taken < commands.len() {
                        let length = usize::from(commands.at(taken).header.batch_length);
                        if taken + length > commands.len() {
                            break;
                        }
                        let whole = commands.part(taken, length);
                        if !self.writer.append(first_sequence + taken as u64, &whole)? {
                            break;
                        }
                        taken += length;
                    }
                }
                if taken > 0 {
                    batch.take(taken);
                    progress = Progress::Worked;
                }
                false
            }
        };
        let durable = self.writer.poll()?;
        if durable > self.durable.get() {
            self.durable.set(durable);
            self.commands.release(durable);
            progress = Progress::Worked;
        }
        if progress == Progress::Worked {
            self.idle_since = None;
        } else if self.idle_since.get_or_insert_with(Instant::now).elapsed() >= IDLE {
            self.writer.idle()?;
        }
        Ok(if ended { Progress::Ended } else { progress })
    }
}

/// Finds out who may pay.
pub(super) struct RiskStage {
    pub(super) commands: Stage<(Command,), Verdict>,
    pub(super) risk: Risk,
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
                    let ((commands,), mut verdicts) = batch.parts();
                    let commands = LaneWindow::all(commands);
                    let length = chains_up_to(&commands, STEP_COMMANDS);
                    let commands = commands.part(0, length);
                    self.risk.step(&commands, |index, verdict| verdicts.set(index, verdict));
                    batch.publish(length);
                    progress = Progress::Worked;
                }
            }
        }
        Ok(progress)
    }
}

/// Moves money.
pub(super) struct SettleStage {
    pub(super) judged: Stage<(Command, Verdict), Outcome>,
    pub(super) events: Option<Producer<Event>>,
    pub(super) settle: Settle,
    /// When there is something to do next, for the gateway to see; shown only when it is quiet.
    pub(super) due: Gauge,
    /// Commands were settled since it was shown.
    pub(super) is_due_stale: bool,
    /// Since when no command has come.
    pub(super) quiet_since: Option<Instant>,
}

impl SettleStage {
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
                let ((commands, verdicts), mut outcomes) = batch.parts();
                let commands = LaneWindow::all(commands);
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
                let worked = done > 0 || put > 0 || matches!(step, Step::Paused(_));
                Ok(if worked { Progress::Worked } else { Progress::Idle })
            }
        }
    }
}

/// Sends outcomes out.
pub(super) struct PublishStage<K: Sink> {
    pub(super) outcomes: Stage<(Outcome,), ()>,
    pub(super) events: Stage<(Event,), ()>,
    /// How far the journal is; none where nothing is journaled.
    pub(super) durable: Option<Gauge>,
    pub(super) notices: Receiver<Notice<K::Notice>>,
    /// The notice that comes next.
    pub(super) held: Option<Notice<K::Notice>>,
    pub(super) sink: K,
    pub(super) published: u64,
    pub(super) counts: OutcomeCounts,
    pub(super) outcomes_ended: bool,
    pub(super) events_ended: bool,
}

impl<K: Sink> PublishStage<K> {
    /// Passes on the notices that come before the outcome of `sequence`.
    #[inline]
    fn notices_before(
        sequence: u64,
        held: &mut Option<Notice<K::Notice>>,
        notices: &Receiver<Notice<K::Notice>>,
        sink: &mut K,
    ) -> bool {
        let mut any = false;
        while let Some(notice) = held.take_if(|notice| notice.after < sequence) {
            sink.notice(notice.what);
            *held = notices.try_recv().ok();
            any = true;
        }
        any
    }

    /// Publishes outcomes and events that are there; whether there were any.
    fn publish(&mut self) -> Result<bool, PipelineError> {
        let Self { outcomes, events, durable, notices, held, sink, published, counts, .. } = self;
        // Read first: where the outcomes below are none, an event up to here may leave already.
        let durable = durable.as_ref().map_or(u64::MAX, Gauge::get);
        let mut outcomes = match outcomes.poll(STEP_COMMANDS)? {
            Poll::Ready(batch) => Some(batch),
            Poll::Empty => None,
            Poll::Ended => {
                self.outcomes_ended = true;
                None
            }
        };
        // After the poll: the notices and events that come before its outcomes are all there.
        if held.is_none() {
            *held = notices.try_recv().ok();
        }
        let mut events = match events.poll(usize::MAX)? {
            Poll::Ready(batch) => Some(batch),
            Poll::Empty => None,
            Poll::Ended => {
                self.events_ended = true;
                None
            }
        };
        if outcomes.is_none() && events.is_none() {
            return Ok(false);
        }
        sink.turn_begins();
        let mut event_count = 0;
        let event_view = events.as_mut().map(|batch| batch.parts().0.0);
        let mut events_up_to = |sequence: u64, sink: &mut K, held: &mut Option<_>| {
            let Some(view) = &event_view else { return };
            while event_count < view.len() && view.at(event_count).goes_before() <= sequence {
                let event = view.at(event_count);
                Self::notices_before(event.goes_before(), held, notices, sink);
                sink.event(event);
                event_count += 1;
            }
        };
        match &mut outcomes {
            Some(batch) => {
                let first_sequence = batch.first_sequence();
                let ((view,), _) = batch.parts();
                for index in 0..view.len() {
                    let sequence = first_sequence + index as u64;
                    let outcome = view.at(index);
                    Self::notices_before(sequence, held, notices, sink);
                    events_up_to(sequence, sink, held);
                    sink.outcome(sequence, outcome);
                    counts.add(outcome.status);
                }
                *published = first_sequence + view.len() as u64 - 1;
            }
            // Events of the command that settle has not finished, because their lane is full. Its
            // batch is durable whole. Later ones wait: an outcome may have come after the poll.
            None if *published < durable => events_up_to(*published + 1, sink, held),
            None => {}
        }
        let worked = outcomes.is_some() || event_count > 0;
        if let Some(batch) = outcomes {
            let length = batch.len();
            batch.publish(length);
        }
        if let Some(batch) = events
            && event_count > 0
        {
            batch.publish(event_count);
        }
        Ok(worked)
    }
}

impl<K: Sink> Run for PublishStage<K> {
    fn role(&self) -> Role {
        Role::Publish
    }

    fn step(&mut self) -> Result<Progress, PipelineError> {
        let worked = self.sink.is_ready() && self.publish()?;
        if worked {
            self.sink.turn_ends(false);
            return Ok(Progress::Worked);
        }
        // Nothing is there to publish: what was said after the last outcome may leave.
        let said =
            Self::notices_before(self.published + 1, &mut self.held, &self.notices, &mut self.sink);
        let left = self.sink.turn_ends(true);
        if said || left {
            return Ok(Progress::Worked);
        }
        let ended = self.outcomes_ended
            && self.events_ended
            && self.held.is_none()
            && self.sink.is_drained();
        Ok(if ended { Progress::Ended } else { Progress::Idle })
    }
}
