//! The lines of outcomes, and of what else answers an input line.

use super::encoded;
use crate::text::{encode_advance_clock, encode_malformed, encode_outcome};
use ringfence_types::*;

fn outcome(op: Op, status: Status, id: u128, timestamp: u64) -> Outcome {
    Outcome { id, timestamp, status: status as u16, op: op as u8, ..Outcome::default() }
}

fn body(kind: EventKind, body: EventBody) -> Event {
    Event { kind: kind as u8, body, ..Event::default() }
}

#[test]
fn outcomes_are_lines_with_their_fields_in_order() {
    let found = Account {
        id: 1,
        debits_posted: 150,
        credits_posted: 2500,
        ledger: 978,
        code: 1,
        flags: AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS,
        timestamp: 1,
        ..Account::default()
    };
    let account_body = body(EventKind::AccountBody, EventBody::of_account(found));
    let transfer = Transfer {
        id: 9000,
        debit_account_id: 2,
        credit_account_id: 1,
        amount: 2500,
        ledger: 978,
        code: 7,
        timestamp: 3,
        ..Transfer::default()
    };
    let single = TransferBody { transfer, ..TransferBody::default() };
    let transfer_body = body(EventKind::TransferBody, EventBody::of_transfer(single));
    let flags = TransferFlags::LINKED.with(TransferFlags::PENDING);
    let pending = TransferBody {
        transfer: Transfer { flags, timeout: 60, user_data_32: 5, ..transfer },
        pending_status: PendingStatus::Voided as u8,
        ..TransferBody::default()
    };
    let pending_body = body(EventKind::TransferBody, EventBody::of_transfer(pending));
    let time = 1_700_000_000_000_000_003;
    let cases = [
        (
            encoded(|out| {
                let outcome = outcome(Op::CreateTransfer, Status::Created, 9000, time);
                encode_outcome(3, &outcome, &[], out);
            }),
            r#"{"sequence":"3","op":"create_transfer","id":"9000","status":"created","timestamp":"1700000000000000003"}"#,
        ),
        (
            encoded(|out| {
                let outcome = outcome(Op::LookupAccount, Status::Found, 1, time);
                encode_outcome(6, &outcome, &[account_body], out);
            }),
            r#"{"sequence":"6","op":"lookup_account","id":"1","status":"found","timestamp":"1700000000000000003","account":{"id":"1","debits_pending":"0","debits_posted":"150","credits_pending":"0","credits_posted":"2500","user_data_128":"0","user_data_64":"0","user_data_32":0,"ledger":978,"code":1,"flags":["debits_must_not_exceed_credits"],"timestamp":"1"}}"#,
        ),
        (
            encoded(|out| {
                let outcome = outcome(Op::LookupTransfer, Status::Found, 9000, time);
                encode_outcome(7, &outcome, &[transfer_body], out);
            }),
            r#"{"sequence":"7","op":"lookup_transfer","id":"9000","status":"found","timestamp":"1700000000000000003","transfer":{"id":"9000","debit_account_id":"2","credit_account_id":"1","amount":"2500","pending_id":"0","user_data_128":"0","user_data_64":"0","user_data_32":0,"timeout":0,"ledger":978,"code":7,"flags":[],"timestamp":"3"}}"#,
        ),
        (
            encoded(|out| {
                let outcome = outcome(Op::LookupTransfer, Status::Found, 9000, time);
                encode_outcome(7, &outcome, &[pending_body], out);
            }),
            r#"{"sequence":"7","op":"lookup_transfer","id":"9000","status":"found","timestamp":"1700000000000000003","transfer":{"id":"9000","debit_account_id":"2","credit_account_id":"1","amount":"2500","pending_id":"0","user_data_128":"0","user_data_64":"0","user_data_32":5,"timeout":60,"ledger":978,"code":7,"flags":["linked","pending"],"timestamp":"3","pending_status":"voided"}}"#,
        ),
        (
            encoded(|out| {
                let outcome = outcome(Op::LookupAccount, Status::NotFound, 77, 8);
                encode_outcome(8, &outcome, &[], out);
            }),
            r#"{"sequence":"8","op":"lookup_account","id":"77","status":"not_found","timestamp":"8"}"#,
        ),
        (
            encoded(|out| {
                let outcome = outcome(Op::SetAccountPolicy, Status::Ok, 0, 9);
                encode_outcome(9, &outcome, &[], out);
            }),
            r#"{"sequence":"9","op":"set_account_policy","status":"ok","timestamp":"9"}"#,
        ),
        (
            encoded(|out| {
                let outcome = outcome(Op::Pulse, Status::Ok, 0, 10);
                encode_outcome(10, &outcome, &[], out);
            }),
            r#"{"sequence":"10","op":"pulse","status":"ok","timestamp":"10"}"#,
        ),
        (
            encoded(|out| {
                let outcome = outcome(Op::CreateAccount, Status::Created, u128::MAX, u64::MAX);
                encode_outcome(u64::MAX, &outcome, &[], out);
            }),
            r#"{"sequence":"18446744073709551615","op":"create_account","id":"340282366920938463463374607431768211455","status":"created","timestamp":"18446744073709551615"}"#,
        ),
        (
            encoded(|out| encode_malformed(9, "unknown field `a\"\\\u{1}ä` at column 71", out)),
            r#"{"line":9,"status":"malformed","error":"unknown field `a\"\\\u0001ä` at column 71"}"#,
        ),
        (
            encoded(|out| encode_advance_clock(5, out)),
            r#"{"op":"advance_clock","status":"ok","timestamp":"5"}"#,
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(line, format!("{expected}\n"));
    }
}

#[test]
fn every_status_and_operation_is_printed_by_its_name() {
    for &status in Status::ALL {
        for op in Op::ALL {
            let line = encoded(|out| encode_outcome(1, &outcome(op, status, 1, 1), &[], out));
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["status"], status.name());
            assert_eq!(value["op"], op.name());
            assert_eq!(value.get("id").is_some(), op.has_id());
        }
    }
}
