//! Every memory ordering the ring relies on, each with its partner and what the pair buys.
//!
//! A Release here without its Acquire there (or the other way round) buys nothing, so they are
//! listed side by side. Building with `--cfg weaken="NAME"` makes the one of that name `Relaxed`
//! (or leaves the fence out); a model in `loom-tests` must then fail. Orderings that are not
//! listed here are `Relaxed`, and say at their place why that is enough.

use crate::sync::Ordering::{self, Acquire, Relaxed, Release, SeqCst};
use crate::sync::fence;

const fn unless(weakened: bool, ordering: Ordering) -> Ordering {
    if weakened { Relaxed } else { ordering }
}

/// A stage or the producer stores its cursor. Partners: [`BARRIER`], [`GATE`].
///
/// Whoever reads the cursor there sees every byte written to the slots before it, and every read
/// of the slots it gives back has ended.
pub(super) const PUBLISH: Ordering = unless(cfg!(weaken = "publish"), Release);

/// A stage loads the cursors it waits for. Partner: [`PUBLISH`].
pub(super) const BARRIER: Ordering = unless(cfg!(weaken = "barrier"), Acquire);

/// A producer, alone or one of several, loads the cursors of the last readers before it uses a
/// slot again. Partner: [`PUBLISH`].
pub(super) const GATE: Ordering = unless(cfg!(weaken = "gate"), Acquire);

/// A producer of several marks a slot of its claim as present or skipped. Partner: [`MARKED`].
///
/// Whoever reads the mark there sees every byte written to the slot, and the slot's skip counted.
pub(super) const MARK: Ordering = unless(cfg!(weaken = "mark"), Release);

/// A stage directly behind several producers loads the marks of the slots it waits for.
/// Partner: [`MARK`].
pub(super) const MARKED: Ordering = unless(cfg!(weaken = "marked"), Acquire);

/// Whoever halts the ring sets the flag, after the reason. Partner: [`HALTED`].
pub(super) const HALT: Ordering = unless(cfg!(weaken = "halt"), Release);

/// Everyone loads the flag; who finds it set finds the reason. Partner: [`HALT`].
pub(super) const HALTED: Ordering = unless(cfg!(weaken = "halted"), Acquire);

/// The publisher's half of the sleep protocol: between its cursor and the look at the sleeper's
/// flag. Partner: [`sleep_fence`].
///
/// With a fence on both sides, either the publisher sees the flag or the sleeper's last look sees
/// the cursor: never neither.
#[inline(always)]
pub(super) fn ring_fence() {
    if !cfg!(weaken = "ring_fence") {
        fence(SeqCst);
    }
}

/// The sleeper's half: between its flag and its last look. Partner: [`ring_fence`].
#[inline(always)]
pub(super) fn sleep_fence() {
    if !cfg!(weaken = "sleep_fence") {
        fence(SeqCst);
    }
}
