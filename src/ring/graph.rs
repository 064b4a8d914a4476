//! Builds a ring: its lanes, its stages, and which stage waits for which others.
//!
//! A stage can wait only for stages that are declared before it, so there is no cycle. The producer
//! is made last, when it is known which stages are the last readers of a slot.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::bell::Bell;
use super::cursor::{Cursor, Gates};
use super::error::{FIRST_SEQUENCE_MAX, GraphError};
use super::lane::Lane;
use super::marks::Marks;
use super::monitor::Monitor;
use super::producer::{Producer, SharedProducer};
use super::reads::{LaneRefs, Lanes, LanesOf, Slot};
use super::slots::{Pages, Slots};
use super::stage::Stage;
use super::state::{Filled, RingState};
use super::strategy::WaitStrategy;
use super::upstream::Upstream;
use crate::sync::Arc;

/// A ring under construction, for values of type `T`. Declare its stages, then call
/// [`build`](Self::build) or [`build_shared`](Self::build_shared).
///
/// If it is dropped before, the stages that were declared find the ring halted.
pub struct Graph<T: Slot> {
    ring: Arc<RingState>,
    input: Lane<T>,
    pages: Pages,
    /// The cursors of the producers and of each stage, in the order of their nodes.
    cursors: Vec<Arc<Cursor>>,
    upstream: Upstream,
    built: bool,
}

impl<T: Slot> Graph<T> {
    /// A ring of `slots` slots, which must be a power of two. The first value published gets the
    /// sequence `first_sequence`.
    ///
    /// Allocates the slots of the input lane and fills them with `T::default()`; so does each
    /// [`writes`](StageBuilder::writes) for the lane of its stage. After
    /// [`build`](Self::build) nothing is allocated.
    ///
    /// # Errors
    ///
    /// [`GraphError::SlotsNotPowerOfTwo`], or [`GraphError::FirstSequenceTooHigh`] if
    /// `first_sequence` is above [`FIRST_SEQUENCE_MAX`].
    ///
    /// # Panics
    ///
    /// If the size of a lane in bytes does not fit `isize`. Ends the program if there is no memory.
    pub fn new(slots: usize, first_sequence: u64) -> Result<Self, GraphError> {
        Self::with_pages(slots, first_sequence, Pages::Ordinary)
    }

    /// As [`new`](Self::new), with all lanes of the ring on `pages`.
    ///
    /// # Errors
    ///
    /// As `new`.
    ///
    /// # Panics
    ///
    /// As `new`.
    pub fn with_pages(slots: usize, first_sequence: u64, pages: Pages) -> Result<Self, GraphError> {
        if !slots.is_power_of_two() {
            return Err(GraphError::SlotsNotPowerOfTwo { slots });
        }
        if first_sequence > FIRST_SEQUENCE_MAX {
            return Err(GraphError::FirstSequenceTooHigh { first_sequence });
        }
        let ring = RingState::new(slots, first_sequence);
        let input = Lane {
            ring: Arc::clone(&ring),
            slots: Slots::new(slots, pages),
            // The producer keeps its bell itself, which is known only at `build`.
            writer: Cursor::new("producer", 0, first_sequence, Bell::silent()),
        };
        let cursors = vec![Arc::clone(&input.writer)];
        Ok(Self { ring, input, pages, cursors, upstream: Upstream::new(), built: false })
    }

    /// The input lane, which the producers write.
    #[must_use]
    pub fn input(&self) -> Lane<T> {
        self.input.clone()
    }

    /// Starts the declaration of a stage. The name appears in errors and in the [`Monitor`]; it
    /// should be unique.
    pub fn stage(&mut self, name: &str) -> StageBuilder<'_, T, ()> {
        StageBuilder {
            graph: self,
            name: name.to_owned(),
            bell: Bell::for_strategy(WaitStrategy::default()),
            waits_for: Vec::new(),
            held: (),
        }
    }

    /// Completes the ring: returns its only producer, whose thread sleeps on `bell`, and a monitor.
    ///
    /// # Errors
    ///
    /// [`GraphError::NoStage`] if no stage is declared.
    pub fn build(mut self, bell: &Bell) -> Result<(Producer<T>, Monitor), GraphError> {
        let gates = self.link(bell, Filled::InOrder)?;
        let producer = Producer::new(
            Arc::clone(&self.ring),
            Arc::clone(&self.input.writer),
            self.input.slots.clone(),
            gates,
            bell.clone(),
        );
        Ok((producer, self.monitor()))
    }

    /// Completes a ring for any number of producers: returns one, to be cloned for each thread, and
    /// a monitor.
    ///
    /// # Errors
    ///
    /// [`GraphError::NoStage`] if no stage is declared.
    pub fn build_shared(mut self) -> Result<(SharedProducer<T>, Monitor), GraphError> {
        let bell = Bell::crowd();
        let marks = Arc::new(Marks::new(self.ring.slots, self.ring.first_sequence));
        let producers = Arc::clone(&self.input.writer);
        let gates = self.link(&bell, Filled::Marked { marks: Arc::clone(&marks), producers })?;
        let producer = SharedProducer::new_shared(
            Arc::clone(&self.ring),
            Arc::clone(&self.input.writer),
            self.input.slots.clone(),
            marks,
            gates,
            bell,
        );
        Ok((producer, self.monitor()))
    }

    /// The cursors of the stages.
    fn stages(&self) -> &[Arc<Cursor>] {
        &self.cursors[1..]
    }

    /// Tells each cursor which threads to wake, and returns the last readers.
    fn link(&mut self, producer_bell: &Bell, filled: Filled) -> Result<Gates, GraphError> {
        if self.stages().is_empty() {
            return Err(GraphError::NoStage);
        }
        self.ring.add_bell(producer_bell);
        let mut gates = Vec::new();
        for (cursor, waiting) in self.cursors.iter().zip(self.upstream.waiting()) {
            let own = if cursor.node == 0 { producer_bell } else { &cursor.bell };
            let mut bells: Vec<&Bell> =
                waiting.iter().map(|&stage| &self.cursors[stage].bell).collect();
            if waiting.is_empty() {
                gates.push(Arc::clone(cursor));
                bells.push(producer_bell);
            }
            set_wakes(cursor, &bells, own);
        }
        assert!(self.ring.filled.set(filled), "a graph is linked once");
        self.built = true;
        Ok(Gates::new(gates))
    }

    fn monitor(&self) -> Monitor {
        Monitor::new(Arc::clone(&self.ring), Arc::clone(&self.input.writer), self.stages().to_vec())
    }
}

/// Sets the bells to ring when `cursor` moves: each once, without the bell of its own thread and
/// those of threads that never sleep.
fn set_wakes(cursor: &Cursor, bells: &[&Bell], own: &Bell) {
    let mut wakes: Vec<Bell> = Vec::new();
    for bell in bells {
        if bell.parks() && !bell.same(own) && !wakes.iter().any(|known| known.same(bell)) {
            wakes.push((*bell).clone());
        }
    }
    assert!(cursor.wakes.set(wakes.into()), "a graph is linked once");
}

impl<T: Slot> Drop for Graph<T> {
    fn drop(&mut self) {
        if !self.built {
            self.ring.halt("graph", "it was dropped before it was built");
        }
    }
}

impl<T: Slot> fmt::Debug for Graph<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.stages().iter().map(|cursor| cursor.name.as_str()).collect();
        f.debug_struct("Graph")
            .field("slots", &self.ring.slots)
            .field("stages", &names)
            .finish_non_exhaustive()
    }
}

/// A stage under declaration: on which thread's bell, which lanes it reads, which stages it comes
/// after. Ends with [`writes`](Self::writes) or [`sink`](Self::sink).
///
/// A stage that neither reads a lane nor comes after a stage waits for the producers.
#[must_use = "a stage is declared by `writes` or `sink`"]
pub struct StageBuilder<'g, T: Slot, R: Lanes> {
    graph: &'g mut Graph<T>,
    name: String,
    bell: Bell,
    /// Nodes that the stage waits for.
    waits_for: Vec<usize>,
    held: R::Held,
}

impl<'g, T: Slot> StageBuilder<'g, T, ()> {
    /// The lanes that the stage reads: a tuple of up to four references, such as
    /// `(&commands, &verdicts)`. The stage waits for the writers of these lanes.
    ///
    /// # Panics
    ///
    /// If a lane belongs to another ring.
    pub fn reads<H: LaneRefs>(mut self, lanes: H) -> StageBuilder<'g, T, LanesOf<H>> {
        lanes.each(|ring, writer| {
            assert!(Arc::ptr_eq(ring, &self.graph.ring), "a stage reads lanes of its own ring");
            self.waits_for.push(writer.node);
        });
        StageBuilder {
            graph: self.graph,
            name: self.name,
            bell: self.bell,
            waits_for: self.waits_for,
            held: lanes.hold(),
        }
    }
}

impl<T: Slot, R: Lanes> StageBuilder<'_, T, R> {
    /// The bell of the thread that will poll the stage. Without this call the stage gets a bell of
    /// its own; see [`Stage::bell`].
    pub fn on(mut self, bell: &Bell) -> Self {
        self.bell = bell.clone();
        self
    }

    /// Lets the stage also wait for `stage`, without reading a lane of it.
    ///
    /// # Panics
    ///
    /// If `stage` belongs to another ring.
    pub fn after<Q: Lanes, W: Slot>(mut self, stage: &Stage<Q, W>) -> Self {
        assert!(
            Arc::ptr_eq(stage.ring(), &self.graph.ring),
            "a stage waits for stages of its own ring"
        );
        self.waits_for.push(stage.cursor().node);
        self
    }

    /// Ends the declaration of a stage that writes a lane of its own, with values of type `W`.
    /// Returns the stage and the lane, for stages that are to read it.
    ///
    /// # Panics
    ///
    /// If the size of the lane in bytes does not fit `isize`.
    pub fn writes<W: Slot>(self) -> (Stage<R, W>, Lane<W>) {
        let ring = Arc::clone(&self.graph.ring);
        let slots = Slots::new(ring.slots, self.graph.pages);
        let stage = self.declare(slots.clone(), false);
        let lane = Lane { ring, slots, writer: Arc::clone(stage.cursor()) };
        (stage, lane)
    }

    /// Ends the declaration of a stage that writes no lane.
    pub fn sink(self) -> Stage<R, ()> {
        let slots = Slots::new(self.graph.ring.slots, Pages::Ordinary);
        self.declare(slots, true)
    }

    fn declare<W: Slot>(self, out: Slots<W>, sink: bool) -> Stage<R, W> {
        let Self { graph, name, bell, mut waits_for, held } = self;
        if waits_for.is_empty() {
            waits_for.push(graph.input.writer.node);
        }
        let looks_at = graph.upstream.add(&waits_for);
        let upstream = looks_at.iter().map(|&node| Arc::clone(&graph.cursors[node])).collect();
        let node = graph.cursors.len();
        let cursor = Cursor::new(&name, node, graph.ring.first_sequence, bell);
        graph.ring.add_bell(&cursor.bell);
        graph.cursors.push(Arc::clone(&cursor));
        Stage::new(Arc::clone(&graph.ring), cursor, upstream, held, out, sink)
    }
}

impl<T: Slot, R: Lanes> fmt::Debug for StageBuilder<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
