//! How a prologue is written down: command by command, each with the status that it must get.

use ringfence::types::{
    Capacities, Command, IdTime, NANOSECONDS_PER_SECOND, Op, Rules, Status, stamp_batch,
};
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
    /// Ids of orders that have to be remembered so far.
    pub order_count: u64,
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
        let is_remembered = matches!(status, Status::Created | Status::Queued);
        let is_remembered = is_remembered || status.spends_id();
        match batch[0].op() {
            Op::CreateTransfer => self.known_count += u64::from(is_remembered),
            Op::PlaceOrder => self.order_count += u64::from(is_remembered),
            Op::CreateAccount => self.account_count += u64::from(status == Status::Created),
            _ => {}
        }
        self.batches.push((batch, vec![status]));
    }

    /// The last batch.
    pub fn stamp(&mut self, mut batch: Vec<Command>) -> Batch {
        stamp_batch(&mut batch, self.previous_timestamp, self.clock_ns);
        batch
    }
}

/// Rules with room for a little of everything.
pub(crate) const SMALL: Capacities =
    Capacities { accounts: 32, transfers: 64, policies: 16, markets: 4, orders: 32 };

pub(crate) fn rules_of(capacities: Capacities) -> Rules {
    Rules::new(capacities, [3, 4])
}

/// Rules with room for so much.
pub(crate) fn rules(accounts: u64, transfers: u64) -> Rules {
    rules_of(Capacities { accounts, transfers, ..SMALL })
}

/// Whether ids carry their time, and what is wrong with that of the event.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum IdCheck {
    #[default]
    None,
    /// Small ids are from 1970, and by now expired.
    Expired,
    /// The event's id is from the far future.
    NotYetValid,
}

/// The time bits of an id of which no timestamp is late enough.
pub(crate) const FAR_FUTURE: u128 = ((1 << 48) - 1) << 80;
/// When ids of 1970 are expired, but what was created then is remembered.
const EXPIRED_NS: u64 = 150 * NANOSECONDS_PER_SECOND;

impl IdCheck {
    /// The rules with this check.
    pub(crate) fn rules(self, rules: Rules) -> Rules {
        match self {
            IdCheck::None => rules,
            IdCheck::NotYetValid => rules.with_id_time(IdTime::Ulid),
            IdCheck::Expired => {
                let retention_ns = 200 * NANOSECONDS_PER_SECOND;
                Rules { retention_ns, ..rules }.with_id_time(IdTime::Ulid)
            }
        }
    }

    /// When the event happens, where it would be at `now` otherwise.
    pub(crate) fn now(self, now: u64) -> u64 {
        if self == IdCheck::Expired { now.max(EXPIRED_NS) } else { now }
    }

    /// The id of another event of the same batch: nothing is wrong with it.
    pub(crate) fn good_id(self, id: u128) -> u128 {
        let now_ms = u128::from(self.now(0) / 1_000_000);
        now_ms << 80 | id
    }
}
