//! What a command asks for.

/// An operation. Numbers are part of the journal and of the wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Op {
    /// Opens an account.
    CreateAccount = 1,
    /// Moves money, promises to, or settles such a promise.
    CreateTransfer = 2,
    /// Shows an account.
    LookupAccount = 3,
    /// Shows a transfer.
    LookupTransfer = 4,
    /// Replaces the limits of one account.
    SetAccountPolicy = 5,
    /// Replaces the limits of one ledger.
    SetLedgerPolicy = 6,
    /// Forbids or allows one direction between two accounts.
    SetPairPolicy = 7,
    /// Opens a market between two ledgers.
    CreateMarket = 8,
    /// Offers to buy or sell in a market.
    PlaceOrder = 9,
    /// Changes price or quantity of a resting order.
    AmendOrder = 10,
    /// Takes a resting order out of its book.
    CancelOrder = 11,
    /// Shows an order.
    LookupOrder = 12,
    /// Shows a market and its best prices.
    LookupMarket = 13,
    /// Settles at once what of one ledger's queued payments can settle together.
    ResolveQueues = 14,
    /// Takes a queued payment out of its queue.
    CancelQueuedTransfer = 15,
    /// Gives a queued payment a new place in its queue.
    RequeueTransfer = 16,
    /// Sums up the queue of an account.
    LookupQueue = 17,
    /// Lets time pass: the engine's own, taken in when something is due and no command comes.
    Pulse = 18,
}

impl Op {
    /// Every operation, in the order of the numbers.
    pub const ALL: [Op; 18] = [
        Op::CreateAccount,
        Op::CreateTransfer,
        Op::LookupAccount,
        Op::LookupTransfer,
        Op::SetAccountPolicy,
        Op::SetLedgerPolicy,
        Op::SetPairPolicy,
        Op::CreateMarket,
        Op::PlaceOrder,
        Op::AmendOrder,
        Op::CancelOrder,
        Op::LookupOrder,
        Op::LookupMarket,
        Op::ResolveQueues,
        Op::CancelQueuedTransfer,
        Op::RequeueTransfer,
        Op::LookupQueue,
        Op::Pulse,
    ];

    /// The operation with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Op> {
        Some(match number {
            1 => Op::CreateAccount,
            2 => Op::CreateTransfer,
            3 => Op::LookupAccount,
            4 => Op::LookupTransfer,
            5 => Op::SetAccountPolicy,
            6 => Op::SetLedgerPolicy,
            7 => Op::SetPairPolicy,
            8 => Op::CreateMarket,
            9 => Op::PlaceOrder,
            10 => Op::AmendOrder,
            11 => Op::CancelOrder,
            12 => Op::LookupOrder,
            13 => Op::LookupMarket,
            14 => Op::ResolveQueues,
            15 => Op::CancelQueuedTransfer,
            16 => Op::RequeueTransfer,
            17 => Op::LookupQueue,
            18 => Op::Pulse,
            _ => return None,
        })
    }

    /// The name in the text format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Op::CreateAccount => "create_account",
            Op::CreateTransfer => "create_transfer",
            Op::LookupAccount => "lookup_account",
            Op::LookupTransfer => "lookup_transfer",
            Op::SetAccountPolicy => "set_account_policy",
            Op::SetLedgerPolicy => "set_ledger_policy",
            Op::SetPairPolicy => "set_pair_policy",
            Op::CreateMarket => "create_market",
            Op::PlaceOrder => "place_order",
            Op::AmendOrder => "amend_order",
            Op::CancelOrder => "cancel_order",
            Op::LookupOrder => "lookup_order",
            Op::LookupMarket => "lookup_market",
            Op::ResolveQueues => "resolve_queues",
            Op::CancelQueuedTransfer => "cancel_queued_transfer",
            Op::RequeueTransfer => "requeue_transfer",
            Op::LookupQueue => "lookup_queue",
            Op::Pulse => "pulse",
        }
    }

    /// True if a command of this kind names an id, which its outcome repeats.
    #[must_use]
    pub const fn has_id(self) -> bool {
        matches!(
            self,
            Op::CreateAccount
                | Op::CreateTransfer
                | Op::LookupAccount
                | Op::LookupTransfer
                | Op::CreateMarket
                | Op::PlaceOrder
                | Op::AmendOrder
                | Op::CancelOrder
                | Op::LookupOrder
                | Op::LookupMarket
                | Op::CancelQueuedTransfer
                | Op::RequeueTransfer
        )
    }

    /// True if its body is a [`super::Lookup`].
    #[must_use]
    pub const fn names_an_id_alone(self) -> bool {
        matches!(
            self,
            Op::LookupAccount
                | Op::LookupTransfer
                | Op::LookupOrder
                | Op::LookupMarket
                | Op::LookupQueue
                | Op::CancelOrder
                | Op::CancelQueuedTransfer
        )
    }

    /// True if that id is one of a market: 32 bits wide.
    #[must_use]
    pub const fn has_market_id(self) -> bool {
        matches!(self, Op::CreateMarket | Op::LookupMarket)
    }

    /// True if the engine executes it: all of them. What is not built is unknown to clients.
    #[must_use]
    pub const fn is_built(self) -> bool {
        true
    }

    /// True if fields of its body are numbers that stand for something:
    /// [`super::Body::number_without_meaning`] checks them.
    #[must_use]
    pub const fn has_coded_fields(self) -> bool {
        matches!(
            self,
            Op::PlaceOrder
                | Op::RequeueTransfer
                | Op::SetAccountPolicy
                | Op::SetLedgerPolicy
                | Op::SetPairPolicy
        )
    }

    /// True if clients may send it.
    #[must_use]
    pub const fn is_public(self) -> bool {
        !matches!(self, Op::Pulse) && self.is_built()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_lead_back() {
        let mut names = std::collections::HashSet::new();
        for op in Op::ALL {
            assert_eq!(Op::from_number(op as u8), Some(op));
            assert!(names.insert(op.name()));
        }
        let known = (0..=u8::MAX).filter(|&number| Op::from_number(number).is_some()).count();
        assert_eq!(known, Op::ALL.len());
    }
}
