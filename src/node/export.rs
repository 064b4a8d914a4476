//! A journal as an input for `apply`.
//!
//! ```text
//!   journal ──▶ whole batches ──┬──▶ the commands, with lines that set the clock
//!                               └──▶ imports of what they created (an engine tells what that was)
//! ```

use std::io::{self, Write};

use crate::options::{Message, Report};
use crate::replay::{ReplayError, Replayer};
use ringfence_codec::text::{Exporter, encode_commands};
use ringfence_engine::OutcomeSink;
use ringfence_journal::{DataDir, Entry, JournalError, Key, Reader, Seals, Tail};
use ringfence_types::{
    Account, AccountFlags, Command, Event, Op, Outcome, Rules, Status, Transfer, TransferFlags,
    stamp_batch,
};

/// What is exported.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportWish {
    /// Leave out the commands up to this one, which has to end a batch.
    pub after: u64,
    /// Stop after this command, or before its batch where that goes on after it; `None`: at the end.
    pub until: Option<u64>,
    /// Accounts and transfers that were created, as imports with their timestamps, and policies,
    /// instead of all commands.
    pub as_imports: bool,
    /// The journal's key; without it a keyed journal is checked by checksum only.
    pub key: Option<Key>,
}

/// What was exported.
#[derive(Debug)]
pub struct Exported {
    /// Sequence of the last command that was looked at and was not beyond the end, 0 if none was.
    pub last_sequence: u64,
    /// The rules of the last batch that was exported.
    pub rules: Option<Rules>,
    /// After these sequences the exported commands were taken in under other capacities or another
    /// retention than before: outcomes may depend on that.
    pub rules_changed_after: Vec<u64>,
    /// Batches that had a session with a name, or a tag: neither is exported.
    pub requests: u64,
    /// What was proved of the journal's seals.
    pub seals: Seals,
    /// What stands behind the journal's end and was never acknowledged.
    pub tail: Option<Tail>,
}

/// Why a journal cannot be exported as asked for.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The engine that tells what was created cannot follow.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The lines cannot be written.
    #[error("writing the export: {0}")]
    Write(#[from] io::Error),
    /// What came before is retired.
    #[error(
        "the journal is kept from sequence {first_sequence} on, as what came before is retired"
    )]
    Retired {
        /// The first command that is there.
        first_sequence: u64,
    },
    /// The beginning that is asked for is within a batch.
    #[error("sequence {after} is within the batch of {first_sequence} to {last_sequence}")]
    WithinBatch {
        /// What was to be left out.
        after: u64,
        /// The batch's first command.
        first_sequence: u64,
        /// And its last.
        last_sequence: u64,
    },
    /// The journal ends before the beginning that is asked for.
    #[error("the journal ends with sequence {last_sequence}")]
    EndsBefore {
        /// The journal's last command.
        last_sequence: u64,
    },
    /// A command did what no import can do.
    #[error("the command at sequence {sequence} cannot be an import: {reason}")]
    NoImport {
        /// The command.
        sequence: u64,
        /// Why.
        reason: &'static str,
    },
}

/// Writes the journal in `dir` to `output`, as lines that `apply` takes. Nothing in the directory is
/// changed, and an engine may be running on it.
///
/// # Errors
///
/// [`ExportError`]; what was written until then is whole batches.
pub fn export(
    dir: &DataDir,
    wish: &ExportWish,
    output: &mut impl Write,
    report: &mut Report,
) -> Result<Exported, ExportError> {
    let mut reader = Reader::open_kept(dir, wish.key)?;
    let mut form = if wish.as_imports { Form::imports() } else { Form::Commands(None) };
    let (mut used, mut next) = (None::<Rules>, None::<Rules>);
    let mut rules_changed_after = Vec::new();
    let mut requests = 0;
    // Sequence and timestamp of the last command seen.
    let mut last: Option<(u64, u64)> = None;
    let mut lines = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        form.follow(&entry)?;
        let (request, first_sequence, commands) = match entry {
            Entry::Rules(rules) => {
                next = Some(rules);
                continue;
            }
            Entry::Batch { request, first_sequence, commands, .. } => {
                (request, first_sequence, commands)
            }
            Entry::Mark { .. } => continue,
        };
        let batch = Batch { first_sequence, commands };
        if last.is_none() {
            wish.check_beginning(first_sequence)?;
        }
        if wish.until.is_some_and(|until| batch.last_sequence() > until) {
            break;
        }
        if first_sequence > wish.after {
            lines.clear();
            form.export(&batch, last.unwrap_or_default().1, &mut lines)?;
            output.write_all(&lines)?;
            if used.is_some_and(|used| next.is_some_and(|next| differ(&used, &next))) {
                rules_changed_after.push(first_sequence - 1);
            }
            used = next;
            requests += u64::from(!request.is_none());
        } else if batch.last_sequence() > wish.after {
            let (after, last_sequence) = (wish.after, batch.last_sequence());
            return Err(ExportError::WithinBatch { after, first_sequence, last_sequence });
        }
        let timestamp = commands.last().map_or(0, |command| command.header.timestamp);
        last = Some((batch.last_sequence(), timestamp));
        report(Message::Replayed(batch.last_sequence()));
    }
    output.flush()?;
    let (last_sequence, _) = last.unwrap_or_default();
    if last_sequence < wish.after {
        return Err(ExportError::EndsBefore { last_sequence });
    }
    let (seals, tail) = (reader.seals(), reader.tail().cloned());
    Ok(Exported { last_sequence, rules: used, rules_changed_after, requests, seals, tail })
}

/// Whether outcomes can depend on which of the two holds.
fn differ(one: &Rules, other: &Rules) -> bool {
    let decides = |rules: &Rules| (rules.capacities, rules.retention_ns, rules.id_time);
    decides(one) != decides(other)
}

impl ExportWish {
    /// Refuses to begin later than asked for: what is missing cannot be made up for.
    fn check_beginning(&self, first_sequence: u64) -> Result<(), ExportError> {
        if first_sequence == 1 || (first_sequence <= self.after + 1 && !self.as_imports) {
            return Ok(());
        }
        Err(ExportError::Retired { first_sequence })
    }
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
    fn follow(&mut self, entry: &Entry<'_>) -> Result<(), ReplayError> {
        match self {
            Form::Commands(_) => Ok(()),
            // Refused below, as the first batch is not the first command.
            Form::Imports(replayer)
                if replayer.engine().is_none() && !matches!(entry, Entry::Rules(_)) =>
            {
                Ok(())
            }
            Form::Imports(replayer) => {
                replayer.sink.0.clear();
                replayer.apply(entry)
            }
        }
    }

    /// Appends the lines of a batch; the command before it has the timestamp `previous`.
    fn export(
        &mut self,
        batch: &Batch<'_>,
        previous: u64,
        lines: &mut Vec<u8>,
    ) -> Result<(), ExportError> {
        match self {
            Form::Commands(exporter) => {
                exporter.get_or_insert(Exporter::after(previous)).batch(batch.commands, lines);
            }
            Form::Imports(replayer) => {
                let mut imports = Vec::new();
                for ((sequence, command), &(status, timestamp)) in
                    (batch.first_sequence..).zip(batch.commands).zip(&replayer.sink.0)
                {
                    let import = import(command, status, timestamp)
                        .map_err(|reason| ExportError::NoImport { sequence, reason })?;
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
