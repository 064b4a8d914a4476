//! `ringfence replay`: the state that a journal gives back.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::options::{ConfigFile, KeyOption, note_unchecked};
use super::progress::ProgressLine;
use super::summary::Summary;
use super::{Exit, Failure};
use ringfence_codec::text;
use ringfence_engine::{Engine, Sink};
use ringfence_journal::outcomes::LogReader;
use ringfence_journal::{Anchor, DataDir, Reader};
use ringfence_node::replay::{self, Compare, Discard, Replayer, Restored, TextLines};

/// Arguments of `ringfence replay`.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Directory of the journal; nothing in it is changed, and an engine may be running on it
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Print every outcome again, byte for byte; the summary goes to standard error
    #[arg(long)]
    outcomes: bool,
    /// With --outcomes: print what commands brought about too
    #[arg(long, requires = "outcomes")]
    events: bool,
    /// Print every account in order of creation; the summary goes to standard error
    #[arg(long)]
    balances: bool,
    /// Compare with the outcome log and name the first difference
    #[arg(long, conflicts_with = "outcomes")]
    check: bool,
    /// Stop after this command (before the linked chain, where it stands within one)
    #[arg(long, value_name = "SEQUENCE", default_value_t = u64::MAX, hide_default_value = true)]
    until: u64,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

impl Replay {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let dir = DataDir::open_to_read(&self.data_dir).map_err(Failure::operating)?;
        let key = self.key.read()?;
        let mut output = io::stdout().lock();
        let (engine, summary) = if self.outcomes {
            let start = replay::oldest_snapshot_of_a_shortened_journal(&dir, key, say)
                .map_err(Failure::operating)?;
            let lines = TextLines::new(&mut output, self.events);
            let anchor = self.within_reach(&start)?;
            let mut replayer = Replayer::starting(start, lines, self.until);
            self.read(&dir, anchor.as_ref(), &mut replayer, TextLines::has_failed)?;
            replayer.sink.finish().map_err(written)?;
            end(replayer)?
        } else if self.check {
            let start = replay::oldest_snapshot_of_a_shortened_journal(&dir, key, say)
                .map_err(Failure::operating)?;
            let anchor = self.within_reach(&start)?;
            let mut replayer = Replayer::starting(start, self.compare(&dir)?, self.until);
            self.read(&dir, anchor.as_ref(), &mut replayer, |_| false)?;
            let (engine, compare, summary) = end_with(replayer)?;
            match compare.finish(self.until).map_err(Failure::operating)? {
                Ok(last) => say(format!("the outcome log agrees up to sequence {last}")),
                Err(difference) => return Err(Failure::Operating(difference)),
            }
            (engine, summary)
        } else {
            let start =
                replay::newest_snapshot(&dir, self.until, key, say).map_err(Failure::operating)?;
            let anchor = self.within_reach(&start)?;
            let mut replayer = Replayer::starting(start, Discard, self.until);
            self.read(&dir, anchor.as_ref(), &mut replayer, |_| false)?;
            end(replayer)?
        };
        if self.balances {
            print_balances(&engine, &mut output).map_err(written)?;
        }
        if self.outcomes || self.balances {
            tell!("{}", summary.line());
        } else {
            writeln!(output, "{}", summary.line()).map_err(written)?;
        }
        Ok(Exit::Done)
    }

    /// Where the replay begins; refused where that is behind its end.
    fn within_reach(&self, start: &Option<Restored>) -> Result<Option<Anchor>, Failure> {
        match start {
            Some(start) if start.anchor.last_sequence > self.until => {
                let (until, first) = (self.until, start.anchor.last_sequence);
                let text = format!("--until {until}: the journal is kept from sequence {first} on");
                Err(Failure::Operating(text))
            }
            _ => Ok(start.as_ref().map(|start| start.anchor)),
        }
    }

    fn compare(&self, dir: &DataDir) -> Result<Compare, Failure> {
        let first = ringfence_journal::first_segment(dir.files()).map_err(Failure::operating)?;
        let log = LogReader::open(dir.path(), first.journal_id).map_err(Failure::operating)?;
        Ok(Compare::new(log, dir.is_held().map_err(Failure::operating)?))
    }

    fn read<S: Sink>(
        &self,
        dir: &DataDir,
        anchor: Option<&Anchor>,
        replayer: &mut Replayer<S>,
        gives_up: impl Fn(&S) -> bool,
    ) -> Result<(), Failure> {
        let key = self.key.read()?;
        let reader = match anchor {
            Some(anchor) => Reader::open_after(dir, anchor, key),
            None => Reader::open(dir, key),
        };
        let mut reader = reader.map_err(Failure::operating)?;
        note_unchecked(reader.seals());
        let mut progress = ProgressLine::new("commands");
        while !replayer.is_done() && !gives_up(&replayer.sink) {
            let Some(entry) = reader.next_entry().map_err(Failure::operating)? else { break };
            replayer.apply(&entry).map_err(Failure::operating)?;
            progress.tick(replayer.commands());
        }
        progress.finish();
        if let Some(tail) = reader.tail() {
            tell!("ringfence: passed over {tail}");
        }
        Ok(())
    }
}

fn say(note: String) {
    tell!("ringfence: {note}");
}

fn written(error: io::Error) -> Failure {
    Failure::Operating(format!("writing to standard output: {error}"))
}

fn end<S: Sink>(replayer: Replayer<S>) -> Result<(Engine, Summary), Failure> {
    let (engine, _, summary) = end_with(replayer)?;
    Ok((engine, summary))
}

fn end_with<S: Sink>(replayer: Replayer<S>) -> Result<(Engine, S, Summary), Failure> {
    let commands = replayer.commands();
    let (last_sequence, last_timestamp) = replayer.last();
    let (engine, sink) = replayer.into_parts();
    let engine = engine.ok_or_else(|| Failure::Operating("the journal has no rules".to_owned()))?;
    let summary = Summary::of(&engine, commands, last_sequence, last_timestamp);
    Ok((engine, sink, summary))
}

fn print_balances(engine: &Engine, output: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    let mut output = io::BufWriter::new(output);
    for account in engine.accounts() {
        line.clear();
        text::encode_account(&account, &mut line);
        line.push(b'\n');
        output.write_all(&line)?;
    }
    output.flush()
}
