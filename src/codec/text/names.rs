//! The names of the fields of all objects.

macro_rules! names {
    ($($variant:ident $text:literal,)+) => {
        /// The name of a field of any object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Name { $($variant,)+ }

        impl Name {
            pub(super) const COUNT: usize = [$(Name::$variant),+].len();

            pub(super) const fn text(self) -> &'static str {
                match self { $(Name::$variant => $text,)+ }
            }

            pub(super) fn from_text(text: &str) -> Option<Name> {
                Some(match text { $($text => Name::$variant,)+ _ => return None })
            }
        }
    };
}

// The most frequent first: names are tried in this order.
names! {
    Op "op",
    Id "id",
    DebitAccountId "debit_account_id",
    CreditAccountId "credit_account_id",
    Amount "amount",
    Ledger "ledger",
    Code "code",
    Flags "flags",
    UserData128 "user_data_128",
    UserData64 "user_data_64",
    UserData32 "user_data_32",
    PendingId "pending_id",
    Timeout "timeout",
    Timestamp "timestamp",
    DebitsPending "debits_pending",
    DebitsPosted "debits_posted",
    CreditsPending "credits_pending",
    CreditsPosted "credits_posted",
    AccountId "account_id",
    Frozen "frozen",
    DebitAmountMax "debit_amount_max",
    CreditAmountMax "credit_amount_max",
    DebitRate "debit_rate",
    DebitSpend "debit_spend",
    Count "count",
    WindowSeconds "window_seconds",
    AmountMax "amount_max",
    OpenSecond "open_second",
    CloseSecond "close_second",
    Halted "halted",
    Blocked "blocked",
    Nanoseconds "nanoseconds",
    Market "market",
    Side "side",
    TimeInForce "time_in_force",
    PostOnly "post_only",
    BaseAccountId "base_account_id",
    QuoteAccountId "quote_account_id",
    Price "price",
    Quantity "quantity",
    Budget "budget",
    Urgent "urgent",
    BaseLedger "base_ledger",
    QuoteLedger "quote_ledger",
    Lot "lot",
    Tick "tick",
    FeeAccountId "fee_account_id",
    MakerFee "maker_fee",
    TakerFee "taker_fee",
}

/// A set of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names(u64);

const _: () = assert!(Name::COUNT <= u64::BITS as usize);

impl Names {
    pub(super) const NONE: Names = Names(0);

    pub(super) const fn of(names: &[Name]) -> Names {
        let mut set = Names::NONE;
        let mut index = 0;
        while index < names.len() {
            set = set.with(names[index]);
            index += 1;
        }
        set
    }

    pub(super) const fn has(self, name: Name) -> bool {
        self.0 & (1 << name as u8) != 0
    }

    pub(super) const fn with(self, name: Name) -> Names {
        Names(self.0 | 1 << name as u8)
    }

    pub(super) const fn without(self, others: Names) -> Names {
        Names(self.0 & !others.0)
    }

    /// The numbers of the names in it: `Name as usize`.
    pub(super) fn numbers(self) -> impl Iterator<Item = usize> {
        (0..Name::COUNT).filter(move |number| self.0 & (1 << number) != 0)
    }
}
