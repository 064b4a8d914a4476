//! The outcome log: outcomes and events by sequence on disk, for consumers that resume.
//!
//! ```text
//!   publish ──▶ Frame ──▶ Log ──▶ 00000000000000000001.outcomes …  ──▶ LogReader ──▶ consumers
//!   replay ───▶ Frame ────┘                                    └──▶ comparison with a replay
//! ```
//!
//! `docs/outcome-log.md` describes the files byte by byte.
//!
//! # Invariants
//!
//! * The log is derived from the journal and never trusted over it: what is damaged, missing or ahead
//!   of the journal is cut and made again.
//! * Nothing of it depends on who was connected: sessions are zero.
//! * Within a file sequences have no gap.

mod format;
mod log;
mod reader;

pub use format::{
    FRAME_OUTCOME_BYTES, Frame, LOG_VERSION, LogFileHeader, LogFrameHeader, log_name,
};
pub use log::Log;
pub use reader::{LogEntry, LogReader};
