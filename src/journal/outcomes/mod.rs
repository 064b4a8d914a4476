//! The outcome log: outcomes and events by sequence on disk, for consumers that resume.
//!
//! ```text
//!   publish ──▶ Frame ──▶ Log ──▶ 00000000000000000001.outcomes …  ──▶ LogReader ──▶ consumers
//!   replay ───▶ Frame ────┘                                    └──▶ comparison with a replay
//! ```
//!
//! `docs/outcome-log.md` describes the files byte by byte.
//!
//! A start reads the log ([`Scan`]), decides what is to be done with it ([`decide`]), and then goes
//! on with it ([`Log::go_on`]) or first makes it whole ([`Scan::set_aside`]).
//!
//! # Invariants
//!
//! * The log is derived from the journal: what a replay can make again is cut where it is
//!   damaged, and made again.
//! * What no replay can make again is never deleted: what is good stays in the log, and what is
//!   damaged is kept beside it.
//! * What was final when it was written, and is not in the journal, proves that the journal has
//!   lost it. Nothing is then changed.
//! * Nothing of it depends on who was connected: the numbers of connections are zero. Whose a batch
//!   is, its origin, is in the journal too.
//! * Within a file sequences have no gap.

mod decide;
mod file;
mod format;
mod frame;
mod keep;
mod log;
mod mend;
mod reader;
mod scan;
mod trail;

pub use decide::{Decision, Held, Replayable, decide};
pub use format::{LOG_VERSION, LogFileHeader, LogFrameHeader, log_name};
pub use frame::Frame;
pub use keep::{KEEP_AGE_MIN, KEEP_BYTES_MIN, Keep};
pub use log::Log;
pub use reader::{LogEntry, LogReader};
pub use scan::Scan;
pub use trail::{LogFrame, LogStep, LogTrail, first_logged_sequence};

#[cfg(test)]
mod tests;
