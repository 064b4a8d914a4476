//! Stress for the ring: what models cannot reach, with real threads.
//!
//! ```text
//!   chain     producers ─▶ first ─▶ second ─▶ last
//!   fan       producers ─┬▶ left
//!                        └▶ right
//!   diamond   producers ─┬▶ left ──┬▶ last
//!                        └▶ right ─┘
//!   journal   producers ─┬▶ work ────┬▶ last
//!                        └▶ journal ─┘         (releases later than it takes)
//! ```
//!
//! A [`Case`] follows from its seed: the graph, a capacity of 1, 2, 4 or 64, one to three
//! producers, how each thread waits. Every thread makes random pauses, and takes, claims and
//! releases random numbers of slots. Each value is checked at each stage: that it comes exactly
//! once, in the order of its producer, whole, and with what other stages have made of it. A
//! wake-up that is lost is a case that hangs: nobody looks again without being called.

mod event;
mod threads;

use std::ops::{AddAssign, Range};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence::ring::{Batch, Bell, Claims, Graph, Lanes, Monitor, Producer, WaitStrategy};

use event::{Event, Order};
use threads::{Early, Hand, Release, produce, step};

/// Longest that a case may go on after its producers should have ended, before it counts as hung.
const HANG_LIMIT: Duration = Duration::from_secs(30);

/// Seeds after which every graph has met every capacity, producers and way to wait.
pub const SEEDS_FOR_ALL: u64 = 4 * 4 * 3 * 5;

/// The shape of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Chain,
    Fan,
    Diamond,
    Journal,
}

/// What is run for one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    seed: u64,
    shape: Shape,
    slots: usize,
    /// 1: a producer alone; more: so many that share the ring.
    producers: usize,
    /// How each thread waits: producers first.
    waits: [WaitStrategy; 6],
    /// Whether the ring is halted half-way.
    halts: bool,
}

/// What was done in one or several cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases run.
    pub cases: u64,
    /// Of these, cases that were halted half-way.
    pub halted: u64,
    /// Values that went in.
    pub values: u64,
    /// Values checked, at any stage.
    pub checks: u64,
    /// Fewest values that went in in one case.
    pub values_min: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let first = self.cases == 0;
        self.values_min =
            if first { other.values_min } else { self.values_min.min(other.values_min) };
        self.cases += other.cases;
        self.halted += other.halted;
        self.values += other.values;
        self.checks += other.checks;
    }
}

/// Runs the cases of `seeds`, each for about `each`; `progress` is told how many are done.
///
/// # Errors
///
/// The first case that fails, and how it failed.
pub fn stress(
    seeds: Range<u64>,
    each: Duration,
    mut progress: impl FnMut(u64),
) -> Result<Tally, String> {
    let mut all = Tally::default();
    for seed in seeds {
        let case = Case::of(seed);
        all += case.run(each).map_err(|wrong| format!("seed {seed}: {wrong}\n{case:?}"))?;
        progress(all.cases);
    }
    Ok(all)
}

/// Ends of a producer's and of a stage's thread.
enum Ended {
    Producer { number: usize, sent: u64, end: Result<(), Early> },
    Stage { name: &'static str, seen: Vec<u64>, end: Result<(), Early> },
}

impl Case {
    /// The case that follows from `seed`.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        const SHAPES: [Shape; 4] = [Shape::Chain, Shape::Fan, Shape::Diamond, Shape::Journal];
        const WAITS: [WaitStrategy; 4] =
            [WaitStrategy::Park, WaitStrategy::Phased, WaitStrategy::Yield, WaitStrategy::BusySpin];
        let mut random = Pcg64::seed_from_u64(seed);
        // One digit each; the last choice of waits is another one for each thread.
        let digit = |of: u64, below: u64| (seed / of % below) as usize;
        let waits = match WAITS.get(digit(48, 5)) {
            Some(&strategy) => [strategy; 6],
            None => core::array::from_fn(|_| WAITS[random.random_range(0..4)]),
        };
        Self {
            seed,
            shape: SHAPES[digit(1, 4)],
            slots: [1, 2, 4, 64][digit(4, 4)],
            producers: 1 + digit(16, 3),
            waits,
            halts: random.random_range(0..8) == 0,
        }
    }

    /// Runs the case for about `time`.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn run(&self, time: Duration) -> Result<Tally, String> {
        let mut graph = Graph::<Event>::new(self.slots, 1).map_err(|error| error.to_string())?;
        let (sender, ends) = mpsc::channel();
        let stages = Stages { case: self, sender };
        let starts = self.declare(&mut graph, &stages);
        let stage_count = starts.len();
        let producer_bell = Bell::for_strategy(self.waits[0]);
        let deadline = Instant::now() + time;
        let sender = stages.sender;
        let monitor = if self.producers == 1 {
            let (producer, monitor) = graph.build(&producer_bell).map_err(|e| e.to_string())?;
            self.start_producers(vec![producer], deadline, &sender);
            monitor
        } else {
            let (producer, monitor) = graph.build_shared().map_err(|e| e.to_string())?;
            self.start_producers(vec![producer; self.producers], deadline, &sender);
            monitor
        };
        starts.into_iter().for_each(|start| start());
        drop(sender);
        if self.halts {
            thread::sleep(time / 2);
            monitor.halt("half-way");
        }
        let ends = collect(&ends, self.producers + stage_count, deadline + HANG_LIMIT, &monitor)?;
        self.judge(ends, &monitor)
    }

    /// Declares the stages; returns what starts their threads.
    fn declare(&self, graph: &mut Graph<Event>, stages: &Stages<'_>) -> Vec<Box<dyn FnOnce()>> {
        let input = graph.input();
        let bells: [Bell; 3] =
            core::array::from_fn(|index| Bell::for_strategy(self.waits[3 + index]));
        let sink = |name, graph: &mut Graph<Event>, bell: &Bell| {
            graph.stage(name).on(bell).reads((&input,)).sink()
        };
        match self.shape {
            Shape::Chain => {
                let (first, firsts) =
                    graph.stage("first").on(&bells[0]).reads((&input,)).writes::<Event>();
                let (second, seconds) =
                    graph.stage("second").on(&bells[1]).reads((&firsts,)).writes::<Event>();
                let last =
                    graph.stage("last").on(&bells[2]).reads((&input, &firsts, &seconds)).sink();
                vec![
                    stages.starting(0, "first", first, Release::AtOnce, pass(0, true)),
                    stages.starting(1, "second", second, Release::AtOnce, pass(1, false)),
                    stages.starting(2, "last", last, Release::AtOnce, |batch, count, order| {
                        let (input, first, second) = batch.reads();
                        for offset in 0..count {
                            let event = input.at(offset);
                            order.see(input.first_sequence() + offset as u64, event)?;
                            same("first", first.at(offset), &event.passed(0))?;
                            same("second", second.at(offset), &event.passed(0).passed(1))?;
                        }
                        Ok(())
                    }),
                ]
            }
            Shape::Fan => {
                let left = sink("left", graph, &bells[0]);
                let right = sink("right", graph, &bells[1]);
                vec![
                    stages.starting(0, "left", left, Release::AtOnce, watch),
                    stages.starting(1, "right", right, Release::AtOnce, watch),
                ]
            }
            Shape::Diamond => {
                let (left, lefts) =
                    graph.stage("left").on(&bells[0]).reads((&input,)).writes::<Event>();
                let (right, rights) =
                    graph.stage("right").on(&bells[1]).reads((&input,)).writes::<Event>();
                let last =
                    graph.stage("last").on(&bells[2]).reads((&input, &lefts, &rights)).sink();
                vec![
                    stages.starting(0, "left", left, Release::AtOnce, pass(0, true)),
                    stages.starting(1, "right", right, Release::AtOnce, pass(1, true)),
                    stages.starting(2, "last", last, Release::AtOnce, |batch, count, order| {
                        let (input, left, right) = batch.reads();
                        for offset in 0..count {
                            let event = input.at(offset);
                            order.see(input.first_sequence() + offset as u64, event)?;
                            same("left", left.at(offset), &event.passed(0))?;
                            same("right", right.at(offset), &event.passed(1))?;
                        }
                        Ok(())
                    }),
                ]
            }
            Shape::Journal => {
                let (work, works) =
                    graph.stage("work").on(&bells[0]).reads((&input,)).writes::<Event>();
                let journal = sink("journal", graph, &bells[1]);
                let last = graph
                    .stage("last")
                    .on(&bells[2])
                    .reads((&input, &works))
                    .after(&journal)
                    .sink();
                vec![
                    stages.starting(0, "work", work, Release::AtOnce, pass(0, true)),
                    stages.starting(1, "journal", journal, Release::Later, watch),
                    stages.starting(2, "last", last, Release::AtOnce, |batch, count, order| {
                        let (input, work) = batch.reads();
                        for offset in 0..count {
                            let event = input.at(offset);
                            order.see(input.first_sequence() + offset as u64, event)?;
                            same("work", work.at(offset), &event.passed(0))?;
                        }
                        Ok(())
                    }),
                ]
            }
        }
    }

    fn start_producers<C: Claims + Send + 'static>(
        &self,
        producers: Vec<Producer<Event, C>>,
        deadline: Instant,
        sender: &mpsc::Sender<Ended>,
    ) {
        for (number, mut producer) in producers.into_iter().enumerate() {
            let strategy = self.waits[number];
            producer.set_wait(strategy);
            let hand = Hand::new(self.seed, number as u64, strategy);
            let sender = sender.clone();
            thread::spawn(move || {
                let (sent, end) = produce(producer, number, hand, deadline);
                // Nobody listens any more if the case has failed.
                drop(sender.send(Ended::Producer { number, sent, end }));
            });
        }
    }

    fn judge(&self, ends: Vec<Ended>, monitor: &Monitor) -> Result<Tally, String> {
        let mut tally = Tally { cases: 1, halted: self.halts.into(), ..Tally::default() };
        let mut sent_by = vec![0; self.producers];
        let mut seen_by = Vec::new();
        let mut early = Vec::new();
        for ended in ends {
            let (name, end) = match ended {
                Ended::Producer { number, sent, end } => {
                    sent_by[number] = sent;
                    tally.values += sent;
                    ("a producer", end)
                }
                Ended::Stage { name, seen, end } => {
                    tally.checks += seen.iter().sum::<u64>();
                    seen_by.push((name, seen));
                    (name, end)
                }
            };
            match end {
                Err(Early::Wrong(wrong)) => return Err(wrong),
                Err(Early::Halted(reason)) => early.push(format!("{name}: {reason}")),
                Ok(()) => {}
            }
        }
        tally.values_min = tally.values;
        if self.halts {
            return match early.iter().find(|reason| !reason.contains("half-way")) {
                Some(other) => Err(format!("halted half-way, but {other}")),
                None => Ok(tally),
            };
        }
        if let Some(reason) = early.first() {
            return Err(format!("halted: {reason}"));
        }
        match seen_by.iter().find(|(_, seen)| *seen != sent_by) {
            Some((name, seen)) => Err(format!("{name} saw {seen:?} values of {sent_by:?}")),
            None if !monitor.is_drained() => Err(format!("not drained: {monitor:?}")),
            None => Ok(tally),
        }
    }
}

/// Makes threads of stages.
struct Stages<'a> {
    case: &'a Case,
    sender: mpsc::Sender<Ended>,
}

impl Stages<'_> {
    fn starting<R: Lanes, W: ringfence::ring::Slot>(
        &self,
        number: usize,
        name: &'static str,
        stage: ringfence::ring::Stage<R, W>,
        release: Release,
        process: impl FnMut(&mut Batch<'_, R, W>, usize, &mut Order) -> Result<(), String>
        + Send
        + 'static,
    ) -> Box<dyn FnOnce()> {
        let hand = Hand::new(self.case.seed, 3 + number as u64, self.case.waits[3 + number]);
        let order = Order::new(self.case.producers);
        let sender = self.sender.clone();
        Box::new(move || {
            thread::spawn(move || {
                let (order, end) = step(stage, order, hand, release, process);
                drop(sender.send(Ended::Stage { name, seen: order.seen, end }));
            });
        })
    }
}

/// Waits for the ends of `count` threads; halts the ring if they do not come in time.
fn collect(
    ends: &mpsc::Receiver<Ended>,
    count: usize,
    hung_at: Instant,
    monitor: &Monitor,
) -> Result<Vec<Ended>, String> {
    (0..count)
        .map(|_| {
            let left = hung_at.saturating_duration_since(Instant::now());
            ends.recv_timeout(left).map_err(|error| {
                let standing = format!("{monitor:?}");
                monitor.halt("it hangs");
                match error {
                    mpsc::RecvTimeoutError::Timeout => format!("it hangs: {standing}"),
                    mpsc::RecvTimeoutError::Disconnected => {
                        format!("a thread has panicked: {standing}")
                    }
                }
            })
        })
        .collect()
}

/// Checks each event of the only lane.
fn watch(
    batch: &mut Batch<'_, (Event,), ()>,
    count: usize,
    order: &mut Order,
) -> Result<(), String> {
    let (input,) = batch.reads();
    (0..count)
        .try_for_each(|offset| order.see(input.first_sequence() + offset as u64, input.at(offset)))
}

/// Writes what `stage` makes of each event; checks them if they come straight from producers.
fn pass(
    stage: u64,
    is_input: bool,
) -> impl FnMut(&mut Batch<'_, (Event,), Event>, usize, &mut Order) -> Result<(), String> + Send {
    move |batch, count, order| {
        let ((input,), mut out) = batch.parts();
        for offset in 0..count {
            let event = input.at(offset);
            let sequence = input.first_sequence() + offset as u64;
            if is_input {
                order.see(sequence, event)?;
            } else {
                // What the stage before has made of it, turned back.
                order.see(sequence, &event.passed(0))?;
            }
            out.push(event.passed(stage));
        }
        Ok(())
    }
}

fn same(lane: &str, found: &Event, expected: &Event) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("lane {lane}: {found:x?}, expected {expected:x?}"))
}
