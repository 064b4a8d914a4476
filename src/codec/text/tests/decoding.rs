//! What good lines decode to.

use super::{decode, decode_one};
use crate::text::{Clock, Decoder, Input};
use ringfence_types::*;

#[test]
fn every_field_of_every_operation_is_read() {
    let account = Account {
        id: 1,
        debits_pending: 2,
        debits_posted: 3,
        credits_pending: 4,
        credits_posted: 5,
        user_data_128: 6,
        user_data_64: 7,
        user_data_32: 8,
        reserved: 0,
        ledger: 9,
        code: 10,
        flags: AccountFlags::LINKED.with(AccountFlags::CLOSED),
        timestamp: 11,
    };
    let transfer = Transfer {
        id: 1,
        debit_account_id: 2,
        credit_account_id: 3,
        amount: 4,
        pending_id: 5,
        user_data_128: 6,
        user_data_64: 7,
        user_data_32: 8,
        timeout: 9,
        ledger: 10,
        code: 11,
        flags: TransferFlags::PENDING.with(TransferFlags::CLOSING_CREDIT),
        timestamp: 12,
    };
    let account_policy = AccountPolicy {
        account_id: 1,
        debit_amount_max: 2,
        credit_amount_max: 3,
        debit_spend_amount: 4,
        debit_spend_count: 5,
        debit_rate_count: 6,
        debit_spend_window_seconds: 7,
        debit_rate_window_seconds: 8,
        frozen: Frozen::Credits as u8,
        limits: PolicyLimits::KNOWN,
        ..AccountPolicy::default()
    };
    let ledger_policy = LedgerPolicy {
        amount_max: 1,
        ledger: 2,
        open_second: 3,
        close_second: 4,
        halted: 1,
        limits: PolicyLimits::AMOUNT_MAX,
        ..LedgerPolicy::default()
    };
    let pair_policy = PairPolicy {
        debit_account_id: 1,
        credit_account_id: 2,
        blocked: 1,
        ..PairPolicy::default()
    };
    let lookup = Lookup { id: 7, ..Lookup::default() };
    let cases = [
        (
            r#"{"op":"create_account","id":1,"debits_pending":2,"debits_posted":3,"credits_pending":4,"credits_posted":5,"user_data_128":6,"user_data_64":7,"user_data_32":8,"ledger":9,"code":10,"flags":["linked","closed"],"timestamp":11}"#,
            Command::create_account(account),
        ),
        (
            r#"{"timestamp":"12","flags":["closing_credit","pending"],"code":"11","ledger":"10","timeout":"9","user_data_32":"8","user_data_64":"7","user_data_128":"6","pending_id":"5","amount":"4","credit_account_id":"3","debit_account_id":"2","id":"1","op":"create_transfer"}"#,
            Command::create_transfer(transfer),
        ),
        (r#"{"op":"lookup_account","id":7}"#, Command::lookup_account(lookup)),
        (r#"{"op":"lookup_transfer","id":7}"#, Command::lookup_transfer(lookup)),
        (
            r#"{"op":"set_account_policy","account_id":1,"frozen":"credits","debit_amount_max":2,"credit_amount_max":3,"debit_rate":{"count":6,"window_seconds":8},"debit_spend":{"amount":4,"count":5,"window_seconds":7}}"#,
            Command::set_account_policy(account_policy),
        ),
        (
            r#"{"op":"set_ledger_policy","ledger":2,"amount_max":1,"open_second":3,"close_second":4,"halted":true}"#,
            Command::set_ledger_policy(ledger_policy),
        ),
        (
            r#"{"op":"set_pair_policy","debit_account_id":1,"credit_account_id":2,"blocked":true}"#,
            Command::set_pair_policy(pair_policy),
        ),
    ];
    for (line, command) in cases {
        assert_eq!(decode_one(line), command, "{line}");
    }
}

#[test]
fn fields_left_out_are_zero_and_limits_left_out_are_none() {
    let cases = [
        (r#"{"op":"create_account"}"#, Command::create_account(Account::default())),
        (r#"{"op":"create_transfer"}"#, Command::create_transfer(Transfer::default())),
        (r#"{"op":"lookup_account"}"#, Command::lookup_account(Lookup::default())),
        (r#"{"op":"set_account_policy"}"#, Command::set_account_policy(AccountPolicy::default())),
        (
            r#"{"op":"set_account_policy","credit_amount_max":0,"frozen":"none"}"#,
            Command::set_account_policy(AccountPolicy {
                limits: PolicyLimits::CREDIT_AMOUNT_MAX,
                ..AccountPolicy::default()
            }),
        ),
        (
            r#"{"op":"set_account_policy","debit_rate":{"count":0}}"#,
            Command::set_account_policy(AccountPolicy {
                limits: PolicyLimits::DEBIT_RATE,
                ..AccountPolicy::default()
            }),
        ),
        (
            r#"{"op":"set_account_policy","debit_spend":{"count":3,"window_seconds":60}}"#,
            Command::set_account_policy(AccountPolicy {
                debit_spend_count: 3,
                debit_spend_window_seconds: 60,
                limits: PolicyLimits::DEBIT_SPEND_COUNT,
                ..AccountPolicy::default()
            }),
        ),
        (r#"{"op":"set_ledger_policy"}"#, Command::set_ledger_policy(LedgerPolicy::default())),
        (r#"{"op":"set_pair_policy","blocked":false}"#, {
            Command::set_pair_policy(PairPolicy::default())
        }),
    ];
    for (line, command) in cases {
        assert_eq!(decode_one(line), command, "{line}");
    }
}

#[test]
fn integers_are_numbers_or_strings_of_digits_up_to_the_width_of_their_field() {
    const MAX: &str = "340282366920938463463374607431768211455";
    let cases = [
        ("0", 0),
        ("\"0\"", 0),
        ("7", 7),
        ("\"007\"", 7),
        ("\"\\u0037\"", 7),
        ("9999999999999999999", 9_999_999_999_999_999_999),
        ("10000000000000000000", 10_000_000_000_000_000_000),
        ("18446744073709551616", 1 << 64),
        (MAX, u128::MAX),
        (&format!("\"{MAX}\""), u128::MAX),
        (&format!("\"{}{MAX}\"", "0".repeat(100)), u128::MAX),
    ];
    for (text, number) in cases {
        let line = format!(r#"{{"op":"lookup_account","id":{text}}}"#);
        assert_eq!(decode_one(&line).id(), number, "{text}");
    }
    let widest = format!(
        r#"{{"op":"create_transfer","user_data_64":{},"user_data_32":{},"code":{}}}"#,
        u64::MAX,
        u32::MAX,
        u16::MAX
    );
    let command = decode_one(&widest);
    let transfer = command.body.transfer();
    assert_eq!(
        (transfer.user_data_64, transfer.user_data_32, transfer.code),
        (u64::MAX, u32::MAX, u16::MAX)
    );
}

#[test]
fn an_absent_amount_is_the_whole_in_a_post_and_zero_elsewhere() {
    let cases = [
        (r#"{"op":"create_transfer"}"#, 0),
        (r#"{"op":"create_transfer","flags":["void_pending_transfer"]}"#, 0),
        (r#"{"op":"create_transfer","flags":["post_pending_transfer"]}"#, AMOUNT_MAX),
        (r#"{"op":"create_transfer","flags":["linked","post_pending_transfer"]}"#, AMOUNT_MAX),
        (r#"{"op":"create_transfer","flags":["post_pending_transfer"],"amount":0}"#, 0),
        (r#"{"op":"create_transfer","flags":["post_pending_transfer"],"amount":"max"}"#, {
            AMOUNT_MAX
        }),
        (r#"{"op":"create_transfer","flags":["balancing_debit"],"amount":"max"}"#, AMOUNT_MAX),
    ];
    for (line, amount) in cases {
        assert_eq!(decode_one(line).body.transfer().amount, amount, "{line}");
    }
    let policy = decode_one(r#"{"op":"set_account_policy","debit_amount_max":"max"}"#);
    assert_eq!(policy.body.account_policy().debit_amount_max, AMOUNT_MAX);
}

#[test]
fn batches_keep_their_order_and_white_space_and_escapes_mean_nothing() {
    let batch = decode(
        " [ {\"op\" : \"lookup_account\",\t\"id\":1 } ,{\"\\u006fp\":\"lookup\\u005faccount\", \"id\":\"2\"}\r] ",
    )
    .unwrap();
    assert_eq!(batch.iter().map(Command::id).collect::<Vec<_>>(), [1, 2]);
    let longest = vec![r#"{"op":"lookup_account","id":5}"#; BATCH_COMMANDS_MAX].join(",");
    assert_eq!(decode(&format!("[{longest}]")).unwrap().len(), BATCH_COMMANDS_MAX);
    let flag = decode_one(r#"{"op":"create_account","flags":["l\u0069nked","linked"]}"#);
    assert_eq!(flag.body.account().flags, AccountFlags::LINKED);
}

#[test]
fn blank_lines_are_nothing() {
    let mut batch = vec![Command::pulse()];
    for line in ["", " ", "\t \r"] {
        let decoded = Decoder::new(Clock::System).decode(line.as_bytes(), &mut batch);
        assert_eq!(decoded, Ok(Input::Blank));
        assert!(batch.is_empty());
    }
}

#[test]
fn a_manual_clock_moves_by_what_the_line_says() {
    let decoder = Decoder::new(Clock::Manual);
    let cases = [
        (r#"{"op":"advance_clock","nanoseconds":0}"#, Ok(0)),
        (r#"{"nanoseconds":"9223372036854775807","op":"advance_clock"}"#, Ok(TIMESTAMP_MAX)),
        (
            r#"{"op":"advance_clock","nanoseconds":9223372036854775808}"#,
            Err("field `nanoseconds` is more than 9223372036854775807 at column 37"),
        ),
        (
            r#"{"op":"advance_clock","nanoseconds":18446744073709551616}"#,
            Err("field `nanoseconds` is more than 18446744073709551615 at column 37"),
        ),
        (r#" {"op":"advance_clock"}"#, Err("missing field `nanoseconds` at column 2")),
        (
            r#"{"op":"advance_clock","nanoseconds":1,"id":1}"#,
            Err("unknown field `id` at column 39"),
        ),
        (
            r#"[{"op":"advance_clock","nanoseconds":1}]"#,
            Err("`advance_clock` must stand alone at column 8"),
        ),
    ];
    for (line, expected) in cases {
        let decoded = decoder.decode(line.as_bytes(), &mut Vec::new());
        let decoded = decoded.map_err(|malformed| malformed.to_string());
        let expected = expected.map(|nanoseconds| Input::AdvanceClock { nanoseconds });
        assert_eq!(decoded, expected.map_err(str::to_owned), "{line}");
    }
}
