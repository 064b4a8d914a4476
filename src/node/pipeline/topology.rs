//! How the stages hang together, and a run of them from start to end.

use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam::channel;

use super::stages::{GatewayStage, JournalStage, PublishStage, RiskStage, SettleStage};
use super::threads::{Run, drive};
use super::{PipelineError, Placement, Role};
use crate::Gauge;
use crate::gateway::{Intake, Poller, Source};
use crate::publish::Sink;
use ringfence_engine::Engine;
use ringfence_journal::{Storage, Writer};
use ringfence_ring::{Bell, Graph, WaitStrategy};
use ringfence_types::OutcomeCounts;
use ringfence_types::{Command, Event, Outcome, Verdict};

/// Notices that may lie between the gateway and publish.
const NOTICES: usize = 1024;

/// How `--wait` lets stages wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Always look.
    BusySpin,
    /// Look, and let others run in between.
    Yield,
    /// Sleep until woken.
    Park,
    /// First look, then let others run, then sleep.
    Phased,
    /// Phased, unless each stage has a core of its own and another is left for input and output.
    Auto,
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Wait, String> {
        Ok(match text {
            "busy-spin" => Wait::BusySpin,
            "yield" => Wait::Yield,
            "park" => Wait::Park,
            "phased" => Wait::Phased,
            "auto" => Wait::Auto,
            _ => return Err("not one of busy-spin, yield, park, phased, auto".to_owned()),
        })
    }
}

impl Wait {
    /// What this means for `placement`.
    ///
    /// Spinning threads never outnumber the cores they are pinned to, and where a journal is
    /// written a core is left for the kernel and for the thread that submits the writes: two
    /// spinning threads on two cores make a write that takes 0.1 ms one of 4 ms.
    #[must_use]
    pub fn strategy(self, placement: &Placement, journaled: bool, cores: usize) -> WaitStrategy {
        let spinning = placement.threads.len();
        let pinned = placement.threads.iter().all(|thread| thread.core.is_some());
        let may_spin = (!pinned || placement.distinct_cores() == spinning)
            && spinning + usize::from(journaled) <= cores;
        match self {
            Wait::BusySpin if may_spin => WaitStrategy::BusySpin,
            Wait::BusySpin | Wait::Yield => WaitStrategy::Yield,
            Wait::Park => WaitStrategy::Park,
            Wait::Auto if placement.is_one_stage_a_core() && may_spin => WaitStrategy::BusySpin,
            Wait::Auto | Wait::Phased => WaitStrategy::Phased,
        }
    }
}

/// What decides how a pipeline runs, and nothing about outcomes.
pub struct Settings {
    /// Slots of the lanes that commands, verdicts and outcomes lie in; a power of two.
    pub ring_slots: usize,
    /// Slots of the events lane; a power of two.
    pub event_slots: usize,
    /// How threads wait.
    pub wait: WaitStrategy,
    /// Stages to threads, threads to cores.
    pub placement: Placement,
    /// How the gateway's thread sleeps, where it must be woken by more than other stages.
    pub parker: Option<Arc<Poller>>,
    /// Set from outside: take nothing more in, finish what was begun.
    pub stop: Arc<AtomicBool>,
}

impl Settings {
    /// Memory of the lanes, in bytes, allocated when the pipeline is built.
    #[must_use]
    pub fn lanes_bytes(&self) -> u64 {
        let slot = size_of::<Command>() + size_of::<Verdict>() + size_of::<Outcome>();
        (self.ring_slots * slot + self.event_slots * size_of::<Event>()) as u64
    }
}

/// A bell that is known only once the pipeline is built: the journal's storage is started before.
#[derive(Debug, Clone, Default)]
pub struct LateBell(Arc<Mutex<Option<Bell>>>);

impl LateBell {
    fn set(&self, bell: Bell) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bell);
    }

    /// Wakes the thread that polls the journal, if there is one yet.
    pub fn ring(&self) {
        if let Some(bell) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            bell.ring();
        }
    }
}

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

/// Runs all that `parts.source` has through the pipeline and returns once every outcome has left.
/// `tick` is called now and then, with the sequence of the last command published.
///
/// # Errors
///
/// What stopped the pipeline before that; every thread has ended then.
///
/// # Panics
///
/// If the numbers of slots are no powers of two, or the ring holds less than two batches.
pub fn run<S: Source, K: Sink<Notice = S::Notice>, J: Storage + Send>(
    parts: Parts<S, K, J>,
    settings: Settings,
    mut tick: impl FnMut(u64),
) -> Result<Finished<S, K, J>, PipelineError> {
    let Parts { engine, mut source, mut sink, journal, last_sequence, last_timestamp } = parts;
    let Settings { ring_slots, event_slots, wait, placement, parker, stop } = settings;
    assert!(ring_slots >= 2 * ringfence_types::BATCH_COMMANDS_MAX);
    let (risk, settle) = engine.into_parts();

    // One bell for each thread; a stage's bell is its thread's.
    let mut bells = Vec::with_capacity(placement.threads.len());
    for thread in &placement.threads {
        let mut poller = parker.clone().filter(|_| thread.roles.contains(&Role::Gateway));
        // Where the kernel writes on its own, it is the kernel that wakes the journal's thread.
        let writer = journal.as_ref().map(|journal| &journal.writer);
        let descriptor = writer.and_then(Writer::descriptor);
        if let Some(descriptor) = descriptor.filter(|_| thread.roles.contains(&Role::Journal)) {
            let own = match poller.take() {
                Some(poller) => poller,
                None => Arc::new(Poller::new().map_err(PipelineError::Poller)?),
            };
            own.watch(descriptor).map_err(PipelineError::Poller)?;
            poller = Some(own);
        }
        bells.push(poller.map_or_else(Bell::new, |poller| Bell::with_parker(poller)));
    }
    let bell = |role: Role| -> &Bell {
        let thread = placement.threads.iter().position(|thread| thread.roles.contains(&role));
        &bells[thread.expect("a placement runs every stage")]
    };

    // The topology.
    let mut graph = Graph::<Command>::new(ring_slots, last_sequence + 1)
        .expect("the number of slots is a power of two");
    let commands = graph.input();
    let (risk_commands, verdicts) =
        graph.stage("risk").on(bell(Role::Risk)).reads((&commands,)).writes::<Verdict>();
    let (judged, outcomes) = graph
        .stage("settle")
        .on(bell(Role::Settle))
        .reads((&commands, &verdicts))
        .writes::<Outcome>();
    let (journal_commands, published) = if journal.is_some() {
        let stage = graph.stage("journal").on(bell(Role::Journal)).reads((&commands,)).sink();
        let publish = graph.stage("publish").on(bell(Role::Publish)).reads((&outcomes,));
        let published = publish.after(&stage).sink();
        (Some(stage), published)
    } else {
        (None, graph.stage("publish").on(bell(Role::Publish)).reads((&outcomes,)).sink())
    };
    let (producer, monitor) =
        graph.build(bell(Role::Gateway)).expect("the graph has stages for every lane");

    let mut graph =
        Graph::<Event>::new(event_slots, 1).expect("the number of slots is a power of two");
    let events = graph.input();
    let published_events =
        graph.stage("publish events").on(bell(Role::Publish)).reads((&events,)).sink();
    let (event_producer, event_monitor) =
        graph.build(bell(Role::Settle)).expect("the graph has a stage");

    let (notice_sender, notices) = channel::bounded(NOTICES);
    source.attach(bell(Role::Gateway).clone(), bell(Role::Publish).clone());
    let due = Gauge::new(u64::MAX);
    source.watch(due.clone());
    sink.attach(bell(Role::Gateway).clone());
    let publish_bell = bell(Role::Publish).clone();
    let intake = Intake::new(producer, notice_sender, publish_bell, last_sequence, last_timestamp);

    let mut gateway =
        GatewayStage { source, intake: Some(intake), stop, last: (last_sequence, last_timestamp) };
    let durable = journal.as_ref().map(|_| Gauge::new(last_sequence));
    let mut journal = journal.zip(journal_commands).map(|(journal, commands)| {
        journal.bell.set(bell(Role::Journal).clone());
        let durable = durable.clone().expect("there is a gauge where there is a journal");
        let writer = journal.writer;
        (JournalStage { commands, writer, durable, idle_since: None }, journal.bell)
    });
    let mut risk = RiskStage { commands: risk_commands, risk };
    let mut settle = SettleStage {
        judged,
        events: Some(event_producer),
        settle,
        due,
        is_due_stale: true,
        quiet_since: None,
    };
    let mut publish = PublishStage {
        outcomes: published,
        events: published_events,
        durable,
        notices,
        held: None,
        sink,
        published: last_sequence,
        counts: OutcomeCounts::default(),
        outcomes_ended: false,
        events_ended: false,
    };

    let mut stages: Vec<&mut dyn Run> = vec![&mut gateway];
    stages.extend(journal.as_mut().map(|(stage, _)| stage as &mut dyn Run));
    stages.extend([&mut risk as &mut dyn Run, &mut settle, &mut publish]);
    let monitors = [monitor, event_monitor];
    drive(stages, &placement, wait, &bells, &monitors, || {
        let published = monitors[0].stage("publish").expect("the graph has that stage");
        tick(published.released - 1);
    })?;

    let (last_sequence, last_timestamp) = gateway.last;
    Ok(Finished {
        engine: Engine::from_parts(risk.risk, settle.settle),
        source: gateway.source,
        sink: publish.sink,
        journal: journal.map(|(stage, bell)| Journal { writer: stage.writer, bell }),
        last_sequence,
        last_timestamp,
        counts: publish.counts,
    })
}
