//! Commands, outcomes and events as JSON Schema.

use ringfence_types::{
    AccountFlags, EventKind, Frozen, Op, OrderStatus, Side, Status, TimeInForce, TransferFlags,
};
use serde_json::{Map, Value, json};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A number of more than 53 bits: a text of digits.
    Wide,
    /// A number of at most 32 bits.
    Narrow,
    /// `true` or `false`.
    Flag,
    /// An amount, or `max`.
    Amount,
    AccountFlags,
    TransferFlags,
    Side,
    TimeInForce,
    Frozen,
    DebitRate,
    DebitSpend,
}

use Form::{Amount, Flag, Narrow, Wide};

type Field = (&'static str, Form);

const TRANSFER: &[Field] = &[
    ("id", Wide),
    ("debit_account_id", Wide),
    ("credit_account_id", Wide),
    ("amount", Amount),
    ("pending_id", Wide),
    ("user_data_128", Wide),
    ("user_data_64", Wide),
    ("user_data_32", Narrow),
    ("timeout", Narrow),
    ("ledger", Narrow),
    ("code", Narrow),
    ("flags", Form::TransferFlags),
    ("timestamp", Wide),
];
const ACCOUNT: &[Field] = &[
    ("id", Wide),
    ("debits_pending", Wide),
    ("debits_posted", Wide),
    ("credits_pending", Wide),
    ("credits_posted", Wide),
    ("user_data_128", Wide),
    ("user_data_64", Wide),
    ("user_data_32", Narrow),
    ("ledger", Narrow),
    ("code", Narrow),
    ("flags", Form::AccountFlags),
    ("timestamp", Wide),
];
const ACCOUNT_POLICY: &[Field] = &[
    ("account_id", Wide),
    ("frozen", Form::Frozen),
    ("debit_amount_max", Amount),
    ("credit_amount_max", Amount),
    ("debit_rate", Form::DebitRate),
    ("debit_spend", Form::DebitSpend),
];
const LEDGER_POLICY: &[Field] = &[
    ("ledger", Narrow),
    ("amount_max", Amount),
    ("open_second", Narrow),
    ("close_second", Narrow),
    ("halted", Flag),
];
const PAIR_POLICY: &[Field] =
    &[("debit_account_id", Wide), ("credit_account_id", Wide), ("blocked", Flag)];
const MARKET: &[Field] = &[
    ("id", Narrow),
    ("base_ledger", Narrow),
    ("quote_ledger", Narrow),
    ("lot", Wide),
    ("tick", Wide),
    ("base_account_id", Wide),
    ("quote_account_id", Wide),
    ("fee_account_id", Wide),
    ("maker_fee", Wide),
    ("taker_fee", Wide),
];
const ORDER: &[Field] = &[
    ("id", Wide),
    ("market", Narrow),
    ("side", Form::Side),
    ("time_in_force", Form::TimeInForce),
    ("post_only", Flag),
    ("base_account_id", Wide),
    ("quote_account_id", Wide),
    ("price", Wide),
    ("quantity", Wide),
    ("budget", Amount),
    ("timeout", Narrow),
    ("user_data_128", Wide),
];

/// The fields of a command besides `op`.
fn fields(op: Op) -> &'static [Field] {
    match op {
        Op::CreateAccount => ACCOUNT,
        Op::CreateTransfer => TRANSFER,
        Op::SetAccountPolicy => ACCOUNT_POLICY,
        Op::SetLedgerPolicy => LEDGER_POLICY,
        Op::SetPairPolicy => PAIR_POLICY,
        Op::CreateMarket => MARKET,
        Op::PlaceOrder => ORDER,
        Op::AmendOrder => &[("id", Wide), ("price", Wide), ("quantity", Wide)],
        Op::LookupMarket => &[("id", Narrow)],
        Op::LookupQueue => &[("account_id", Wide)],
        Op::ResolveQueues => &[("ledger", Narrow)],
        Op::RequeueTransfer => &[("id", Wide), ("urgent", Flag)],
        Op::LookupAccount
        | Op::LookupTransfer
        | Op::LookupOrder
        | Op::CancelOrder
        | Op::CancelQueuedTransfer => &[("id", Wide)],
        Op::Pulse => &[],
    }
}

fn names(names: impl Iterator<Item = &'static str>) -> Value {
    Value::Array(names.map(Value::from).collect())
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn flags(all: impl Iterator<Item = &'static str>) -> Value {
    json!({ "type": "array", "items": { "type": "string", "enum": names(all) } })
}

fn form(form: Form) -> Value {
    match form {
        Wide => reference("Wide"),
        Amount => reference("Amount"),
        Narrow => json!({ "type": "integer", "format": "int64", "minimum": 0,
                          "maximum": u32::MAX }),
        Flag => json!({ "type": "boolean" }),
        Form::AccountFlags => flags(AccountFlags::NAMES.iter().map(|(_, name)| *name)),
        Form::TransferFlags => flags(TransferFlags::NAMES.iter().map(|(_, name)| *name)),
        Form::Side => {
            json!({ "type": "string", "enum": names(Side::ALL.iter().map(|it| it.name())) })
        }
        Form::TimeInForce => {
            json!({ "type": "string", "enum": names(TimeInForce::ALL.iter().map(|it| it.name())) })
        }
        Form::Frozen => {
            json!({ "type": "string", "enum": names(Frozen::NAMES.iter().map(|(_, name)| *name)) })
        }
        Form::DebitRate => object(&[("count", Narrow), ("window_seconds", Narrow)]),
        Form::DebitSpend => {
            object(&[("amount", Amount), ("count", Narrow), ("window_seconds", Narrow)])
        }
    }
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, of)| ((*name).to_owned(), form(*of))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// `create_transfer` as `CreateTransfer`.
pub fn type_name(op: Op) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    op.name().split('_').map(capital).collect()
}

/// A command. `needs_op`: whether it has to name its operation.
fn command(op: Op, needs_op: bool) -> Value {
    let mut schema = object(fields(op));
    schema["properties"]["op"] = json!({ "type": "string", "const": op.name() });
    if needs_op {
        schema["required"] = json!(["op"]);
    }
    schema
}

/// What a look-up finds, with members that commands do not have.
fn found(of: &[Field], more: Value) -> Value {
    let mut schema = object(of);
    schema["properties"]["timestamp"] = reference("Wide");
    if let (Some(properties), Value::Object(more)) = (schema["properties"].as_object_mut(), more) {
        properties.extend(more);
    }
    schema
}

fn outcome() -> Value {
    let ops = Op::ALL.iter().map(|op| op.name());
    let statuses = Status::ALL.iter().map(|status| status.name());
    let orders = OrderStatus::ALL.iter().map(|status| status.name());
    json!({
        "type": "object",
        "required": ["sequence", "op", "status", "timestamp"],
        "properties": {
            "sequence": reference("Wide"),
            "op": { "type": "string", "enum": names(ops) },
            "id": { "description": "Of a market a number, else digits.",
                    "type": ["string", "integer"] },
            "status": { "type": "string", "enum": names(statuses) },
            "timestamp": reference("Wide"),
            "account": reference("Account"),
            "transfer": reference("Transfer"),
            "order": reference("Order"),
            "market": reference("Market"),
            "order_status": { "type": "string", "enum": names(orders) },
            "filled": reference("Wide"),
            "remaining": reference("Wide"),
            "count": { "type": "integer", "format": "int64" },
            "settled": { "type": "integer", "format": "int64" },
            "amount": reference("Wide"),
            "head_id": reference("Wide"),
            "command": reference("Command"),
        },
    })
}

fn event() -> Value {
    let kinds = (0..=u8::MAX).filter_map(EventKind::from_number);
    let kinds = kinds.filter(|kind| kind.is_numbered()).map(|kind| kind.name());
    json!({
        "type": "object",
        "description": "What a command brought about besides its outcome.",
        "required": ["event", "type", "sequence", "timestamp"],
        "properties": {
            "event": reference("Wide"),
            "type": { "type": "string", "enum": names(kinds) },
            "sequence": reference("Wide"),
            "timestamp": reference("Wide"),
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "line": { "type": "integer", "format": "int64" },
            "column": { "type": "integer", "format": "int64" },
            "field": { "type": "string" },
            "oldest_sequence": reference("Wide"),
        },
    })
}

fn level() -> Value {
    json!({
        "type": "object",
        "properties": {
            "price": reference("Wide"),
            "quantity": reference("Wide"),
            "orders": { "type": "integer", "format": "int64" },
        },
    })
}

/// Every schema by its name.
pub fn all() -> Value {
    let word = || json!({ "type": "string" });
    let levels = json!({ "type": "array", "items": reference("Level") });
    let order = json!({ "order_status": word(), "filled": reference("Wide"),
                        "remaining": reference("Wide") });
    let transfer = json!({ "pending_status": word(), "queue_status": word() });
    let mut schemas = Map::new();
    let mut put = |name: &str, schema: Value| schemas.insert(name.to_owned(), schema);
    put("Wide", json!({ "type": "string", "pattern": "^[0-9]+$" }));
    put("Amount", json!({ "type": "string", "pattern": "^([0-9]+|max)$" }));
    put("Account", found(ACCOUNT, json!({})));
    put("Transfer", found(TRANSFER, transfer));
    put("Order", found(ORDER, order));
    put("Market", found(MARKET, json!({ "bids": levels, "asks": levels })));
    put("Level", level());
    put("Outcome", outcome());
    put("Event", event());
    put("Problem", problem());
    let public: Vec<Op> = Op::ALL.into_iter().filter(|op| op.is_public()).collect();
    for op in &public {
        put(&type_name(*op), command(*op, true));
    }
    for op in [Op::CreateAccount, Op::CreateTransfer, Op::CreateMarket, Op::PlaceOrder] {
        put(&format!("{}Body", type_name(op)), command(op, false));
    }
    let commands: Vec<Value> = public.iter().map(|op| reference(&type_name(*op))).collect();
    put("Command", json!({ "oneOf": commands }));
    Value::Object(schemas)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_bridge_core::decode_json;

    /// A value that no field takes: so what is said is about the field's name or about the value.
    fn complaint(op: Op, field: &str) -> String {
        let text = format!("{{\"op\":\"{}\",\"{field}\":null}}", op.name());
        decode_json(text.as_bytes(), None).unwrap_err().reason
    }

    #[test]
    fn every_command_has_the_fields_that_are_read_and_no_others() {
        let mut every: Vec<&str> = vec!["nothing"];
        let public = || Op::ALL.into_iter().filter(|op| op.is_public());
        public().for_each(|op| every.extend(fields(op).iter().map(|(name, _)| *name)));
        for op in public() {
            for field in &every {
                let is_known = fields(op).iter().any(|(name, _)| name == field);
                let complaint = complaint(op, field);
                let is_unknown = complaint.contains("unknown field")
                    || complaint.contains("does not")
                    || complaint.contains("no field");
                assert_eq!(is_known, !is_unknown, "{} {field}: {complaint}", op.name());
            }
        }
    }
}
