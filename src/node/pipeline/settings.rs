//! What decides how a pipeline runs, and nothing about outcomes.

use std::num::NonZero;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;

use super::Placement;
use crate::counters::Counters;
use ringfence_ring::WaitStrategy;
use ringfence_types::{Command, Event, Origin, Outcome, Verdict};

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
    /// Set from outside: take nothing more in, finish what was begun.
    pub stop: Arc<AtomicBool>,
    /// Where the stages show their numbers.
    pub counters: Arc<Counters>,
}

impl Settings {
    /// Memory of the lanes, in bytes, allocated when the pipeline is built.
    #[must_use]
    pub fn lanes_bytes(&self) -> u64 {
        let slot = size_of::<Command>() + size_of::<Verdict>() + size_of::<Outcome>();
        let slot = slot + size_of::<Origin>();
        (self.ring_slots * slot + self.event_slots * size_of::<Event>()) as u64
    }
}

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
    /// What this means for `placement` on the cores that this process may use.
    #[must_use]
    pub fn on_this_machine(self, placement: &Placement, journaled: bool) -> WaitStrategy {
        let cores = available_parallelism().map_or(1, NonZero::get);
        self.strategy(placement, journaled, cores)
    }

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
