//! What a command asks for.

/// An operation. Numbers are part of the journal and of the wire protocol.
///
/// 8 to 17 are reserved for markets, orders and payment queues.
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
    /// Lets time pass: the engine's own, taken in when something is due and no command comes.
    Pulse = 18,
}

impl Op {
    /// Every operation, in the order of the numbers.
    pub const ALL: [Op; 8] = [
        Op::CreateAccount,
        Op::CreateTransfer,
        Op::LookupAccount,
        Op::LookupTransfer,
        Op::SetAccountPolicy,
        Op::SetLedgerPolicy,
        Op::SetPairPolicy,
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
            Op::Pulse => "pulse",
        }
    }

    /// Whether a command of this kind names an id, which its outcome repeats.
    #[must_use]
    pub const fn has_id(self) -> bool {
        matches!(
            self,
            Op::CreateAccount | Op::CreateTransfer | Op::LookupAccount | Op::LookupTransfer
        )
    }

    /// Whether clients may send it.
    #[must_use]
    pub const fn is_public(self) -> bool {
        !matches!(self, Op::Pulse)
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
