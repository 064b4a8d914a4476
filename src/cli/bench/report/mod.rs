//! `ringfence bench report`: the standard set of benches, and a page of what they found.
//!
//! ```text
//!   standard set ──▶ ringfence bench … --json --hgrm --svg, one after the other ──▶ report.html
//!        └──────────────── loads that are parts of what was found ◀──┘
//! ```
//!
//! Each bench is a process of its own, so that none inherits the memory of another. What each
//! printed and wrote stays beside the page; every figure of the page is one of these.

mod machine;
mod page;
mod runs;

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::super::options::whole;
use super::super::{Exit, Failure};
use super::plots::write;
use super::rate;
use machine::Machine;
use runs::{Curve, Run, Runner};

/// Transfers in a load, and seconds of each point of a curve.
const FULL: (u64, f64) = (4_000_000, 5.0);
/// The same with `--quick`.
const QUICK: (u64, f64) = (200_000, 0.5);
/// Points of a curve, as parts of what is taken without a schedule.
const PARTS: [f64; 6] = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9];

#[derive(Debug, Args)]
pub(in super::super) struct ReportBench {
    /// Directory of the page and of what each bench printed, created if its parent exists
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Directory on the disk to be measured; journals are written in a directory of their own
    /// there, which is removed [default: that of --out]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Small loads: a minute instead of ten, and figures to look at, not to quote
    #[arg(long)]
    quick: bool,
    /// Transfers in a load [default: 4000000, with --quick 200000]
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1_000, 1 << 30))]
    transfers: Option<u64>,
    /// Seconds of each point of a curve [default: 5, with --quick 0.5]
    #[arg(long, value_name = "SECONDS", value_parser = rate)]
    seconds: Option<f64>,
}

impl ReportBench {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let failed = |what, path: &PathBuf| {
            let place = path.display().to_string();
            move |error| Failure::operating(format_args!("{what} {place}: {error}"))
        };
        if !self.out.is_dir() {
            fs::create_dir(&self.out).map_err(failed("making", &self.out))?;
        }
        let disk = self.data_dir.as_ref().unwrap_or(&self.out);
        let folder = tempfile::Builder::new().prefix("ringfence-bench-").tempdir_in(disk);
        let folder = folder.map_err(failed("making a directory in", disk))?;
        let machine = Machine::look();
        let runner = Runner::new(&self.out, folder.path());
        let (runs, curves) = self.measure(&runner)?;
        let path = self.out.join("report.html");
        write(&path, &page::html(&machine, &runs, &curves))?;
        tell!("ringfence: the report is {}", path.display());
        Ok(Exit::Done)
    }

    /// Runs the standard set, then the curves.
    fn measure(&self, runner: &Runner<'_>) -> Result<(Vec<Run>, Vec<Curve>), Failure> {
        let (transfers, seconds) = if self.quick { QUICK } else { FULL };
        let transfers = self.transfers.unwrap_or(transfers);
        let seconds = self.seconds.unwrap_or(seconds);
        let specs = runs::standard(transfers);
        let runs = specs.iter().map(|spec| runner.run(spec)).collect::<Result<Vec<_>, _>>()?;
        let mut curves = Vec::new();
        for spec in runs::loaded(transfers) {
            curves.push(runner.curve(&spec, &PARTS, seconds)?);
        }
        Ok((runs, curves))
    }
}
