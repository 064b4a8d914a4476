//! Ringfence settles payments: a lock-free, single-node, low-latency payment engine.
//!
//! ```text
//!             commands lane                     verdicts lane          outcomes lane
//!  gateway ──▶ [· · · · ·] ──┬────▶ risk ─────▶ [· · · · ·] ─▶ settle ─▶ [· · · · ·] ──▶ publish ──▶ clients
//!   decode,                  │     who may pay                 money                     ▲
//!   order,                   └────▶ journal ─────────────── durable up to ───────────────┘
//!   timestamp
//! ```

// Models of the ring build `sync` and `ring` alone, with loom in place of `std`.
pub mod ring;
pub mod sync;

#[cfg(not(loom))]
pub mod bench;
#[cfg(not(loom))]
pub mod book;
#[cfg(not(loom))]
pub mod cli;
#[cfg(not(loom))]
pub mod client;
#[cfg(not(loom))]
pub mod codec;
#[cfg(not(loom))]
pub mod engine;
#[cfg(not(loom))]
pub mod gateway;
#[cfg(not(loom))]
pub mod journal;
#[cfg(not(loom))]
pub mod ledger;
#[cfg(not(loom))]
pub mod observe;
#[cfg(not(loom))]
pub mod outcomes;
#[cfg(not(loom))]
pub mod pipeline;
#[cfg(not(loom))]
pub mod publish;
#[cfg(not(loom))]
pub mod replay;
#[cfg(not(loom))]
pub mod risk;
#[cfg(not(loom))]
pub mod settle;
#[cfg(not(loom))]
pub mod table;
#[cfg(not(loom))]
pub mod types;
