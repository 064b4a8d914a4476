//! A payment engine as a server: connections of clients come in, their commands go through a
//! [`Node`](ringfence_node::Node), and their outcomes leave.
//!
//! ```text
//!   clients ──▶ Door ──▶ SocketSource ──▶ node ──▶ SocketSink ──▶ clients
//!                             └──────── notices ───────▲  └─ missed something: resume ─▶
//! ```
//!
//! | module | job |
//! |---|---|
//! | [`door`] | listens; lets in who says hello in time and may come in |
//! | [`access`] | who may do what |
//! | [`tls`] | what comes in encrypted, in clear |
//! | [`SocketSource`] | decodes batches and takes them in; sessions with a name and their holders |
//! | [`SocketSink`] | sends outcomes to the clients that wait for them |
//! | `resume` | sends clients what they have missed |
//! | [`subscription`] | clients that follow what happens, each with a thread of its own |
//! | [`session`] | connections of clients, shared by all of them |
//! | [`metrics`] | numbers for Prometheus, and whether the engine is well |
//! | [`notice`] | what the source says to the sink between two commands |

pub mod access;
mod descriptors;
pub mod door;
mod limits;
pub mod metrics;
pub mod notice;
mod resume;
pub mod session;
mod sink;
mod source;
pub mod subscription;
pub mod tls;

pub use descriptors::Descriptors;
pub use door::{Asked, Door, Guard, GuardError};
pub use limits::{CONNECTIONS_MAX, Limits};
pub use sink::SocketSink;
pub use source::SocketSource;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use crossbeam::channel;

use door::Inside;
use resume::{Resumer, Wakers};
use ringfence_node::{History, Poller};
use session::SocketError;
use subscription::Subscriptions;

/// What an engine serves beside commands.
#[derive(Debug, Default)]
pub struct Setup {
    /// The history that it goes on with.
    pub history: History,
    /// The directory of its outcome log; `None`: it keeps none, and clients cannot be sent what they
    /// have missed.
    pub outcome_log: Option<PathBuf>,
    /// Serves connections that want to follow what happens; `None`: they are refused.
    pub subscriptions: Option<Arc<Subscriptions>>,
    /// Once it is set, clients that do not read are waited for no longer than
    /// [`Limits::drain_timeout`].
    pub stop: Arc<AtomicBool>,
}

/// Opens `door`: the source and the sink of a node that serves those who come in.
///
/// # Errors
///
/// If the system refuses a thread or what one sleeps on.
pub fn open(mut door: Door, setup: Setup) -> Result<(SocketSource, SocketSink), SocketError> {
    let Setup { history, outcome_log, subscriptions, stop } = setup;
    let limits = *door.limits();
    let poller = Poller::new().map_err(|error| SocketError {
        operation: "polling",
        address: "sockets".to_owned(),
        error,
    })?;
    let (poller, publish) = (Arc::new(poller), Arc::new(OnceLock::new()));
    let keeps_log = outcome_log.is_some();
    let resumer = outcome_log.map(|dir| {
        let wakers = Wakers { gateway: Arc::clone(&poller), publish: Arc::clone(&publish) };
        Resumer::start(dir, limits.idle_timeout, wakers)
    });
    let resumer = resumer.transpose()?;
    // One for each connection that there can be.
    let (sessions, admitted) = channel::bounded(limits.connections.into());
    door.start(history, Inside { sessions, poller: Arc::clone(&poller), subscriptions })?;
    let parts = source::Parts { door, admitted, poller, history, keeps_log, publish };
    Ok((SocketSource::new(parts), SocketSink::new(limits, resumer, stop)))
}
