//! Markets, orders and queued payments: lines into commands, and back.

use super::Malformed;
use super::encode::{narrow, narrow_if_set, number, put, wide, wide_if_set};
use super::fields::{Fields, Name, Names};
use super::malformed::quoted;
use ringfence_types::{
    AmendOrder, CancelReason, Command, Event, EventKind, LevelsBody, Market, Op, OrderBody,
    OrderCancelled, OrderStatus, Outcome, PlaceOrder, QueueBody, RequeueTransfer, ResolveQueues,
    SettledBy, Side, Status, TimeInForce, Trade, TransferEvent,
};

/// Why `expect`: the wire's decoder and the engine let no other numbers pass.
const KNOWN: &str = "only known numbers are told";

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
    let Some(side) = named(fields, Side, self::Side::from_name)? else {
        return Err(super::decode::missing(fields, object_start, Side.text()));
    };
    let time_in_force = named(fields, TimeInForce, self::TimeInForce::from_name)?;
    Ok(Command::place_order(PlaceOrder {
        id: fields.integer(Id)?,
        market: fields.integer(Market)?,
        side: side as u8,
        time_in_force: time_in_force.unwrap_or(self::TimeInForce::Gtc) as u8,
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

/// The value that a name in field `name` stands for, if the field is there.
fn named<T>(
    fields: &Fields,
    name: Name,
    from_name: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Malformed> {
    let Some(value) = fields.value(name) else { return Ok(None) };
    let Some(text) = value.string() else { return Err(value.must_be("a name")) };
    match from_name(&text) {
        Some(named) => Ok(Some(named)),
        None => {
            let what = format!("unknown name {} in field `{}`", quoted(&text), name.text());
            Err(value.malformed(what))
        }
    }
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

/// The id of a market, 32 bits wide.
pub(super) fn market_id(fields: &Fields) -> Result<u128, Malformed> {
    fields.allow(const { Names::of(&[Name::Op, Name::Id]) })?;
    fields.integer::<u32>(Name::Id).map(u128::from)
}

pub(super) fn account_id(fields: &Fields) -> Result<u128, Malformed> {
    fields.allow(const { Names::of(&[Name::Op, Name::AccountId]) })?;
    fields.integer(Name::AccountId)
}

pub(super) fn resolve_queues(fields: &Fields) -> Result<Command, Malformed> {
    fields.allow(const { Names::of(&[Name::Op, Name::Ledger]) })?;
    let ledger = fields.integer(Name::Ledger)?;
    Ok(Command::resolve_queues(ResolveQueues { ledger, ..ResolveQueues::default() }))
}

pub(super) fn requeue_transfer(fields: &Fields) -> Result<Command, Malformed> {
    use Name::*;
    fields.allow(const { Names::of(&[Op, Id, Urgent]) })?;
    Ok(Command::requeue_transfer(RequeueTransfer {
        id: fields.integer(Id)?,
        urgent: fields.boolean(Urgent)?,
        ..RequeueTransfer::default()
    }))
}

/// The fields of a command of this file, as its input line has them.
pub(super) fn fields(command: &Command, out: &mut Vec<u8>) {
    let body = &command.body;
    match command.op() {
        Op::CreateMarket => market_fields(body.market(), out),
        Op::PlaceOrder => order_fields(body.order(), out),
        Op::AmendOrder => {
            let amendment = body.amendment();
            wide(out, ",\"id\":", amendment.id);
            wide_if_set(out, ",\"price\":", amendment.price);
            wide_if_set(out, ",\"quantity\":", amendment.quantity);
        }
        Op::LookupMarket => narrow(out, ",\"id\":", body.lookup().id as u32),
        Op::LookupQueue => wide(out, ",\"account_id\":", body.lookup().id),
        Op::ResolveQueues => narrow_if_set(out, ",\"ledger\":", body.resolve_queues().ledger),
        Op::RequeueTransfer => {
            let requeue = body.requeue();
            wide(out, ",\"id\":", requeue.id);
            if requeue.urgent != 0 {
                put(out, b",\"urgent\":true");
            }
        }
        Op::CancelOrder | Op::LookupOrder | Op::CancelQueuedTransfer => {
            wide(out, ",\"id\":", body.lookup().id);
        }
        op => unreachable!("{op:?} is no operation of this file"),
    }
}

fn market_fields(market: &Market, out: &mut Vec<u8>) {
    narrow(out, ",\"id\":", market.id);
    narrow_if_set(out, ",\"base_ledger\":", market.base_ledger);
    narrow_if_set(out, ",\"quote_ledger\":", market.quote_ledger);
    wide_if_set(out, ",\"lot\":", market.lot);
    wide_if_set(out, ",\"tick\":", market.tick);
    wide_if_set(out, ",\"base_account_id\":", market.base_account_id);
    wide_if_set(out, ",\"quote_account_id\":", market.quote_account_id);
    wide_if_set(out, ",\"fee_account_id\":", market.fee_account_id);
    wide_if_set(out, ",\"maker_fee\":", market.maker_fee);
    wide_if_set(out, ",\"taker_fee\":", market.taker_fee);
}

fn side(order: &PlaceOrder) -> &'static str {
    Side::from_number(order.side).expect(KNOWN).name()
}

fn time_in_force(order: &PlaceOrder) -> &'static str {
    TimeInForce::from_number(order.time_in_force).expect(KNOWN).name()
}

fn order_fields(order: &PlaceOrder, out: &mut Vec<u8>) {
    wide(out, ",\"id\":", order.id);
    narrow_if_set(out, ",\"market\":", order.market);
    text(out, ",\"side\":", side(order));
    if order.time_in_force != TimeInForce::Gtc as u8 {
        text(out, ",\"time_in_force\":", time_in_force(order));
    }
    if order.post_only != 0 {
        put(out, b",\"post_only\":true");
    }
    wide_if_set(out, ",\"base_account_id\":", order.base_account_id);
    wide_if_set(out, ",\"quote_account_id\":", order.quote_account_id);
    wide_if_set(out, ",\"price\":", order.price);
    wide_if_set(out, ",\"quantity\":", order.quantity);
    wide_if_set(out, ",\"budget\":", order.budget);
    narrow_if_set(out, ",\"timeout\":", order.timeout);
    wide_if_set(out, ",\"user_data_128\":", order.user_data_128);
}

/// What an outcome of these operations says beside status and timestamp.
pub(super) fn details(outcome: &Outcome, out: &mut Vec<u8>) {
    let status = outcome.status();
    match outcome.op() {
        Op::PlaceOrder | Op::AmendOrder
            if matches!(status, Status::Created | Status::Exists | Status::Ok) =>
        {
            if let Some((status, filled, remaining)) = outcome.order() {
                order_status(status, filled, remaining, out);
            }
        }
        Op::CancelOrder if status == Status::Ok => {
            let remaining = outcome.order().map_or(0, |(.., remaining)| remaining);
            wide(out, ",\"remaining\":", remaining);
        }
        Op::ResolveQueues if status == Status::Ok => {
            let (count, amount) = outcome.settled();
            put(out, b",\"settled\":");
            number(out, count);
            wide(out, ",\"amount\":", amount);
        }
        _ => {}
    }
}

fn order_status(status: OrderStatus, filled: u64, remaining: u64, out: &mut Vec<u8>) {
    text(out, ",\"order_status\":", status.name());
    wide(out, ",\"filled\":", filled);
    wide(out, ",\"remaining\":", remaining);
}

/// The body of a look-up of an order, market or queue, as it stands in the outcome's line. A
/// market's prices close what its own body opens.
pub(super) fn body(event: &Event, out: &mut Vec<u8>) {
    match event.kind() {
        EventKind::OrderBody => order(event.body.order(), out),
        EventKind::MarketBody => {
            let body = event.body.market();
            market(&body.market, out);
            wide(out, ",\"timestamp\":", body.timestamp);
        }
        EventKind::BidsBody => levels(",\"bids\":[", event.body.levels(), out),
        EventKind::AsksBody => {
            levels(",\"asks\":[", event.body.levels(), out);
            put(out, b"}");
        }
        EventKind::QueueBody => {
            let QueueBody { amount, head_id, count, .. } = *event.body.queue();
            put(out, b",\"count\":");
            number(out, count);
            wide(out, ",\"amount\":", amount);
            wide(out, ",\"head_id\":", head_id);
        }
        kind => unreachable!("{kind:?} is no body of this file"),
    }
}

fn order(body: &OrderBody, out: &mut Vec<u8>) {
    let order = &body.order;
    put(out, b",\"order\":{");
    wide(out, "\"id\":", order.id);
    narrow(out, ",\"market\":", order.market);
    text(out, ",\"side\":", side(order));
    text(out, ",\"time_in_force\":", time_in_force(order));
    put(out, if order.post_only == 0 { b",\"post_only\":false" } else { b",\"post_only\":true" });
    wide(out, ",\"base_account_id\":", order.base_account_id);
    wide(out, ",\"quote_account_id\":", order.quote_account_id);
    wide(out, ",\"price\":", order.price);
    wide(out, ",\"quantity\":", order.quantity);
    wide(out, ",\"budget\":", order.budget);
    narrow(out, ",\"timeout\":", order.timeout);
    wide(out, ",\"user_data_128\":", order.user_data_128);
    wide(out, ",\"timestamp\":", body.timestamp);
    let status = OrderStatus::from_number(body.order_status).expect(KNOWN);
    order_status(status, body.filled, body.remaining, out);
    put(out, b"}");
}

fn market(market: &Market, out: &mut Vec<u8>) {
    put(out, b",\"market\":{");
    narrow(out, "\"id\":", market.id);
    narrow(out, ",\"base_ledger\":", market.base_ledger);
    narrow(out, ",\"quote_ledger\":", market.quote_ledger);
    wide(out, ",\"lot\":", market.lot);
    wide(out, ",\"tick\":", market.tick);
    wide(out, ",\"base_account_id\":", market.base_account_id);
    wide(out, ",\"quote_account_id\":", market.quote_account_id);
    wide(out, ",\"fee_account_id\":", market.fee_account_id);
    wide(out, ",\"maker_fee\":", market.maker_fee);
    wide(out, ",\"taker_fee\":", market.taker_fee);
}

fn levels(opening: &str, body: &LevelsBody, out: &mut Vec<u8>) {
    put(out, opening.as_bytes());
    let mut key = "{\"price\":";
    for level in body.levels.iter().filter(|level| level.orders != 0) {
        wide(out, key, level.price);
        wide(out, ",\"quantity\":", level.quantity);
        put(out, b",\"orders\":");
        number(out, level.orders);
        put(out, b"}");
        key = ",{\"price\":";
    }
    put(out, b"]");
}

/// Appends the line of a numbered event.
///
/// # Panics
///
/// If it is the body of a look-up, or a number in it is unknown: only the engine writes them, and
/// the wire's decoder lets no others pass.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) {
    wide(out, "{\"event\":", event.number);
    text(out, ",\"type\":", event.kind().name());
    wide(out, ",\"sequence\":", event.sequence);
    wide(out, ",\"timestamp\":", event.timestamp);
    match event.kind() {
        EventKind::TransferExpired => wide(out, ",\"id\":", event.body.transfer_event().id),
        EventKind::TransferSettled => {
            let TransferEvent { id, by, .. } = *event.body.transfer_event();
            wide(out, ",\"id\":", id);
            text(out, ",\"by\":", SettledBy::from_number(by).expect(KNOWN).name());
        }
        EventKind::TransferDropped => {
            let TransferEvent { id, status, .. } = *event.body.transfer_event();
            wide(out, ",\"id\":", id);
            text(out, ",\"status\":", Status::from_number(status).expect(KNOWN).name());
        }
        EventKind::Trade => {
            let trade: &Trade = event.body.trade();
            narrow(out, ",\"market\":", trade.market);
            wide(out, ",\"taker_order_id\":", trade.taker_order_id);
            wide(out, ",\"maker_order_id\":", trade.maker_order_id);
            wide(out, ",\"price\":", trade.price);
            wide(out, ",\"quantity\":", trade.quantity);
            wide(out, ",\"taker_fee\":", trade.taker_fee);
            wide(out, ",\"maker_fee\":", trade.maker_fee);
        }
        EventKind::OrderCancelled => {
            let OrderCancelled { id, reason, remaining, .. } = *event.body.cancellation();
            wide(out, ",\"id\":", id);
            text(out, ",\"reason\":", CancelReason::from_number(reason).expect(KNOWN).name());
            wide(out, ",\"remaining\":", remaining);
        }
        kind => unreachable!("{kind:?} is the body of a look-up"),
    }
    put(out, b"}\n");
}

/// A name that needs no escapes. `key` has quotes and colon.
fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    put(out, key.as_bytes());
    put(out, b"\"");
    put(out, value.as_bytes());
    put(out, b"\"");
}
