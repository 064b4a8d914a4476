//! Outcomes, each with what its look-up found, and the answers to lines that are no command.

use super::bodies::{body, order_status};
use super::json::{number, put, wide};
use ringfence_types::{Event, Op, Outcome, Status};

/// Appends the line of `outcome`, which answers the command at `sequence`. `bodies` are what a
/// look-up found: one, or those of a market in their order.
///
/// # Panics
///
/// If the outcome's operation or status, or the kind of a body, has an unknown number: only the
/// engine writes them, and the wire's decoder lets no others pass.
pub fn encode_outcome(sequence: u64, outcome: &Outcome, bodies: &[Event], out: &mut Vec<u8>) {
    let op = outcome.op();
    put(out, br#"{"sequence":""#);
    number(out, sequence);
    put(out, br#"","op":""#);
    put(out, op.name().as_bytes());
    if op.has_market_id() {
        put(out, br#"","id":"#);
        number(out, outcome.id);
        put(out, br#","status":""#);
    } else if op.has_id() {
        put(out, br#"","id":""#);
        number(out, outcome.id);
        put(out, br#"","status":""#);
    } else {
        put(out, br#"","status":""#);
    }
    put(out, outcome.status().name().as_bytes());
    put(out, br#"","timestamp":""#);
    number(out, outcome.timestamp);
    put(out, b"\"");
    details(outcome, out);
    for event in bodies {
        body(event, out);
    }
    put(out, b"}\n");
}

/// Appends the answer to the malformed line `line_number`, with what is wrong with it.
pub fn encode_malformed(line_number: u64, error: &str, out: &mut Vec<u8>) {
    put(out, br#"{"line":"#);
    number(out, line_number);
    put(out, br#","status":"malformed","error":"#);
    serde_json::to_writer(&mut *out, error).expect("text can be written to memory");
    put(out, b"}\n");
}

/// Appends the answer to an `advance_clock`: the clock now reads `timestamp` nanoseconds.
pub fn encode_advance_clock(timestamp: u64, out: &mut Vec<u8>) {
    put(out, br#"{"op":"advance_clock","status":"ok","timestamp":""#);
    number(out, timestamp);
    put(out, b"\"}\n");
}

/// Appends the fields that only outcomes of some operations have.
fn details(outcome: &Outcome, out: &mut Vec<u8>) {
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
