//! A payment engine as a server: connections of clients come in, their commands go through a
//! [`Node`](ringfence_node::Node), and their outcomes leave.
//!
//! ```text
//!   clients ──▶ SocketSource ──▶ node ──▶ SocketSink ──▶ clients
//!                    └──────── notices ───────▲
//!   outcome log ──▶ resume ──▶ clients that come back
//! ```
//!
//! | module | job |
//! |---|---|
//! | [`SocketSource`] | accepts connections, answers hellos, decodes batches and takes them in |
//! | [`SocketSink`] | sends outcomes to the clients that wait for them |
//! | `greeting` | what a hello comes to |
//! | `resume` | what a client has missed, from the outcome log |
//! | [`session`] | connections of clients, shared by source and sink |
//! | [`subscription`] | clients that follow what happens, each with a thread of its own |
//! | [`notice`] | what the source says to the sink between two commands |

mod greeting;
mod limits;
pub mod notice;
mod resume;
pub mod session;
mod sink;
mod source;
pub mod subscription;

pub use greeting::Refusal;
pub use limits::Limits;
pub use resume::OutcomeLog;
pub use sink::SocketSink;
pub use source::SocketSource;
