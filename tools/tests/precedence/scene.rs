//! How a prologue is written down: command by command, each with the status that it must get.

use ringfence::types::{Command, Rules, Status, stamp_batch};
use tools::scenario::Batch;
use tools::script::Say;

/// A prologue in the making.
#[derive(Default)]
pub(crate) struct Prologue {
    pub batches: Vec<(Batch, Vec<Status>)>,
    previous_timestamp: u64,
    clock_ns: u64,
    /// Ids of transfers that have to be remembered so far.
    pub known_count: u64,
    /// Accounts created so far.
    pub account_count: u64,
}

impl Prologue {
    /// What follows happens no earlier than this.
    pub fn at_ns(&mut self, clock_ns: u64) {
        self.clock_ns = clock_ns;
    }

    /// One more batch of one command.
    pub fn says(&mut self, what: impl Say, status: Status) {
        let mut batch = vec![what.command()];
        self.previous_timestamp = stamp_batch(&mut batch, self.previous_timestamp, self.clock_ns);
        let is_transfer = batch[0].op() == ringfence::types::Op::CreateTransfer;
        self.known_count +=
            u64::from(is_transfer && (status == Status::Created || status.spends_id()));
        self.account_count += u64::from(!is_transfer && status == Status::Created);
        self.batches.push((batch, vec![status]));
    }

    /// The last batch.
    pub fn stamp(&mut self, mut batch: Vec<Command>) -> Batch {
        stamp_batch(&mut batch, self.previous_timestamp, self.clock_ns);
        batch
    }
}

/// Rules with room for so much.
pub(crate) fn rules(accounts: u64, transfers: u64) -> Rules {
    let capacities = ringfence::types::Capacities {
        accounts,
        transfers,
        policies: 16,
        ..ringfence::types::Capacities::default()
    };
    Rules::new(capacities, [3, 4])
}
