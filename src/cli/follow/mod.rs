//! `ringfence follow`: what an engine does, line by line, for programs that read from a pipe.

mod feed;
mod lines;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use super::apply::open_output;
use super::connect::ConnectOptions;
use super::options::{ConfigFile, KeyOption, whole};
use super::{Exit, Failure, signals, stdio};
use feed::Feed;
use lines::Lines;
use ringfence_client::{Address, Start, Subscribe, SubscriptionOptions};
use ringfence_codec::text::Printer;
use ringfence_codec::wire::FILTER_ENTRIES_MAX;
use ringfence_journal::DataDir;
use ringfence_node::follow::{Begin, Filter, Follower, Wish};
use ringfence_types::Op;

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
    #[arg(
        long,
        env = "RINGFENCE_DATA_DIR",
        value_name = "DIR",
        required_unless_present = "connect",
        overrides_with = "connect"
    )]
    data_dir: Option<PathBuf>,
    /// A running engine instead, where it listens: unix:PATH or HOST:PORT
    #[arg(long, env = "RINGFENCE_CONNECT", value_name = "ADDR", overrides_with = "data_dir")]
    connect: Option<Address>,
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
    /// How long to try to reach an engine again whose connection was lost before giving up
    #[arg(long, env = "RINGFENCE_GIVE_UP_AFTER", value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    give_up_after: Duration,
    #[command(flatten)]
    connection: ConnectOptions,
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

impl Follow {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let stop = signals::stop_flag()?;
        let mut feed = self.open()?;
        let printer = Printer::new(open_output()?, GATHERED_BYTES, true);
        let mut lines = Lines::new(printer, self.until.unwrap_or(u64::MAX), self.origins);
        let followed = self.follow(&mut feed, &mut lines, &stop);
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
        followed.map(|()| Exit::Done)
    }

    fn open(&self) -> Result<Feed, Failure> {
        if let Some(address) = &self.connect {
            if self.ledger.len() + self.account.len() > FILTER_ENTRIES_MAX {
                let text = format!("more than {FILTER_ENTRIES_MAX} ledgers and accounts");
                return Err(Failure::Usage(text));
            }
            let options = SubscriptionOptions {
                token: self.connection.token()?,
                tls: self.connection.tls()?,
                give_up_after: self.give_up_after,
                ..SubscriptionOptions::default()
            };
            return Feed::connect(address, self.from, options, self.subscribe());
        }
        let path = self.data_dir.as_ref().expect("the command line has one of them");
        let dir = DataDir::open_to_read(path).map_err(Failure::operating)?;
        let follower = Follower::open(&dir, self.wish()?).map_err(feed::failed)?;
        Ok(Feed::Files(Box::new(follower)))
    }

    fn operations(&self) -> u64 {
        self.op.iter().fold(0, |all, &op| all | 1 << op as u8)
    }

    fn subscribe(&self) -> Subscribe {
        Subscribe {
            events: self.events,
            commands: self.commands,
            only_successes: self.only_successes,
            operations: self.operations(),
            ledgers: self.ledger.clone(),
            accounts: self.account.clone(),
            ..Subscribe::outcomes(Start::Now)
        }
    }

    fn wish(&self) -> Result<Wish, Failure> {
        let filter = Filter::all()
            .ledgers(self.ledger.iter().copied())
            .accounts(self.account.iter().copied())
            .operations(self.operations())
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
            recent: None,
            log_is_kept: false,
        })
    }

    /// Follows until the end that was asked for, a signal, or an output that fails.
    fn follow(&self, feed: &mut Feed, lines: &mut Lines, stop: &AtomicBool) -> Result<(), Failure> {
        let [shortest, longest] = WAITS;
        let (mut wait, mut idle_since) = (shortest, Instant::now());
        let mut next_check = idle_since + READER_CHECK;
        // Relaxed: the flag carries nothing but itself.
        while !stop.load(Ordering::Relaxed) && !lines.printer.has_failed() {
            let went_on = feed.poll(lines)?;
            if feed.looked_at() >= lines.until {
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
            let is_idle = self.until_idle.is_some_and(|longest| now - idle_since >= longest);
            if is_idle && !feed.expects_more() {
                break;
            }
            if now >= next_check {
                next_check = now + READER_CHECK;
                if stdio::output_lost_its_reader() {
                    break;
                }
            }
            feed.wait(wait);
            wait = (2 * wait).min(longest);
        }
        Ok(())
    }
}
