//! The bridge between an engine and HTTP, as programs.

mod access;
mod bodies;
mod client;
mod commands;
mod crash;
mod engine_tls;
mod events;
mod hostile;
mod node;
mod retention;
mod smuggled;
mod tls;
mod version2;
