//! Files with the latencies of a bench: for tools, and to look at.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::Failure;
use crate::bench::{Percentiles, Series, svg};

/// Where a bench writes its latencies besides.
#[derive(Debug, Args)]
pub(super) struct PlotOptions {
    /// Write the latencies to this file, by percentile, in the text format of HdrHistogram
    #[arg(long, value_name = "FILE")]
    hgrm: Option<PathBuf>,
    /// Draw the latencies to this file, by percentile, beside those that they are compared with
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl PlotOptions {
    /// Writes what was asked for of `series`, the first of which is what was measured.
    pub(super) fn write(&self, title: &str, series: &[Series]) -> Result<(), Failure> {
        if let (Some(path), Some(first)) = (&self.hgrm, series.first()) {
            write(path, &Percentiles(&first.latency_ns).to_string())?;
        }
        if let Some(path) = &self.svg {
            write(path, &svg(title, series))?;
        }
        Ok(())
    }
}

/// Writes a file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::operating(format_args!("writing {}: {error}", path.display())))
}
