//! How much memory a start takes: all that this process will take, for nothing grows later.

use ringfence_node::gateway::InputThread;
use ringfence_node::pipeline::Settings;

/// What this process holds before it allocates anything of size, in bytes: its code, its stacks,
/// the allocator's own. 0 where the system does not tell.
pub(super) fn program_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok());
    kibibytes.map_or(0, |kibibytes: u64| kibibytes * 1024)
}

/// The memory of one start, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    program: u64,
    tables: u64,
    lanes: u64,
    buffers: u64,
}

impl Memory {
    /// Of a start whose program held `program_bytes`, whose tables take `tables_bytes` and whose
    /// stages run as `settings` say.
    pub(super) fn new(
        program_bytes: u64,
        tables_bytes: u64,
        settings: &Settings,
        is_journaled: bool,
    ) -> Memory {
        let journal = if is_journaled { ringfence_journal::WRITER_BYTES } else { 0 };
        Memory {
            program: program_bytes,
            tables: tables_bytes,
            lanes: settings.lanes_bytes(),
            buffers: journal + InputThread::BUFFERS_BYTES,
        }
    }

    /// The line that says so at start.
    pub(super) fn line(&self) -> String {
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        let Memory { program, tables, lanes, buffers } = *self;
        format!(
            "{} MiB allocated at start: tables {}, lanes {}, buffers {}, program {}",
            mebibytes(program + tables + lanes + buffers),
            mebibytes(tables),
            mebibytes(lanes),
            mebibytes(buffers),
            mebibytes(program)
        )
    }
}
