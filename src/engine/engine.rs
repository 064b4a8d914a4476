//! Risk and settle as one: commands in, outcomes and events out.

use alloc::boxed::Box;
use alloc::vec;

use crate::buffer::Buffer;
use crate::digest::{ContentsHasher, Digest};
use crate::risk::Risk;
use crate::sessions::Sessions;
use crate::settle::Settle;
use crate::sink::OutcomeSink;
use crate::table::{EngineError, Growth};
use ringfence_types::{
    Account, BATCH_COMMANDS_MAX, Command, ContentsSink, ContentsSource, Request, Rules, Step,
    Verdict, chains_up_to,
};

/// Commands that are judged, then settled, at a time: few enough to stay in the cache.
const CHUNK_COMMANDS: usize = 256;

/// Risk and settle on one thread.
#[derive(Debug)]
pub struct Engine {
    risk: Risk,
    settle: Settle,
    sessions: Sessions,
    verdicts: Box<[Verdict]>,
    buffer: Buffer,
}

impl Engine {
    /// An engine before its first command, with all memory that it will use. The system gives pages
    /// when they are touched, or ahead of that by [`Growth::pieces`] of [`Engine::growth`].
    ///
    /// # Errors
    ///
    /// [`EngineError`] if a capacity is too large, or there is not so much memory.
    pub fn new(rules: &Rules) -> Result<Engine, EngineError> {
        Ok(Engine::from_parts(Risk::new(rules)?, Settle::new(rules)?, Sessions::new(rules)?))
    }

    /// Takes over later rules: the tables grow. Not for the hot path.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory, or the rules would shrink a table.
    pub fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        self.risk.configure(rules)?;
        self.settle.configure(rules)?;
        self.sessions.configure(rules)
    }

    /// What other threads have the memory ready with, before this engine runs; and with which
    /// another thread prepares the growth of accounts, transfers, markets and orders while it runs:
    /// [`Engine::configure`] then waits for no memory and moves nothing at once.
    #[must_use]
    pub fn growth(&self) -> Growth {
        let mut growth = Growth::default();
        self.risk.add_to(&mut growth);
        self.settle.add_to(&mut growth);
        self.sessions.add_to(&mut growth);
        growth
    }

    /// Its parts, to be run by three stages.
    #[must_use]
    pub fn into_parts(self) -> (Risk, Settle, Sessions) {
        (self.risk, self.settle, self.sessions)
    }

    /// An engine of parts that have seen the same commands.
    #[must_use]
    pub fn from_parts(risk: Risk, settle: Settle, sessions: Sessions) -> Engine {
        // A chunk may end with a chain that is as long as a batch.
        let most = CHUNK_COMMANDS + BATCH_COMMANDS_MAX;
        let verdicts = vec![Verdict::default(); most].into_boxed_slice();
        Engine { risk, settle, sessions, verdicts, buffer: Buffer::new(most) }
    }

    /// Applies stamped commands, the first of which has the sequence `first_sequence`: one batch or
    /// more, or a part of one that does not cut a chain. Allocates nothing.
    pub fn apply(
        &mut self,
        first_sequence: u64,
        commands: &[Command],
        sink: &mut impl OutcomeSink,
    ) {
        let mut done = 0;
        while done < commands.len() {
            let rest = &commands[done..];
            let chunk = &rest[..chains_up_to(rest, CHUNK_COMMANDS)];
            let verdicts = &mut self.verdicts;
            self.risk.step(chunk, |index, verdict| verdicts[index] = verdict);
            let mut settled = 0;
            while settled < chunk.len() {
                let sequence = first_sequence + (done + settled) as u64;
                let (commands, verdicts) =
                    (&chunk[settled..], &self.verdicts[settled..chunk.len()]);
                let step = self.settle.step(sequence, commands, verdicts, &mut self.buffer);
                let count = match step {
                    Step::Done => commands.len(),
                    Step::LaneFull(count) | Step::Paused(count) => count,
                };
                self.buffer.drain(sequence, count, sink);
                settled += count;
            }
            done += chunk.len();
        }
    }

    /// Takes in what a batch says of itself: the gateway does before the batch enters the ring, and
    /// replay before or behind it. `last_sequence` and `last_timestamp` are those of its last
    /// command. Allocates nothing.
    ///
    /// # Panics
    ///
    /// If the session of a request that was taken in before finds no place, or the number does not
    /// increase: no gateway lets such a one pass.
    pub fn take_in(&mut self, request: &Request, last_sequence: u64, last_timestamp: u64) {
        if request.is_named() {
            let accepted = self.sessions.accept(request, last_sequence, last_timestamp);
            accepted.expect("a request that was taken in had a place");
        }
    }

    /// The sessions that it knows.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// A hash of its contents in a canonical order. Slow: it reads everything.
    #[must_use]
    pub fn digest(&self) -> Digest {
        if cfg!(debug_assertions) {
            self.settle.check_in_full();
        }
        let mut hasher = ContentsHasher::new();
        self.contents(&mut hasher);
        hasher.finish()
    }

    /// All that it holds, in canonical order: what decides all that it will answer, but for
    /// [`Engine::event_timestamp`] and the rules. Only between two batches.
    pub fn contents(&self, sink: &mut impl ContentsSink) {
        self.risk.contents(sink);
        self.settle.contents(sink);
        self.sessions.contents(sink);
    }

    /// Takes over, before its first command, what [`Engine::contents`] gave; `now` is what
    /// [`Engine::event_timestamp`] was then.
    ///
    /// # Errors
    ///
    /// The source's error, or a [`ringfence_types::Misfit`] for a record that cannot be part of an
    /// engine's contents. The engine must not be used then.
    pub fn restore<S: ContentsSource>(&mut self, now: u64, source: &mut S) -> Result<(), S::Error> {
        self.risk.restore(source)?;
        self.settle.restore(now, source)?;
        self.sessions.restore(source)
    }

    /// Timestamp of the last event, of a chain that of its first member, in nanoseconds: up to here
    /// all that was due has happened. 0 before the first.
    #[must_use]
    pub fn event_timestamp(&self) -> u64 {
        self.settle.event_timestamp()
    }

    /// All accounts in order of creation, as `lookup_account` shows them now.
    pub fn accounts(&self) -> impl Iterator<Item = Account> {
        self.settle.ledger().accounts()
    }

    /// How many accounts there are.
    #[must_use]
    pub fn account_count(&self) -> u64 {
        self.settle.ledger().account_count()
    }

    /// How many transfers are remembered; spent ids are none.
    #[must_use]
    pub fn transfer_count(&self) -> u64 {
        self.settle.ledger().transfer_count()
    }

    /// How much memory its tables take, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.risk.memory_bytes() + self.settle.memory_bytes() + self.sessions.memory_bytes()
    }
}
