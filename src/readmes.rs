//! Compiles the examples in the README files of the crates that are useful alone.

#[doc = include_str!("ring/README.md")]
struct Ring;

#[doc = include_str!("client/README.md")]
struct Client;
