//! Commands and outcomes as NDJSON: one JSON value a line, in and out.
//!
//! ```text
//!   chunks ──Lines──▶ line ──Decoder──▶ commands of one batch, unstamped
//!                                └────▶ Malformed: what is wrong with the line, and where
//!   outcome, event, malformed line ──encode_…──▶ one line ──Printer──▶ output
//! ```
//!
//! # Invariants
//!
//! * A line gives a whole batch or none of it.
//! * What [`encode_commands`] writes decodes to the same commands.
//! * Decoding a good line of usual spelling allocates nothing once the batch has its capacity.

mod decode;
mod encode;
mod fields;
mod lines;
mod malformed;
mod names;
mod printer;
mod usual;
mod value;

pub use decode::{Clock, Decoder, Input};
pub use encode::{
    Exporter, encode_account, encode_advance_clock, encode_commands, encode_commands_with_sequence,
    encode_event, encode_malformed, encode_origin, encode_outcome,
};
pub use lines::{LINE_BYTES_MAX, Line, Lines};
pub use malformed::Malformed;
pub use printer::Printer;

#[cfg(test)]
mod tests;
