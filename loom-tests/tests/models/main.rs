//! Every interleaving and every stale read of the ring's protocols, and of the journal's
//! witness, within bounds.
//!
//! Each model names the outcome that it forbids. None spins: a thread looks a fixed number of
//! times, or sleeps by the ring's own protocol, where a lost wake-up is a deadlock that loom
//! reports (its condition variables never time out).
#![cfg(loom)]

mod support;

mod gating;
mod shared;
mod shutdown;
mod sleep;
mod visibility;
mod weakenings;
mod witness;
mod workers;
