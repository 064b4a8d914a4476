//! What is measured for a report, each by a process of its own.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::super::super::Failure;
use super::super::plots::write;
use crate::bench::{LoadPoint, curves_svg};

/// Transfers with which the journal's turns have their usual number of batches.
const JOURNAL_FULL: u64 = 4_000_000;
/// No point of a curve has fewer transfers: percentiles need some.
const POINT_TRANSFERS_MIN: u64 = 1_000;

/// A bench that is to run.
pub(super) struct Spec {
    /// Name of its files.
    pub(super) name: String,
    /// What it shows.
    pub(super) title: &'static str,
    /// The bench and its options.
    arguments: Vec<String>,
    /// Whether it gets a directory for a journal.
    is_journaled: bool,
}

impl Spec {
    fn new(name: &str, title: &'static str, arguments: &str, is_journaled: bool) -> Spec {
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        Spec { name: name.to_owned(), title, arguments, is_journaled }
    }
}

/// The standard set, with loads of so many transfers.
pub(super) fn standard(transfers: u64) -> Vec<Spec> {
    let (half, few) = (transfers / 2, (transfers / 800).max(200));
    let queued = transfers / 4;
    let turns = if transfers < JOURNAL_FULL { 1 } else { 5 };
    let size = (transfers * 100 / JOURNAL_FULL).clamp(1, 100);
    let spec = Spec::new;
    vec![
        spec(
            "fold",
            "The engine alone, on one thread",
            &format!("fold --transfers {transfers}"),
            false,
        ),
        spec(
            "pipeline",
            "Through the pipeline, nothing kept",
            &format!("pipeline --transfers {transfers}"),
            false,
        ),
        spec(
            "pipeline-sync",
            "Through the pipeline, every command durable",
            &format!("pipeline --transfers {transfers}"),
            true,
        ),
        spec(
            "settle",
            "Orders, through the pipeline",
            &format!("settle --commands {transfers}"),
            false,
        ),
        spec(
            "queued",
            "Payments that wait in queues and settle later",
            &format!("settle --queued {queued}"),
            false,
        ),
        spec(
            "journal",
            "The journal alone, against the disk",
            &format!("journal --turns {turns} --size {size}"),
            true,
        ),
        spec(
            "wire",
            "Over a socket, batches of 1,000, 8 under way",
            &format!("wire --session --transfers {half} --batch 1000 --window 8"),
            true,
        ),
        spec(
            "wire-one",
            "Over a socket, one transfer at a time",
            &format!("wire --session --transfers {few} --batch 1"),
            true,
        ),
    ]
}

/// What is measured under several loads: first without a schedule, then at parts of that.
pub(super) fn loaded(transfers: u64) -> Vec<Spec> {
    let half = transfers / 2;
    vec![
        Spec::new(
            "pipeline-load",
            "Latency by load, through the pipeline, every command durable",
            &format!("pipeline --transfers {half} --batch 100"),
            true,
        ),
        Spec::new(
            "wire-load",
            "Latency by load, over a socket",
            &format!("wire --session --transfers {half} --batch 100 --window 64"),
            true,
        ),
    ]
}

/// A bench that has run.
pub(super) struct Run {
    pub(super) name: String,
    pub(super) title: &'static str,
    /// The command line that gives it again.
    pub(super) command: String,
    /// What it printed.
    pub(super) report: Value,
    /// What it drew.
    pub(super) picture: String,
}

impl Run {
    /// A number that the bench printed, by its keys.
    pub(super) fn number(&self, keys: &[&str]) -> Option<&serde_json::Number> {
        let mut value = &self.report;
        for key in keys {
            value = value.get(key)?;
        }
        value.as_number()
    }
}

/// A bench under several loads.
pub(super) struct Curve {
    pub(super) title: &'static str,
    /// Without a schedule: what all that is taken is a part of.
    pub(super) most: Run,
    /// With the planned commands a second.
    pub(super) points: Vec<(f64, Run)>,
    /// Latency over load.
    pub(super) picture: String,
}

/// Runs benches.
pub(super) struct Runner<'a> {
    /// Where their files stay.
    out: &'a Path,
    /// Where their journals are.
    folder: &'a Path,
}

impl<'a> Runner<'a> {
    pub(super) fn new(out: &'a Path, folder: &'a Path) -> Runner<'a> {
        Runner { out, folder }
    }

    /// Runs a bench and waits for it.
    pub(super) fn run(&self, spec: &Spec) -> Result<Run, Failure> {
        let Spec { name, title, arguments, is_journaled } = spec;
        let shown = format!("ringfence bench {}", arguments.join(" "));
        tell!("ringfence: {name}: {shown}");
        let file = |kind: &str| self.out.join(format!("{name}.{kind}"));
        let program = env::current_exe();
        let program = program.map_err(|error| failed(name, &error))?;
        let mut command = Command::new(program);
        command.arg("bench").args(arguments).arg("--json");
        command.arg("--hgrm").arg(file("hgrm")).arg("--svg").arg(file("svg"));
        let journal = self.folder.join(name);
        if *is_journaled {
            command.arg("--data-dir").arg(&journal);
        }
        let ran = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let ran = ran.map_err(|error| failed(name, &error))?;
        if !ran.status.success() {
            return Err(failed(name, &ran.status));
        }
        if *is_journaled {
            fs::remove_dir_all(&journal).map_err(|error| failed(name, &error))?;
        }
        let report = String::from_utf8_lossy(&ran.stdout).into_owned();
        write(&file("json"), &report)?;
        let picture = fs::read_to_string(file("svg")).map_err(|error| failed(name, &error))?;
        let report = serde_json::from_str(&report).map_err(|error| failed(name, &error))?;
        let command = if *is_journaled { format!("{shown} --data-dir DIR") } else { shown };
        Ok(Run { name: name.clone(), title, command, report, picture })
    }

    /// Runs a bench as fast as it goes, then with schedules of `parts` of that, each for so many
    /// seconds.
    pub(super) fn curve(&self, spec: &Spec, parts: &[f64], seconds: f64) -> Result<Curve, Failure> {
        let most = self.run(spec)?;
        let per_second = most.report["transfers_per_second"].as_f64();
        let per_second = per_second.ok_or_else(|| failed(&most.name, &"it says no speed"))?;
        let mut points = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let rate = (per_second * part).round().max(1.0);
            let transfers = ((rate * seconds) as u64).max(POINT_TRANSFERS_MIN);
            let mut arguments = spec.arguments.clone();
            let place = arguments.iter().position(|it| it == "--transfers");
            arguments[place.expect("each load has transfers") + 1] = transfers.to_string();
            arguments.extend(["--rate".to_owned(), rate.to_string()]);
            let name = format!("{}-{}", spec.name, number + 1);
            let spec = Spec { name, arguments, ..*spec };
            points.push((rate, self.run(&spec)?));
        }
        let drawn: Vec<LoadPoint> = points.iter().map(|(rate, run)| point(*rate, run)).collect();
        let picture = curves_svg(spec.title, &drawn);
        write(&self.out.join(format!("{}-curve.svg", spec.name)), &picture)?;
        Ok(Curve { title: spec.title, most, points, picture })
    }
}

/// A point of a curve.
fn point(rate: f64, run: &Run) -> LoadPoint {
    let latency = |key| run.report["latency_ns"][key].as_u64().unwrap_or_default();
    LoadPoint { per_second: rate, latency_ns: ["p50", "p99", "p999"].map(latency) }
}

fn failed(name: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::operating(format_args!("{name}: {error}"))
}
