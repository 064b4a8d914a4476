//! Policies of accounts, ledgers and pairs of accounts.

use crate::text::Malformed;
use crate::text::fields::Fields;
use crate::text::names::{Name, Names};
use ringfence_types::{
    self as types, AccountPolicy, Command, LedgerPolicy, PairPolicy, PolicyLimits,
};

pub(super) fn set_account_policy(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names =
        Names::of(&[Op, AccountId, Frozen, DebitAmountMax, CreditAmountMax, DebitRate, DebitSpend]);
    fields.allow(NAMES)?;
    let frozen = fields.named(Frozen, &types::Frozen::NAMES, |(_, name)| name)?;
    let mut policy = AccountPolicy {
        account_id: fields.integer(AccountId)?,
        frozen: frozen.map_or(types::Frozen::None, |(frozen, _)| frozen) as u8,
        ..AccountPolicy::default()
    };
    let mut limits = PolicyLimits::default();
    if let Some(amount) = fields.amount(DebitAmountMax)? {
        policy.debit_amount_max = amount;
        limits = limits.with(PolicyLimits::DEBIT_AMOUNT_MAX);
    }
    if let Some(amount) = fields.amount(CreditAmountMax)? {
        policy.credit_amount_max = amount;
        limits = limits.with(PolicyLimits::CREDIT_AMOUNT_MAX);
    }
    let names = const { Names::of(&[Count, WindowSeconds]) };
    if let Some(rate) = fields.object(DebitRate, "debit_rate.", names)? {
        let Some(count) = rate.value(Count) else {
            let object = fields.value(DebitRate).expect("it was read");
            return Err(object.malformed("missing field `debit_rate.count`".into()));
        };
        policy.debit_rate_count = count.integer()?;
        policy.debit_rate_window_seconds = rate.integer(WindowSeconds)?;
        limits = limits.with(PolicyLimits::DEBIT_RATE);
    }
    let names = const { Names::of(&[Amount, Count, WindowSeconds]) };
    if let Some(spend) = fields.object(DebitSpend, "debit_spend.", names)? {
        if !spend.has(Amount) && !spend.has(Count) {
            let object = fields.value(DebitSpend).expect("it was read");
            let what = "field `debit_spend` has neither `amount` nor `count`";
            return Err(object.malformed(what.into()));
        }
        if let Some(amount) = spend.amount(Amount)? {
            policy.debit_spend_amount = amount;
            limits = limits.with(PolicyLimits::DEBIT_SPEND_AMOUNT);
        }
        if let Some(count) = spend.value(Count) {
            policy.debit_spend_count = count.integer()?;
            limits = limits.with(PolicyLimits::DEBIT_SPEND_COUNT);
        }
        policy.debit_spend_window_seconds = spend.integer(WindowSeconds)?;
    }
    Ok(Command::set_account_policy(AccountPolicy { limits, ..policy }))
}

pub(super) fn set_ledger_policy(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names = Names::of(&[Op, Ledger, AmountMax, OpenSecond, CloseSecond, Halted]);
    fields.allow(NAMES)?;
    let amount_max = fields.amount(AmountMax)?;
    let limits = amount_max.map_or(PolicyLimits::default(), |_| PolicyLimits::AMOUNT_MAX);
    Ok(Command::set_ledger_policy(LedgerPolicy {
        amount_max: amount_max.unwrap_or(0),
        ledger: fields.integer(Ledger)?,
        open_second: fields.integer(OpenSecond)?,
        close_second: fields.integer(CloseSecond)?,
        halted: fields.boolean(Halted)?,
        limits,
        ..LedgerPolicy::default()
    }))
}

pub(super) fn set_pair_policy(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    fields.allow(const { Names::of(&[Op, DebitAccountId, CreditAccountId, Blocked]) })?;
    Ok(Command::set_pair_policy(PairPolicy {
        debit_account_id: fields.integer(DebitAccountId)?,
        credit_account_id: fields.integer(CreditAccountId)?,
        blocked: fields.boolean(Blocked)?,
        ..PairPolicy::default()
    }))
}
