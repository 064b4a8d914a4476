//! `ringfence journal export`: a journal as an input for `apply`.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::options::{ConfigFile, KeyOption, note_unchecked, whole};
use super::{Failure, node};
use ringfence_journal::DataDir;
use ringfence_node::export::{ExportError, ExportWish, Exported, export};
use ringfence_types::{IdTime, Rules};

/// Arguments of `ringfence journal export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Directory of the journal; nothing in it is changed, and an engine may be running on it
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Leave out the commands up to this one, which has to end a batch
    #[arg(long, value_name = "SEQUENCE", default_value = "0", value_parser = whole::<u64>(0, u64::MAX))]
    after: u64,
    /// Stop after this command, or before its batch where that goes on after it
    #[arg(long, value_name = "SEQUENCE", value_parser = whole::<u64>(0, u64::MAX))]
    until: Option<u64>,
    /// Print the accounts and transfers that were created as imports with their timestamps, and the
    /// policies, instead of all commands
    #[arg(long)]
    as_imports: bool,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

impl Export {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let dir = DataDir::open_to_read(&self.data_dir).map_err(Failure::operating)?;
        let mut output = io::BufWriter::with_capacity(256 * 1024, io::stdout().lock());
        let (after, until, as_imports) = (self.after, self.until, self.as_imports);
        let wish = ExportWish { after, until, as_imports, key: self.key.read()? };
        let exported = export(&dir, &wish, &mut output, &mut node::report())
            .map_err(|error| self.failure(error))?;
        self.note(&exported);
        Ok(())
    }

    /// Says what the lines are not, and how they are to be applied.
    fn note(&self, exported: &Exported) {
        note_unchecked(exported.seals);
        for before in &exported.rules_changed_after {
            tell!(
                "ringfence: after sequence {before} the engine was started with other tables or another retention: where they decide, outcomes are the same only if that part is applied by itself: export with --until {before}, then with --after {before}"
            );
        }
        if exported.requests > 0 {
            tell!(
                "ringfence: sessions, request numbers and tags are not exported ({} batches have some): where sessions have names, the digest of the new journal differs",
                exported.requests
            );
        }
        if let Some(tail) = &exported.tail {
            tell!("ringfence: passed over {tail}");
        }
        let last = exported.last_sequence;
        if let Some(until) = self.until.filter(|&until| last < until) {
            tell!("ringfence: --until {until}: the last whole batch ends with sequence {last}");
        }
        if let Some(rules) = &exported.rules {
            self.note_use(rules);
        }
    }

    /// Says with which options of `apply` outcomes become the same.
    fn note_use(&self, rules: &Rules) {
        let capacities = rules.capacities;
        let clock = if self.as_imports { "" } else { "--clock manual " };
        let target = match self.after {
            0 => "a new journal",
            _ => "the journal that has what came before",
        };
        let retention = match rules.retention_ns {
            0 => String::new(),
            nanoseconds => format!(" --retention {nanoseconds}ns"),
        };
        let id_time = if rules.id_time == IdTime::Ulid as u32 { " --id-time ulid" } else { "" };
        tell!(
            "ringfence: to be applied to {target} with {clock}--accounts {} --transfers {} --policies {} --markets {} --orders {}{retention}{id_time}",
            capacities.accounts,
            capacities.transfers,
            capacities.policies,
            capacities.markets,
            capacities.orders
        );
    }

    /// The error, with what to do about it.
    fn failure(&self, error: ExportError) -> Failure {
        let after = self.after;
        match error {
            ExportError::Write(error) => {
                Failure::Operating(format!("writing to standard output: {error}"))
            }
            ExportError::Retired { first_sequence } => {
                let kept = format!(
                    "the journal in {} is kept from sequence {first_sequence} on, as what came before is retired",
                    self.data_dir.display()
                );
                Failure::Operating(if self.as_imports {
                    format!(
                        "{kept}: imports need all of it, so put the archived segments back first"
                    )
                } else {
                    let before = first_sequence - 1;
                    format!(
                        "{kept}: put the archived segments back, or export what is left with --after {before}"
                    )
                })
            }
            ExportError::WithinBatch { first_sequence: first, last_sequence: last, .. } => {
                let before = first - 1;
                Failure::Usage(format!(
                    "--after {after} is within the batch of {first} to {last}: --after can be {before} or {last}"
                ))
            }
            ExportError::EndsBefore { .. } => {
                Failure::Operating(format!("--after {after}: {error}"))
            }
            ExportError::NoImport { .. } => {
                Failure::Operating(format!("{error}; export without --as-imports"))
            }
            other => Failure::operating(other),
        }
    }
}
