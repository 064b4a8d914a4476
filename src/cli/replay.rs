//! `ringfence replay`: the state that a journal gives back.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::options::{ConfigFile, KeyOption, note_unchecked, whole};
use super::outcome_log::Compare;
use super::progress::Progress;
use super::summary::Summary;
use super::{Exit, Failure};
use ringfence_codec::text;
use ringfence_engine::{Engine, Sink};
use ringfence_journal::outcomes::LogReader;
use ringfence_journal::{Anchor, DataDir, Reader, Snapshot};
use ringfence_node::replay::{self, Discard, Replayer, Restored, TextLines};

/// Arguments of `ringfence replay`.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Directory of the journal; nothing in it is changed, and an engine may be running on it
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Print every outcome again, byte for byte; the summary goes to standard error
    #[arg(long)]
    outcomes: bool,
    /// With --outcomes: print the events of the commands too
    #[arg(long, requires = "outcomes")]
    events: bool,
    /// Print every account in order of creation; the summary goes to standard error
    #[arg(long)]
    balances: bool,
    /// Compare the outcomes with the outcome log and name the first difference
    #[arg(long, conflicts_with = "outcomes")]
    check: bool,
    /// Stop after this command, or before its linked chain where that goes on after it
    #[arg(long, value_name = "SEQUENCE", value_parser = whole::<u64>(0, u64::MAX))]
    until: Option<u64>,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

impl Replay {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let dir = DataDir::open_to_read(&self.data_dir).map_err(Failure::operating)?;
        let mut output = io::stdout().lock();
        let (engine, summary) = if self.outcomes {
            let start = replay::oldest_snapshot_of_a_shortened_journal(&dir, say)
                .map_err(Failure::operating)?;
            let lines = TextLines::new(&mut output, self.events);
            let anchor = self.within_reach(&start)?;
            let mut replayer = Replayer::starting(start, lines, self.until());
            self.read(&dir, anchor.as_ref(), &mut replayer, TextLines::has_failed)?;
            replayer.sink.finish().map_err(written)?;
            end(replayer)?
        } else if self.check {
            let start = replay::oldest_snapshot_of_a_shortened_journal(&dir, say)
                .map_err(Failure::operating)?;
            let anchor = self.within_reach(&start)?;
            let mut replayer = Replayer::starting(start, self.compare(&dir)?, self.until());
            self.read(&dir, anchor.as_ref(), &mut replayer, |_| false)?;
            let (engine, compare, summary) = end_with(replayer)?;
            match compare.finish(self.until()).map_err(Failure::operating)? {
                Ok(last) => say(format!("the outcome log agrees up to sequence {last}")),
                Err(difference) => return Err(Failure::Operating(difference)),
            }
            (engine, summary)
        } else {
            let start =
                replay::newest_snapshot(&dir, self.until(), say).map_err(Failure::operating)?;
            if start.is_none() {
                self.refuse_what_is_retired(&dir)?;
            }
            let anchor = self.within_reach(&start)?;
            let mut replayer = Replayer::starting(start, Discard, self.until());
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

    /// The last command that is wanted.
    fn until(&self) -> u64 {
        self.until.unwrap_or(u64::MAX)
    }

    /// Where the replay begins; refused where that is behind its end.
    fn within_reach(&self, start: &Option<Restored>) -> Result<Option<Anchor>, Failure> {
        match start {
            Some(start) if start.anchor.last_sequence > self.until() => {
                Err(self.retired(start.anchor.last_sequence))
            }
            _ => Ok(start.as_ref().map(|start| start.anchor)),
        }
    }

    /// Refuses to begin with the first command where its segment is retired and a later end was
    /// within reach.
    fn refuse_what_is_retired(&self, dir: &DataDir) -> Result<(), Failure> {
        let files = dir.files();
        let first = ringfence_journal::first_segment(files).map_err(Failure::operating)?;
        if first.segment == 1 || self.until.is_none() {
            return Ok(());
        }
        let snapshots = ringfence_journal::snapshots(files).map_err(Failure::operating)?;
        let is_kept = |&sequence: &u64| {
            let snapshot = Snapshot::open(files, sequence);
            snapshot.is_ok_and(|snapshot| snapshot.header().segment >= first.segment)
        };
        match snapshots.into_iter().find(is_kept) {
            Some(earliest) if earliest > self.until() => Err(self.retired(earliest)),
            // A snapshot that should have been taken is damaged; reading on tells which file is missing.
            _ => Ok(()),
        }
    }

    /// The end that is asked for lies before `earliest`, the first that can be had.
    fn retired(&self, earliest: u64) -> Failure {
        let until = self.until();
        Failure::Operating(format!(
            "--until {until}: what came before is retired, and the earliest snapshot is of sequence {earliest}: --until can be {earliest} or more"
        ))
    }

    /// Says so where the replay did not end with the command that was asked for.
    fn note_end<S: Sink>(&self, replayer: &Replayer<S>) {
        let (last, _) = replayer.last();
        match self.until {
            Some(until) if last < until && replayer.is_done() => say(format!(
                "--until {until} is within a linked chain: stopped before it, after sequence {last}"
            )),
            Some(until) if last < until => {
                say(format!("--until {until}: the journal ends before that, with sequence {last}"));
            }
            _ => {}
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
        let mut progress = Progress::new();
        while !replayer.is_done() && !gives_up(&replayer.sink) {
            let Some(entry) = reader.next_entry().map_err(Failure::operating)? else { break };
            replayer.apply(&entry).map_err(Failure::operating)?;
            progress.tick(replayer.commands());
        }
        progress.finish();
        if let Some(tail) = reader.tail() {
            tell!("ringfence: passed over {tail}");
        }
        if !gives_up(&replayer.sink) {
            self.note_end(replayer);
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
