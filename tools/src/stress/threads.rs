//! The threads of a case: what producers and stages do, with pauses.

use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence::ring::{Batch, Claims, Lanes, Poll, Producer, Slot, Stage, WaitStrategy, Waiter};

use super::event::{Event, Order};

/// Longer than any case takes: a wake-up that is lost shows as a case that hangs.
const PARK_LIMIT: Duration = Duration::from_secs(3_600);

/// Why a thread has ended early.
#[derive(Debug)]
pub enum Early {
    /// The ring was halted, for this reason.
    Halted(String),
    /// The thread has found an error.
    Wrong(String),
}

/// Chance, and how one thread waits.
pub struct Hand {
    random: Pcg64,
    strategy: WaitStrategy,
}

impl Hand {
    /// A hand for thread `number` of the case `seed`.
    pub fn new(seed: u64, number: u64, strategy: WaitStrategy) -> Self {
        let random = Pcg64::seed_from_u64(seed ^ (number + 1) << 48);
        Self { random, strategy }
    }

    fn one_in(&mut self, chances: u32) -> bool {
        self.random.random_range(0..chances) == 0
    }

    /// From 1 to `most`.
    fn count(&mut self, most: usize) -> usize {
        self.random.random_range(1..=most)
    }

    /// Most often nothing; else a pause of one of the lengths that shift threads against each
    /// other: within a hand-over, of a time slice, of a sleep.
    fn pause(&mut self) {
        match self.random.random_range(0..64) {
            0 => thread::sleep(Duration::from_micros(self.random.random_range(1..200))),
            1..4 => thread::yield_now(),
            4..12 => (0..self.random.random_range(1..300)).for_each(|_| core::hint::spin_loop()),
            _ => {}
        }
    }
}

/// Puts values in until `deadline`, by all forms of claims, and gives some claims up. Returns how
/// many values went in.
pub fn produce<C: Claims>(
    mut producer: Producer<Event, C>,
    number: usize,
    mut hand: Hand,
    deadline: Instant,
) -> (u64, Result<(), Early>) {
    let mut sent = 0;
    let mut done = || -> Result<bool, String> {
        hand.pause();
        let value = |offset: usize, sent: u64| Event::new(number, sent + offset as u64);
        let count = hand.count(producer.slots().min(5));
        match hand.random.random_range(0..8) {
            0 => {
                if producer.try_publish(value(0, sent)).is_ok() {
                    sent += 1;
                }
            }
            1 => {
                producer.publish_with(|slot| *slot = value(0, sent)).map_err(|e| e.to_string())?;
                sent += 1;
            }
            2 => {
                let mut values = (0..count).map(|offset| value(offset, sent));
                producer.publish_all(&mut values).map_err(|e| e.to_string())?;
                sent += count as u64;
            }
            3 => {
                // Given up, at times with something in it, at times never even dropped.
                if let Some(mut claim) = producer.try_claim(count).map_err(|e| e.to_string())? {
                    if hand.one_in(2) {
                        claim.push(Event::given_up());
                    }
                    if hand.one_in(4) {
                        core::mem::forget(claim);
                    }
                }
            }
            _ => {
                // As a thread waits that has more to do than this: on the producer's bell.
                let mut waiter =
                    Waiter::new(hand.strategy, producer.bell().clone()).with_park_limit(PARK_LIMIT);
                let mut claim = loop {
                    match producer.try_claim(count).map_err(|e| e.to_string())? {
                        Some(claim) => break claim,
                        None => waiter.wait(),
                    }
                };
                let whole = hand.count(count);
                for offset in 0..whole {
                    claim.push(value(offset, sent));
                    if hand.one_in(4) {
                        hand.pause();
                    }
                }
                claim.publish(whole / 2);
                hand.pause();
                claim.finish();
                sent += whole as u64;
            }
        }
        Ok(Instant::now() >= deadline)
    };
    let end = loop {
        match done() {
            Ok(true) => break Ok(()),
            Ok(false) => {}
            Err(reason) => break Err(Early::Halted(reason)),
        }
    };
    (sent, end)
}

/// When a stage gives back what it has processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// With each batch, or part of one.
    AtOnce,
    /// Some time later, as a journal does.
    Later,
}

/// Steps `stage` until the ring ends: processes parts of batches by `process`, which is to handle
/// as many slots as it is told. Returns what `process` has noted in the order.
pub fn step<R: Lanes, W: Slot>(
    mut stage: Stage<R, W>,
    mut order: Order,
    mut hand: Hand,
    release: Release,
    mut process: impl FnMut(&mut Batch<'_, R, W>, usize, &mut Order) -> Result<(), String>,
) -> (Order, Result<(), Early>) {
    let mut waiter = Waiter::new(hand.strategy, stage.bell().clone()).with_park_limit(PARK_LIMIT);
    let end = loop {
        hand.pause();
        let most = if hand.one_in(2) { usize::MAX } else { hand.count(3) };
        match stage.poll_ahead(most) {
            Err(halted) => break Err(Early::Halted(halted.to_string())),
            Ok(Poll::Ended) => break Ok(()),
            Ok(Poll::Ready(mut batch)) => {
                waiter.reset();
                let count = hand.count(batch.len());
                if let Err(wrong) = process(&mut batch, count, &mut order) {
                    let name = stage.name();
                    break Err(Early::Wrong(format!("{name}: {wrong}")));
                }
                hand.pause();
                match release {
                    Release::AtOnce => batch.publish(count),
                    Release::Later => batch.take(count),
                }
                if stage.taken() > stage.released() && hand.one_in(3) {
                    let until = hand.random.random_range(stage.released()..stage.taken());
                    stage.release(until);
                }
            }
            Ok(Poll::Empty) => {
                if stage.taken() > stage.released() {
                    stage.release(stage.taken() - 1);
                    waiter.reset();
                } else {
                    waiter.wait();
                }
            }
        }
    };
    (order, end)
}
