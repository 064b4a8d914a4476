//! The server as its clients meet it: sessions that outlive connections and engines, and clients
//! that do what they should not.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod attackers;
mod bench;
mod client_async;
mod client_tls;
mod cutter;
mod disturbed;
mod engine;
mod exactly_once;
mod hostile;
mod limits;
mod repeatable;
mod sessions;
mod tls;
mod wire;
