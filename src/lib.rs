//! Ringfence settles payments: a lock-free, single-node, low-latency payment engine.
//!
//! ```text
//!             commands lane                     verdicts lane          outcomes lane
//!  gateway ──▶ [· · · · ·] ──┬────▶ risk ─────▶ [· · · · ·] ─▶ settle ─▶ [· · · · ·] ──▶ publish ──▶ clients
//!   decode,                  │     who may pay                 money                     ▲
//!   order,                   └────▶ journal ─────────────── durable up to ───────────────┘
//!   timestamp
//! ```

pub mod bench;
pub mod cli;
#[cfg(doctest)]
mod readmes;

pub use ringfence_client as client;
pub use ringfence_codec as codec;
pub use ringfence_engine as engine;
pub use ringfence_journal as journal;
pub use ringfence_node as node;
pub use ringfence_ring as ring;
pub use ringfence_types as types;
