//! Larger tables for an engine that runs: how they are asked for, prepared and put in force.
//!
//! ```text
//!   ringfence grow ──▶ request ──▶ memory is had ──▶ gateway ──▶ journal, risk, settle
//!        └──────────── answer ◀── in force from a sequence on ◀────────┘
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

mod asking;
mod by_itself;
mod free_memory;
mod preparing;

pub use asking::{GrowError, Wish, grow};
pub use by_itself::ByItself;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::counters::Counters;
use crate::pipeline::{Settings, Turns};
use asking::Inbox;
use by_itself::{Decider, LEFT_FREE_BYTES, growth_bytes};
use free_memory::free_memory_bytes;
use preparing::Preparing;
use ringfence_engine::Growth;
use ringfence_types::{Capacities, Rules};

/// What is under way.
struct Asked {
    /// Name of the request; `None`: nobody asked.
    name: Option<String>,
    rules: Rules,
}

/// Meets the requests of one run.
pub(crate) struct Grower {
    inbox: Inbox,
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
        let (inbox, decider) = (Inbox::open(dir), Decider::new(by_itself));
        let (counters, stop) = (Arc::clone(&settings.counters), Arc::clone(&settings.stop));
        Grower { inbox, growth, rules, turns, counters, asked: None, decider, stop }
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
            let failed = name.and_then(|name| self.inbox.answer(&name, &format!("from {since}")));
            return Some(failed.unwrap_or(note));
        }
        let Some((name, wish)) = self.inbox.fetch() else { return self.grow_by_itself() };
        let failed = self.begin(wish, 0, Some(name.clone())).err()?;
        let note = format!("the tables do not grow: {failed}");
        Some(self.inbox.answer(&name, &failed).unwrap_or(note))
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
