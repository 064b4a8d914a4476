//! A run of the pipeline from start to end.

use std::sync::Arc;

use crossbeam::channel;

use super::bells::{Bells, LateBell};
use super::stages::{GatewayStage, JournalStage, Notices, PublishStage, RiskStage, SettleStage};
use super::threads::{Run, drive};
use super::topology::Topology;
use super::turns::Turns;
use super::{PipelineError, Role, Settings, Stopped};
use crate::Gauge;
use crate::gateway::{Intake, Source};
use crate::publish::Sink;
use ringfence_engine::Engine;
use ringfence_journal::{Storage, Writer};
use ringfence_types::{BATCH_COMMANDS_MAX, OutcomeCounts};

/// Notices that may lie between the gateway and publish.
const NOTICES: usize = 1024;

/// A journal to write.
pub struct Journal<J: Storage> {
    /// Where commands are kept.
    pub writer: Writer<J>,
    /// What the writer's storage rings when a write is done.
    pub bell: LateBell,
}

/// What goes into a run.
pub struct Parts<S: Source, K: Sink<Notice = S::Notice>, J: Storage> {
    /// The state to go on from.
    pub engine: Engine,
    /// Where commands come from.
    pub source: S,
    /// Where outcomes go.
    pub sink: K,
    /// Where commands are kept; `None`: nowhere.
    pub journal: Option<Journal<J>>,
    /// Sequence of the last command that `engine` has seen, 0 if none.
    pub last_sequence: u64,
    /// Timestamp of that command.
    pub last_timestamp: u64,
}

/// What a run leaves behind.
pub struct Finished<S, K, J: Storage> {
    /// The state after the last command.
    pub engine: Engine,
    /// The source, as it ended.
    pub source: S,
    /// The sink, drained.
    pub sink: K,
    /// The journal's writer, not yet closed.
    pub journal: Option<Journal<J>>,
    /// Sequence of the last command.
    pub last_sequence: u64,
    /// Timestamp of the last command.
    pub last_timestamp: u64,
    /// Outcomes of this run by status.
    pub counts: OutcomeCounts,
}

impl<S, K, J: Storage> Finished<S, K, J> {
    /// Takes the sink apart: `split` gives the sink that stays, and what else it held.
    pub(crate) fn split_sink<I, R>(
        self,
        split: impl FnOnce(K) -> (I, R),
    ) -> (Finished<S, I, J>, R) {
        let Finished { engine, source, sink, journal, last_sequence, last_timestamp, counts } =
            self;
        let (sink, rest) = split(sink);
        let finished =
            Finished { engine, source, sink, journal, last_sequence, last_timestamp, counts };
        (finished, rest)
    }
}

/// Runs all that `parts.source` has through the pipeline and returns once every outcome has left.
/// `tick` is called now and then, with the sequence of the last command published.
///
/// # Errors
///
/// What stopped the pipeline before that, and how far it had come; every thread has ended then.
///
/// # Panics
///
/// If the numbers of slots are no powers of two, or the ring holds less than two batches.
pub fn run<S: Source, K: Sink<Notice = S::Notice>, J: Storage + Send>(
    parts: Parts<S, K, J>,
    settings: &Settings,
    tick: impl FnMut(u64),
) -> Result<Finished<S, K, J>, Stopped> {
    let turns = Turns::new(parts.journal.is_some());
    run_growing(parts, settings, turns, tick)
}

/// As [`run`], with larger capacities that come on the way `turns`.
pub(crate) fn run_growing<S: Source, K: Sink<Notice = S::Notice>, J: Storage + Send>(
    parts: Parts<S, K, J>,
    settings: &Settings,
    turns: Turns,
    mut tick: impl FnMut(u64),
) -> Result<Finished<S, K, J>, Stopped> {
    assert!(settings.ring_slots >= 2 * BATCH_COMMANDS_MAX);
    let last_sequence = parts.last_sequence;
    let writer = parts.journal.as_ref().map(|journal| &journal.writer);
    let bells = Bells::new(&settings.placement, parts.source.poller(), writer)
        .map_err(|error| Stopped::before_the_start(error, last_sequence))?;
    let lanes = Topology::new(settings, last_sequence + 1, parts.journal.is_some(), &bells);
    settings.counters.watch(&lanes.monitors);
    if let Some(journal) = &parts.journal {
        settings.counters.watch_journal(journal.writer.figures());
    }
    let (monitors, published) = (lanes.monitors.clone(), lanes.published.clone());
    let mut stages = Stages::new(parts, lanes, settings, turns, &bells);
    let driven = drive(stages.all(), settings, bells.by_thread(), &monitors, || {
        tick(published.released() - 1);
    });
    match driven {
        Ok(()) => Ok(stages.finish()),
        Err(error) => Err(stages.stop(error)),
    }
}

/// The stages of one run, in the order in which commands pass them.
struct Stages<S: Source, K: Sink<Notice = S::Notice>, J: Storage> {
    gateway: GatewayStage<S>,
    journal: Option<(JournalStage<J>, LateBell)>,
    risk: RiskStage,
    settle: SettleStage,
    publish: PublishStage<K>,
}

impl<S: Source, K: Sink<Notice = S::Notice>, J: Storage + Send> Stages<S, K, J> {
    /// Gives each stage its lanes and its part of the engine.
    fn new(
        parts: Parts<S, K, J>,
        lanes: Topology,
        settings: &Settings,
        turns: Turns,
        bells: &Bells<'_>,
    ) -> Stages<S, K, J> {
        let Parts { engine, mut source, mut sink, journal, last_sequence, last_timestamp } = parts;
        let counters = &settings.counters;
        let due = Gauge::new(u64::MAX);
        source.attach(bells.of(Role::Gateway).clone(), bells.of(Role::Publish).clone());
        source.watch(due.clone());
        sink.attach(bells.of(Role::Publish).clone(), bells.of(Role::Gateway).clone());
        let (notice_sender, notices) = channel::bounded(NOTICES);
        let (risk, settle, sessions) = engine.into_parts();
        counters.tables.show_risk(&risk);
        counters.tables.show_settle(&settle);
        let last = (last_sequence, last_timestamp);
        let (inputs, bell) = ((lanes.commands, lanes.origins), bells.of(Role::Publish).clone());
        let intake = Intake::new(inputs, sessions, notice_sender, bell, last);
        let journal = journal.zip(lanes.journal.zip(lanes.journal_origins)).map(
            |(journal, (commands, origins))| {
                journal.bell.set(bells.of(Role::Journal).clone());
                let (writer, stop) = (journal.writer, settings.stop.clone());
                let turn = turns.journal.clone().unwrap_or_default();
                let stage = JournalStage::new(commands, origins, writer, last_sequence, stop, turn);
                (stage, journal.bell)
            },
        );
        Stages {
            journal,
            risk: RiskStage {
                commands: lanes.risk,
                risk,
                turn: turns.risk.clone(),
                counters: Arc::clone(counters),
            },
            settle: SettleStage::new(
                (lanes.settle, lanes.events),
                settle,
                (turns.settle.clone(), due),
                counters,
            ),
            gateway: GatewayStage {
                source,
                intake: Some(intake),
                stop: settings.stop.clone(),
                turns,
                owes_pulse: false,
                last,
                sessions: None,
                counters: Arc::clone(counters),
            },
            publish: PublishStage::new(
                (lanes.publish, lanes.publish_events, lanes.publish_origins),
                lanes.durable,
                (sink, Notices::new(notices)),
                last_sequence,
                counters,
            ),
        }
    }

    /// All that there are, to be stepped.
    fn all(&mut self) -> Vec<&mut dyn Run> {
        let Stages { gateway, journal, risk, settle, publish } = self;
        let mut stages: Vec<&mut dyn Run> = vec![gateway];
        stages.extend(journal.as_mut().map(|(stage, _)| stage as &mut dyn Run));
        stages.extend([risk as &mut dyn Run, settle, publish]);
        stages
    }

    /// What they leave behind once all have ended.
    fn finish(self) -> Finished<S, K, J> {
        let Stages { gateway, journal, risk, settle, publish } = self;
        let (last_sequence, last_timestamp) = gateway.last;
        let sessions = gateway.sessions.expect("the source has ended");
        Finished {
            engine: Engine::from_parts(risk.risk, settle.settle, sessions),
            source: gateway.source,
            sink: publish.sink,
            journal: journal.map(|(stage, bell)| Journal { writer: stage.writer, bell }),
            last_sequence,
            last_timestamp,
            counts: publish.counts,
        }
    }

    /// Ends a run that `error` has stopped.
    fn stop(self, error: PipelineError) -> Stopped {
        let Stages { journal, mut publish, .. } = self;
        // What was given to the sink is durable: what of it has gathered still leaves, if it can.
        if !matches!(error, PipelineError::Panicked { .. }) {
            publish.sink.turn_ends(true);
        }
        let error = close_if_for_room(error, journal.map(|(stage, _)| stage.writer));
        let counts = Box::new(publish.counts);
        Stopped { error, last_published: publish.published, counts }
    }
}

/// Closes the journal of a run that was stopped for want of room alone: nothing is wrong with it.
fn close_if_for_room<J: Storage>(error: PipelineError, writer: Option<Writer<J>>) -> PipelineError {
    match writer.filter(|_| error.is_for_room()) {
        Some(writer) => writer.close().map_or_else(PipelineError::from, |()| error),
        None => error,
    }
}
