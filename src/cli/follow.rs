//! `ringfence follow`: what an engine does, line by line, for programs that read from a pipe.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use super::apply::open_output;
use super::options::{ConfigFile, KeyOption, whole};
use super::{Exit, Failure, signals, stdio};
use ringfence_codec::text::{self, Printer};
use ringfence_journal::DataDir;
use ringfence_node::follow::{Begin, Filter, FollowError, Follower, Taker, Wish};
use ringfence_types::{Command, Event, Op, Origin, Outcome, Request};

/// Bytes that gather before they are written, while there is more to print.
const GATHERED_BYTES: usize = 64 * 1024;
/// How long to wait for more, at first and at last.
const WAITS: [Duration; 2] = [Duration::from_micros(200), Duration::from_millis(5)];
/// How often it is asked, while nothing comes, whether somebody still reads what is printed.
const READER_CHECK: Duration = Duration::from_millis(200);

/// Arguments of `ringfence follow`.
#[derive(Debug, Args)]
pub(super) struct Follow {
    /// Directory of the journal and the outcome log; nothing in it is changed, and an engine may be
    /// running on it
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// First sequence, or oldest: all that is kept, or now: only what is still to come
    #[arg(long, value_name = "SEQUENCE", default_value = "oldest", value_parser = begin)]
    from: Begin,
    /// End after this sequence
    #[arg(long, value_name = "SEQUENCE", value_parser = whole::<u64>(1, u64::MAX))]
    until: Option<u64>,
    /// End once nothing more has come for so long
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "100ms",
          value_parser = humantime::parse_duration)]
    until_idle: Option<Duration>,
    /// Print events too
    #[arg(long, env = "RINGFENCE_EVENTS")]
    events: bool,
    /// Print the commands too, each before its events and its outcome
    #[arg(long)]
    commands: bool,
    /// Print session, request and tag of batches that have them too, each before its commands
    #[arg(long)]
    origins: bool,
    /// Only what concerns this ledger; may be given more than once
    #[arg(long, value_name = "LEDGER", value_delimiter = ',', value_parser = whole::<u32>(1, u32::MAX.into()))]
    ledger: Vec<u32>,
    /// Only what concerns this account; may be given more than once
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    account: Vec<u128>,
    /// Only outcomes and commands of this operation; may be given more than once
    #[arg(long, value_name = "OPERATION", value_delimiter = ',', value_parser = operation)]
    op: Vec<Op>,
    /// Only outcomes and commands that succeeded
    #[arg(long)]
    only_successes: bool,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

fn begin(text: &str) -> Result<Begin, String> {
    match text {
        "oldest" => Ok(Begin::Oldest),
        "now" => Ok(Begin::Now),
        number => whole::<u64>(1, u64::MAX)(number)
            .map(|first| Begin::After(first - 1))
            .map_err(|error| format!("{error}, or oldest, or now")),
    }
}

fn operation(name: &str) -> Result<Op, String> {
    Op::ALL.into_iter().find(|op| op.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Op::ALL.iter().map(|op| op.name()).collect();
        format!("not one of {}", names.join(", "))
    })
}

/// Prints what it takes, up to a sequence.
struct Lines {
    printer: Printer<File>,
    until: u64,
    /// Whether lines of batches are printed.
    origins: bool,
    /// Whose the commands are that come next, if that is said.
    origin: Option<Origin>,
}

impl Taker for Lines {
    fn origin(&mut self, origin: &Origin) {
        self.origin = Some(*origin);
        let op = Op::from_number(origin.op).filter(|_| origin.first_sequence <= self.until);
        if let Some(op) = op.filter(|_| self.origins) {
            let (first, commands) = (origin.first_sequence, origin.commands);
            text::encode_origin(first, commands, op, &origin.request, self.printer.lines());
        }
    }

    fn commands(&mut self, first_sequence: u64, commands: &[Command]) {
        let origin = self.origin.filter(|origin| first_sequence <= origin.last_sequence());
        let request = origin.map_or(Request::NONE, |origin| origin.request);
        for (sequence, command) in (first_sequence..=self.until).zip(commands) {
            // A line for each, also for those of one batch.
            let mut command = *command;
            (command.header.batch_length, command.header.batch_index) = (1, 0);
            let lines = self.printer.lines();
            text::encode_commands_with_sequence(sequence, &request, &[command], lines);
        }
    }

    fn event(&mut self, event: &Event) {
        if event.goes_before() <= self.until {
            self.printer.event(event);
        }
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        if sequence <= self.until {
            self.printer.outcome(sequence, outcome);
        }
    }
}

impl Follow {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let stop = signals::stop_flag()?;
        let dir = DataDir::open_to_read(&self.data_dir).map_err(Failure::operating)?;
        let mut follower = Follower::open(&dir, self.wish()?).map_err(failed)?;
        let printer = Printer::new(open_output()?, GATHERED_BYTES, true);
        let (until, origins) = (self.until.unwrap_or(u64::MAX), self.origins);
        let mut lines = Lines { printer, until, origins, origin: None };
        let followed = self.follow(&mut follower, &mut lines, &stop);
        if !lines.printer.is_empty() {
            lines.printer.write();
        }
        match lines.printer.take_failure() {
            // Whoever read has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
            Some(error) => {
                return Err(Failure::Operating(format!("writing to standard output: {error}")));
            }
            None => {}
        }
        followed.map(|()| Exit::Done).map_err(failed)
    }

    fn wish(&self) -> Result<Wish, Failure> {
        let operations = self.op.iter().fold(0, |all, &op| all | 1 << op as u8);
        let filter = Filter::all()
            .ledgers(self.ledger.iter().copied())
            .accounts(self.account.iter().copied())
            .operations(operations)
            .only_successes(self.only_successes);
        Ok(Wish {
            begin: self.from,
            outcomes: true,
            events: self.events,
            // Commands say whose they are.
            origins: self.origins || self.commands,
            commands: self.commands,
            filter,
            key: self.key.read()?,
        })
    }

    /// Follows until the end that was asked for, a signal, or an output that fails.
    fn follow(
        &self,
        follower: &mut Follower,
        lines: &mut Lines,
        stop: &AtomicBool,
    ) -> Result<(), FollowError> {
        let [shortest, longest] = WAITS;
        let (mut wait, mut idle_since) = (shortest, Instant::now());
        let mut next_check = idle_since + READER_CHECK;
        // Relaxed: the flag carries nothing but itself.
        while !stop.load(Ordering::Relaxed) && !lines.printer.has_failed() {
            let went_on = follower.poll(lines)?;
            if follower.looked_at() >= lines.until {
                break;
            }
            if went_on {
                (wait, idle_since) = (shortest, Instant::now());
                continue;
            }
            if !lines.printer.is_empty() {
                lines.printer.write();
            }
            let now = Instant::now();
            if self.until_idle.is_some_and(|longest| now - idle_since >= longest) {
                break;
            }
            if now >= next_check {
                next_check = now + READER_CHECK;
                if stdio::output_lost_its_reader() {
                    break;
                }
            }
            std::thread::sleep(wait);
            wait = (2 * wait).min(longest);
        }
        Ok(())
    }
}

fn failed(error: FollowError) -> Failure {
    match error {
        FollowError::TooFarBehind { oldest, .. } => {
            Failure::Operating(format!("{error}: --from {oldest}"))
        }
        FollowError::NoOutcomeLog { .. } => Failure::Operating(format!(
            "{error}: a start with --outcome-log makes it from the journal"
        )),
        _ => Failure::operating(error),
    }
}
