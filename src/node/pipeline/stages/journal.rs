//! Makes commands durable, beside risk and settle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::super::lanes::LaneWindow;
use super::super::threads::Run;
use super::super::turns::Turn;
use super::super::{PipelineError, Role};
use super::Origins;
use crate::gateway::Progress;
use ringfence_journal::{Shortage, Storage, Writer};
use ringfence_ring::{Poll, Stage};
use ringfence_types::{Command, Origin, Request, Rules, Window};

/// How long the journal has nothing to do before it writes a closing frame: a client that sends one
/// command at a time does not wait behind it.
const IDLE: Duration = Duration::from_millis(2);
/// How long commands that wait for room on the disk still wait once the engine is to stop: publish
/// passes on what is durable meanwhile.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// Makes commands durable.
pub(in crate::pipeline) struct JournalStage<J: Storage> {
    commands: Stage<(Command,), ()>,
    origins: Origins,
    pub(in crate::pipeline) writer: Writer<J>,
    /// Sequence of the last command that was released: it is durable, and may be answered.
    durable: u64,
    turn: Turn,
    /// Rules for which there was no room yet: they come before the next batch.
    rules: Option<Rules>,
    /// Since when there was nothing to do.
    idle_since: Option<Instant>,
    /// Set from outside: take nothing more in, finish what was begun.
    stop: Arc<AtomicBool>,
    /// Since when the engine is to stop and commands wait for room.
    stuck_since: Option<Instant>,
}

impl<J: Storage> JournalStage<J> {
    /// A stage that goes on after the command `last_sequence`. Once `stop` is set, commands that
    /// wait for room on the disk are given up after a while.
    pub(in crate::pipeline) fn new(
        commands: Stage<(Command,), ()>,
        origins: Stage<(Origin,), ()>,
        writer: Writer<J>,
        last_sequence: u64,
        stop: Arc<AtomicBool>,
        turn: Turn,
    ) -> JournalStage<J> {
        JournalStage {
            commands,
            origins: Origins::new(origins),
            writer,
            durable: last_sequence,
            turn,
            rules: None,
            idle_since: None,
            stop,
            stuck_since: None,
        }
    }

    /// Whether the engine is to stop, and what commands wait for did not come meanwhile: room.
    fn must_give_up(&mut self) -> bool {
        // Relaxed: the flag carries nothing but itself.
        let is_stuck = self.writer.shortage() == Some(Shortage::Now)
            && self.writer.is_drained()
            && self.stop.load(Ordering::Relaxed);
        if !is_stuck {
            self.stuck_since = None;
            return false;
        }
        self.stuck_since.get_or_insert_with(Instant::now).elapsed() >= STOP_PATIENCE
    }
}

impl<J: Storage + Send> Run for JournalStage<J> {
    fn role(&self) -> Role {
        Role::Journal
    }

    fn step(&mut self) -> Result<Progress, PipelineError> {
        let mut progress = Progress::Idle;
        let ended = match self.commands.poll_ahead(usize::MAX)? {
            Poll::Ended => true,
            Poll::Empty => false,
            Poll::Ready(mut batch) => {
                let first_sequence = batch.first_sequence();
                let mut taken = 0;
                {
                    let ((commands,), _) = batch.parts();
                    let commands = LaneWindow::all(commands);
                    // A frame holds one batch, whole: what of it is not there yet comes later.
                    while taken < commands.len() {
                        let first = commands.at(taken).header;
                        let length = usize::from(first.batch_length);
                        if taken + length > commands.len() {
                            break;
                        }
                        let whole = commands.part(taken, length);
                        let sequence = first_sequence + taken as u64;
                        self.rules = self.rules.or_else(|| self.turn.take(sequence));
                        if let Some(rules) = &self.rules {
                            if !self.writer.append_rules(rules)? {
                                break;
                            }
                            self.rules = None;
                        }
                        let request = match first.has_request {
                            0 => Request::NONE,
                            _ => {
                                let origin = self.origins.look()?.expect("it came before");
                                assert_eq!(origin.first_sequence, sequence);
                                origin.request
                            }
                        };
                        if !self.writer.append_request(sequence, &whole, &request)? {
                            break;
                        }
                        if first.has_request != 0 {
                            self.origins.take();
                        }
                        taken += length;
                    }
                }
                if taken > 0 {
                    batch.take(taken);
                    progress = Progress::Worked;
                }
                false
            }
        };
        let durable = self.writer.poll()?;
        if durable > self.durable {
            self.durable = durable;
            // Publish waits for this: it is the one way on which it learns what is durable.
            self.commands.release(durable);
            progress = Progress::Worked;
        }
        if progress == Progress::Worked {
            self.idle_since = None;
        } else if self.idle_since.get_or_insert_with(Instant::now).elapsed() >= IDLE {
            self.writer.idle()?;
        }
        if !ended && progress == Progress::Idle && self.must_give_up() {
            return Err(PipelineError::StoppedForRoom);
        }
        Ok(if ended { Progress::Ended } else { progress })
    }
}
