//! What happens in a second, from two readings.

use ringfence_node::counters::{JournalReading, OutcomeReading, Reading, TimesReading};

/// What happened between the last two readings that differ.
#[derive(Debug, Default)]
pub(super) struct Rates {
    last: Option<Reading>,
    /// Commands a second.
    pub commands: f64,
    /// Cores in use.
    pub processor: f64,
    /// Outcomes, and how many a second; the most frequent first.
    pub outcomes: Vec<(OutcomeReading, f64)>,
    /// Times from taken in to published.
    pub latency: TimesReading,
    /// What the journal has written, if there is one.
    pub journal: Option<JournalRates>,
}

/// What a journal has written between two readings.
#[derive(Debug, Default)]
pub(super) struct JournalRates {
    /// Bytes a second.
    pub bytes: f64,
    /// Commands in a group; 0 if there was none.
    pub group_commands: f64,
    /// Times to write a group.
    pub group_times: TimesReading,
}

impl Rates {
    /// Forgets what happened in a second: of an engine that shows nothing more, nobody knows.
    pub(super) fn forget(&mut self) {
        let outcomes = std::mem::take(&mut self.outcomes);
        let outcomes = outcomes.into_iter().map(|(outcome, _)| (outcome, 0.0)).collect();
        *self = Rates { last: self.last.take(), outcomes, ..Rates::default() };
    }

    /// Takes the next reading in.
    pub(super) fn look(&mut self, now: &Reading) {
        let before = self.last.replace(now.clone()).filter(|before| before.pid == now.pid);
        let Some(before) = before else {
            let outcomes = now.outcomes.iter().map(|it| (it.clone(), 0.0)).collect();
            // So far only what there was since the start is known.
            let latency = now.latency.clone();
            let journal = now.journal.as_ref().map(|journal| JournalRates {
                bytes: 0.0,
                group_commands: share(journal.commands, journal.groups),
                group_times: journal.group_times.clone(),
            });
            let last = self.last.take();
            *self = Rates { last, outcomes, latency, journal, ..Rates::default() };
            return;
        };
        // The same numbers again: the engine has shown no new ones.
        let seconds = now.read_ns.saturating_sub(before.read_ns) as f64 / 1e9;
        if seconds == 0.0 {
            return;
        }
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        self.commands = rate(now.sequence, before.sequence);
        self.processor = rate(now.cpu_ns, before.cpu_ns) / 1e9;
        self.latency = now.latency.since(&before.latency);
        let nothing = JournalReading::default();
        self.journal = now.journal.as_ref().map(|journal| {
            let before = before.journal.as_ref().unwrap_or(&nothing);
            let groups = journal.groups.saturating_sub(before.groups);
            JournalRates {
                bytes: rate(journal.bytes, before.bytes),
                group_commands: share(journal.commands.saturating_sub(before.commands), groups),
                group_times: journal.group_times.since(&before.group_times),
            }
        });
        let of = |outcome: &OutcomeReading| {
            let same = |it: &&OutcomeReading| it.op == outcome.op && it.status == outcome.status;
            let earlier = before.outcomes.iter().find(same).map_or(0, |it| it.count);
            (outcome.clone(), rate(outcome.count, earlier))
        };
        self.outcomes = now.outcomes.iter().map(of).collect();
        self.outcomes.sort_by(|(one, first), (other, second)| {
            second.total_cmp(first).then(other.count.cmp(&one.count))
        });
    }
}

fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}
