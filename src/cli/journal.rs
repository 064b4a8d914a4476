//! `ringfence journal`: check, sum up, print, export or repair a journal.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::export::Export;
use super::options::{ConfigFile, KeyOption, note_unchecked};
use super::progress::ProgressLine;
use super::{Exit, Failure};
use ringfence_codec::text;
use ringfence_journal::outcomes::Scan;
use ringfence_journal::{DataDir, Entry, Reader, Repaired, Seals, Summary, WitnessFound, inspect};
use ringfence_node::replay;
use ringfence_types::Op;

/// What to do with a journal. Only `repair` changes anything.
#[derive(Debug, Subcommand)]
pub(super) enum Journal {
    /// Check every byte, and name the first damage with file and offset
    Verify(Where),
    /// Print what it holds, as one JSON object
    Stat(Where),
    /// Print its commands to look at, a line a batch, each with sequence and engine_timestamp
    Dump(Where),
    /// Print its commands as input for `apply`, which then gives the same outcomes and the same
    /// state but for sessions, which are not in it
    Export(Export),
    /// Cut it at the first damage, and keep what is cut in NAME.cut beside it
    Repair(Where),
}

#[derive(Debug, Args)]
pub(super) struct Where {
    /// Directory of the journal
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

impl Journal {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        match self {
            Journal::Verify(at) => {
                let summary = at.inspect()?;
                if let Some(tail) = &summary.tail {
                    tell!("ringfence: the next start cuts {tail}");
                }
                let seals = match (summary.seals, seal_of(&summary)) {
                    (Seals::Checked, Some(last)) => {
                        format!(", sealed with the key given, last seal {last}")
                    }
                    (Seals::Unchecked, _) => ", seals not checked".to_owned(),
                    _ => String::new(),
                };
                let snapshots = at.check_snapshots()?;
                at.check_outcome_log(&summary)?;
                print_line(&format!(
                    "ok: {} commands in {} batches, {} bytes checked, durable up to sequence {}{seals}{snapshots}",
                    summary.last_sequence,
                    summary.batches,
                    summary.file_bytes,
                    summary.durable_sequence,
                ))?;
            }
            Journal::Stat(at) => {
                let summary = at.inspect()?;
                let line = serde_json::to_string(&Stat::of(&summary));
                print_line(&line.expect("a summary can be written as JSON"))?;
            }
            Journal::Dump(at) => at.dump()?,
            Journal::Export(export) => export.execute()?,
            Journal::Repair(at) => at.repair()?,
        }
        Ok(Exit::Done)
    }
}

impl Where {
    fn open(&self) -> Result<DataDir, Failure> {
        DataDir::open_to_read(&self.data_dir).map_err(Failure::operating)
    }

    fn inspect(&self) -> Result<Summary, Failure> {
        let mut progress = ProgressLine::new("bytes checked");
        let summary = inspect(&self.open()?, self.key.read()?, |bytes| progress.tick(bytes));
        progress.finish();
        let summary = summary.map_err(Failure::operating)?;
        note_unchecked(summary.seals);
        if summary.witness == WitnessFound::Missing {
            tell!("ringfence: there is no witness beside the journal");
        }
        Ok(summary)
    }

    /// Checks the snapshots too; what to say of them.
    fn check_snapshots(&self) -> Result<String, Failure> {
        let dir = self.open()?;
        let sequences =
            replay::check_snapshots(&dir, self.key.read()?).map_err(Failure::operating)?;
        Ok(match sequences.as_slice() {
            [] => String::new(),
            [one] => format!(", one snapshot of sequence {one}"),
            [.., last] => format!(", {} snapshots, the last of sequence {last}", sequences.len()),
        })
    }

    /// Checks that the journal has all that the outcome log says was durable.
    fn check_outcome_log(&self, summary: &Summary) -> Result<(), Failure> {
        let dir = self.open()?;
        // An engine may have gone on since the journal was read.
        if dir.is_held().map_err(Failure::operating)? {
            return Ok(());
        }
        let scan = Scan::read_end(dir.path(), summary.journal_id.to_be_bytes());
        let checked = scan.and_then(|scan| scan.check_journal(summary.last_sequence));
        checked.map_err(Failure::operating)
    }

    /// Sets aside what the outcome log holds of commands that the journal in `dir`, which ends with
    /// the command `last_sequence`, no longer has.
    fn repair_outcome_log(&self, dir: &DataDir, last_sequence: u64) -> Result<(), Failure> {
        let first = ringfence_journal::first_segment(dir.files()).map_err(Failure::operating)?;
        let scan = Scan::read(dir.path(), first.journal_id).map_err(Failure::operating)?;
        if scan.held().last_sequence <= last_sequence {
            return Ok(());
        }
        scan.set_aside(last_sequence, |note| tell!("ringfence: {note}")).map_err(Failure::operating)
    }

    fn repair(&self) -> Result<(), Failure> {
        // Only to look: no journal is made where there was none.
        self.open()?;
        let dir = DataDir::open(&self.data_dir).map_err(Failure::operating)?;
        let repaired =
            ringfence_journal::repair(&dir, self.key.read()?).map_err(Failure::operating)?;
        note_unchecked(repaired.seals);
        for cut in &repaired.cuts {
            tell!("ringfence: {cut}");
        }
        self.repair_outcome_log(&dir, repaired.last_sequence)?;
        print_line(&describe_repair(&repaired))
    }

    fn dump(&self) -> Result<(), Failure> {
        let mut reader =
            Reader::open_kept(&self.open()?, self.key.read()?).map_err(Failure::operating)?;
        note_unchecked(reader.seals());
        let mut output = io::BufWriter::with_capacity(256 * 1024, io::stdout().lock());
        let mut line = Vec::new();
        while let Some(entry) = reader.next_entry().map_err(Failure::operating)? {
            if let Entry::Batch { request, first_sequence, commands, .. } = entry {
                line.clear();
                text::encode_commands_with_sequence(first_sequence, &request, commands, &mut line);
                output.write_all(&line).map_err(written)?;
            }
        }
        output.flush().map_err(written)?;
        if let Some(tail) = reader.tail() {
            tell!("ringfence: passed over {tail}");
        }
        Ok(())
    }
}

/// What is gone and what is left.
fn describe_repair(repaired: &Repaired) -> String {
    let (last, acknowledged) = (repaired.last_sequence, repaired.acknowledged_sequence);
    if repaired.cuts.is_empty() && acknowledged <= last {
        return format!("ok: nothing to repair, the last command is {last}");
    }
    let mut text = format!("repaired: the last command is {last}");
    if acknowledged > last {
        let first = last + 1;
        let _ = write!(
            text,
            "; commands from {first} on are gone, and up to {acknowledged} at least they had been acknowledged"
        );
    } else {
        text.push_str("; nothing that is known to have been acknowledged is gone");
    }
    text
}

/// The seal of the last frame in hexadecimal digits, where frames have seals.
fn seal_of(summary: &Summary) -> Option<String> {
    let seal = u128::from_be_bytes(summary.last_seal);
    (summary.seals != Seals::None).then(|| format!("{seal:032x}"))
}

fn print_line(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(written)
}

fn written(error: io::Error) -> Failure {
    Failure::Operating(format!("writing to standard output: {error}"))
}

/// What `stat` prints; counts and sizes are strings, as in all of the text format.
#[derive(Serialize)]
struct Stat {
    journal_id: String,
    format_version: u32,
    keyed: bool,
    last_seal: Option<String>,
    rules_version: Option<u32>,
    segments: String,
    file_bytes: String,
    frame_bytes: String,
    frames: String,
    batches: String,
    batch_commands_max: String,
    commands: Commands,
    last_sequence: String,
    durable_sequence: String,
    first_timestamp: String,
    last_timestamp: String,
    capacities: Option<Limits>,
    tail_bytes: String,
}

#[derive(Serialize)]
struct Limits {
    accounts: String,
    transfers: String,
    policies: String,
    markets: String,
    orders: String,
    retention_ns: String,
}

struct Commands([u64; Op::ALL.len()]);

impl Serialize for Commands {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (op, count) in Op::ALL.iter().zip(self.0).filter(|(_, count)| *count > 0) {
            map.serialize_entry(op.name(), &count.to_string())?;
        }
        map.end()
    }
}

impl Stat {
    fn of(summary: &Summary) -> Stat {
        Stat {
            journal_id: format!("{:032x}", summary.journal_id),
            format_version: summary.format_version,
            keyed: summary.seals != Seals::None,
            last_seal: seal_of(summary),
            rules_version: summary.rules.map(|rules| rules.version),
            segments: summary.segments.to_string(),
            file_bytes: summary.file_bytes.to_string(),
            frame_bytes: summary.frame_bytes.to_string(),
            frames: summary.frames.to_string(),
            batches: summary.batches.to_string(),
            batch_commands_max: summary.batch_commands_max.to_string(),
            commands: Commands(summary.commands),
            last_sequence: summary.last_sequence.to_string(),
            durable_sequence: summary.durable_sequence.to_string(),
            first_timestamp: summary.first_timestamp.to_string(),
            last_timestamp: summary.last_timestamp.to_string(),
            capacities: summary.rules.map(|rules| Limits {
                accounts: rules.capacities.accounts.to_string(),
                transfers: rules.capacities.transfers.to_string(),
                policies: rules.capacities.policies.to_string(),
                markets: rules.capacities.markets.to_string(),
                orders: rules.capacities.orders.to_string(),
                retention_ns: rules.retention_ns.to_string(),
            }),
            tail_bytes: summary.tail.as_ref().map_or(0, |tail| tail.bytes).to_string(),
        }
    }
}
