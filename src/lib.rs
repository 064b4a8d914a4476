//! Ringfence settles payments: a lock-free, single-node, low-latency payment engine.
//!
//! ```text
//!             commands lane                     verdicts lane          outcomes lane
//!  gateway ──▶ [· · · · ·] ──┬────▶ risk ─────▶ [· · · · ·] ─▶ settle ─▶ [· · · · ·] ──▶ publish ──▶ clients
//!   decode,                  │     who may pay                 money                     ▲
//!   order,                   └────▶ journal ─────────────── durable up to ───────────────┘
//!   timestamp
//! ```
//!
//! # Where to begin
//!
//! | you want to | begin at |
//! |---|---|
//! | embed an engine in a program | [`node::Node`] |
//! | talk to a running engine | [`client::Client`] |
//! | rebuild a state from a journal, or audit one | [`node::replay::Replayer`], [`journal::Reader`] |
//! | apply commands without a journal, a ring or threads | [`engine::Engine`] |
//! | use the ring for something else | [`ring`] |
//! | run the program's commands | [`cli::main`] |
//!
//! # The crates
//!
//! Each is a crate of its own, re-exported here; each uses only those above it.
//!
//! | module | crate | job |
//! |---|---|---|
//! | [`ring`] | `ringfence-ring` | lanes over one sequence space; knows no payments |
//! | [`types`] | `ringfence-types` | commands, verdicts, outcomes, statuses: plain data of fixed layout |
//! | [`codec`] | `ringfence-codec` | their text and binary forms; addresses |
//! | [`engine`] | `ringfence-engine` | risk, ledger, order books, settlement, digest: the deterministic part |
//! | [`journal`] | `ringfence-journal` | segments, frames, recovery, snapshots, the outcome log |
//! | [`client`] | `ringfence-client` | what talks to a running engine |
//! | [`node`] | `ringfence-node` | one engine, embeddable: gateway, pipeline, publish, replay |
//! | [`server`] | `ringfence-server` | an engine as a server: connections, sessions |
//! | [`mod@bench`], [`cli`] | `ringfence` | loads and reports; the program's arguments and output |

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
pub use ringfence_server as server;
pub use ringfence_types as types;
