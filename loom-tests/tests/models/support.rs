//! Bounds, and the shortest ways to put values in and take them out.

use loom::model::Builder;
use ringfence_ring::{Batch, Bell, Graph, Lanes, Poll, Producer, Slot, Stage, Waiter};

/// Explores `model` with at most `preemptions` preemptions of a thread that could go on; `None`:
/// without a limit. `LOOM_MAX_PREEMPTIONS` overrides it.
///
/// A switch where a thread blocks or ends is no preemption. Nearly every known bug of this kind
/// needs two preemptions or fewer.
pub fn check(preemptions: impl Into<Option<usize>>, model: fn()) {
    let mut builder = Builder::new();
    if builder.preemption_bound.is_none() {
        builder.preemption_bound = preemptions.into();
    }
    builder.check(model);
}

/// A stage that only reads the producer's lane.
pub type Sink = Stage<(u64,), ()>;

/// A ring of `slots` slots whose first sequence is 1, with one stage; neither ever sleeps.
pub fn one_to_one(slots: usize) -> (Producer<u64>, Sink) {
    one_to_one_on(slots, &Bell::silent(), &Bell::silent())
}

/// The same, with bells for the two threads.
pub fn one_to_one_on(slots: usize, producer: &Bell, stage: &Bell) -> (Producer<u64>, Sink) {
    let mut graph = Graph::<u64>::new(slots, 1).unwrap();
    let input = graph.input();
    let sink = graph.stage("sink").on(stage).reads((&input,)).sink();
    let (producer, _) = graph.build(producer).unwrap();
    (producer, sink)
}

/// Looks once, and handles what is there with `step`, which publishes.
pub fn look<R: Lanes, W: Slot>(stage: &mut Stage<R, W>, step: impl FnOnce(Batch<'_, R, W>)) {
    if let Poll::Ready(batch) = stage.poll(usize::MAX).unwrap() {
        step(batch);
    }
}

/// Checks that the slot of sequence `n` holds `n`, for all of them, and releases them.
pub fn numbered(batch: Batch<'_, (u64,), ()>) {
    let (view,) = batch.reads();
    for offset in 0..view.len() {
        assert_eq!(*view.at(offset), view.first_sequence() + offset as u64);
    }
    let len = batch.len();
    batch.publish(len);
}

/// Writes twice the input of each slot.
pub fn double(mut batch: Batch<'_, (u64,), u64>) {
    let len = batch.len();
    let ((input,), mut out) = batch.parts();
    for offset in 0..len {
        out.set(offset, input.at(offset) * 2);
    }
    batch.publish(len);
}

/// Puts in the next sequence as its own value; whether there was room.
pub fn put_next(producer: &mut Producer<u64>) -> bool {
    let next = producer.next_sequence();
    producer.try_publish(next).is_ok()
}

/// What a thread found when it looked for work.
pub enum Found<T> {
    /// Some, and it did it.
    Work,
    Nothing,
    /// What it was looking for.
    End(T),
}

/// Looks by `step` until it finds the end, and sleeps when it finds nothing.
pub fn until<T>(waiter: &mut Waiter, mut step: impl FnMut() -> Found<T>) -> T {
    loop {
        match step() {
            Found::Work => waiter.reset(),
            Found::Nothing => waiter.wait(),
            Found::End(value) => {
                waiter.reset();
                return value;
            }
        }
    }
}

/// `Found::End` if there is a value.
pub fn end_if_some<T>(value: Option<T>) -> Found<T> {
    value.map_or(Found::Nothing, Found::End)
}

/// Looks once with `stage`: handles what is there with `step`, and ends with the ring.
pub fn look_until_ended<R: Lanes, W: Slot>(
    stage: &mut Stage<R, W>,
    step: impl FnOnce(Batch<'_, R, W>),
) -> Found<()> {
    match stage.poll(usize::MAX).unwrap() {
        Poll::Ready(batch) => {
            step(batch);
            Found::Work
        }
        Poll::Empty => Found::Nothing,
        Poll::Ended => Found::End(()),
    }
}
