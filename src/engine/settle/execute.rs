//! One command that stands in no chain.

use super::emitter::Emitter;
use super::{Settle, accounts, orders, outcome};
use crate::emit::{Emit, Paused};
use ringfence_types::{
    Command, EventBody, EventKind, Op, Outbox, Outcome, Status, Verdict, Window,
};

impl Settle {
    /// Executes the command at `index`, which has this sequence and stands in no chain. Its outcome
    /// is then the first of `outcomes`.
    #[inline(never)]
    pub(super) fn execute<O: Outbox>(
        &mut self,
        sequence: u64,
        commands: &(impl Window<Command> + ?Sized),
        verdict: &Verdict,
        index: usize,
        outbox: &mut O,
        left: &mut usize,
    ) -> Result<(), Paused> {
        let command = commands.at(index);
        if command.is_of_order() {
            self.prefetch_neighbours(commands, index);
        }
        self.outcomes[0] = if command.op() == Op::CreateTransfer {
            outcome(command, self.execute_transfer(command, verdict, index))
        } else {
            self.execute_other(sequence, command, verdict, self.hashes.of(index), outbox, left)?
        };
        Ok(())
    }

    /// Executes the transfer at `index`, which stands in no chain. Returns its status and
    /// timestamp.
    #[inline(always)]
    pub(super) fn execute_transfer(
        &mut self,
        command: &Command,
        verdict: &Verdict,
        index: usize,
    ) -> (Status, u64) {
        let hash = self.hashes.of(index);
        let answer = self.ledger.create_transfer(command, verdict, hash, false);
        if answer.0.spends_id() {
            self.ledger.spend_id(command, hash);
        }
        answer
    }

    /// Executes what is no transfer; `hash` is that of its id.
    #[inline(always)]
    fn execute_other<O: Outbox>(
        &mut self,
        sequence: u64,
        command: &Command,
        verdict: &Verdict,
        hash: u32,
        outbox: &mut O,
        left: &mut usize,
    ) -> Result<Outcome, Paused> {
        let Settle { ledger, exchange, last_event_number, bodies_emitted, .. } = self;
        let emitter = &mut Emitter::new(sequence, command, 0, outbox, last_event_number, left);
        let own = command.header.timestamp;
        let status = match command.op() {
            Op::CreateTransfer => unreachable!("transfers are executed before"),
            Op::PlaceOrder | Op::AmendOrder | Op::CancelOrder => {
                return orders::execute(ledger, exchange, command, verdict, hash, emitter);
            }
            Op::CreateAccount => {
                let commands = core::slice::from_ref(command);
                let answer = accounts::create_account(ledger, commands, verdict, 0);
                return Ok(outcome(command, answer));
            }
            Op::CreateMarket => {
                let answer = exchange.create_market(command.body.market(), verdict, own);
                return Ok(outcome(command, answer));
            }
            Op::ResolveQueues => match command.body.resolve_queues().ledger {
                0 => Status::LedgerMustNotBeZero,
                number => match ledger.resolve_queues(number, own, emitter)? {
                    Ok((count, amount)) => {
                        return Ok(Outcome::of(command, Status::Ok).with_settled(count, amount));
                    }
                    Err(status) => status,
                },
            },
            Op::CancelQueuedTransfer => ledger.cancel_queued(command.id()),
            Op::RequeueTransfer => {
                let requeue = command.body.requeue();
                ledger.requeue(requeue.id, requeue.urgent != 0)
            }
            Op::SetAccountPolicy => {
                let spend = verdict.new_policy();
                if !verdict.is_refused() && spend != Verdict::NONE {
                    ledger.set_spend(spend, command.body.account_policy(), own);
                }
                verdict.refusal().unwrap_or(Status::Ok)
            }
            Op::SetLedgerPolicy | Op::SetPairPolicy => verdict.refusal().unwrap_or(Status::Ok),
            Op::Pulse => Status::Ok,
            Op::LookupAccount => {
                emitter.make_sure_of_room()?;
                match verdict.account() {
                    Verdict::NONE => Status::NotFound,
                    index => {
                        let body = EventBody::of_account(ledger.show_account(index));
                        emitter.emit_body(EventKind::AccountBody, body);
                        Status::Found
                    }
                }
            }
            Op::LookupTransfer => {
                emitter.make_sure_of_room()?;
                match ledger.find_transfer(command.id()) {
                    None => Status::NotFound,
                    Some(found) => {
                        emitter.emit_body(EventKind::TransferBody, EventBody::of_transfer(found));
                        Status::Found
                    }
                }
            }
            Op::LookupQueue => {
                emitter.make_sure_of_room()?;
                match verdict.account() {
                    Verdict::NONE => Status::AccountNotFound,
                    index => {
                        let body = EventBody::of_queue(ledger.show_queue(index));
                        emitter.emit_body(EventKind::QueueBody, body);
                        Status::Found
                    }
                }
            }
            Op::LookupOrder => orders::look_up_order(ledger, exchange, command, emitter)?,
            Op::LookupMarket => orders::look_up_market(exchange, bodies_emitted, verdict, emitter)?,
        };
        Ok(Outcome::of(command, status))
    }
}
