//! `ringfence journal export`: a journal as an input for `apply`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::options::{ConfigFile, KeyOption, note_unchecked, whole};
use super::progress::ProgressLine;
use ringfence_codec::text::{Exporter, encode_commands};
use ringfence_engine::OutcomeSink;
use ringfence_journal::{DataDir, Entry, Reader};
use ringfence_node::replay::Replayer;
use ringfence_types::{
    Account, AccountFlags, Command, Event, Op, Outcome, Rules, Status, Transfer, TransferFlags,
    stamp_batch,
};

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
        let mut reader = Reader::open_kept(&dir, self.key.read()?).map_err(Failure::operating)?;
        note_unchecked(reader.seals());
        let mut output = io::BufWriter::with_capacity(256 * 1024, io::stdout().lock());
        let mut progress = ProgressLine::new("commands");
        let mut form = if self.as_imports { Form::imports() } else { Form::Commands(None) };
        let mut options = Options::default();
        // Sequence and timestamp of the last command seen.
        let mut last: Option<(u64, u64)> = None;
        let mut lines = Vec::new();
        while let Some(entry) = reader.next_entry().map_err(Failure::operating)? {
            form.follow(&entry)?;
            let (first_sequence, commands) = match entry {
                Entry::Rules(rules) => {
                    options.next = Some(rules);
                    continue;
                }
                Entry::Batch { first_sequence, commands, .. } => (first_sequence, commands),
                Entry::Mark { .. } => continue,
            };
            let batch = Batch { first_sequence, commands };
            if last.is_none() {
                self.check_beginning(first_sequence)?;
            }
            if self.until.is_some_and(|until| batch.last_sequence() > until) {
                break;
            }
            if first_sequence > self.after {
                lines.clear();
                form.export(&batch, last.unwrap_or_default().1, &mut lines)?;
                output.write_all(&lines).map_err(written)?;
                options.use_next(first_sequence - 1);
            } else if batch.last_sequence() > self.after {
                return Err(self.cuts(&batch));
            }
            let timestamp = commands.last().map_or(0, |command| command.header.timestamp);
            last = Some((batch.last_sequence(), timestamp));
            progress.tick(batch.last_sequence());
        }
        output.flush().map_err(written)?;
        progress.finish();
        if let Some(tail) = reader.tail() {
            tell!("ringfence: passed over {tail}");
        }
        let (last, _) = last.unwrap_or_default();
        self.note_end(last)?;
        if let Some(rules) = options.used {
            form.note_use(&rules, self.after);
        }
        Ok(())
    }

    /// Refuses to begin later than asked for: what is missing cannot be made up for.
    fn check_beginning(&self, first_sequence: u64) -> Result<(), Failure> {
        if first_sequence == 1 || (first_sequence <= self.after + 1 && !self.as_imports) {
            return Ok(());
        }
        let kept = format!(
            "the journal in {} is kept from sequence {first_sequence} on, as what came before is retired",
            self.data_dir.display()
        );
        Err(Failure::Operating(if self.as_imports {
            format!("{kept}: imports need all of it, so put the archived segments back first")
        } else {
            let after = first_sequence - 1;
            format!(
                "{kept}: put the archived segments back, or export what is left with --after {after}"
            )
        }))
    }

    fn cuts(&self, batch: &Batch<'_>) -> Failure {
        let (first, last) = (batch.first_sequence, batch.last_sequence());
        let (after, before) = (self.after, first - 1);
        Failure::Usage(format!(
            "--after {after} is within the batch of {first} to {last}: --after can be {before} or {last}"
        ))
    }

    /// Says so where the export ends elsewhere than asked for.
    fn note_end(&self, last: u64) -> Result<(), Failure> {
        match self.until {
            _ if last < self.after => {
                let after = self.after;
                let text = format!("--after {after}: the journal ends with sequence {last}");
                return Err(Failure::Operating(text));
            }
            Some(until) if last < until => {
                tell!("ringfence: --until {until}: the last whole batch ends with sequence {last}");
            }
            _ => {}
        }
        Ok(())
    }
}

fn written(error: io::Error) -> Failure {
    Failure::Operating(format!("writing to standard output: {error}"))
}

/// One batch of the journal.
struct Batch<'a> {
    first_sequence: u64,
    commands: &'a [Command],
}

impl Batch<'_> {
    fn last_sequence(&self) -> u64 {
        self.first_sequence + self.commands.len() as u64 - 1
    }
}

/// The rules that were in force, for the options of `apply`.
#[derive(Default)]
struct Options {
    /// Of the last batch that was exported.
    used: Option<Rules>,
    /// Of the batches that follow.
    next: Option<Rules>,
}

impl Options {
    /// A batch is exported that stands behind the command `before`.
    fn use_next(&mut self, before: u64) {
        if let (Some(used), Some(next)) = (&self.used, &self.next)
            && (used.capacities != next.capacities || used.retention_ns != next.retention_ns)
        {
            tell!(
                "ringfence: after sequence {before} the engine was started with other tables or another retention: where they decide, outcomes are the same only if that part is applied by itself: export with --until {before}, then with --after {before}"
            );
        }
        self.used = self.next;
    }
}

/// What commands become.
enum Form {
    /// Themselves, with lines that set the clock.
    Commands(Option<Exporter>),
    /// Imports of what they created.
    Imports(Box<Replayer<Statuses>>),
}

/// Status and timestamp of each command of a batch.
#[derive(Default)]
struct Statuses(Vec<(Status, u64)>);

impl OutcomeSink for Statuses {
    fn event(&mut self, _: &Event) {}

    fn outcome(&mut self, _: u64, outcome: &Outcome) {
        self.0.push((outcome.status(), outcome.timestamp));
    }
}

impl Form {
    fn imports() -> Form {
        Form::Imports(Box::new(Replayer::new(Statuses::default(), u64::MAX)))
    }

    /// Takes note of an entry: what was created is known to an engine alone.
    fn follow(&mut self, entry: &Entry<'_>) -> Result<(), Failure> {
        match self {
            Form::Commands(_) => Ok(()),
            // Refused below, as the first batch is not the first command.
            Form::Imports(replayer) if replayer.engine().is_none() && !is_rules(entry) => Ok(()),
            Form::Imports(replayer) => {
                replayer.sink.0.clear();
                replayer.apply(entry).map_err(Failure::operating)
            }
        }
    }

    /// Appends the lines of a batch; the command before it has the timestamp `previous`.
    fn export(
        &mut self,
        batch: &Batch<'_>,
        previous: u64,
        lines: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match self {
            Form::Commands(exporter) => {
                exporter.get_or_insert(Exporter::after(previous)).batch(batch.commands, lines);
            }
            Form::Imports(replayer) => {
                let mut imports = Vec::new();
                for ((sequence, command), &(status, timestamp)) in
                    (batch.first_sequence..).zip(batch.commands).zip(&replayer.sink.0)
                {
                    let import = import(command, status, timestamp).map_err(|reason| {
                        Failure::Operating(format!(
                            "the command at sequence {sequence} cannot be an import: {reason}; export without --as-imports"
                        ))
                    })?;
                    imports.extend(import);
                }
                if !imports.is_empty() {
                    stamp_batch(&mut imports, 0, 0);
                    encode_commands(&imports, lines);
                }
            }
        }
        Ok(())
    }

    /// Says with which options of `apply` outcomes become the same.
    fn note_use(&self, rules: &Rules, after: u64) {
        let capacities = rules.capacities;
        let clock = match self {
            Form::Commands(_) => "--clock manual ",
            Form::Imports(_) => "",
        };
        let target =
            if after == 0 { "a new journal" } else { "the journal that has what came before" };
        let retention = match rules.retention_ns {
            0 => String::new(),
            nanoseconds => format!(" --retention {nanoseconds}ns"),
        };
        tell!(
            "ringfence: to be applied to {target} with {clock}--accounts {} --transfers {} --policies {} --markets {} --orders {}{retention}",
            capacities.accounts,
            capacities.transfers,
            capacities.policies,
            capacities.markets,
            capacities.orders
        );
    }
}

fn is_rules(entry: &Entry<'_>) -> bool {
    matches!(entry, Entry::Rules(_))
}

/// What brings about with its own `timestamp` what `command` did; nothing where it did nothing.
fn import(
    command: &Command,
    status: Status,
    timestamp: u64,
) -> Result<Option<Command>, &'static str> {
    let took_effect = matches!(status, Status::Created | Status::Ok | Status::Queued);
    match command.op() {
        Op::LookupAccount
        | Op::LookupTransfer
        | Op::LookupOrder
        | Op::LookupMarket
        | Op::LookupQueue
        | Op::Pulse => Ok(None),
        _ if !took_effect => Ok(None),
        Op::CreateAccount => {
            let account = *command.body.account();
            let flags = account.flags.with(AccountFlags::IMPORTED);
            Ok(Some(Command::create_account(Account { flags, timestamp, ..account })))
        }
        Op::CreateTransfer => {
            let transfer = *command.body.transfer();
            if status == Status::Queued || transfer.flags.has(TransferFlags::QUEUE) {
                return Err("a payment that waits for funds has a time of its own");
            }
            if transfer.timeout != 0 {
                return Err("imports have no timeout");
            }
            let flags = transfer.flags.with(TransferFlags::IMPORTED);
            Ok(Some(Command::create_transfer(Transfer { flags, timestamp, ..transfer })))
        }
        Op::SetAccountPolicy | Op::SetLedgerPolicy | Op::SetPairPolicy => Ok(Some(*command)),
        _ => Err("only accounts, transfers and policies are imported"),
    }
}
