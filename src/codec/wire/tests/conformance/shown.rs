//! Messages as the cases have them, in JSON, and as they are encoded again.

use serde_json::{Map, Value, json};

use crate::wire::*;
use ringfence_types::*;

/// Numbers as the files have them: those of 64 and 128 bits as decimal strings.
trait Shown {
    fn shown(&self) -> Value;
}

macro_rules! shown {
    ($form:ident: $($type:ty)+) => {
        $(impl Shown for $type {
            fn shown(&self) -> Value {
                shown!(@$form self)
            }
        })+
    };
    (@number $value:expr) => { json!(*$value) };
    (@text $value:expr) => { json!($value.to_string()) };
    (@bits $value:expr) => { json!($value.0) };
}

shown!(number: u8 u16 u32);
shown!(text: u64 u128);
shown!(bits: AccountFlags TransferFlags PolicyLimits);

/// The fields of a record by their names.
macro_rules! fields {
    ($record:expr, $($field:ident)+) => {{
        let record = $record;
        let mut fields = Map::new();
        $(fields.insert(stringify!($field).to_owned(), record.$field.shown());)+
        Value::Object(fields)
    }};
}

/// The fields of `record`, and those of `more`.
fn with(mut record: Value, more: Value) -> Value {
    let Value::Object(more) = more else { unreachable!("it is made by `fields!`") };
    record.as_object_mut().unwrap().extend(more);
    record
}

fn hex(bytes: &[u8]) -> Value {
    json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn shown_account(account: &Account) -> Value {
    fields!(account, id debits_pending debits_posted credits_pending credits_posted user_data_128
        user_data_64 user_data_32 ledger code flags timestamp)
}

fn shown_transfer(transfer: &Transfer) -> Value {
    fields!(transfer, id debit_account_id credit_account_id amount pending_id user_data_128
        user_data_64 user_data_32 timeout ledger code flags timestamp)
}

fn shown_market(market: &Market) -> Value {
    fields!(market, base_account_id quote_account_id fee_account_id lot tick maker_fee taker_fee id
        base_ledger quote_ledger)
}

fn shown_order(order: &PlaceOrder) -> Value {
    fields!(order, id base_account_id quote_account_id budget user_data_128 price quantity market
        timeout side time_in_force post_only)
}

fn shown_bodies(op: Op, bodies: &[Body]) -> Value {
    bodies.iter().map(|body| shown_body(op, body)).collect()
}

fn shown_body(op: Op, body: &Body) -> Value {
    match op {
        Op::CreateAccount => shown_account(body.account()),
        Op::CreateTransfer => shown_transfer(body.transfer()),
        Op::CreateMarket => shown_market(body.market()),
        Op::PlaceOrder => shown_order(body.order()),
        Op::SetAccountPolicy => fields!(body.account_policy(), account_id debit_amount_max
            credit_amount_max debit_spend_amount debit_spend_count debit_rate_count
            debit_spend_window_seconds debit_rate_window_seconds frozen limits),
        Op::SetLedgerPolicy => fields!(body.ledger_policy(),
            amount_max ledger open_second close_second halted limits),
        Op::SetPairPolicy => {
            fields!(body.pair_policy(), debit_account_id credit_account_id blocked)
        }
        Op::AmendOrder => fields!(body.amendment(), id price quantity),
        Op::ResolveQueues => fields!(body.resolve_queues(), ledger),
        Op::RequeueTransfer => fields!(body.requeue(), id urgent),
        _ => fields!(body.lookup(), id),
    }
}

fn shown_levels(body: &LevelsBody) -> Value {
    let mut fields = Map::new();
    for (index, level) in body.levels.iter().enumerate() {
        fields.insert(format!("quantity_{index}"), level.quantity.shown());
        fields.insert(format!("price_{index}"), level.price.shown());
        fields.insert(format!("orders_{index}"), level.orders.shown());
    }
    Value::Object(fields)
}

fn shown_event(event: &Event) -> Value {
    let body = &event.body;
    let body = match event.kind() {
        EventKind::AccountBody => shown_account(body.account()),
        EventKind::TransferBody => {
            let more = fields!(body.transfer(), pending_status queue_status);
            with(shown_transfer(&body.transfer().transfer), more)
        }
        EventKind::OrderBody => {
            let more = fields!(body.order(), timestamp filled remaining order_status);
            with(shown_order(&body.order().order), more)
        }
        EventKind::MarketBody => {
            with(shown_market(&body.market().market), fields!(body.market(), timestamp))
        }
        EventKind::BidsBody | EventKind::AsksBody => shown_levels(body.levels()),
        EventKind::QueueBody => fields!(body.queue(), amount head_id count),
        EventKind::TransferExpired | EventKind::TransferSettled | EventKind::TransferDropped => {
            fields!(body.transfer_event(), id status by)
        }
        EventKind::Trade => fields!(body.trade(),
            taker_order_id maker_order_id taker_fee maker_fee price quantity market),
        EventKind::OrderCancelled => fields!(body.cancellation(), id remaining reason),
    };
    let fields = fields!(event, sequence timestamp number);
    with(fields, json!({ "kind": "event", "event": event.kind, "body": body }))
}

fn shown_outcome(outcome: &Outcome) -> Value {
    let mut fields = fields!(outcome, id timestamp status);
    fields["operation"] = outcome.op.shown();
    for (index, detail) in outcome.detail.iter().enumerate() {
        fields[format!("detail_{index}")] = detail.shown();
    }
    fields
}

fn shown_client_hello(hello: &ClientHello) -> Value {
    let fields = fields!(hello, in_flight_commands_max session last_sequence epoch);
    let more = json!({
        "kind": "hello",
        "version": PROTOCOL_VERSION,
        "journal": hex(&hello.journal),
        "mode": hello.mode as u8,
        "resume": u8::from(hello.resume),
        "events": u8::from(hello.events),
        "token": hex(&hello.token),
    });
    with(fields, more)
}

fn shown_engine_hello(hello: &EngineHello) -> Value {
    let fields = fields!(hello, batch_commands_max in_flight_commands_max idle_timeout_ms
        last_sequence last_request epoch resumes_after);
    let more = json!({
        "kind": "hello",
        "version": PROTOCOL_VERSION,
        "journal": hex(&hello.journal),
        "mode": hello.mode as u8,
        "known": u8::from(hello.is_known),
        "events": u8::from(hello.events),
    });
    with(fields, more)
}

fn shown_subscribe(subscribe: &Subscribe) -> Value {
    let (start, after_sequence) = match subscribe.start {
        Start::After(sequence) => (0, sequence),
        Start::Now => (1, 0),
        Start::Acknowledged => (2, 0),
    };
    let wants = [subscribe.outcomes, subscribe.events, subscribe.commands];
    let wants = (0..).zip(wants).map(|(bit, wanted)| u8::from(wanted) << bit).sum::<u8>();
    let more = json!({
        "kind": "subscribe",
        "after_sequence": after_sequence.shown(),
        "wants": wants,
        "only_successes": u8::from(subscribe.only_successes),
        "start": start,
        "ledgers": subscribe.ledgers,
        "accounts": subscribe.accounts.iter().map(Shown::shown).collect::<Value>(),
    });
    with(fields!(subscribe, name operations), more)
}

fn shown_origin(origin: &Origin) -> Value {
    let fields = fields!(origin, first_sequence first_timestamp commands);
    let fields = with(fields, fields!(&origin.request, session tag number));
    with(fields, json!({ "kind": "origin", "operation": origin.op }))
}

/// A client's message as the files have it, and as it is encoded again.
pub(super) fn shown_request(message: &ClientMessage<'_>) -> (Value, Vec<u8>) {
    let mut out = Vec::new();
    let shown = match message {
        ClientMessage::Hello(hello) => {
            encode_client_hello(hello, &mut out);
            shown_client_hello(hello)
        }
        ClientMessage::Batch { request, op, bodies } => {
            let commands: Vec<Command> = message.commands(0).collect();
            encode_batch(&commands, request, &mut out);
            let bodies = shown_bodies(*op, bodies);
            let more = json!({ "kind": "batch", "operation": *op as u8, "bodies": bodies });
            with(fields!(request, number tag), more)
        }
        ClientMessage::Subscribe(subscribe) => {
            encode_subscribe(subscribe, &mut out);
            shown_subscribe(subscribe)
        }
        ClientMessage::Acknowledge(sequence) => {
            encode_acknowledge(*sequence, &mut out);
            json!({ "kind": "acknowledge", "sequence": sequence.shown() })
        }
        ClientMessage::Heartbeat => {
            encode_heartbeat(&mut out);
            json!({ "kind": "heartbeat" })
        }
    };
    (shown, out)
}

/// An engine's message as the files have it, and as it is encoded again. An error that a later
/// version added is nothing that this one says.
pub(super) fn shown_reply(reply: &Reply<'_>) -> (Value, Option<Vec<u8>>) {
    let mut out = Vec::new();
    let mut encoder = ReplyEncoder::new();
    let shown = match reply {
        Reply::Hello(hello) => {
            encode_engine_hello(hello, &mut out);
            shown_engine_hello(hello)
        }
        Reply::Outcomes { first_sequence, outcomes } => {
            for (sequence, outcome) in (*first_sequence..).zip(*outcomes) {
                encoder.outcome(sequence, outcome, &mut out);
            }
            encoder.finish(&mut out);
            let outcomes: Value = outcomes.iter().map(shown_outcome).collect();
            let first_sequence = first_sequence.shown();
            json!({ "kind": "outcomes", "first_sequence": first_sequence, "outcomes": outcomes })
        }
        Reply::Event(event) => {
            encoder.event(event, &mut out);
            shown_event(event)
        }
        Reply::Error(error) => {
            let more = json!({ "kind": "error", "text": error.text });
            let shown = with(fields!(error, code value), more);
            let Some(code) = ErrorCode::from_number(error.code) else { return (shown, None) };
            encode_error(code, error.value, &error.text, &mut out);
            shown
        }
        Reply::Heartbeat => {
            encode_heartbeat(&mut out);
            json!({ "kind": "heartbeat" })
        }
        Reply::Origin(origin) => {
            encode_origin(origin, &mut out);
            shown_origin(origin)
        }
        Reply::Subscribed(subscribed) => {
            encode_subscribed(subscribed, &mut out);
            let fields = fields!(subscribed, after_sequence oldest_sequence last_sequence);
            with(fields, json!({ "kind": "subscribed" }))
        }
        Reply::Progress(progress) => {
            encode_progress(progress, &mut out);
            with(fields!(progress, sequence last_sequence), json!({ "kind": "progress" }))
        }
        Reply::Commands { op, first_sequence, first_timestamp, bodies } => {
            encode_commands(*op, *first_sequence, *first_timestamp, bodies.iter(), &mut out);
            json!({
                "kind": "commands",
                "operation": *op as u8,
                "first_sequence": first_sequence.shown(),
                "first_timestamp": first_timestamp.shown(),
                "bodies": shown_bodies(*op, bodies),
            })
        }
    };
    (shown, Some(out))
}
