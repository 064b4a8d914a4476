//! Plain data that every room shares: fixed size, fixed layout, no behaviour.
//!
//! ```text
//!   Command ──risk──▶ Verdict ──settle──▶ Outcome
//!                                  └────▶ Event (bodies of lookups, and what a command brought about)
//! ```
//!
//! # Invariants
//!
//! * Every type here has an asserted size and no padding bytes, so its bytes can be journaled,
//!   sent and hashed as they lie in memory.
//! * Bytes are little-endian, in memory as on disk and on the wire.
//! * Numbers given to operations, statuses, flags and event kinds never change: journals keep them.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod command;
mod contents;
mod event;
mod flags;
mod id;
mod op;
mod orders;
mod outcome;
mod outcome_counts;
mod policy;
pub mod precedence;
mod queues;
mod records;
mod request;
mod rules;
mod status;
mod time;
mod verdict;
mod window;

pub use command::{BATCH_COMMANDS_MAX, Body, Command, Header, Lookup};
pub use contents::{ContentsSink, ContentsSource, Misfit, Record, Section};
pub use event::{Event, EventBody, EventKind, PendingStatus, TransferBody};
pub use flags::{AccountFlags, TransferFlags};
pub use id::{ID_MAX, is_id};
pub use op::Op;
pub use orders::{
    AmendOrder, CancelReason, LEVELS_SHOWN, Level, LevelsBody, Market, MarketBody, MarketRecord,
    OrderBody, OrderCancelled, OrderStatus, PlaceOrder, Side, TimeInForce, Trade,
};
pub use outcome::Outcome;
pub use outcome_counts::{OutcomeCounts, STATUS_NUMBERS};
pub use policy::{AccountPolicy, Frozen, LedgerPolicy, PairPolicy, PolicyLimits};
pub use queues::{
    QueueBody, QueueStatus, RequeueTransfer, ResolveQueues, SettledBy, TransferEvent,
};
pub use records::{AMOUNT_MAX, Account, Transfer};
pub use request::{Origin, Request, SessionRecord};
pub use rules::{
    Capacities, ID_TIME_RETENTION_NS_ABOVE, ID_TIME_SLACK_NS, IdTime, RULES_VERSION, Rules,
    ulid_time_ns,
};
pub use status::Status;
pub use time::{NANOSECONDS_PER_SECOND, SECONDS_PER_DAY, TIMESTAMP_MAX, stamp_batch};
pub use verdict::{NewMarketIndices, OrderIndices, TransferIndices, Verdict};
pub use window::{Outbox, Step, Window, chains_up_to};

#[cfg(target_endian = "big")]
compile_error!("Ringfence keeps its records little-endian in memory, on disk and on the wire");
