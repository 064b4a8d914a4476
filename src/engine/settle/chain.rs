//! A linked chain of commands: all of it or nothing.

use super::accounts::create_account;
use super::{Settle, outcome};
use ringfence_types::{Command, Op, Status, Verdict, Window};

impl Settle {
    /// Executes the linked chain from `start` up to `end`: all of it or nothing.
    pub(super) fn execute_chain(
        &mut self,
        commands: &(impl Window<Command> + ?Sized),
        verdicts: &(impl Window<Verdict> + ?Sized),
        start: usize,
        end: usize,
    ) {
        let is_transfers = commands.at(start).op() == Op::CreateTransfer;
        let mut broken = false;
        for index in start..end {
            let (command, verdict) = (commands.at(index), verdicts.at(index));
            let hash = self.ledger.prefetch_slot(command.id());
            let own = command.header.timestamp;
            let answer = if command.is_linked() && command.ends_batch() {
                (Status::LinkedEventChainOpen, own)
            } else if !is_transfers {
                // Risk knew what becomes of the chain before it handed it on.
                create_account(&mut self.ledger, commands, verdict, index)
            } else if broken {
                (Status::LinkedEventFailed, own)
            } else {
                self.ledger.create_transfer(command, verdict, hash, true)
            };
            self.outcomes[index - start] = outcome(command, answer);
            if is_transfers && answer.0 != Status::Created && !broken {
                broken = true;
                self.ledger.undo_chain();
                if answer.0.spends_id() {
                    self.ledger.spend_id(command, hash);
                }
                for earlier in start..index {
                    let command = commands.at(earlier);
                    let failed = (Status::LinkedEventFailed, command.header.timestamp);
                    self.outcomes[earlier - start] = outcome(command, failed);
                }
            }
        }
        self.ledger.commit_chain();
    }
}
