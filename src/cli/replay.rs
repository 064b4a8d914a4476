//! `ringfence replay`: the state that a journal gives back.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::options::{ConfigFile, KeyOption, note_unchecked, whole};
use super::summary::Summary;
use super::{Exit, Failure, node};
use ringfence_codec::text;
use ringfence_engine::{Engine, OutcomeSink};
use ringfence_journal::DataDir;
use ringfence_journal::outcomes::LogReader;
use ringfence_node::replay::{
    Begin, Compare, Discard, ReplayError, Replayed, TextLines, Wish, replay,
};

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
            let lines = TextLines::new(&mut output, self.events);
            let mut replayed = self.replay(&dir, Begin::Oldest, lines, TextLines::has_failed)?;
            replayed.sink.finish().map_err(written)?;
            sum_up(replayed)
        } else if self.check {
            let replayed = self.replay(&dir, Begin::Oldest, self.compare(&dir)?, |_| false)?;
            let (engine, compare, summary) = sum_up_with(replayed);
            let until = self.until.unwrap_or(u64::MAX);
            match compare.finish(until).map_err(Failure::operating)? {
                Ok(last) => tell!("ringfence: the outcome log agrees up to sequence {last}"),
                Err(difference) => return Err(Failure::Operating(difference)),
            }
            (engine, summary)
        } else {
            sum_up(self.replay(&dir, Begin::Newest, Discard, |_| false)?)
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

    fn replay<S: OutcomeSink>(
        &self,
        dir: &DataDir,
        begin: Begin,
        sink: S,
        gives_up: impl Fn(&S) -> bool,
    ) -> Result<Replayed<S>, Failure> {
        let wish = Wish { begin, until: self.until, key: self.key.read()? };
        let replayed = replay(dir, wish, sink, &gives_up, &mut node::report()).map_err(failed)?;
        note_unchecked(replayed.seals);
        if let Some(tail) = &replayed.tail {
            tell!("ringfence: passed over {tail}");
        }
        if !gives_up(&replayed.sink) {
            self.note_end(replayed.last_sequence, replayed.is_done);
        }
        Ok(replayed)
    }

    /// Says so where the replay did not end with the command that was asked for.
    fn note_end(&self, last: u64, is_done: bool) {
        match self.until {
            Some(until) if last < until && is_done => tell!(
                "ringfence: --until {until} is within a linked chain: stopped before it, after sequence {last}"
            ),
            Some(until) if last < until => tell!(
                "ringfence: --until {until}: the journal ends before that, with sequence {last}"
            ),
            _ => {}
        }
    }

    fn compare(&self, dir: &DataDir) -> Result<Compare, Failure> {
        let first = ringfence_journal::first_segment(dir.files()).map_err(Failure::operating)?;
        let log = LogReader::open(dir.path(), first.journal_id).map_err(Failure::operating)?;
        Ok(Compare::new(log, dir.is_held().map_err(Failure::operating)?))
    }
}

fn failed(error: ReplayError) -> Failure {
    match error {
        ReplayError::Retired { until, earliest } => Failure::Operating(format!(
            "--until {until}: what came before is retired, and the earliest snapshot is of sequence {earliest}: --until can be {earliest} or more"
        )),
        other => Failure::operating(other),
    }
}

fn written(error: io::Error) -> Failure {
    Failure::Operating(format!("writing to standard output: {error}"))
}

fn sum_up<S>(replayed: Replayed<S>) -> (Engine, Summary) {
    let (engine, _, summary) = sum_up_with(replayed);
    (engine, summary)
}

fn sum_up_with<S>(replayed: Replayed<S>) -> (Engine, S, Summary) {
    let Replayed { engine, sink, commands, last_sequence, last_timestamp, .. } = replayed;
    let summary = Summary::of(&engine, commands, last_sequence, last_timestamp);
    (engine, sink, summary)
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
