//! What became of a command.

macro_rules! statuses {
    ($($variant:ident = $number:literal $name:literal,)+) => {
        /// What became of a command. Numbers are part of the journal's digest and of the wire
        /// protocol: new ones go into the gaps or to the end, old ones never change.
        ///
        /// Which of two comes first that apply, and which stage finds it, is in the table
        /// [`crate::precedence`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Status {
            $(#[doc = concat!("`", $name, "`")] $variant = $number,)+
        }

        impl Status {
            /// Every status, in the order of the numbers.
            pub const ALL: &'static [Status] = &[$(Status::$variant),+];

            /// The status with this number, if there is one.
            #[inline]
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Status> {
                Some(match number {
                    $($number => Status::$variant,)+
                    _ => return None,
                })
            }

            /// The name in the text format.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Status::$variant => $name,)+
                }
            }
        }
    };
}

statuses! {
    // Of more than one operation.
    Created = 1 "created",
    LinkedEventFailed = 2 "linked_event_failed",
    LinkedEventChainOpen = 3 "linked_event_chain_open",
    ImportedEventExpected = 4 "imported_event_expected",
    ImportedEventNotExpected = 5 "imported_event_not_expected",
    TimestampMustBeZero = 6 "timestamp_must_be_zero",
    ImportedEventTimestampOutOfRange = 7 "imported_event_timestamp_out_of_range",
    ImportedEventTimestampMustNotAdvance = 8 "imported_event_timestamp_must_not_advance",
    ReservedFlag = 9 "reserved_flag",
    IdMustNotBeZero = 10 "id_must_not_be_zero",
    IdMustNotBeIntMax = 11 "id_must_not_be_int_max",
    ExistsWithDifferentFlags = 12 "exists_with_different_flags",
    ExistsWithDifferentUserData128 = 13 "exists_with_different_user_data_128",
    ExistsWithDifferentUserData64 = 14 "exists_with_different_user_data_64",
    ExistsWithDifferentUserData32 = 15 "exists_with_different_user_data_32",
    ExistsWithDifferentLedger = 16 "exists_with_different_ledger",
    ExistsWithDifferentCode = 17 "exists_with_different_code",
    Exists = 18 "exists",
    FlagsAreMutuallyExclusive = 19 "flags_are_mutually_exclusive",
    LedgerMustNotBeZero = 20 "ledger_must_not_be_zero",
    CodeMustNotBeZero = 21 "code_must_not_be_zero",
    ImportedEventTimestampMustNotRegress = 22 "imported_event_timestamp_must_not_regress",
    // Of accounts.
    DebitsPendingMustBeZero = 32 "debits_pending_must_be_zero",
    DebitsPostedMustBeZero = 33 "debits_posted_must_be_zero",
    CreditsPendingMustBeZero = 34 "credits_pending_must_be_zero",
    CreditsPostedMustBeZero = 35 "credits_posted_must_be_zero",
    AccountsFull = 36 "accounts_full",
    // Of transfers: repeats.
    ExistsWithDifferentPendingId = 64 "exists_with_different_pending_id",
    ExistsWithDifferentTimeout = 65 "exists_with_different_timeout",
    ExistsWithDifferentDebitAccountId = 66 "exists_with_different_debit_account_id",
    ExistsWithDifferentCreditAccountId = 67 "exists_with_different_credit_account_id",
    ExistsWithDifferentAmount = 68 "exists_with_different_amount",
    IdAlreadyFailed = 69 "id_already_failed",
    // Of transfers: post and void.
    PendingIdMustNotBeZero = 80 "pending_id_must_not_be_zero",
    PendingIdMustNotBeIntMax = 81 "pending_id_must_not_be_int_max",
    PendingIdMustBeDifferent = 82 "pending_id_must_be_different",
    TimeoutReservedForPendingTransfer = 83 "timeout_reserved_for_pending_transfer",
    PendingTransferNotFound = 84 "pending_transfer_not_found",
    PendingTransferNotPending = 85 "pending_transfer_not_pending",
    PendingTransferHasDifferentDebitAccountId = 86 "pending_transfer_has_different_debit_account_id",
    PendingTransferHasDifferentCreditAccountId = 87 "pending_transfer_has_different_credit_account_id",
    PendingTransferHasDifferentLedger = 88 "pending_transfer_has_different_ledger",
    PendingTransferHasDifferentCode = 89 "pending_transfer_has_different_code",
    ExceedsPendingTransferAmount = 90 "exceeds_pending_transfer_amount",
    PendingTransferHasDifferentAmount = 91 "pending_transfer_has_different_amount",
    PendingTransferAlreadyPosted = 92 "pending_transfer_already_posted",
    PendingTransferAlreadyVoided = 93 "pending_transfer_already_voided",
    PendingTransferExpired = 94 "pending_transfer_expired",
    DebitAccountAlreadyClosed = 95 "debit_account_already_closed",
    CreditAccountAlreadyClosed = 96 "credit_account_already_closed",
    TransfersFull = 97 "transfers_full",
    // Of transfers: all others.
    DebitAccountIdMustNotBeZero = 112 "debit_account_id_must_not_be_zero",
    DebitAccountIdMustNotBeIntMax = 113 "debit_account_id_must_not_be_int_max",
    CreditAccountIdMustNotBeZero = 114 "credit_account_id_must_not_be_zero",
    CreditAccountIdMustNotBeIntMax = 115 "credit_account_id_must_not_be_int_max",
    AccountsMustBeDifferent = 116 "accounts_must_be_different",
    PendingIdMustBeZero = 117 "pending_id_must_be_zero",
    ClosingTransferMustBePending = 118 "closing_transfer_must_be_pending",
    DebitAccountNotFound = 119 "debit_account_not_found",
    CreditAccountNotFound = 120 "credit_account_not_found",
    AccountsMustHaveTheSameLedger = 121 "accounts_must_have_the_same_ledger",
    TransferMustHaveTheSameLedgerAsAccounts = 122 "transfer_must_have_the_same_ledger_as_accounts",
    ImportedEventTimestampMustPostdateDebitAccount = 123 "imported_event_timestamp_must_postdate_debit_account",
    ImportedEventTimestampMustPostdateCreditAccount = 124 "imported_event_timestamp_must_postdate_credit_account",
    ImportedEventTimeoutMustBeZero = 125 "imported_event_timeout_must_be_zero",
    OverflowsDebitsPending = 126 "overflows_debits_pending",
    OverflowsCreditsPending = 127 "overflows_credits_pending",
    OverflowsDebitsPosted = 128 "overflows_debits_posted",
    OverflowsCreditsPosted = 129 "overflows_credits_posted",
    OverflowsDebits = 130 "overflows_debits",
    OverflowsCredits = 131 "overflows_credits",
    OverflowsTimeout = 132 "overflows_timeout",
    ExceedsCredits = 133 "exceeds_credits",
    ExceedsDebits = 134 "exceeds_debits",
    // Of risk.
    RiskLedgerHalted = 160 "risk_ledger_halted",
    RiskLedgerClosed = 161 "risk_ledger_closed",
    RiskLedgerAmountExceeded = 162 "risk_ledger_amount_exceeded",
    RiskDebitAccountFrozen = 163 "risk_debit_account_frozen",
    RiskCreditAccountFrozen = 164 "risk_credit_account_frozen",
    RiskPairBlocked = 165 "risk_pair_blocked",
    RiskDebitAmountExceeded = 166 "risk_debit_amount_exceeded",
    RiskCreditAmountExceeded = 167 "risk_credit_amount_exceeded",
    RiskDebitRateExceeded = 168 "risk_debit_rate_exceeded",
    RiskSpendAmountExceeded = 169 "risk_spend_amount_exceeded",
    RiskSpendCountExceeded = 170 "risk_spend_count_exceeded",
    // Of look-ups, policies and pulses.
    Ok = 192 "ok",
    Found = 193 "found",
    NotFound = 194 "not_found",
    AccountNotFound = 195 "account_not_found",
    InvalidPolicy = 196 "invalid_policy",
    PoliciesFull = 197 "policies_full",
    // Of queued payments.
    Queued = 208 "queued",
    TransferNotFound = 209 "transfer_not_found",
    TransferNotQueued = 210 "transfer_not_queued",
    OverflowsBalances = 211 "overflows_balances",
    // Of markets.
    ExistsWithDifferentFields = 224 "exists_with_different_fields",
    LedgersMustBeDifferent = 225 "ledgers_must_be_different",
    LotMustNotBeZero = 226 "lot_must_not_be_zero",
    TickMustNotBeZero = 227 "tick_must_not_be_zero",
    MakerFeeMustNotExceedTakerFee = 228 "maker_fee_must_not_exceed_taker_fee",
    AccountHasDifferentLedger = 229 "account_has_different_ledger",
    AccountMustNotHaveLimits = 230 "account_must_not_have_limits",
    MarketsFull = 231 "markets_full",
    // Of orders.
    MarketNotFound = 240 "market_not_found",
    QuantityMustNotBeZero = 241 "quantity_must_not_be_zero",
    PriceMustNotBeZero = 242 "price_must_not_be_zero",
    PriceMustBeZero = 243 "price_must_be_zero",
    BudgetMustNotBeZero = 244 "budget_must_not_be_zero",
    BudgetMustBeZero = 245 "budget_must_be_zero",
    TimeoutReservedForGtc = 246 "timeout_reserved_for_gtc",
    PriceMustCoverFee = 247 "price_must_cover_fee",
    BaseAccountNotFound = 248 "base_account_not_found",
    QuoteAccountNotFound = 249 "quote_account_not_found",
    BaseAccountHasDifferentLedger = 250 "base_account_has_different_ledger",
    QuoteAccountHasDifferentLedger = 251 "quote_account_has_different_ledger",
    AccountBelongsToMarket = 252 "account_belongs_to_market",
    AccountMustNotLimitCredits = 253 "account_must_not_limit_credits",
    BaseAccountAlreadyClosed = 254 "base_account_already_closed",
    QuoteAccountAlreadyClosed = 255 "quote_account_already_closed",
    MarketClosed = 256 "market_closed",
    OverflowsAmount = 257 "overflows_amount",
    WouldTake = 258 "would_take",
    WouldNotFill = 259 "would_not_fill",
    OrdersFull = 260 "orders_full",
    // Of orders that are there already.
    OrderNotFound = 272 "order_not_found",
    OrderAlreadyFilled = 273 "order_already_filled",
    OrderAlreadyCancelled = 274 "order_already_cancelled",
    NothingToAmend = 275 "nothing_to_amend",
    QuantityMustBeLower = 276 "quantity_must_be_lower",
    // Of ids that carry their time.
    IdExpired = 288 "id_expired",
    IdNotYetValid = 289 "id_not_yet_valid",
}

impl Status {
    /// True if it depends on the state of the moment: the id of a transfer or order refused with
    /// it is spent, and a later use of the id answers `id_already_failed`.
    #[inline]
    #[must_use]
    pub const fn spends_id(self) -> bool {
        matches!(
            self,
            Status::PendingTransferNotFound
                | Status::DebitAccountAlreadyClosed
                | Status::CreditAccountAlreadyClosed
                | Status::DebitAccountNotFound
                | Status::CreditAccountNotFound
                | Status::RiskLedgerHalted
                | Status::RiskLedgerClosed
                | Status::RiskLedgerAmountExceeded
                | Status::RiskDebitAccountFrozen
                | Status::RiskCreditAccountFrozen
                | Status::RiskPairBlocked
                | Status::RiskDebitAmountExceeded
                | Status::RiskCreditAmountExceeded
                | Status::RiskDebitRateExceeded
                | Status::RiskSpendAmountExceeded
                | Status::RiskSpendCountExceeded
                | Status::ExceedsCredits
                | Status::ExceedsDebits
                | Status::BaseAccountNotFound
                | Status::QuoteAccountNotFound
                | Status::BaseAccountAlreadyClosed
                | Status::QuoteAccountAlreadyClosed
                | Status::MarketClosed
                | Status::WouldTake
                | Status::WouldNotFill
        )
    }

    /// True if the command did what it asked for, or had done so before.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(
            self,
            Status::Created | Status::Exists | Status::Queued | Status::Ok | Status::Found
        )
    }

    /// True if the command was refused: everything that is neither a success nor the honest
    /// `not_found` of a look-up.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        !self.is_success() && !matches!(self, Status::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_lead_back() {
        let mut names = std::collections::HashSet::new();
        let mut last = 0;
        for &status in Status::ALL {
            assert!(status as u16 > last, "{status:?} is out of order");
            last = status as u16;
            assert_eq!(Status::from_number(last), Some(status));
            assert!(names.insert(status.name()), "{} stands twice", status.name());
        }
    }

    #[test]
    fn only_refusals_spend_an_id() {
        assert!(Status::ALL.iter().all(|status| !status.spends_id() || status.is_refusal()));
    }
}
