//! A window of commands, unit by unit: a command that stands alone, or a linked chain.
//!
//! ```text
//!   expire ──▶ release ──▶ execute ──▶ release ──▶ outcomes
//!   what is    what that    the unit   what that
//!   due        lets settle             lets settle
//! ```
//!
//! Nearly every unit is one transfer at a time when nothing is due, and lets nothing else settle:
//! only its execution is left of the phases. [`Settle::settle_unit`] is that short path.

use super::emitter::Emitter;
use super::exchange::Exchange;
use super::{Settle, outcome};
use crate::emit::{Emit, Paused};
use crate::ledger::Ledger;
use ringfence_types::{
    Command, EventBody, EventKind, Op, Outbox, Outcome, Status, Step, TransferEvent, Verdict,
    Window,
};

/// Most events that one step emits: then others on the thread have their turn.
const EVENTS_PER_STEP: usize = 4096;

/// What comes next of the unit under way. A new one begins with the first phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// What is due at its timestamp expires.
    Expire,
    /// What that lets settle from queues does.
    ReleaseBefore,
    /// It is executed.
    Execute,
    /// What that lets settle from queues does; then it is over.
    ReleaseAfter,
}

impl Settle {
    /// Settles a window of commands, which must not cut a linked chain. The first has the sequence
    /// `first_sequence`, and `verdicts` are risk's for the same commands.
    pub fn step(
        &mut self,
        first_sequence: u64,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        outbox: &mut impl Outbox,
    ) -> Step {
        self.prefetch_first(commands, verdicts);
        let mut left = EVENTS_PER_STEP;
        let mut index = 0;
        while index < commands.len() {
            self.prefetch_ahead(commands, verdicts, index);
            let sequence = first_sequence + index as u64;
            match self.settle_unit(sequence, commands, verdicts, index, outbox, &mut left) {
                Ok(end) => index = end,
                Err(Paused) if outbox.events_free() == 0 => return Step::LaneFull(index),
                Err(Paused) => return Step::Paused(index),
            }
        }
        Step::Done
    }

    /// Settles the unit at `start`, which has this sequence, from the phase that it is in. Returns
    /// the index at which it ends.
    #[inline(always)]
    fn settle_unit<O: Outbox>(
        &mut self,
        sequence: u64,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        start: usize,
        outbox: &mut O,
        left: &mut usize,
    ) -> Result<usize, Paused> {
        let command = commands.at(start);
        if self.phase == Phase::Expire
            && !command.is_linked()
            && self.begin_event(command.header.timestamp)
        {
            let verdict = verdicts.at(start);
            let is_over = if command.header.op == Op::CreateTransfer as u8 {
                let answer = self.execute_transfer(command, verdict, start);
                self.answer_alone(start, outcome(command, answer), outbox)
            } else {
                self.execute(sequence, commands, verdict, start, outbox, left)
                    .inspect_err(|Paused| self.phase = Phase::Execute)?;
                self.answer_alone(start, self.outcomes[0], outbox)
            };
            if is_over {
                return Ok(start + 1);
            }
        }
        self.settle_in_phases(sequence, commands, verdicts, start, outbox, left)
    }

    /// Takes the outcome of a command that stands alone. `false`: it lets something settle from
    /// queues, which comes next.
    #[inline(always)]
    fn answer_alone(&mut self, index: usize, outcome: Outcome, outbox: &mut impl Outbox) -> bool {
        let is_over = !self.ledger.is_release_due();
        if is_over {
            outbox.set_outcome(index, outcome);
        } else {
            self.outcomes[0] = outcome;
            self.phase = Phase::ReleaseAfter;
        }
        is_over
    }

    /// As [`Settle::settle_unit`], for any unit in any phase.
    #[cold]
    fn settle_in_phases<O: Outbox>(
        &mut self,
        sequence: u64,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        start: usize,
        outbox: &mut O,
        left: &mut usize,
    ) -> Result<usize, Paused> {
        let mut end = start + 1;
        while !commands.at(end - 1).ends_chain() {
            end += 1;
        }
        let began_at = commands.at(start).header.timestamp;
        // What happens before a chain and after it belongs to its last member, and goes out before
        // the outcome of its first.
        let (last, lead) = (commands.at(end - 1), end - 1 - start);
        let last_sequence = sequence + lead as u64;

        if self.phase == Phase::Expire {
            let number = &mut self.last_event_number;
            let mut emitter = Emitter::new(last_sequence, last, lead, outbox, number, left);
            expire_due(&mut self.ledger, &mut self.exchange, began_at, &mut emitter)?;
            self.phase = Phase::ReleaseBefore;
        }
        if self.phase == Phase::ReleaseBefore {
            let number = &mut self.last_event_number;
            let mut emitter = Emitter::new(last_sequence, last, lead, outbox, number, left);
            self.ledger.release(began_at, &mut emitter)?;
            let is_quiet = self.begin_event(began_at);
            debug_assert!(is_quiet, "what was due has expired");
            self.phase = Phase::Execute;
        }
        if self.phase == Phase::Execute {
            if lead > 0 || last.is_linked() {
                self.execute_chain(commands, verdicts, start, end);
            } else {
                self.execute(sequence, commands, verdicts.at(start), start, outbox, left)?;
            }
            self.phase = Phase::ReleaseAfter;
        }
        let number = &mut self.last_event_number;
        let mut emitter = Emitter::new(last_sequence, last, lead, outbox, number, left);
        self.ledger.release(last.header.timestamp, &mut emitter)?;
        self.phase = Phase::Expire;

        if self.outcomes[0].status == Status::Queued as u16 && self.ledger.has_settled(last.id()) {
            self.outcomes[0].status = Status::Created as u16;
        }
        for index in start..end {
            outbox.set_outcome(index, self.outcomes[index - start]);
            if index > start {
                self.prefetch_ahead(commands, verdicts, index);
            }
        }
        Ok(end)
    }

    /// Moves the time on to an event at `now`, and forgets what is old enough. `false`: something
    /// may be due, which has to expire first, and nothing happened.
    #[inline(always)]
    fn begin_event(&mut self, now: u64) -> bool {
        if !(self.ledger.sleeps_at(now) && self.exchange.sleeps_at(now)) {
            return false;
        }
        self.ledger.begin_event(now);
        self.exchange.forget_some(now);
        true
    }
}

/// Lets expire what is due at `now`, orders and transfers in one order.
fn expire_due(
    ledger: &mut Ledger,
    exchange: &mut Exchange,
    now: u64,
    emitter: &mut impl Emit,
) -> Result<(), Paused> {
    loop {
        let transfer = ledger.first_due(now);
        let order = exchange.first_due(now);
        if transfer.is_none() && order.is_none() {
            return Ok(());
        }
        emitter.make_sure_of_room()?;
        if order.is_some_and(|order| transfer.is_none_or(|transfer| order < transfer)) {
            exchange.expire_first(ledger, now, emitter);
        } else {
            let id = ledger.expire_first(now);
            let body = TransferEvent { id, ..TransferEvent::default() };
            emitter.emit(EventKind::TransferExpired, EventBody::of_transfer_event(body));
        }
    }
}
