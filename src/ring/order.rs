//! All memory orderings that the ring relies on, each with its partner and its effect.
//!
//! A Release without its Acquire (or the other way round) has no effect, so both are listed
//! together. A build with `--cfg weaken="NAME"` makes the one of that name `Relaxed` (or omits the
//! fence); a model in `loom-tests` must then fail. Models, and builds with `--cfg weaken="named"`,
//! also take the name from the environment variable `WEAKEN`, so that one build serves all names.
//! Orderings that are not listed here are `Relaxed`, with the reason beside them.

use crate::sync::Ordering::{self, Acquire, Relaxed, Release, SeqCst};
use crate::sync::fence;

/// True if the ordering of this name is weakened.
#[cfg(not(any(loom, weaken = "named")))]
macro_rules! weakened {
    ($name:tt) => {
        cfg!(weaken = $name)
    };
}
#[cfg(any(loom, weaken = "named"))]
macro_rules! weakened {
    ($name:tt) => {
        cfg!(weaken = $name) || crate::sync::weakens($name)
    };
}

const fn unless(weakened: bool, ordering: Ordering) -> Ordering {
    if weakened { Relaxed } else { ordering }
}

/// A stage or the producer stores its cursor. Partners: [`barrier`], [`gate`].
///
/// A thread that loads this position there sees every byte written to the slots before it, and all
/// reads of the slots that it gives back have ended.
#[inline(always)]
pub(super) fn publish() -> Ordering {
    unless(weakened!("publish"), Release)
}

/// A stage loads the cursors it waits for. Partner: [`publish`].
#[inline(always)]
pub(super) fn barrier() -> Ordering {
    unless(weakened!("barrier"), Acquire)
}

/// A producer loads the cursors of the last readers before it uses a slot again. Partner:
/// [`publish`].
#[inline(always)]
pub(super) fn gate() -> Ordering {
    unless(weakened!("gate"), Acquire)
}

/// One of several producers marks slots of its claim as published or skipped. Partner: [`marked`].
///
/// A thread that loads the mark there sees every byte written to the slots, and the skip counted.
#[inline(always)]
pub(super) fn mark() -> Ordering {
    unless(weakened!("mark"), Release)
}

/// A stage directly behind several producers loads the marks of the slots it waits for.
/// Partner: [`mark`].
#[inline(always)]
pub(super) fn marked() -> Ordering {
    unless(weakened!("marked"), Acquire)
}

/// A cell that is set once gets its value: the reason for a halt, the bells of a ring. Partner:
/// [`once_get`].
///
/// A thread that finds the value there sees all of it.
#[inline(always)]
pub(super) fn once_set() -> Ordering {
    unless(weakened!("once_set"), Release)
}

/// A cell that is set once is read. Partner: [`once_set`].
#[inline(always)]
pub(super) fn once_get() -> Ordering {
    unless(weakened!("once_get"), Acquire)
}

/// The publisher's half of the sleep protocol: between the store of its cursor and the load of the
/// sleeper's flag. Partner: [`sleep_fence`].
///
/// With a fence on both sides, the publisher sees the flag, or the sleeper's last look sees the
/// cursor, or both.
#[inline(always)]
pub(super) fn ring_fence() {
    if !weakened!("ring_fence") {
        fence(SeqCst);
    }
}

/// The sleeper's half: between the store of its flag and its last look. Partner: [`ring_fence`].
#[inline(always)]
pub(super) fn sleep_fence() {
    if !weakened!("sleep_fence") {
        fence(SeqCst);
    }
}
