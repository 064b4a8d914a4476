//! The journal through its public interface, on a real disk.

mod damage;
mod golden;
mod round_trip;
mod simulation;
mod support;
