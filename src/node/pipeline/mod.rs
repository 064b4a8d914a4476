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

mod bells;
mod error;
mod lanes;
mod placement;
mod run;
mod settings;
mod stages;
mod threads;
mod topology;
mod turns;

pub use bells::LateBell;
pub use error::{PipelineError, Stopped};
pub use placement::{Cores, CoresError, Placement, Role, ThreadPlan};
pub(crate) use run::run_growing;
pub use run::{Finished, Journal, Parts, run};
pub use settings::{Settings, Wait};
pub(crate) use turns::Turns;
