//! Fault campaigns: journals are damaged in seeded ways, opened, and judged.
//!
//! ```text
//!   Subject ──▶ Image ──Kind::apply(seed)──▶ damaged Image ──▶ judge ──▶ caught │ harmless
//!   (what was acknowledged, digests, outcomes)                          window │ LOST
//! ```
//!
//! Caught: the start was refused by name and changed nothing, and `verify` did not say ok. Harmless:
//! all that was acknowledged is there, with the same state and the same outcomes. Window: after a
//! kill, commands are gone that neither the journal nor what was left of the witness called durable. All else is lost: a
//! failure.
//!
//! # Invariants
//!
//! * A fault follows from its kind and its seed alone.

pub mod harm;
pub mod image;
pub mod judge;
pub mod kinds;
mod memory;
mod no_room;
mod repairs;
pub mod subject;
mod witnessed;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use judge::{Verdict, judge};
use kinds::Kind;
use subject::{End, Shape, Subject};

/// How often a fault is tried that finds nothing to damage.
const TRIES: usize = 8;

/// The journals that are damaged, each with another of its shape.
#[derive(Debug)]
pub struct Subjects(Vec<(Arc<Subject>, Arc<Subject>)>);

impl Subjects {
    /// Makes them: every shape, with a key and without, closed and killed.
    #[must_use]
    pub fn new() -> Subjects {
        let mut subjects = Vec::new();
        for shape in [Shape::Short, Shape::Long, Shape::Full, Shape::Shortened] {
            for is_keyed in [false, true] {
                for end in [End::Clean, End::Killed] {
                    let make = |number| Arc::new(Subject::new(shape, end, is_keyed, number));
                    subjects.push((make(1), make(2)));
                }
            }
        }
        Subjects(subjects)
    }
}

impl Default for Subjects {
    fn default() -> Subjects {
        Subjects::new()
    }
}

/// A fault that was judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The kind of fault.
    pub kind: Kind,
    /// The seed that all else follows from.
    pub seed: u64,
    /// What was damaged and how.
    pub what: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// Damages a journal in the way that `kind` and `seed` say, and judges what a start makes of it.
#[must_use]
pub fn try_fault(subjects: &Subjects, kind: Kind, seed: u64) -> Judged {
    let mut dice = Pcg64Mcg::seed_from_u64(seed);
    let fitting: Vec<_> = subjects.0.iter().filter(|(subject, _)| kind.fits(subject)).collect();
    let (subject, other) = fitting[dice.random_range(0..fitting.len())];
    let mut image = subject.image.clone();
    let done = (0..TRIES).find_map(|_| kind.apply(&mut image, &mut dice, subject, other));
    let retires = subject.shape == Shape::Full && dice.random_bool(0.3);
    let done = done.unwrap_or_else(|| "nothing".to_owned());
    let (then, verdict) = match kind {
        Kind::RepairCutShort => repairs::judge(subject, image, &mut dice),
        Kind::NoRoom => no_room::judge(subject, image, &mut dice),
        _ if retires => ("then retired".to_owned(), judge(subject, &image, true)),
        _ => (String::new(), judge(subject, &image, false)),
    };
    let parts = [done, then].into_iter().filter(|part| !part.is_empty());
    let what = format!("{}: {}", subject.name, parts.collect::<Vec<String>>().join(", "));
    Judged { kind, seed, what, verdict }
}

/// Counts of verdicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Starts that were refused.
    pub caught: u64,
    /// Starts that gave all back.
    pub harmless: u64,
    /// Losses that nothing could show.
    pub window: u64,
    /// Losses in silence.
    pub lost: u64,
}

/// What a campaign found.
#[derive(Debug, Default)]
pub struct Report {
    /// By the name of the kind.
    pub counts: BTreeMap<String, Counts>,
    /// Faults that lost something, in no order.
    pub lost: Vec<Judged>,
}

/// Tries `faults` faults of these kinds in turn, with seeds from `first_seed` on, on two threads.
/// Each is shown to `on_judged`.
///
/// # Panics
///
/// If there are no kinds.
pub fn run(
    subjects: &Subjects,
    kinds: &[Kind],
    first_seed: u64,
    faults: u64,
    on_judged: impl Fn(&Judged) + Sync,
) -> Report {
    let report = Mutex::new(Report::default());
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    // Relaxed: each number is taken once, whatever the order.
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= faults {
                        return;
                    }
                    let kind = kinds[number as usize % kinds.len()];
                    let judged = try_fault(subjects, kind, first_seed + number);
                    on_judged(&judged);
                    let mut report = report.lock().expect("nobody panics with it");
                    let counts = report.counts.entry(judged.kind.name()).or_default();
                    match &judged.verdict {
                        Verdict::Caught(_) => counts.caught += 1,
                        Verdict::Harmless => counts.harmless += 1,
                        Verdict::Window => counts.window += 1,
                        Verdict::Lost(_) => counts.lost += 1,
                    }
                    if matches!(judged.verdict, Verdict::Lost(_)) {
                        report.lost.push(judged);
                    }
                }
            });
        }
    });
    report.into_inner().expect("nobody panicked with it")
}
