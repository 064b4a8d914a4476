//! What the developers of Ringfence run beside it.

pub mod twin;
