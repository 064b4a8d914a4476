//! Time as the engine knows it: nanoseconds since the Unix epoch, carried by commands.

use super::Command;

/// Nanoseconds in one second.
pub const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
/// Seconds in one UTC day.
pub const SECONDS_PER_DAY: u32 = 86_400;
/// The latest timestamp, in nanoseconds: 2^63 − 1 (in the year 2262).
pub const TIMESTAMP_MAX: u64 = i64::MAX as u64;

/// Stamps one batch: the first command gets `max(previous + 1, clock_ns)`, each other one 1 ns
/// more, and every command its place in the batch. Returns the timestamp of the last one.
///
/// `previous` is the timestamp of the command before the batch, 0 if there is none.
///
/// # Panics
///
/// If the batch is longer than [`super::BATCH_COMMANDS_MAX`], or a timestamp would pass
/// [`TIMESTAMP_MAX`]: the clock of the machine is then off by centuries.
pub fn stamp_batch(batch: &mut [Command], previous: u64, clock_ns: u64) -> u64 {
    let first = clock_ns.max(previous + 1);
    let length = u16::try_from(batch.len()).expect("a batch is at most BATCH_COMMANDS_MAX long");
    assert!(usize::from(length) <= super::BATCH_COMMANDS_MAX);
    assert!(first <= TIMESTAMP_MAX - u64::from(length), "the clock reads {clock_ns} ns");
    let mut timestamp = previous;
    for (index, command) in (0..length).zip(batch) {
        timestamp = first + u64::from(index);
        command.header.timestamp = timestamp;
        command.header.batch_index = index;
        command.header.batch_length = length;
    }
    timestamp
}
