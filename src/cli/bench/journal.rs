//! `ringfence bench journal`: the journal alone, against the disk alone.

use std::path::PathBuf;

use clap::Args;

use super::super::options::{segment_bytes, whole};
use super::super::{Exit, Failure};
use super::{PlotOptions, holds_commands, print};
use crate::bench::{self, JournalLoad};
use ringfence_journal::Backend;

#[derive(Debug, Args)]
pub(in super::super) struct JournalBench {
    /// Directory of a new journal, on the disk to be measured; it takes some gigabytes and is left there
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Turns of the journal and of the plain writer each; medians are shown
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<u16>(1, 1000))]
    turns: u16,
    /// How much of the usual number of batches a turn has, in percent
    #[arg(long, value_name = "PERCENT", default_value = "100", value_parser = whole::<u64>(1, 1000))]
    size: u64,
    /// Bytes of one segment of the journal, a power of two, at least 2097152
    #[arg(long, value_name = "N", default_value = "67108864", value_parser = segment_bytes)]
    segment_bytes: u64,
    /// What writes the journal: io-uring, threads or buffered [default: the first that works]
    #[arg(long, env = "RINGFENCE_JOURNAL_IO", value_name = "HOW")]
    journal_io: Option<Backend>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    plots: PlotOptions,
}

/// What `bench journal` measures: commands in a batch, batches under way at a time, batches in a
/// turn.
/// The first is what a single client sees, the last keeps the disk as busy as it can be.
const JOURNAL_LOADS: [(usize, usize, u64); 6] =
    [(1, 1, 1000), (1, 16, 4000), (64, 16, 4000), (1024, 4, 600), (8189, 1, 128), (8189, 4, 256)];

impl JournalBench {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let opened = bench::new_journal(&self.data_dir, self.segment_bytes, self.journal_io)
            .map_err(Failure::operating)?;
        let Some((dir, mut writer)) = opened else { return Err(holds_commands(&self.data_dir)) };
        if let Some(shortcoming) = dir.shortcoming() {
            tell!("ringfence: {}: {shortcoming}", self.data_dir.display());
        }
        let loads = JOURNAL_LOADS.map(|(batch, depth, count)| {
            let count = (count * self.size / 100).max(1);
            JournalLoad { batch, depth, count }
        });
        let report = bench::journal(&dir, &mut writer, &loads, usize::from(self.turns))
            .map_err(Failure::operating)?;
        writer.close().map_err(Failure::operating)?;
        self.plots.write("journal: from taken in to durable", &report.series)?;
        print(&report, self.json)?;
        Ok(Exit::Done)
    }
}
