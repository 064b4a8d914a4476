//! `ringfence status`: what an engine does, or did when it ended.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{Exit, Failure};
use ringfence_journal::DataDir;
use ringfence_node::Clock;
use ringfence_node::counters::{
    JournalReading, LagReading, ReadCounters, Reading, SnapshotsReading, State, TimesReading,
    read_counters,
};

/// An engine that has not shown its numbers for so long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(2);
/// Subscriptions that have a line of their own.
const LAGS_SHOWN: usize = 8;

/// Arguments of `ringfence status`.
#[derive(Debug, Args)]
pub(super) struct StatusCommand {
    /// Directory of the journal
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Print all numbers, as JSON
    #[arg(long)]
    json: bool,
}

/// How an engine is, judged from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Life {
    /// It shows its numbers.
    Runs,
    /// It holds its directory and shows nothing.
    Hangs,
    /// It has ended as it should.
    Ended,
    /// It has ended because something failed, and said so.
    Failed,
    /// It has ended without a word.
    Died,
}

/// What was read, and how the engine is.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    pub life: Life,
    /// How old the numbers are.
    pub age_ns: u64,
    #[serde(flatten)]
    pub reading: Box<Reading>,
}

impl Seen {
    /// Looks at the engine on `dir`.
    pub(super) fn look(dir: &std::path::Path) -> Result<Seen, Failure> {
        let opened = DataDir::open_to_read(dir).map_err(Failure::operating)?;
        let path = dir.display();
        let read = read_counters(dir).map_err(|error| {
            Failure::Operating(format!("reading the counters in {path}: {error}"))
        })?;
        let reading = match read {
            ReadCounters::Reading(reading) => reading,
            ReadCounters::Missing => {
                return Err(Failure::Operating(format!(
                    "no engine has shown its counters in {path}"
                )));
            }
            ReadCounters::Damaged => {
                return Err(Failure::Operating(format!("the counters in {path} cannot be read")));
            }
        };
        let age_ns = Clock::System.read_ns().saturating_sub(reading.read_ns);
        let is_held = opened.is_held().map_err(Failure::operating)?;
        let life = judge(reading.state, is_held, Duration::from_nanos(age_ns));
        Ok(Seen { life, age_ns, reading })
    }

    /// One sentence on how the engine is.
    pub(super) fn sentence(&self) -> String {
        let age = humantime::format_duration(Duration::from_secs(self.age_ns / 1_000_000_000));
        let reading = &self.reading;
        let up_ns = reading.read_ns.saturating_sub(reading.started_ns);
        let up = humantime::format_duration(Duration::from_secs(up_ns / 1_000_000_000));
        let (pid, version) = (reading.pid, &reading.version);
        match self.life {
            Life::Runs if reading.state == State::Starting => {
                format!("process {pid} has been starting for {up}: it brings its journal back")
            }
            Life::Runs if reading.state == State::Stopping => format!("process {pid} is stopping"),
            Life::Runs => format!("process {pid} runs version {version}, started {up} ago"),
            Life::Hangs => {
                format!("process {pid} has shown nothing for {age}: it hangs or is stopped")
            }
            Life::Ended => format!("not running: process {pid} was stopped {age} ago"),
            Life::Failed => {
                format!("not running: process {pid} failed {age} ago; its log says why")
            }
            Life::Died => format!("not running: process {pid} ended without a word {age} ago"),
        }
    }
}

fn judge(state: State, is_held: bool, age: Duration) -> Life {
    match (state, is_held) {
        (State::Failed, false) => Life::Failed,
        (State::Stopped, false) => Life::Ended,
        (_, false) => Life::Died,
        (_, true) if age >= HANGS_AFTER => Life::Hangs,
        (_, true) => Life::Runs,
    }
}

impl StatusCommand {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let seen = Seen::look(&self.data_dir)?;
        if self.json {
            println!("{}", serde_json::to_string(&seen).expect("numbers can be written as JSON"));
        } else {
            print!("{}", page(&seen));
        }
        Ok(if seen.life == Life::Runs { Exit::Done } else { Exit::Failed })
    }
}

/// The numbers for people.
fn page(seen: &Seen) -> String {
    let reading = &seen.reading;
    let mut lines = vec![
        seen.sentence(),
        format!("journal {}, epoch {}", reading.journal_id, reading.epoch),
        String::new(),
        format!("{:<12}{:>20}{:>14}", "stage", "sequence", "lag"),
        format!("{:<12}{:>20}", "taken in", grouped(reading.sequence)),
    ];
    for stage in &reading.stages {
        let (sequence, lag) = (grouped(stage.sequence), grouped(stage.lag));
        lines.push(format!("{:<12}{sequence:>20}{lag:>14}", stage.name));
    }
    lines.push(String::new());
    lines.push(format!("{:<12}{:>20}{:>14}{:>8}", "table", "used", "capacity", "full"));
    for table in &reading.tables {
        let percent = table.used * 100 / table.capacity.max(1);
        let (name, used, capacity) = (&table.name, grouped(table.used), grouped(table.capacity));
        lines.push(format!("{name:<12}{used:>20}{capacity:>14}{percent:>6} %"));
    }
    lines.push(String::new());
    lines.push(format!("{:<24}{:<32}{:>14}", "outcomes of", "status", "since start"));
    for outcome in &reading.outcomes {
        let count = grouped(outcome.count);
        lines.push(format!("{:<24}{:<32}{count:>14}", outcome.op, outcome.status));
    }
    lines.push(String::new());
    lines.push(format!("taken in to published: {}", quantiles(&reading.latency)));
    if let Some(journal) = &reading.journal {
        lines.extend(journal_lines(journal));
    }
    if let Some(free) = reading.disk_free_bytes {
        lines.push(format!("disk: {} free", bytes(free)));
    }
    if let Some(log) = &reading.outcome_log {
        let (first, last) = (grouped(log.first_sequence), grouped(log.last_sequence));
        lines.push(format!("outcome log: {first} to {last}"));
    }
    if let Some(server) = &reading.server {
        let (now, max) = (server.connections, server.connections_max);
        let follow = server.subscriptions;
        let max = grouped(max);
        lines.push(format!("connections: {now} of {max}, {follow} of them subscriptions"));
        lines.extend(lag_lines(&server.subscription_lags));
        for (code, count) in &server.refused {
            lines.push(format!("refused or ended with {code}: {}", grouped(*count)));
        }
    }
    if let Some(snapshots) = &reading.snapshots {
        lines.push(format!("snapshots: {}", snapshots_line(snapshots, reading.read_ns)));
    }
    lines.push(format!("memory: {} MiB", reading.resident_bytes / (1024 * 1024)));
    lines.join("\n") + "\n"
}

/// What the journal has written.
fn journal_lines(journal: &JournalReading) -> Vec<String> {
    let JournalReading { groups, commands, .. } = *journal;
    let each = commands as f64 / groups.max(1) as f64;
    let (written, groups) = (bytes(journal.bytes), grouped(groups));
    let each = if each < 100.0 { format!("{each:.1}") } else { grouped(each as u64) };
    vec![
        format!("written to the journal: {written}, {groups} groups of {each} commands"),
        format!("time to write a group: {}", quantiles(&journal.group_times)),
    ]
}

/// How far subscriptions are behind, the furthest first.
fn lag_lines(lags: &[LagReading]) -> Vec<String> {
    let mut lags: Vec<&LagReading> = lags.iter().collect();
    lags.sort_by_key(|lag| std::cmp::Reverse(lag.sequences));
    let line = |lag: &&LagReading| {
        let behind = grouped(lag.sequences);
        match (&lag.name, lag.is_connected) {
            (None, _) => format!("subscriptions without a name: up to {behind} behind"),
            (Some(name), true) => format!("subscription {name}: {behind} behind"),
            (Some(name), false) => format!("subscription {name}: {behind} behind, not connected"),
        }
    };
    let mut lines: Vec<String> = lags.iter().take(LAGS_SHOWN).map(line).collect();
    if lags.len() > LAGS_SHOWN {
        lines.push(format!("{} more subscriptions", lags.len() - LAGS_SHOWN));
    }
    lines
}

/// The newest snapshot, and how many failed.
fn snapshots_line(snapshots: &SnapshotsReading, now_ns: u64) -> String {
    let mut line = match snapshots.last_sequence {
        0 => "none yet".to_owned(),
        sequence => {
            let age_ns = now_ns.saturating_sub(snapshots.last_made_ns);
            let age = humantime::format_duration(Duration::from_secs(age_ns / 1_000_000_000));
            format!("the newest is of sequence {}, made {age} ago", grouped(sequence))
        }
    };
    if snapshots.is_running {
        line.push_str("; one is being made");
    }
    if snapshots.failed > 0 {
        line.push_str(&format!("; {} failed", snapshots.failed));
    }
    line
}

/// Quantiles of times.
fn quantiles(times: &TimesReading) -> String {
    let all = [0.5, 0.99, 0.999].map(|share| within(times, share));
    let all: Option<Vec<String>> = all.into_iter().collect();
    all.map_or_else(|| "nothing yet".to_owned(), |all| all.join(", "))
}

/// Within which time `share` (0 to 1) of them are; `None` if there are none.
pub(super) fn within(times: &TimesReading, share: f64) -> Option<String> {
    if times.count() == 0 {
        return None;
    }
    let percent = share * 100.0;
    Some(match times.quantile_ns(share) {
        Some(ns) if ns < 10_000_000 => format!("{percent} % within {} µs", grouped(ns / 1_000)),
        Some(ns) => format!("{percent} % within {} ms", grouped(ns / 1_000_000)),
        None => format!("less than {percent} % within 17 s"),
    })
}

/// A number of bytes in the unit that suits it: `12.3 MB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1_000 {
        return format!("{count} B");
    }
    let mut number = count as f64 / 1e3;
    let mut unit = 0;
    while number >= 999.95 && unit + 1 < UNITS.len() {
        number /= 1e3;
        unit += 1;
    }
    format!("{number:.1} {}", UNITS[unit])
}

/// A number with its thousands apart: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_file_says_is_believed_as_far_as_the_lock_agrees() {
        let (now, long_ago) = (Duration::from_millis(300), Duration::from_secs(60));
        //  state, lock held, age, life
        let cases = [
            (State::Ready, true, now, Life::Runs),
            (State::Stopping, true, now, Life::Runs),
            (State::Ready, true, long_ago, Life::Hangs),
            (State::Ready, false, now, Life::Died),
            (State::Stopping, false, long_ago, Life::Died),
            (State::Stopped, false, long_ago, Life::Ended),
            (State::Failed, false, now, Life::Failed),
        ];
        for (state, is_held, age, life) in cases {
            assert_eq!(judge(state, is_held, age), life, "{state:?} {is_held} {age:?}");
        }
    }

    #[test]
    fn thousands_stand_apart() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_suits_them() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_940, "999.9 kB"),
            (999_950, "1.0 MB"),
            (31_400_000_000, "31.4 GB"),
            (u64::MAX, "18446.7 PB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn a_quantile_says_within_which_time() {
        let mut times = TimesReading { bounds_ns: vec![16_384, 16_777_216], ..Default::default() };
        times.counts = vec![0, 0, 0];
        assert_eq!(within(&times, 0.5), None);
        times.counts = vec![98, 1, 1];
        let text = "50 % within 16 µs, 99 % within 16 ms, less than 99.9 % within 17 s";
        assert_eq!(quantiles(&times), text);
    }
}
