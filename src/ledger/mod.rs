//! Accounts' balances, transfers, holds and expiry.
