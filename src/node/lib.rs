//! One engine, embeddable: what feeds it, what runs it, what takes its outcomes, what rebuilds it.

pub mod gateway;
mod gauge;
pub mod pipeline;
pub mod publish;
pub mod replay;

pub use gauge::Gauge;
