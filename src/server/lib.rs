//! A payment engine as a server: connections of clients come in, their commands go through a
//! [`Node`](ringfence_node::Node), and their outcomes leave.
//!
//! ```text
//!   clients ──▶ SocketSource ──▶ node ──▶ SocketSink ──▶ clients
//!                    └──────── notices ───────▲
//! ```
//!
//! | module | job |
//! |---|---|
//! | [`SocketSource`] | accepts connections, decodes batches and takes them in |
//! | [`SocketSink`] | sends outcomes to the clients that wait for them |
//! | [`session`] | connections of clients, shared by both |
//! | [`subscription`] | clients that follow what happens, each with a thread of its own |
//! | [`notice`] | what the source says to the sink between two commands |

pub mod notice;
pub mod session;
mod sink;
mod source;
pub mod subscription;

pub use sink::SocketSink;
pub use source::SocketSource;
