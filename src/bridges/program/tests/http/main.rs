//! The bridge between an engine and HTTP, as programs.

#[path = "../broker/house.rs"]
mod house;

mod access;
mod client;
mod commands;
mod crash;
mod events;
mod hostile;
