//! What the developers of Ringfence run beside it.

pub mod agreement;
pub mod campaign;
pub mod contents;
pub mod fuzz;
pub mod generator;
pub mod placed;
pub mod requests;
pub mod scenario;
pub mod script;
pub mod simulation;
pub mod stress;
pub mod subjects;
pub mod twin;
