//! Flags of accounts and transfers: 16 bits each, named in the order of the bits.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! flags {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $bit:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
        #[repr(transparent)]
        pub struct $type(pub u16);

        impl $type {
            $($(#[$doc])* pub const $name: $type = $type(1 << $bit);)+
            /// No flag.
            pub const NONE: $type = $type(0);
            /// Every flag that has a meaning.
            pub const KNOWN: $type = $type(0 $(| 1 << $bit)+);
            /// Every flag with its name, in the order of the bits.
            pub const NAMES: &'static [($type, &'static str)] = &[$(($type::$name, $text)),+];

            /// True if any flag of `other` is set here.
            #[inline]
            #[must_use]
            pub const fn has(self, other: $type) -> bool {
                self.0 & other.0 != 0
            }

            /// These flags and those of `other`.
            #[inline]
            #[must_use]
            pub const fn with(self, other: $type) -> $type {
                $type(self.0 | other.0)
            }

            /// These flags without those of `other`.
            #[inline]
            #[must_use]
            pub const fn without(self, other: $type) -> $type {
                $type(self.0 & !other.0)
            }

            /// True if a bit is set that has no meaning.
            #[inline]
            #[must_use]
            pub const fn has_reserved(self) -> bool {
                self.0 & !Self::KNOWN.0 != 0
            }

            /// The flag with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<$type> {
                Self::NAMES.iter().find(|(_, text)| *text == name).map(|(flag, _)| *flag)
            }

            /// The names of the flags that are set, in the order of the bits.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                Self::NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
            }
        }
    };
}

flags! {
    /// Flags of an account.
    AccountFlags {
        /// Succeeds or fails together with the next event of the batch.
        LINKED = 0 "linked",
        /// Refuses what would take more out than came in.
        DEBITS_MUST_NOT_EXCEED_CREDITS = 1 "debits_must_not_exceed_credits",
        /// Refuses what would bring more in than went out.
        CREDITS_MUST_NOT_EXCEED_DEBITS = 2 "credits_must_not_exceed_debits",
        /// Kept and shown; no other effect yet.
        HISTORY = 3 "history",
        /// Brought in from another ledger, with its own timestamp.
        IMPORTED = 4 "imported",
        /// Takes part in nothing but voids.
        CLOSED = 5 "closed",
    }
}

flags! {
    /// Flags of a transfer.
    TransferFlags {
        /// Succeeds or fails together with the next event of the batch.
        LINKED = 0 "linked",
        /// Reserves the amount; posted, voided or expired later.
        PENDING = 1 "pending",
        /// Posts a pending transfer, whole or in part.
        POST_PENDING_TRANSFER = 2 "post_pending_transfer",
        /// Releases a pending transfer.
        VOID_PENDING_TRANSFER = 3 "void_pending_transfer",
        /// Takes at most what the debit account has.
        BALANCING_DEBIT = 4 "balancing_debit",
        /// Brings at most what the credit account owes.
        BALANCING_CREDIT = 5 "balancing_credit",
        /// Closes the debit account while this pending transfer stands.
        CLOSING_DEBIT = 6 "closing_debit",
        /// Closes the credit account while this pending transfer stands.
        CLOSING_CREDIT = 7 "closing_credit",
        /// Brought in from another ledger, with its own timestamp.
        IMPORTED = 8 "imported",
        /// Waits for funds instead of being refused.
        QUEUE = 9 "queue",
        /// Waits before those that are not.
        URGENT = 10 "urgent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_from_bit_0_up_without_a_gap() {
        for (bit, (flag, name)) in AccountFlags::NAMES.iter().enumerate() {
            assert_eq!(flag.0, 1 << bit, "{name}");
            assert_eq!(AccountFlags::from_name(name), Some(*flag));
        }
        for (bit, (flag, name)) in TransferFlags::NAMES.iter().enumerate() {
            assert_eq!(flag.0, 1 << bit, "{name}");
            assert_eq!(TransferFlags::from_name(name), Some(*flag));
        }
        assert!(TransferFlags(1 << 15).has_reserved());
        assert!(!TransferFlags::KNOWN.has_reserved());
    }
}
