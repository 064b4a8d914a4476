//! One engine from open to close.

use std::sync::Arc;

use crate::Clock;
use crate::counters::Counters;
use crate::gateway::Source;
use crate::growth::{ByItself, Grower};
use crate::memory::Memory;
use crate::options::{Message, Options, Report};
use crate::pipeline::{self, Cores, Finished, Journal, Parts, Placement, Settings, Turns, Wait};
use crate::publish::{self, Front, LogGauges, Logged, Sink};
use crate::room::RoomNotes;
use crate::{NodeError, recover, tables};
use ringfence_engine::Engine;
use ringfence_journal::outcomes::Log;
use ringfence_journal::{DataDir, Disk, Recent, rules_of_a_new_journal};
use ringfence_ring::WaitStrategy;
use ringfence_types::{OutcomeCounts, Rules};

/// One engine: its state, its journal, and how it runs.
pub struct Node {
    engine: Engine,
    journal: Option<Journal<Disk>>,
    last_sequence: u64,
    last_timestamp: u64,
    /// The outcome log, with an outcome for every command so far.
    log: Option<Log>,
    gauges: LogGauges,
    /// Identity of the journal and its epoch; zeros where there is none.
    history: History,
    /// Holds the lock of the data directory.
    dir: Option<DataDir>,
    settings: Settings,
    report: Report,
    /// The rules that are in force.
    rules: Rules,
    /// Whether its tables grow at request, and which of them grow by themselves.
    grows: Option<ByItself>,
}

/// Which history an engine has: sequences mean the same only within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// Identity of the journal, drawn once; zeros where nothing is kept.
    pub journal_id: [u8; 16],
    /// How many repairs gave up commands that had been acknowledged.
    pub epoch: u16,
}

/// What a run leaves behind.
pub struct Ran<S, K> {
    /// The node, to run again or to close.
    pub node: Node,
    /// The source, as it ended.
    pub source: S,
    /// The sink, drained.
    pub sink: K,
    /// Outcomes of this run by status.
    pub counts: OutcomeCounts,
}

/// What a closed node held.
pub struct Closed {
    /// The state after the last command.
    pub engine: Engine,
    /// Sequence of the last command, 0 if there is none.
    pub last_sequence: u64,
    /// Timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
}

impl Node {
    /// Recovers the journal in the data directory and takes its lock, or, without a directory, sets
    /// up an engine that keeps nothing. All memory is allocated here, and has its pages.
    ///
    /// # Errors
    ///
    /// [`NodeError`]; nothing that was acknowledged is lost by it.
    pub fn open(options: Options) -> Result<Node, NodeError> {
        let Options { wanted, durability, cores, mut report, counters, .. } = options;
        let mut history = History::default();
        let mut placement = Placement::resolve(&cores).map_err(NodeError::Cores)?;
        let (engine, journal, log, dir, last, rules);
        if let Some(path) = &options.data_dir {
            let opened = recover::open_dir(path, options.journal_io, &mut report)?;
            let mut written = ringfence_journal::Options {
                durability,
                key: options.journal_key,
                ..ringfence_journal::Options::default()
            };
            written.segment_bytes = options.segment_bytes.unwrap_or(written.segment_bytes);
            let keep = options.outcome_log.then_some(options.outcome_log_keep);
            let kept = recover::recover(&opened, &wanted, &written, keep, &mut report)?;
            let position = &kept.recovered.position;
            written.segment_bytes = options.segment_bytes.unwrap_or(position.segment_bytes);
            let started = recover::start_writer(&opened, &kept.recovered, written);
            journal = Some(started.inspect(|it| counters.watch_journal(it.writer.figures()))?);
            if cores == Cores::Auto {
                // A failure costs speed alone here; the journal meets it again, and says so.
                placement.bring_journal_near(|| opened.durable_write_ns().ok());
            }
            last = (kept.recovered.last_sequence, kept.recovered.last_timestamp);
            history = History { journal_id: position.journal_id, epoch: position.epoch };
            (engine, log, dir, rules) = (kept.engine, kept.log, Some(opened), kept.rules);
        } else {
            if options.outcome_log {
                return Err(NodeError::OutcomeLogWithoutJournal);
            }
            rules = rules_of_a_new_journal(&wanted)?;
            engine = Engine::new(&rules)?;
            tables::make_ready(&engine, &mut report);
            (journal, log, dir, last) = (None, None, None, (0, 0));
        }
        counters.tables.show_capacities(&rules);
        let wait = options.wait.on_this_machine(&placement, journal.is_some());
        if options.wait == Wait::BusySpin && wait != WaitStrategy::BusySpin {
            let text = "more threads than cores would spin; they yield instead";
            report(Message::Note(text.to_owned()));
        }
        let (ring_slots, event_slots, stop) =
            (options.ring_slots, options.event_slots, options.stop);
        let settings = Settings { ring_slots, event_slots, wait, placement, stop, counters };
        check_memory(settings.lanes_bytes())?;
        let (last_sequence, last_timestamp) = last;
        let gauges = LogGauges::new();
        gauges.logged.set(last_sequence);
        gauges.first.set(log.as_ref().map_or(0, Log::first_sequence));
        Ok(Node {
            engine,
            journal,
            last_sequence,
            last_timestamp,
            log,
            gauges,
            history,
            dir,
            settings,
            report,
            rules,
            grows: None,
        })
    }

    /// The same node; while it runs, its tables grow at the request of [`crate::growth::grow`], and
    /// those of `by_itself` without one, where it has a data directory. Not for a source that has a
    /// clock of its own.
    #[must_use]
    pub fn growing(self, by_itself: ByItself) -> Node {
        Node { grows: Some(by_itself), ..self }
    }

    /// Runs all that `source` has through the pipeline, and returns once every outcome has been
    /// given to `sink`. This thread waits meanwhile; the stages run on threads of their own.
    ///
    /// # Errors
    ///
    /// [`NodeError::Stopped`] where the journal, the source or a stage failed: it says which
    /// outcomes had left. Another node on the same directory goes on from there.
    ///
    /// # Panics
    ///
    /// If a number of slots is no power of two, or the ring holds less than two batches.
    pub fn run<S, K>(self, source: S, sink: K) -> Result<Ran<S, K>, NodeError>
    where
        S: Source,
        K: Sink<Notice = S::Notice>,
    {
        let Node { engine, journal, last_sequence, last_timestamp, log, .. } = self;
        let Node { gauges, history, dir, settings, mut report, rules, grows, .. } = self;
        let turns = Turns::new(journal.is_some());
        let mut grower = dir.as_ref().zip(grows).map(|(dir, by_itself)| {
            Grower::new(dir.path(), engine.growth(), rules, turns.clone(), &settings, by_itself)
        });
        let mut grow = |sequence| grower.as_mut().and_then(|grower| grower.look(sequence));
        let published = |sequence: u64| Message::Published(sequence.saturating_sub(last_sequence));
        let room = RoomNotes::new(journal.as_ref().map(|journal| journal.writer.room_news()));
        let mut front = log.as_ref().map(|_| Front::new(gauges.clone()));
        let tick = |sequence| {
            report(published(sequence));
            let logged = front.iter_mut().flat_map(Front::look);
            let notes = room.look().chain(grow(sequence)).chain(logged);
            notes.for_each(|note| report(Message::Note(note)));
        };
        let (finished, log) = match log {
            None => {
                let parts = Parts { engine, source, sink, journal, last_sequence, last_timestamp };
                (pipeline::run_growing(parts, &settings, turns, tick)?, None)
            }
            Some(log) => {
                let logged = Logged::new(
                    sink,
                    log,
                    gauges.clone(),
                    settings.event_slots,
                    Arc::clone(&settings.stop),
                );
                let sink = logged.map_err(NodeError::Thread)?;
                let parts = Parts { engine, source, sink, journal, last_sequence, last_timestamp };
                let finished = pipeline::run_growing(parts, &settings, turns, tick)?;
                let (finished, log) = finished.split_sink(Logged::finish);
                let notes = front.iter_mut().flat_map(Front::look);
                notes.for_each(|note| report(Message::Note(note)));
                match log {
                    Ok(log) => (finished, Some(log)),
                    Err(error) => {
                        if let Some(journal) = finished.journal {
                            journal.writer.close()?;
                        }
                        return Err(NodeError::OutcomeLog(Box::new(error)));
                    }
                }
            }
        };
        let Finished { engine, source, sink, journal, last_sequence, last_timestamp, counts } =
            finished;
        let node = Node {
            engine,
            journal,
            last_sequence,
            last_timestamp,
            log,
            gauges,
            history,
            dir,
            settings,
            report,
            rules: grower.map_or(rules, |grower| *grower.rules()),
            grows,
        };
        Ok(Ran { node, source, sink, counts })
    }

    /// Writes and syncs what the journal still holds, with the closing frame that marks a clean stop,
    /// and gives up the lock of the directory.
    ///
    /// # Errors
    ///
    /// [`NodeError::Journal`], if the journal cannot be ended.
    pub fn close(self) -> Result<Closed, NodeError> {
        let Node { engine, journal, last_sequence, last_timestamp, dir, .. } = self;
        if let Some(journal) = journal {
            journal.writer.close()?;
        }
        drop(dir);
        Ok(Closed { engine, last_sequence, last_timestamp })
    }

    /// The state after the last command.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Sequence of the last command, 0 if there is none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Timestamp of the last command, in nanoseconds, 0 if there is none.
    #[must_use]
    pub fn last_timestamp(&self) -> u64 {
        self.last_timestamp
    }

    /// By how many nanoseconds `clock` is behind the last command's timestamp; 0 if it is not.
    ///
    /// Timestamps never go back: until the clock has caught up, commands are stamped 1 ns apart, so
    /// that nothing expires and no window of a policy moves on.
    #[must_use]
    pub fn clock_behind_ns(&self, clock: Clock) -> u64 {
        self.last_timestamp.saturating_sub(clock.read_ns())
    }

    /// Which history it has.
    #[must_use]
    pub fn history(&self) -> History {
        self.history
    }

    /// Whether it keeps an outcome log, and what is told and asked about that while it runs.
    #[must_use]
    pub fn outcome_log(&self) -> Option<LogGauges> {
        self.log.as_ref().map(|_| self.gauges.clone())
    }

    /// What it has written to its journal last, while it runs; `None` without a journal.
    #[must_use]
    pub fn recent(&self) -> Option<Arc<Recent>> {
        self.journal.as_ref().map(|journal| Arc::clone(journal.writer.recent()))
    }

    /// Where it shows its numbers while it runs.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.settings.counters)
    }

    /// The data directory, if there is one.
    #[must_use]
    pub fn data_dir(&self) -> Option<&DataDir> {
        self.dir.as_ref()
    }

    /// Which stage runs on which thread and core.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.settings.placement
    }

    /// How the stages' threads wait.
    #[must_use]
    pub fn wait(&self) -> WaitStrategy {
        self.settings.wait
    }

    /// How much memory it takes.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let log_bytes = match &self.log {
            Some(_) => publish::frames_bytes(self.settings.event_slots),
            None => 0,
        };
        let tables = self.engine.memory_bytes();
        Memory::new(tables, &self.settings, self.journal.is_some(), log_bytes)
    }
}

/// Finds out whether memory for the lanes can be had: where it cannot, their allocation would only
/// abort the program.
fn check_memory(bytes: u64) -> Result<(), NodeError> {
    let mut trial = Vec::<u8>::new();
    let reserved = usize::try_from(bytes).map(|bytes| trial.try_reserve_exact(bytes));
    // Seen from outside, so that the compiler cannot leave the allocation out.
    std::hint::black_box(&trial);
    match reserved {
        Ok(Ok(())) => Ok(()),
        _ => Err(NodeError::NoMemoryForLanes { bytes }),
    }
}
