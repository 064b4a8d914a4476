//! What the ring promises, through its public interface.

mod basics;
#[cfg(feature = "std")]
mod crew;
#[cfg(feature = "std")]
mod huge_pages;
mod layout;
#[cfg(feature = "std")]
mod panics;
#[cfg(feature = "std")]
mod producers;
mod properties;
mod shared;
mod spinning;
#[cfg(feature = "std")]
mod waiting;

use crate::{Bell, Graph, Lanes, Monitor, Poll, SharedProducer, Slot, Stage};

/// Chance that a test can repeat: the same seed, the same numbers.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `below`.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.roll(one_in) == 0
    }
}

/// A ring to be filled by several producers, with one stage.
fn many_to_one(slots: usize, first_sequence: u64) -> (SharedProducer<u64>, Stage<(u64,)>, Monitor) {
    let mut graph = Graph::<u64>::new(slots, first_sequence).unwrap();
    let input = graph.input();
    let sink = graph.stage("sink").on(&Bell::silent()).reads((&input,)).sink();
    let (producer, monitor) = graph.build_shared().unwrap();
    (producer, sink, monitor)
}

/// Takes what is there in one batch, at most `most`, and hands it on: sequences and values.
fn drain(stage: &mut Stage<(u64,), ()>, most: usize) -> Vec<(u64, u64)> {
    match stage.poll(most).unwrap() {
        Poll::Ready(batch) => {
            let (view,) = batch.reads();
            let values = (batch.first_sequence()..).zip(view.iter().copied()).collect();
            let len = batch.len();
            batch.publish(len);
            values
        }
        Poll::Empty | Poll::Ended => Vec::new(),
    }
}

/// Whether the stage finds the end.
fn ended<R: Lanes, W: Slot>(stage: &mut Stage<R, W>) -> bool {
    matches!(stage.poll_ahead(usize::MAX).unwrap(), Poll::Ended)
}
