//! `disruptor`, `rtrb`, and the channel and the queue of `crossbeam`.

use std::ops::Range;
use std::sync::Arc;
use std::thread;

use crossbeam::channel::bounded;
use crossbeam::queue::ArrayQueue;
use disruptor::wait_strategies::WaitStrategy;
use disruptor::{BusySpin, Producer, Sequence};

use super::{Event, Meeting, Run, SLOTS, Sender, Tally, bursts, pin, sending};

/// For threads that share a core. `disruptor` has no such strategy, and lets its users write one.
#[derive(Clone, Copy)]
struct Yield;

impl WaitStrategy for Yield {
    fn wait_for(&self, _: Sequence) {
        thread::yield_now();
    }
}

/// The handler of a managed thread on core `stage`: adds up, and tells when the last of `events`
/// came. (`pin_at_core` refuses every core but that of a caller who is pinned.)
fn handler<E: Event>(
    meeting: &Meeting,
    events: u64,
    stage: usize,
    last: bool,
) -> (
    impl FnMut(&mut Tally, &E, Sequence, bool) + Send + use<E>,
    impl FnOnce() -> Tally + Send + use<E>,
) {
    let (telling, starting) = (meeting.clone(), meeting.clone());
    let handle = move |tally: &mut Tally, event: &E, _: Sequence, end_of_batch: bool| {
        tally.add(event);
        tally.batches += u64::from(end_of_batch);
        if last && tally.events == events {
            telling.done(*tally);
        }
    };
    let start = move || {
        pin(stage);
        starting.arrive();
        Tally::default()
    };
    (handle, start)
}

fn send<E: Event>(producer: &mut impl Producer<E>, range: Range<u64>, burst: usize) {
    if burst == 1 {
        for number in range {
            producer.publish(|slot| *slot = E::of(number));
        }
    } else {
        for (first, len) in bursts(range, burst) {
            producer.batch_publish(len, |slots| {
                for (offset, slot) in slots.enumerate() {
                    *slot = E::of(first + offset as u64);
                }
            });
        }
    }
}

fn send_yielding(producer: &mut impl Producer<u64>, range: Range<u64>, burst: usize) {
    if burst == 1 {
        for number in range {
            while producer.try_publish(|slot| *slot = number).is_err() {
                thread::yield_now();
            }
        }
    } else {
        for (first, len) in bursts(range, burst) {
            let mut full = true;
            while full {
                let sent = producer.try_batch_publish(len, |slots| {
                    for (offset, slot) in slots.enumerate() {
                        *slot = first + offset as u64;
                    }
                });
                full = sent.is_err();
                if full {
                    thread::yield_now();
                }
            }
        }
    }
}

/// `disruptor`: single producer, one managed thread, `BusySpin`.
pub fn disruptor_one_to_one<E: Event>(events: u64, burst: usize) -> Run {
    let meeting = Meeting::default();
    let (handle, start) = handler::<E>(&meeting, events, 1, true);
    let mut producer = disruptor::build_single_producer(SLOTS, E::default, BusySpin)
        .handle_events_and_state_with(handle, start)
        .build();
    sending(&meeting, 1, events, || send(&mut producer, 0..events, burst))
}

/// `disruptor`: two producers, one managed thread, all yielding.
pub fn disruptor_two_to_one(events: u64, burst: usize) -> Run {
    let (poller, builder) =
        disruptor::build_multi_producer(SLOTS, u64::default, Yield).new_event_poller();
    let producer = builder.build();
    let senders = [producer.clone(), producer].map(|mut producer| -> Sender {
        Box::new(move |range| send_yielding(&mut producer, range, burst))
    });
    super::two_to_one(events, senders, move || {
        let mut poller = poller;
        let mut tally = Tally::default();
        while tally.events < events {
            if let Ok(mut guard) = poller.poll() {
                for event in &mut guard {
                    tally.add(event);
                }
                tally.batches += 1;
            } else {
                thread::yield_now();
            }
        }
        tally
    })
}

/// `disruptor`: a chain of three managed threads, all yielding.
pub fn disruptor_chain(events: u64, burst: usize) -> Run {
    let meeting = Meeting::default();
    let (first, start_first) = handler::<u64>(&meeting, events, 1, false);
    let (second, start_second) = handler::<u64>(&meeting, events, 2, false);
    let (third, start_third) = handler::<u64>(&meeting, events, 3, true);
    let mut producer = disruptor::build_single_producer(SLOTS, u64::default, Yield)
        .handle_events_and_state_with(first, start_first)
        .and_then()
        .handle_events_and_state_with(second, start_second)
        .and_then()
        .handle_events_and_state_with(third, start_third)
        .build();
    sending(&meeting, 3, events, || send_yielding(&mut producer, 0..events, burst))
}

/// `disruptor`: two managed threads side by side and one behind both, all yielding.
pub fn disruptor_diamond(events: u64, burst: usize) -> Run {
    let meeting = Meeting::default();
    let (first, start_first) = handler::<u64>(&meeting, events, 1, false);
    let (second, start_second) = handler::<u64>(&meeting, events, 2, false);
    let (third, start_third) = handler::<u64>(&meeting, events, 3, true);
    let mut producer = disruptor::build_single_producer(SLOTS, u64::default, Yield)
        .handle_events_and_state_with(first, start_first)
        .handle_events_and_state_with(second, start_second)
        .and_then()
        .handle_events_and_state_with(third, start_third)
        .build();
    sending(&meeting, 3, events, || send_yielding(&mut producer, 0..events, burst))
}

/// `disruptor`: two of them, each with a poller.
pub fn disruptor_round_trip(trips: u64) -> f64 {
    let (echoed, builder) =
        disruptor::build_single_producer(SLOTS, u64::default, BusySpin).new_event_poller();
    let mut there = builder.build();
    let (mut arrived, builder) =
        disruptor::build_single_producer(SLOTS, u64::default, BusySpin).new_event_poller();
    let mut back = builder.build();
    super::round_trip(
        trips,
        move |number| {
            there.publish(|slot| *slot = number);
            loop {
                if let Ok(mut guard) = arrived.poll() {
                    return *(&mut guard).next().expect("a poll finds something");
                }
                std::hint::spin_loop();
            }
        },
        move |trips| {
            let mut echoed = echoed;
            for _ in 0..trips {
                let number = loop {
                    if let Ok(mut guard) = echoed.poll() {
                        break *(&mut guard).next().expect("a poll finds something");
                    }
                    std::hint::spin_loop();
                };
                back.publish(|slot| *slot = number);
            }
        },
    )
}

/// `rtrb`: values one by one with `push`, more with chunks; read by chunks of all that is there,
/// or with `pop_singly` one by one.
pub fn rtrb_one_to_one<E: Event>(events: u64, burst: usize, pop_singly: bool) -> Run {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<E>::new(SLOTS);
    let send = move || {
        if burst == 1 {
            for number in 0..events {
                while producer.push(E::of(number)).is_err() {
                    std::hint::spin_loop();
                }
            }
        } else {
            for (first, len) in bursts(0..events, burst) {
                loop {
                    if let Ok(chunk) = producer.write_chunk_uninit(len) {
                        chunk.fill_from_iter((0..len).map(|at| E::of(first + at as u64)));
                        break;
                    }
                    std::hint::spin_loop();
                }
            }
        }
    };
    super::one_to_one(events, send, move || {
        let mut tally = Tally::default();
        while tally.events < events {
            if pop_singly {
                match consumer.pop() {
                    Ok(event) => tally.add(&event),
                    Err(_) => std::hint::spin_loop(),
                }
                continue;
            }
            let there = consumer.slots();
            if there == 0 {
                std::hint::spin_loop();
                continue;
            }
            let chunk = consumer.read_chunk(there).expect("so many are there");
            let (head, tail) = chunk.as_slices();
            tally.add_all(head);
            tally.add_all(tail);
            chunk.commit_all();
            tally.batches += 1;
        }
        tally
    })
}

/// `rtrb`: two of them.
pub fn rtrb_round_trip(trips: u64) -> f64 {
    let (mut there, mut echoed) = rtrb::RingBuffer::<u64>::new(SLOTS);
    let (mut back, mut arrived) = rtrb::RingBuffer::<u64>::new(SLOTS);
    fn pop(consumer: &mut rtrb::Consumer<u64>) -> u64 {
        loop {
            if let Ok(number) = consumer.pop() {
                return number;
            }
            std::hint::spin_loop();
        }
    }
    super::round_trip(
        trips,
        move |number| {
            there.push(number).expect("there is room");
            pop(&mut arrived)
        },
        move |trips| {
            for _ in 0..trips {
                back.push(pop(&mut echoed)).expect("there is room");
            }
        },
    )
}

/// Sends by `try_send` and reads by `try_receive`, between two threads; values go one by one,
/// neither peer has batches.
fn one_by_one<E: Event>(
    events: u64,
    try_send: impl Fn(E) -> bool,
    try_receive: impl Fn() -> Option<E> + Send + 'static,
) -> Run {
    let send = || {
        for number in 0..events {
            while !try_send(E::of(number)) {
                std::hint::spin_loop();
            }
        }
    };
    super::one_to_one(events, send, move || {
        let mut tally = Tally::default();
        while tally.events < events {
            match try_receive() {
                Some(event) => tally.add(&event),
                None => std::hint::spin_loop(),
            }
        }
        tally
    })
}

/// `crossbeam`'s bounded channel.
pub fn channel_one_to_one<E: Event>(events: u64) -> Run {
    let (sender, receiver) = bounded(SLOTS);
    one_by_one::<E>(
        events,
        move |event| sender.try_send(event).is_ok(),
        move || receiver.try_recv().ok(),
    )
}

/// `crossbeam`'s `ArrayQueue`.
pub fn queue_one_to_one<E: Event>(events: u64) -> Run {
    let queue = Arc::new(ArrayQueue::new(SLOTS));
    let popped = Arc::clone(&queue);
    one_by_one::<E>(events, move |event| queue.push(event).is_ok(), move || popped.pop())
}

/// `crossbeam`'s bounded channel, two senders, all yielding.
pub fn channel_two_to_one(events: u64) -> Run {
    let (sender, receiver) = bounded::<u64>(SLOTS);
    let senders = [sender.clone(), sender].map(|sender| -> Sender {
        Box::new(move |range| {
            for number in range {
                while sender.try_send(number).is_err() {
                    thread::yield_now();
                }
            }
        })
    });
    super::two_to_one(events, senders, move || {
        let mut tally = Tally::default();
        while tally.events < events {
            match receiver.try_recv() {
                Ok(event) => tally.add(&event),
                Err(_) => thread::yield_now(),
            }
        }
        tally
    })
}
