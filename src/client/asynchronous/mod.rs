//! The client for programs on tokio: the same sessions and subscriptions, awaited.
//!
//! ```text
//!   AsyncSession::send ──▶ Exchange ──▶ task: connects, greets, sends, listens, connects again
//!        ▲ awaits room        ▲                              └──▶ receive: answers, events
//!        └────────────────────┘
//!   AsyncSubscription::next ◀── Pipe ◀── engine       no task: it reads while it is awaited
//! ```
//!
//! # Invariants
//!
//! * What a session is across connections is decided where the blocking one decides it too:
//!   `resuming::state`.
//! * Nothing here blocks a thread of the runtime.

mod client;
mod link;
mod pipe;
mod session;
mod subscription;

pub use client::AsyncClient;
pub use session::{AsyncSession, AsyncSessionReceiver, AsyncSessionSender};
pub use subscription::{AsyncResumingSubscription, AsyncSubscription};
