//! What the developers of Ringfence run beside it.

pub mod generator;
pub mod scenario;
pub mod twin;
