//! A journal as an input that gives the same journal again.

use super::commands::encode_commands;
use super::json::{put, wide};
use ringfence_types::Command;

/// Writes the batches of a journal as lines for `apply --clock manual`: in a fresh journal they get
/// the same sequences and timestamps, and so the same outcomes.
///
/// ```text
///   batch stamped 1000, 1001    {"op":"advance_clock","nanoseconds":"1000"}
///                               [{"op":…},{"op":…}]
///   batch stamped 1002          {"op":…}                the engine gives the next nanosecond itself
///   batch stamped 5000          {"op":"advance_clock","nanoseconds":"3998"}
///                               {"op":…}
/// ```
///
/// ```
/// use ringfence_codec::text::Exporter;
/// use ringfence_types::{Command, Lookup, stamp_batch};
/// let mut batch = [Command::lookup_account(Lookup { id: 7, ..Lookup::default() })];
/// stamp_batch(&mut batch, 0, 1000);
/// let mut lines = Vec::new();
/// Exporter::after(0).batch(&batch, &mut lines);
/// let expected = r#"{"op":"advance_clock","nanoseconds":"1000"}
/// {"op":"lookup_account","id":"7"}
/// "#;
/// assert_eq!(lines, expected.as_bytes());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Exporter {
    last_timestamp: u64,
}

impl Exporter {
    /// An exporter of what follows a command with this timestamp; 0 at the start of a journal.
    #[must_use]
    pub fn after(last_timestamp: u64) -> Exporter {
        Exporter { last_timestamp }
    }

    /// Appends one batch, and before it what sets the clock.
    ///
    /// # Panics
    ///
    /// If the commands are no whole batch, or are not stamped later than those before.
    pub fn batch(&mut self, batch: &[Command], out: &mut Vec<u8>) {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            panic!("a batch has a command");
        };
        let since = first.header.timestamp.checked_sub(self.last_timestamp);
        match since.expect("timestamps increase") {
            0 => panic!("timestamps increase"),
            // What the engine gives where its clock has not moved.
            1 => {}
            nanoseconds => {
                wide(out, "{\"op\":\"advance_clock\",\"nanoseconds\":", nanoseconds);
                put(out, b"}\n");
            }
        }
        encode_commands(batch, out);
        self.last_timestamp = last.header.timestamp;
    }
}
