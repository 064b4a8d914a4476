//! The topology on one screen; the stages that read and write lanes; placement and shutdown.
//!
//! ```text
//!              commands                 verdicts               outcomes
//!   gateway ──▶ [· · ·] ──┬──▶ risk ───▶ [· · ·] ──▶ settle ──▶ [· · ·] ──▶ publish
//!      │                  └──▶ journal ─────── durable up to ──────────────▶ ▲  ▲
//!      │                                             └─ events ─▶ [· ·] ─────┘  │
//!      └───────────────────────────── notices ──────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! * A stage does not know where it runs: it is stepped, and never waits.
//! * Whatever ends a stage before its time ends all of them: a panic, a failing disk, a broken
//!   input. Nothing hangs.
//! * The end travels the way the commands go: the gateway closes the ring, and each stage ends
//!   once it has passed on all that came before.

mod error;
mod lanes;
mod placement;
mod stages;
mod threads;
mod topology;

pub use error::PipelineError;
pub use placement::{Cores, CoresError, Placement, Role, ThreadPlan};
pub use topology::{Finished, Journal, LateBell, Parts, Settings, Wait, run};
