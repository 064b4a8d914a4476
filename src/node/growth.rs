//! Larger tables for an engine that runs: how they are asked for, prepared and put in force.
//!
//! ```text
//!   ringfence grow ──▶ grow.request ──▶ memory is had ──▶ gateway ──▶ journal, risk, settle
//!        └──────────── grow.answer ◀── in force from a sequence on ◀────────┘
//! ```
//!
//! Request and answer are files in the data directory: who may write there may do anything to the
//! engine anyway. The thread that started the pipeline looks for a request now and then. Where
//! there is none, it lets tables grow by themselves before they are full, if the engine is to do
//! that.
//!
//! # Invariants
//!
//! * All memory is there before anything is put in force. A request that cannot be met changes
//!   nothing.
//! * A request that was answered is in the journal, durable, and holds in every replay from the same
//!   command on.

mod by_itself;
mod free_memory;
mod preparing;

pub use by_itself::ByItself;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use crate::counters::Counters;
use crate::pipeline::{Settings, Turns};
use by_itself::{Decider, LEFT_FREE_BYTES, growth_bytes};
use free_memory::free_memory_bytes;
use preparing::Preparing;
use ringfence_engine::Growth;
use ringfence_types::{Capacities, Rules};

const REQUEST_NAME: &str = "grow.request";
const NEW_REQUEST_NAME: &str = "grow.request.new";
const ANSWER_NAME: &str = "grow.answer";
const NEW_ANSWER_NAME: &str = "grow.answer.new";
/// No request is longer.
const REQUEST_BYTES_MAX: u64 = 4096;
/// How long a request waits for an engine to fetch it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for an answer.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The capacities that can grow while an engine runs; `None`: stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// Most accounts.
    pub accounts: Option<u64>,
    /// Most transfers and spent ids.
    pub transfers: Option<u64>,
    /// Most markets.
    pub markets: Option<u64>,
    /// Most orders.
    pub orders: Option<u64>,
}

impl Wish {
    /// True if nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Wish::default()
    }

    fn parts(&mut self) -> [(&'static str, &mut Option<u64>); 4] {
        [
            ("accounts", &mut self.accounts),
            ("transfers", &mut self.transfers),
            ("markets", &mut self.markets),
            ("orders", &mut self.orders),
        ]
    }

    /// The capacities as they are asked for, or which one would shrink.
    fn apply(mut self, before: &Capacities) -> Result<Capacities, String> {
        let mut after = *before;
        let now =
            [&mut after.accounts, &mut after.transfers, &mut after.markets, &mut after.orders];
        for ((name, wanted), capacity) in self.parts().into_iter().zip(now) {
            let Some(wanted) = *wanted else { continue };
            if wanted < *capacity {
                return Err(format!(
                    "there is room for {capacity} {name}, and tables never shrink"
                ));
            }
            *capacity = wanted;
        }
        Ok(after)
    }

    fn to_text(mut self, name: &str) -> String {
        let mut text = format!("{name}\n");
        for (name, wanted) in self.parts() {
            if let Some(wanted) = wanted {
                let _ = writeln!(text, "{name} {wanted}");
            }
        }
        text
    }

    /// The request's own name and what it asks for.
    fn of_text(text: &str) -> Option<(String, Wish)> {
        let mut lines = text.lines();
        let name = lines.next()?.to_owned();
        let mut wish = Wish::default();
        for line in lines {
            let (asked, number) = line.split_once(' ')?;
            let (_, wanted) = wish.parts().into_iter().find(|(name, _)| *name == asked)?;
            *wanted = Some(number.parse().ok()?);
        }
        Some((name, wish))
    }
}

/// Why tables did not grow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrowError {
    /// Request or answer cannot be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No engine fetched the request in time.
    #[error("no engine that can grow fetched the request within {} s", PATIENCE.as_secs())]
    NotFetched,
    /// The engine ended before it answered.
    #[error("the engine ended before it answered; `ringfence journal stat` shows its capacities")]
    Ended,
    /// The engine refused.
    #[error("{0}")]
    Refused(String),
}

/// Asks the engine on `dir` to grow, and waits for it. Returns the sequence of the first command
/// for which there is more room. `runs` says whether an engine still holds the directory.
///
/// # Errors
///
/// [`GrowError`].
pub fn grow(dir: &Path, wish: Wish, runs: impl Fn() -> bool) -> Result<u64, GrowError> {
    let own = format!("{}-{}", process::id(), crate::Clock::System.read_ns());
    let request = dir.join(REQUEST_NAME);
    put(dir, NEW_REQUEST_NAME, &request, &wish.to_text(&own))?;
    let asked = Instant::now();
    loop {
        if let Some(answer) = read(&dir.join(ANSWER_NAME)) {
            let mut lines = answer.lines();
            if lines.next() == Some(&own) {
                let said = lines.next().unwrap_or_default();
                drop(fs::remove_file(dir.join(ANSWER_NAME)));
                let sequence = said.strip_prefix("from ").and_then(|it| it.parse().ok());
                return sequence.ok_or_else(|| GrowError::Refused(said.to_owned()));
            }
        }
        if asked.elapsed() >= PATIENCE && request.exists() {
            drop(fs::remove_file(&request));
            return Err(GrowError::NotFetched);
        }
        if !runs() {
            drop(fs::remove_file(&request));
            return Err(GrowError::Ended);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// A file that is there whole or not at all.
fn put(dir: &Path, new: &str, path: &Path, text: &str) -> Result<(), GrowError> {
    let new = dir.join(new);
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| GrowError::Io { path, source }
    };
    fs::write(&new, text).map_err(failed(&new))?;
    fs::rename(&new, path).map_err(failed(path))
}

/// A small file, if there is such a one.
fn read(path: &Path) -> Option<String> {
    let is_small =
        fs::symlink_metadata(path).is_ok_and(|it| it.is_file() && it.len() <= REQUEST_BYTES_MAX);
    if is_small { fs::read_to_string(path).ok() } else { None }
}

/// What is under way.
struct Asked {
    /// Name of the request; `None`: nobody asked.
    name: Option<String>,
    rules: Rules,
}

/// Meets the requests of one run.
pub(crate) struct Grower {
    dir: PathBuf,
    growth: Growth,
    rules: Rules,
    turns: Turns,
    counters: Arc<Counters>,
    asked: Option<Asked>,
    decider: Decider,
    /// True once the engine is to stop: what is under way is given up.
    stop: Arc<AtomicBool>,
}

impl Grower {
    /// Of an engine on `dir` that `rules` are in force in. The tables `by_itself` grow without a
    /// request.
    pub(crate) fn new(
        dir: &Path,
        growth: Growth,
        rules: Rules,
        turns: Turns,
        settings: &Settings,
        by_itself: ByItself,
    ) -> Grower {
        // What was asked of an engine before this one is answered by nobody.
        for name in [REQUEST_NAME, ANSWER_NAME] {
            drop(fs::remove_file(dir.join(name)));
        }
        let (dir, decider) = (dir.to_owned(), Decider::new(by_itself));
        let (counters, stop) = (Arc::clone(&settings.counters), Arc::clone(&settings.stop));
        Grower { dir, growth, rules, turns, counters, asked: None, decider, stop }
    }

    /// The rules that are in force.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Looks for a request, or whether the one under way is in force: `published` is the sequence
    /// of the last command that was answered. Returns what there is to tell.
    pub(crate) fn look(&mut self, published: u64) -> Option<String> {
        if let Some(asked) = &self.asked {
            let since = self.turns.in_force_since().filter(|&since| since <= published)?;
            self.rules = asked.rules;
            self.counters.tables.show_capacities(&self.rules);
            let name = self.asked.take().expect("it is there").name;
            let how = if name.is_some() { "" } else { " by themselves" };
            let note = format!("the tables have grown{how}: {}", in_words(&self.rules, since));
            let failed = name.and_then(|name| self.answer(&name, &format!("from {since}")));
            return Some(failed.unwrap_or(note));
        }
        let request = self.dir.join(REQUEST_NAME);
        let Some(text) = read(&request) else { return self.grow_by_itself() };
        drop(fs::remove_file(&request));
        let (name, wish) = Wish::of_text(&text)?;
        let failed = self.begin(wish, 0, Some(name.clone())).err()?;
        let note = format!("the tables do not grow: {failed}");
        Some(self.answer(&name, &failed).unwrap_or(note))
    }

    /// Lets tables that become full grow. Returns what there is to tell.
    fn grow_by_itself(&mut self) -> Option<String> {
        let used = self.counters.tables.used();
        let wish = self.decider.decide(&used, &self.rules.capacities)?;
        let failed = self.begin(wish, LEFT_FREE_BYTES, None).err()?;
        let is_new = self.decider.has_failed(&self.rules.capacities);
        is_new.then(|| format!("the tables do not grow by themselves: {failed}"))
    }

    /// Has all memory for what is asked for, `left_free` bytes beside it, and puts it in force. It
    /// was asked for by `name`, or comes by itself.
    fn begin(&mut self, wish: Wish, left_free: u64, name: Option<String>) -> Result<(), String> {
        let rules = self.prepare(wish, left_free)?;
        assert!(self.turns.put_in_force(rules), "nothing else is under way");
        self.asked = Some(Asked { name, rules });
        Ok(())
    }

    fn prepare(&self, wish: Wish, left_free: u64) -> Result<Rules, String> {
        let capacities = wish.apply(&self.rules.capacities)?;
        if capacities == self.rules.capacities {
            return Err("there is so much room already".to_owned());
        }
        // The system gives addresses for more than it has, and ends processes once they are used.
        let needed = growth_bytes(&self.rules.capacities, &capacities);
        if let Some(free) = free_memory_bytes().filter(|&free| free < needed + left_free) {
            return Err(no_memory(needed, free));
        }
        let rules = Rules { capacities, ..self.rules };
        let used = || self.counters.tables.used();
        let preparing = Preparing::new(&self.growth, &self.rules.capacities, &rules, used);
        preparing.prepare(&self.stop)?;
        Ok(rules)
    }

    /// Writes the answer to the request of this name. Returns why that failed.
    fn answer(&self, name: &str, said: &str) -> Option<String> {
        let (path, text) = (self.dir.join(ANSWER_NAME), format!("{name}\n{said}\n"));
        let put = put(&self.dir, NEW_ANSWER_NAME, &path, &text);
        put.err().map(|error| format!("{said}; the answer cannot be written: {error}"))
    }
}

fn no_memory(needed: u64, free: u64) -> String {
    let [needed, free] = [needed, free].map(|bytes| bytes / (1024 * 1024));
    format!("that takes {needed} MiB of memory, and {free} MiB are free")
}

fn in_words(rules: &Rules, since: u64) -> String {
    let Capacities { accounts, transfers, markets, orders, .. } = rules.capacities;
    format!(
        "room for {accounts} accounts, {transfers} transfers, {markets} markets and {orders} \
         orders from sequence {since} on"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_and_anything_else_is_none() {
        let wish = Wish { transfers: Some(5), orders: Some(7), ..Wish::default() };
        let text = wish.to_text("1-2");
        assert_eq!(Wish::of_text(&text), Some(("1-2".to_owned(), wish)));
        for text in ["", "1-2\ntransfers", "1-2\ntransfers x", "1-2\nsessions 5"] {
            assert_eq!(Wish::of_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn nothing_shrinks() {
        let before = Capacities::default();
        let wish = Wish { transfers: Some(before.transfers * 2), ..Wish::default() };
        let after = wish.apply(&before).unwrap();
        assert_eq!(after, Capacities { transfers: before.transfers * 2, ..before });
        let wish = Wish { accounts: Some(1), ..wish };
        assert!(wish.apply(&before).unwrap_err().contains("accounts"));
    }
}
