//! The bridge between an engine and HTTP, as programs.

mod access;
mod client;
mod commands;
mod crash;
mod events;
mod hostile;
mod node;
mod tls;
