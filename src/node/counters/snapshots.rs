//! What became of the snapshots that an engine has made beside itself.

use serde::{Deserialize, Serialize};

/// Snapshots since the start of the process, and the newest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SnapshotsReading {
    /// Whether one is being made.
    pub is_running: bool,
    /// How many were made.
    pub made: u64,
    /// How often there was nothing new to make one of.
    pub nothing_new: u64,
    /// How many failed.
    pub failed: u64,
    /// Last sequence that the newest covers; 0 if there is none.
    pub last_sequence: u64,
    /// Its length, in bytes; 0 if it was made before this process began.
    pub last_bytes: u64,
    /// How long it took, in nanoseconds; 0 if it was made before this process began.
    pub last_took_ns: u64,
    /// When it was made, in nanoseconds since the Unix epoch.
    pub last_made_ns: u64,
}
