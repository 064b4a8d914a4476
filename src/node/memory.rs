//! How much memory a node takes at start: all that it will take, unless its tables grow.

use crate::gateway::InputThread;
use crate::pipeline::Settings;

/// The memory of a node, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Tables of the engine.
    pub tables: u64,
    /// Lanes of the pipeline.
    pub lanes: u64,
    /// Buffers of the journal, of the outcome log and of the text input.
    pub buffers: u64,
}

impl Memory {
    /// Of an engine whose tables take `tables` bytes, in a pipeline with these settings, with an outcome log
    /// whose frames take `log_bytes` bytes.
    pub(crate) fn new(
        tables: u64,
        settings: &Settings,
        is_journaled: bool,
        log_bytes: u64,
    ) -> Memory {
        let journal = if is_journaled { ringfence_journal::WRITER_BYTES } else { 0 };
        let buffers = journal + log_bytes + InputThread::BUFFERS_BYTES;
        Memory { tables, lanes: settings.lanes_bytes(), buffers }
    }
}
