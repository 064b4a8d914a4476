//! Markets and orders.

use crate::text::Malformed;
use crate::text::fields::Fields;
use crate::text::names::{Name, Names};
use ringfence_types::{self as types, AmendOrder, Command, Market, PlaceOrder};

pub(super) fn create_market(fields: &Fields) -> Result<Command, Malformed> {
    use Name::{
        BaseAccountId, BaseLedger, FeeAccountId, Id, Lot, MakerFee, Op, QuoteAccountId,
        QuoteLedger, TakerFee, Tick,
    };
    const NAMES: Names = Names::of(&[
        Op,
        Id,
        BaseLedger,
        QuoteLedger,
        Lot,
        Tick,
        BaseAccountId,
        QuoteAccountId,
        FeeAccountId,
        MakerFee,
        TakerFee,
    ]);
    fields.allow(NAMES)?;
    Ok(Command::create_market(Market {
        id: fields.integer(Id)?,
        base_ledger: fields.integer(BaseLedger)?,
        quote_ledger: fields.integer(QuoteLedger)?,
        lot: fields.integer(Lot)?,
        tick: fields.integer(Tick)?,
        base_account_id: fields.integer(BaseAccountId)?,
        quote_account_id: fields.integer(QuoteAccountId)?,
        fee_account_id: fields.integer(FeeAccountId)?,
        maker_fee: fields.integer(MakerFee)?,
        taker_fee: fields.integer(TakerFee)?,
        ..Market::default()
    }))
}

/// `object_start` is where the object begins in the line, in bytes.
pub(super) fn place_order(fields: &Fields, object_start: usize) -> Result<Command, Malformed> {
    use Name::*;
    const NAMES: Names = Names::of(&[
        Op,
        Id,
        Market,
        Side,
        TimeInForce,
        PostOnly,
        BaseAccountId,
        QuoteAccountId,
        Price,
        Quantity,
        Budget,
        Timeout,
        UserData128,
    ]);
    fields.allow(NAMES)?;
    let Some(side) = fields.named(Side, types::Side::ALL, types::Side::name)? else {
        return Err(fields.missing(object_start, Side));
    };
    let time_in_force =
        fields.named(TimeInForce, types::TimeInForce::ALL, types::TimeInForce::name)?;
    Ok(Command::place_order(PlaceOrder {
        id: fields.integer(Id)?,
        market: fields.integer(Market)?,
        side: side as u8,
        time_in_force: time_in_force.unwrap_or(types::TimeInForce::Gtc) as u8,
        post_only: fields.boolean(PostOnly)?,
        base_account_id: fields.integer(BaseAccountId)?,
        quote_account_id: fields.integer(QuoteAccountId)?,
        price: fields.integer(Price)?,
        quantity: fields.integer(Quantity)?,
        budget: fields.amount(Budget)?.unwrap_or(0),
        timeout: fields.integer(Timeout)?,
        user_data_128: fields.integer(UserData128)?,
        ..PlaceOrder::default()
    }))
}

pub(super) fn amend_order(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    fields.allow(const { Names::of(&[Op, Id, Price, Quantity]) })?;
    Ok(Command::amend_order(AmendOrder {
        id: fields.integer(Id)?,
        price: fields.integer(Price)?,
        quantity: fields.integer(Quantity)?,
        ..AmendOrder::default()
    }))
}
