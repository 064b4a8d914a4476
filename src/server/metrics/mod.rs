//! The numbers of an engine for Prometheus, and whether it is well, over HTTP.
//!
//! ```text
//!   GET /metrics   numbers, as text          GET /livez    200 while the process answers
//!   anything else  404                       GET /readyz   200 while it takes commands, else 503
//! ```
//!
//! Outside the pipeline, on threads of its own: who reads disturbs nobody.

mod http;
mod text;

pub use http::{MetricsError, MetricsServer};
pub use text::metrics_text;

#[cfg(test)]
mod tests;
