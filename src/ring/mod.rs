//! Lanes over one sequence space: a ring whose stages each write a lane of their own.
//!
//! ```text
//!   commands ──┬──▶ risk ──▶ verdicts ──┬──▶ settle ──▶ outcomes ──▶ publish
//!              │                        │                              ▲
//!              ├────────────────────────┘                              │ after
//!              └──▶ journal ───────────────────────────────────────────┘
//! ```
//!
//! Every value the producer puts in gets one sequence number. Each stage reads some lanes at that
//! number and may write its own lane there. Nothing is copied from lane to lane, no slot is ever
//! shared while it can change, and no thread waits for a lock.
//!
//! # Invariants
//!
//! * A lane has exactly one writer; whoever reads it waits for that writer's cursor.
//! * The producer claims a slot again only when every stage has released it.
//! * Nothing unwritten is published, nothing unpublished can be read, and a ring whose parts go
//!   away says so to the others.

mod bell;
mod claim;
mod claims;
mod core;
mod error;
mod graph;
mod lane;
mod marks;
mod monitor;
mod order;
mod producer;
mod reads;
mod slots;
mod stage;
mod wait;

pub use bell::{Bell, Parker};
pub use claim::Claim;
pub use claims::{Alone, Claims, Shared};
pub use error::{ClaimError, FIRST_SEQUENCE_MAX, GraphError, Halted, PublishError};
pub use graph::{Graph, StageBuilder};
pub use lane::{Lane, View, Writer};
pub use monitor::{Monitor, StageStatus};
pub use producer::{Producer, SharedProducer};
pub use reads::{LaneRefs, Lanes, LanesOf, Slot, Views};
pub use stage::{Batch, Poll, Stage};
pub use wait::{PARK_LIMIT, WaitStrategy, Waiter};

#[cfg(all(test, not(loom)))]
mod tests;
