//! The fields of an object into the command of its operation.

use super::{orders, policies};
use crate::text::Malformed;
use crate::text::fields::Fields;
use crate::text::names::{Name, Names};
use ringfence_types::{
    AMOUNT_MAX, Account, AccountFlags, Command, Lookup, Op, RequeueTransfer, ResolveQueues,
    Transfer, TransferFlags,
};

/// The command of an object that starts at byte `start`.
pub(super) fn command(op: Op, fields: &Fields, start: usize) -> Result<Command, Malformed> {
    let of_id = |id| Command::of_lookup(op, Lookup { id, reserved: [0; 7] });
    match op {
        Op::CreateAccount => create_account(fields),
        Op::CreateTransfer => create_transfer(fields),
        Op::LookupAccount
        | Op::LookupTransfer
        | Op::LookupOrder
        | Op::CancelOrder
        | Op::CancelQueuedTransfer => id(fields).map(of_id),
        Op::LookupMarket => market_id(fields).map(of_id),
        Op::LookupQueue => account_id(fields).map(of_id),
        Op::SetAccountPolicy => policies::set_account_policy(fields),
        Op::SetLedgerPolicy => policies::set_ledger_policy(fields),
        Op::SetPairPolicy => policies::set_pair_policy(fields),
        Op::CreateMarket => orders::create_market(fields),
        Op::PlaceOrder => orders::place_order(fields, start),
        Op::AmendOrder => orders::amend_order(fields),
        Op::ResolveQueues => resolve_queues(fields),
        Op::RequeueTransfer => requeue_transfer(fields),
        Op::Pulse => unreachable!("it is not public"),
    }
}

fn create_account(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names = Names::of(&[
        Op,
        Id,
        DebitsPending,
        DebitsPosted,
        CreditsPending,
        CreditsPosted,
        UserData128,
        UserData64,
        UserData32,
        Ledger,
        Code,
        Flags,
        Timestamp,
    ]);
    fields.allow(NAMES)?;
    Ok(Command::create_account(Account {
        id: fields.integer(Id)?,
        debits_pending: fields.integer(DebitsPending)?,
        debits_posted: fields.integer(DebitsPosted)?,
        credits_pending: fields.integer(CreditsPending)?,
        credits_posted: fields.integer(CreditsPosted)?,
        user_data_128: fields.integer(UserData128)?,
        user_data_64: fields.integer(UserData64)?,
        user_data_32: fields.integer(UserData32)?,
        reserved: 0,
        ledger: fields.integer(Ledger)?,
        code: fields.integer(Code)?,
        flags: AccountFlags(fields.flags(|name| {
            AccountFlags::from_name(name)
                .map(|f| f.0)
                .or_else(|| reserved_bit(name, AccountFlags::KNOWN.0))
        })?),
        timestamp: fields.integer(Timestamp)?,
    }))
}

fn create_transfer(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names = Names::of(&[
        Op,
        Id,
        DebitAccountId,
        CreditAccountId,
        Amount,
        PendingId,
        UserData128,
        UserData64,
        UserData32,
        Timeout,
        Ledger,
        Code,
        Flags,
        Timestamp,
    ]);
    fields.allow(NAMES)?;
    let flags = fields.flags(|name| {
        TransferFlags::from_name(name)
            .map(|f| f.0)
            .or_else(|| reserved_bit(name, TransferFlags::KNOWN.0))
    })?;
    let flags = TransferFlags(flags);
    // A post that names no amount posts the whole.
    let whole = flags.has(TransferFlags::POST_PENDING_TRANSFER);
    Ok(Command::create_transfer(Transfer {
        id: fields.integer(Id)?,
        debit_account_id: fields.integer(DebitAccountId)?,
        credit_account_id: fields.integer(CreditAccountId)?,
        amount: fields.amount(Amount)?.unwrap_or(if whole { AMOUNT_MAX } else { 0 }),
        pending_id: fields.integer(PendingId)?,
        user_data_128: fields.integer(UserData128)?,
        user_data_64: fields.integer(UserData64)?,
        user_data_32: fields.integer(UserData32)?,
        timeout: fields.integer(Timeout)?,
        ledger: fields.integer(Ledger)?,
        code: fields.integer(Code)?,
        flags,
        timestamp: fields.integer(Timestamp)?,
    }))
}

/// The bit that is called `reserved_bit_N`, if it has no better name among the `known` ones. A client
/// of the binary protocol can set it, so that what a journal exports can have it.
fn reserved_bit(name: &str, known: u16) -> Option<u16> {
    let digits = name.strip_prefix("reserved_bit_")?;
    let number = (0..u16::BITS).find(|number| digits == number.to_string())?;
    Some(1 << number).filter(|bit| bit & known == 0)
}

fn id(fields: &Fields) -> Result<u128, Malformed> {
    fields.allow(const { Names::of(&[Name::Op, Name::Id]) })?;
    fields.integer(Name::Id)
}

/// The id of a market, 32 bits wide.
fn market_id(fields: &Fields) -> Result<u128, Malformed> {
    fields.allow(const { Names::of(&[Name::Op, Name::Id]) })?;
    fields.integer::<u32>(Name::Id).map(u128::from)
}

fn account_id(fields: &Fields) -> Result<u128, Malformed> {
    fields.allow(const { Names::of(&[Name::Op, Name::AccountId]) })?;
    fields.integer(Name::AccountId)
}

fn resolve_queues(fields: &Fields) -> Result<Command, Malformed> {
    fields.allow(const { Names::of(&[Name::Op, Name::Ledger]) })?;
    let ledger = fields.integer(Name::Ledger)?;
    Ok(Command::resolve_queues(ResolveQueues { ledger, ..ResolveQueues::default() }))
}

fn requeue_transfer(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    fields.allow(const { Names::of(&[Op, Id, Urgent]) })?;
    Ok(Command::requeue_transfer(RequeueTransfer {
        id: fields.integer(Id)?,
        urgent: fields.boolean(Urgent)?,
        ..RequeueTransfer::default()
    }))
}
