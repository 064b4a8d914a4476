//! `docs/protocol.md` says what the code says: its tables are read and compared.
//!
//! ```text
//!   docs/protocol.md ──▶ tables ──▶ numbers, names, offsets ──▶ equal to those of types and codec
//! ```
//!
//! Whoever adds a status, a flag, an operation or a field adds it to the page too.

mod messages;

use std::fs;
use std::mem::{offset_of, size_of};
use std::path::Path;

use ringfence::codec::wire::{
    ErrorCode, FILTER_ENTRIES_MAX, MESSAGE_BYTES_MAX, PROTOCOL_VERSION, TOKEN_BYTES_MAX,
};
use ringfence::server::Limits;
use ringfence::types::{
    Account, AccountFlags, AccountPolicy, AmendOrder, BATCH_COMMANDS_MAX, CancelReason, EventKind,
    Frozen, LEVELS_SHOWN, LedgerPolicy, Lookup, Market, Op, OrderStatus, Outcome, PairPolicy,
    PendingStatus, PlaceOrder, QueueStatus, RequeueTransfer, ResolveQueues, SettledBy, Side,
    Status, TimeInForce, Transfer, TransferFlags,
};

/// A table of the page, under the nearest heading above it.
#[derive(Debug)]
struct Table {
    heading: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn page() -> String {
    fs::read_to_string("docs/protocol.md").unwrap()
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

fn tables(page: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut heading = String::new();
    let mut in_table = false;
    for line in page.lines() {
        if let Some(text) = line.strip_prefix('#') {
            heading = text.trim_start_matches('#').trim().to_owned();
        }
        if !line.starts_with('|') {
            in_table = false;
        } else if !in_table {
            in_table = true;
            let (heading, columns) = (heading.clone(), cells(line));
            tables.push(Table { heading, columns, rows: Vec::new() });
        } else if !line.starts_with("|-") {
            tables.last_mut().expect("one was begun").rows.push(cells(line));
        }
    }
    tables
}

/// The rows of all tables with these first columns, in the order of the page.
fn rows(columns: &[&str]) -> Vec<Vec<String>> {
    let found: Vec<Vec<String>> = tables(&page())
        .into_iter()
        .filter(|table| table.columns.iter().zip(columns).all(|(found, wanted)| found == wanted))
        .flat_map(|table| table.rows)
        .collect();
    assert!(!found.is_empty(), "there is no table with the columns {columns:?}");
    found
}

/// The first two columns: a number and a name.
fn numbered(columns: &[&str]) -> Vec<(u64, String)> {
    rows(columns).iter().map(|row| (row[0].parse().unwrap(), row[1].clone())).collect()
}

#[test]
fn every_status_is_listed_with_its_number_and_whether_it_spends_the_id() {
    let mut listed: Vec<(u64, String, bool)> = rows(&["number", "status", "spends the id"])
        .iter()
        .map(|row| {
            assert!(["", "yes"].contains(&row[2].as_str()), "{row:?}");
            assert!(!row[3].is_empty(), "{} has no meaning", row[1]);
            (row[0].parse().unwrap(), row[1].clone(), row[2] == "yes")
        })
        .collect();
    listed.sort();
    let known: Vec<_> = Status::ALL
        .iter()
        .map(|&status| (status as u64, status.name().to_owned(), status.spends_id()))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn every_operation_is_listed_with_its_number() {
    let known: Vec<_> = Op::ALL.iter().map(|&op| (op as u64, op.name().to_owned())).collect();
    assert_eq!(numbered(&["operation", "name"]), known);
}

#[test]
fn the_successes_of_operations_are_those_of_statuses() {
    for row in rows(&["operation", "name", "body", "statuses of success"]) {
        let names = row[3].split(", ").map(|name| name.trim_matches('`'));
        for name in names.filter(|name| !name.is_empty()) {
            let status = Status::ALL.iter().find(|status| status.name() == name);
            assert!(status.is_some_and(|status| status.is_success()), "{}: {name}", row[1]);
        }
    }
}

#[test]
fn every_flag_is_listed_with_its_bit() {
    let bits = |names: Vec<(u16, &str)>| -> Vec<(u64, String)> {
        names.iter().map(|&(flag, name)| (flag.trailing_zeros().into(), name.to_owned())).collect()
    };
    let accounts = AccountFlags::NAMES.iter().map(|&(flag, name)| (flag.0, name)).collect();
    assert_eq!(numbered(&["bit", "flag of an account"]), bits(accounts));
    let transfers = TransferFlags::NAMES.iter().map(|&(flag, name)| (flag.0, name)).collect();
    assert_eq!(numbered(&["bit", "flag of a transfer"]), bits(transfers));
}

#[test]
fn every_event_is_listed_with_its_number() {
    let known: Vec<_> =
        EventKind::ALL.iter().map(|&kind| (kind as u64, kind.name().to_owned())).collect();
    assert_eq!(numbered(&["kind", "name"]), known);
}

#[test]
fn the_values_in_events_have_their_numbers() {
    let listed = rows(&["number", "pending status", "queue status", "order status"]);
    let column = |index: usize| -> Vec<(u64, String)> {
        let numbers = listed.iter().map(|row| (row[0].parse().unwrap(), row[index].clone()));
        numbers.filter(|(number, name)| *number > 0 && !name.is_empty()).collect()
    };
    macro_rules! same {
        ($index:literal $type:ident) => {
            let known: Vec<_> =
                $type::ALL.iter().map(|&value| (value as u64, value.name().to_owned())).collect();
            assert_eq!(column($index), known, stringify!($type));
        };
    }
    same!(1 PendingStatus);
    same!(2 QueueStatus);
    same!(3 OrderStatus);
    same!(4 SettledBy);
    same!(5 CancelReason);
}

#[test]
fn the_values_in_commands_have_their_numbers() {
    let text = page();
    let list = |values: Vec<(u8, &str)>| -> String {
        let texts = values.iter().map(|(number, name)| format!("{number} {name}"));
        texts.collect::<Vec<_>>().join(", ")
    };
    let sides = Side::ALL.iter().map(|&side| (side as u8, side.name())).collect();
    let times = TimeInForce::ALL.iter().map(|&time| (time as u8, time.name())).collect();
    let frozen = Frozen::NAMES.iter().map(|&(frozen, name)| (frozen as u8, name)).collect();
    for (field, values) in [("side", sides), ("time_in_force", times), ("frozen", frozen)] {
        let wanted = format!("{field}: {}", list(values));
        assert!(text.contains(&wanted), "the page lacks `{wanted}`");
    }
}

/// Offset, length and first word of each row of a layout table.
fn layout(heading: &str) -> Vec<(usize, usize, String)> {
    let found = tables(&page()).into_iter().find(|table| {
        table.heading.split(" (").next() == Some(heading) && table.columns[0] == "offset"
    });
    let table = found.unwrap_or_else(|| panic!("there is no layout of {heading}"));
    let field = |text: &str| text.split([':', ',', ';']).next().unwrap().trim().to_owned();
    let rows = table.rows.iter();
    rows.map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap(), field(&row[2]))).collect()
}

#[test]
fn layouts_are_those_of_the_records() {
    // Text of a row, and the field that it is about.
    macro_rules! same {
        ($heading:literal $type:ty { $($text:literal $field:ident,)+ }) => {
            let listed = layout($heading);
            let mut end = 0;
            for (offset, bytes, field) in &listed {
                assert_eq!(*offset, end, "{}: a gap before {field}", $heading);
                end += bytes;
            }
            assert_eq!(end, size_of::<$type>(), "{}", $heading);
            let known = [$(($text, offset_of!($type, $field))),+];
            let named = listed.iter().filter(|(_, _, field)| field != "reserved");
            let named: Vec<_> =
                named.map(|(offset, _, field)| (field.as_str(), *offset)).collect();
            assert_eq!(named, known, "{}", $heading);
        };
    }
    same!("Account" Account {
        "id" id, "debits_pending" debits_pending, "debits_posted" debits_posted,
        "credits_pending" credits_pending, "credits_posted" credits_posted,
        "user_data_128" user_data_128, "user_data_64" user_data_64,
        "user_data_32" user_data_32, "ledger" ledger, "code" code,
        "flags of an account" flags, "timestamp" timestamp,
    });
    same!("Transfer" Transfer {
        "id" id, "debit_account_id" debit_account_id, "credit_account_id" credit_account_id,
        "amount" amount, "pending_id" pending_id, "user_data_128" user_data_128,
        "user_data_64" user_data_64, "user_data_32" user_data_32, "timeout" timeout,
        "ledger" ledger, "code" code, "flags of a transfer" flags, "timestamp" timestamp,
    });
    same!("Lookup" Lookup { "id" id, });
    same!("Account policy" AccountPolicy {
        "account_id" account_id, "debit_amount_max" debit_amount_max,
        "credit_amount_max" credit_amount_max, "debit_spend amount" debit_spend_amount,
        "debit_spend count" debit_spend_count, "debit_rate count" debit_rate_count,
        "debit_spend window_seconds" debit_spend_window_seconds,
        "debit_rate window_seconds" debit_rate_window_seconds, "frozen" frozen, "limits" limits,
    });
    same!("Ledger policy" LedgerPolicy {
        "amount_max" amount_max, "ledger" ledger, "open_second" open_second,
        "close_second" close_second, "halted" halted, "limits" limits,
    });
    same!("Pair policy" PairPolicy {
        "debit_account_id" debit_account_id, "credit_account_id" credit_account_id,
        "blocked" blocked,
    });
    same!("Market" Market {
        "base_account_id" base_account_id, "quote_account_id" quote_account_id,
        "fee_account_id" fee_account_id, "lot" lot, "tick" tick, "maker_fee" maker_fee,
        "taker_fee" taker_fee, "id" id, "base_ledger" base_ledger, "quote_ledger" quote_ledger,
    });
    same!("Order" PlaceOrder {
        "id" id, "base_account_id" base_account_id, "quote_account_id" quote_account_id,
        "budget" budget, "user_data_128" user_data_128, "price" price, "quantity" quantity,
        "market" market, "timeout" timeout, "side" side, "time_in_force" time_in_force,
        "post_only" post_only,
    });
    same!("Amendment" AmendOrder { "id" id, "price" price, "quantity" quantity, });
    same!("Resolution" ResolveQueues { "ledger" ledger, });
    same!("Requeue" RequeueTransfer { "id" id, "urgent" urgent, });
}

#[test]
fn the_layout_of_an_outcome_is_that_of_the_record() {
    let found = tables(&page()).into_iter().find(|table| {
        table.columns[0] == "offset" && table.rows[0][2].starts_with("id that the command names")
    });
    let rows = found.expect("the page has the layout of an outcome").rows;
    let offsets: Vec<usize> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    let known = [
        offset_of!(Outcome, id),
        offset_of!(Outcome, timestamp),
        offset_of!(Outcome, status),
        offset_of!(Outcome, session),
        offset_of!(Outcome, op),
        offset_of!(Outcome, reserved),
        offset_of!(Outcome, detail),
    ];
    assert_eq!(offsets, known);
}

#[test]
fn every_error_is_listed_with_its_number() {
    let known: Vec<u16> = ErrorCode::ALL.iter().map(|&code| code as u16).collect();
    let listed: Vec<u16> =
        rows(&["code", "meaning"]).iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(listed, known);
    // A code that is added to the enum and not to the list is missed above, and found here.
    let source = fs::read_to_string("src/codec/wire/violation.rs").unwrap();
    let (_, body) = source.split_once("pub enum ErrorCode {").unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    assert_eq!(body.matches(" = ").count(), known.len(), "add the new code to `ErrorCode::ALL`");
}

/// The value of the constant `name`, a product of numbers, wherever under `folder` it is.
fn constant(folder: &Path, name: &str) -> Option<u64> {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let found = if path.is_dir() {
            constant(&path, name)
        } else {
            let is_source = path.extension().is_some_and(|extension| extension == "rs");
            let text = if is_source { fs::read_to_string(&path).unwrap() } else { String::new() };
            let start = format!("const {name}: ");
            text.lines().find_map(|line| {
                let (_, rest) = line.split_once(&start)?;
                let (_, value) = rest.trim_end_matches(';').split_once(" = ")?;
                let factors = value.split(" * ").map(|text| text.replace('_', "").parse::<u64>());
                Some(factors.map(|factor| factor.expect("a product of numbers")).product())
            })
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

#[test]
fn limits_are_those_of_the_code() {
    let listed: Vec<String> =
        rows(&["limit", "value"]).iter().map(|row| row[1].replace(',', "")).collect();
    let limits = Limits::default();
    let in_wire = constant(Path::new("src/codec/wire"), "ERROR_TEXT_BYTES_MAX").unwrap();
    let known = [
        BATCH_COMMANDS_MAX as u64,
        MESSAGE_BYTES_MAX as u64,
        limits.in_flight_commands.into(),
        limits.connections.into(),
        in_wire,
        limits.owed_bytes as u64,
        limits.owed_bytes_in_all as u64,
        LEVELS_SHOWN as u64,
        TOKEN_BYTES_MAX as u64,
        FILTER_ENTRIES_MAX as u64,
        limits.hello_timeout.as_secs(),
        limits.idle_timeout.as_secs(),
    ];
    for (listed, known) in listed.iter().zip(known) {
        assert_eq!(*listed, known.to_string(), "{known:?}");
    }
    assert!(page().contains(&format!("# Binary protocol, version {PROTOCOL_VERSION}\n")));
}
