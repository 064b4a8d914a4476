//! How an account comes into being. Risk has decided; settle compares a repeat with the account as
//! it is now.

use crate::ledger::Ledger;
use ringfence_types::{Account, AccountFlags, Command, Status, Verdict, Window};

/// What became of the `create_account` at `index`: risk has decided, but for flags as they are
/// now.
pub(super) fn create_account(
    ledger: &mut Ledger,
    commands: &(impl Window<Command> + ?Sized),
    verdict: &Verdict,
    index: usize,
) -> (Status, u64) {
    let command = commands.at(index);
    let account = command.body.account();
    match verdict.refusal() {
        None => {
            let timestamp = timestamp_of(command);
            let opened = ledger.open_account(account, timestamp);
            assert_eq!(opened, verdict.account(), "risk counts accounts as settle does");
            (Status::Created, timestamp)
        }
        Some(Status::Exists) => {
            let existing = if let Some(distance) = verdict.taken_in_chain() {
                let taken_by = commands.at(index - distance as usize);
                Account { timestamp: timestamp_of(taken_by), ..*taken_by.body.account() }
            } else {
                ledger.show_account(verdict.account())
            };
            match difference(account, &existing) {
                Some(status) => (status, command.header.timestamp),
                None => (Status::Exists, existing.timestamp),
            }
        }
        Some(status) => (status, command.header.timestamp),
    }
}

/// The timestamp that an account gets when it is created.
fn timestamp_of(command: &Command) -> u64 {
    let account = command.body.account();
    let is_imported = account.flags.has(AccountFlags::IMPORTED);
    if is_imported { account.timestamp } else { command.header.timestamp }
}

/// The first field in which an account that is sent again differs from the one there is.
fn difference(sent: &Account, existing: &Account) -> Option<Status> {
    let differences = [
        (sent.flags != existing.flags, Status::ExistsWithDifferentFlags),
        (sent.user_data_128 != existing.user_data_128, Status::ExistsWithDifferentUserData128),
        (sent.user_data_64 != existing.user_data_64, Status::ExistsWithDifferentUserData64),
        (sent.user_data_32 != existing.user_data_32, Status::ExistsWithDifferentUserData32),
        (sent.ledger != existing.ledger, Status::ExistsWithDifferentLedger),
        (sent.code != existing.code, Status::ExistsWithDifferentCode),
    ];
    differences.into_iter().find(|(differs, _)| *differs).map(|(_, status)| status)
}
