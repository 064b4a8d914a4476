//! Outcomes, events, bodies of look-ups and commands into lines.
//!
//! ```text
//!   export
//!      ▼
//!   commands   outcomes ──▶ bodies   events     a line each; what a look-up found stands in its
//!       └─────────┴─────────┴──────────┘        outcome's line
//!                  names, json
//! ```

mod bodies;
mod commands;
mod events;
mod export;
mod json;
mod names;
mod origins;
mod outcomes;

pub use bodies::encode_account;
pub use commands::{encode_commands, encode_commands_with_sequence};
pub use events::encode_event;
pub use export::Exporter;
pub use origins::encode_origin;
pub use outcomes::{encode_advance_clock, encode_malformed, encode_outcome};
