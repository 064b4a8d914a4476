//! How an account is created: the statuses of `create_account`, from the top down.

use ringfence::types::{Account, AccountFlags, Command, Status};

use super::{Refusal, Surroundings, Twin, ensure};

impl Twin {
    /// Creates an account, or says why not. Returns the timestamp that it got.
    pub(super) fn create_account(
        &mut self,
        command: &Command,
        surroundings: Surroundings,
    ) -> Result<u64, Refusal> {
        let account = *command.body.account();
        let flags = account.flags;
        let is_imported = flags.has(AccountFlags::IMPORTED);
        let timestamp = Twin::check_preamble(
            command,
            surroundings,
            is_imported,
            account.timestamp,
            flags.has_reserved(),
        )?;
        if let Some(original) = self.state.account(account.id) {
            return Err(repeat(&account, original));
        }
        ensure(
            !(flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS)
                && flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS)),
            Status::FlagsAreMutuallyExclusive,
        )?;
        ensure(account.debits_pending == 0, Status::DebitsPendingMustBeZero)?;
        ensure(account.debits_posted == 0, Status::DebitsPostedMustBeZero)?;
        ensure(account.credits_pending == 0, Status::CreditsPendingMustBeZero)?;
        ensure(account.credits_posted == 0, Status::CreditsPostedMustBeZero)?;
        ensure(account.ledger != 0, Status::LedgerMustNotBeZero)?;
        ensure(account.code != 0, Status::CodeMustNotBeZero)?;
        ensure(
            !is_imported || timestamp > self.state.latest_account_timestamp(),
            Status::ImportedEventTimestampMustNotRegress,
        )?;
        ensure(
            (self.state.account_count() as u64) < self.rules.capacities.accounts,
            Status::AccountsFull,
        )?;
        self.state.set_account(account.id, Some(Account { timestamp, ..account }));
        Ok(timestamp)
    }
}

/// What is answered where the id is taken.
fn repeat(account: &Account, original: &Account) -> Refusal {
    let status = if account.flags != original.flags {
        Status::ExistsWithDifferentFlags
    } else if account.user_data_128 != original.user_data_128 {
        Status::ExistsWithDifferentUserData128
    } else if account.user_data_64 != original.user_data_64 {
        Status::ExistsWithDifferentUserData64
    } else if account.user_data_32 != original.user_data_32 {
        Status::ExistsWithDifferentUserData32
    } else if account.ledger != original.ledger {
        Status::ExistsWithDifferentLedger
    } else if account.code != original.code {
        Status::ExistsWithDifferentCode
    } else {
        let original_timestamp = Some(original.timestamp);
        return Refusal { status: Status::Exists, original_timestamp };
    };
    status.into()
}
