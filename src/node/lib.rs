//! One payment engine, embeddable: a program opens it, feeds it from a source, takes its outcomes
//! with a sink, and closes it.
//!
//! ```text
//!   Options ──▶ Node::open ──▶ Node ──run(source, sink)──▶ Ran { node, source, sink } ──▶ close
//!                  │                        │
//!                  │ recover, replay        └─ gateway ▶ journal, risk, settle ▶ publish
//! ```
//!
//! | module | job |
//! |---|---|
//! | [`Node`] | opens, runs and closes one engine |
//! | [`Clock`] | where timestamps come from |
//! | [`gateway`] | sources: where commands come in |
//! | [`pipeline`] | the topology; the stages; threads and cores |
//! | [`publish`] | sinks: where outcomes leave |
//! | [`notice`] | what the gateway says to publish between two commands |
//! | [`growth`] | larger tables for an engine that runs |
//! | [`replay`] | journal to engine, without a ring |
//! | [`export`] | a journal as an input for `apply` |
//! | [`snapshot`] | snapshots, made beside a running engine |
//! | [`backup`] | copies made beside a running engine, and engines made of them |
//! | [`follow`] | what happened, from any outcome on, read beside a running engine |
//!
//! # Invariants
//!
//! * Nothing is printed, and the process is never ended: what a person should know goes to
//!   [`Options::report`], and what went wrong is a [`NodeError`].

pub mod backup;
mod clock;
pub mod counters;
mod error;
pub mod export;
pub mod follow;
pub mod gateway;
mod gauge;
pub mod growth;
mod memory;
mod node;
pub mod notice;
mod options;
mod outcome_log;
pub mod pipeline;
mod poller;
pub mod publish;
mod rebuild;
mod recover;
pub mod replay;
mod room;
pub mod snapshot;
mod tables;

pub use clock::Clock;
pub use error::NodeError;
pub use gauge::Gauge;
pub use memory::Memory;
pub use node::{Closed, History, Node, Ran};
pub use options::{Message, Options, Report};
pub use poller::{Poller, Ready};
pub use rebuild::{Rebuilt, rebuild_outcome_log};
