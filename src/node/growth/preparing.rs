//! Has the memory of larger tables ready beside an engine that runs: without haste, or at once where
//! a table would be full before.
//!
//! ```text
//!   time left to the first full table   > what it takes    a thread of the lowest priority, rests
//!                                       ≤ what it takes    this thread, no rests
//! ```

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::by_itself::growth_bytes;
use ringfence_engine::{EngineError, Growth};
use ringfence_types::{Capacities, Rules};

/// The highest nice value: the lowest priority.
const LOWEST_NICE: i32 = 19;
/// How many times as long as a page took the thread rests after it. Without the rests outcomes are
/// late on few cores (see PERF.md).
const RESTS: u32 = 4;
const REST_MAX: Duration = Duration::from_millis(20);
/// How often this thread looks how full the tables are.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What the system surely gives in a second to a thread that does not rest, in bytes.
const BYTES_A_SECOND: u64 = 512 * 1024 * 1024;
/// Time that is added to that: until the capacities are in force.
const HASTE_MIN: Duration = Duration::from_secs(2);

/// A growth whose memory is being had.
pub(super) struct Preparing<'a, U> {
    growth: &'a Growth,
    rules: &'a Rules,
    used: U,
    pace: Pace,
}

impl<'a, U: Fn() -> Capacities> Preparing<'a, U> {
    /// From the capacities `before` to those of `rules`; `used` says how many places are taken.
    pub(super) fn new(
        growth: &'a Growth,
        before: &Capacities,
        rules: &'a Rules,
        used: U,
    ) -> Preparing<'a, U> {
        let pace = Pace::new(*before, &rules.capacities, used());
        Preparing { growth, rules, used, pace }
    }

    /// Has all of it, or says why not. Once `stop` is set, it is given up.
    pub(super) fn prepare(&self, stop: &AtomicBool) -> Result<(), String> {
        let gently = self.prepare_beside(stop)?;
        let is_stopping = || stop.load(Ordering::Relaxed);
        let prepared = match gently {
            Err(EngineError::Interrupted { .. }) => {
                self.growth.prepare_gently(self.rules, || go_on(!is_stopping()))
            }
            gently => gently,
        };
        match prepared {
            Err(EngineError::Interrupted { .. }) => Err("the engine stops".to_owned()),
            prepared => prepared.map_err(|error| error.to_string()),
        }
    }

    /// On a thread of the lowest priority that rests after each huge page. It breaks off once there
    /// is haste.
    fn prepare_beside(&self, stop: &AtomicBool) -> Result<Result<(), EngineError>, String> {
        let is_stopping = || stop.load(Ordering::Relaxed);
        let (begun, breaks_off) = (Instant::now(), AtomicBool::new(is_stopping()));
        let (growth, rules) = (self.growth, self.rules);
        let run = || {
            // Where the system refuses, the growth disturbs more.
            let _ = rustix::process::nice(LOWEST_NICE);
            let mut page_begun = Instant::now();
            growth.prepare_gently(rules, || {
                thread::sleep((page_begun.elapsed() * RESTS).min(REST_MAX));
                page_begun = Instant::now();
                // Relaxed: the flag carries nothing but itself.
                go_on(!breaks_off.load(Ordering::Relaxed))
            })
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("ringfence-grow".to_owned());
            let preparing = thread.spawn_scoped(scope, run);
            let preparing = preparing.map_err(|error| format!("starting a thread: {error}"))?;
            while !preparing.is_finished() {
                let is_hasty = self.pace.is_hasty(&(self.used)(), begun.elapsed());
                if is_hasty || is_stopping() {
                    breaks_off.store(true, Ordering::Relaxed);
                }
                thread::sleep(LOOK_EVERY);
            }
            Ok(preparing.join().expect("memory is asked for, or there is an error"))
        })
    }
}

fn go_on(is_wanted: bool) -> ControlFlow<()> {
    if is_wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// How fast the tables that grow become full.
struct Pace {
    /// Places of the tables that grow; of others, more than can ever be taken.
    places: [u64; 4],
    /// Places that were taken when it began.
    taken: [u64; 4],
    /// How long it takes at most to have all memory without rests.
    needed: Duration,
}

impl Pace {
    fn new(before: Capacities, after: &Capacities, used: Capacities) -> Pace {
        let mut places = counts(&before);
        for (places, after) in places.iter_mut().zip(counts(after)) {
            if after <= *places {
                *places = u64::MAX;
            }
        }
        let seconds = growth_bytes(&before, after) / BYTES_A_SECOND;
        let needed = HASTE_MIN + Duration::from_secs(seconds);
        Pace { places, taken: counts(&used), needed }
    }

    /// True if a table is full within the time that is needed, should it go on as in the time
    /// `since` it began.
    fn is_hasty(&self, used: &Capacities, since: Duration) -> bool {
        let tables = self.places.into_iter().zip(self.taken).zip(counts(used));
        tables.into_iter().any(|((places, before), now)| {
            let left = u128::from(places.saturating_sub(now));
            let more = u128::from(now.saturating_sub(before));
            left * since.as_nanos() <= more * self.needed.as_nanos()
        })
    }
}

/// Of the tables that can grow.
fn counts(capacities: &Capacities) -> [u64; 4] {
    [capacities.accounts, capacities.transfers, capacities.markets, capacities.orders]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_engine::Engine;

    const NOTHING: Capacities =
        Capacities { accounts: 0, transfers: 0, policies: 0, markets: 0, orders: 0 };

    fn rules(transfers: u64) -> Rules {
        let capacities =
            Capacities { accounts: 64, transfers, policies: 1, markets: 1, orders: 64 };
        Rules::new(capacities, [1, 2])
    }

    #[test]
    fn there_is_haste_once_a_table_that_grows_would_be_full_too_soon() {
        let (before, m) = (rules(1_000_000).capacities, 1_000_000);
        // 200 MB: the two seconds that are the least.
        let after = Capacities { transfers: 2 * m, ..before };
        let pace = |used| Pace::new(before, &after, Capacities { transfers: used, ..NOTHING });
        //  taken when it began, now, after so many ms, whether there is haste
        let cases = [
            (750_000, 750_000, 1_000, false),
            (750_000, 800_000, 1_000, false),
            (750_000, 834_000, 1_000, true),
            (750_000, 775_000, 100, true),
            (900_000, 900_001, 1_000, false),
            (m, m, 1_000, true),
        ];
        for (first, now, millis, is_hasty) in cases {
            let (used, since) =
                (Capacities { transfers: now, ..NOTHING }, Duration::from_millis(millis));
            assert_eq!(pace(first).is_hasty(&used, since), is_hasty, "{first} {now} {millis}");
        }
        let full_otherwise = Capacities { accounts: 64, ..NOTHING };
        assert!(!pace(0).is_hasty(&full_otherwise, Duration::from_secs(1)), "it does not grow");
        // 40 GB take longer.
        let after = Capacities { transfers: 200 * m, ..before };
        let pace = Pace::new(before, &after, NOTHING);
        let used = Capacities { transfers: 20_000, ..NOTHING };
        assert!(pace.is_hasty(&used, Duration::from_secs(1)));
    }

    #[test]
    fn all_memory_is_there_with_haste_and_without_and_none_once_the_engine_stops() {
        let before = rules(1_000);
        for (taken_later, is_stopping) in [(0, false), (1_000, false), (0, true), (1_000, true)] {
            let mut engine = Engine::new(&before).unwrap();
            let after = rules(200_000);
            let growth = engine.growth();
            let used = || Capacities { transfers: taken_later, ..NOTHING };
            let preparing = Preparing::new(&growth, &before.capacities, &after, used);
            let prepared = preparing.prepare(&AtomicBool::new(is_stopping));
            let expected = if is_stopping { Err("the engine stops".to_owned()) } else { Ok(()) };
            assert_eq!(prepared, expected);
            if !is_stopping {
                engine.configure(&after).unwrap();
            }
        }
    }
}
