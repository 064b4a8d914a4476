//! What lines decode to, what is wrong with bad ones, and what outcomes look like.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;
use ringfence_types::*;

fn decode(line: &str) -> Result<Vec<Command>, String> {
    let mut batch = vec![Command::pulse()];
    let decoded = Decoder::new(Clock::System).decode(line.as_bytes(), &mut batch);
    match decoded {
        Ok(Input::Batch) => Ok(batch),
        Ok(other) => panic!("{line}: {other:?}"),
        Err(malformed) => {
            assert!(batch.is_empty(), "{line}: a malformed line leaves no command");
            Err(malformed.to_string())
        }
    }
}

fn decode_one(line: &str) -> Command {
    let batch = decode(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(batch.len(), 1, "{line}");
    batch[0]
}

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

#[test]
fn what_is_wrong_with_a_line_is_named_with_its_column() {
    let cases = [
        // Fields.
        (r#"{"op":"create_account","amout":1}"#, "unknown field `amout` at column 24"),
        (r#"{"op":"create_account","amount":1}"#, "unknown field `amount` at column 24"),
        (r#"{"code":1,"zzz":1,"op":"x"}"#, "unknown field `zzz` at column 11"),
        (r#"{"amount":1,"timeout":2,"op":"create_account"}"#, "unknown field `amount` at column 2"),
        (r#"{"timeout":2,"amount":1,"op":"create_account"}"#, {
            "unknown field `timeout` at column 2"
        }),
        (r#"{"a\u006dout":1}"#, "unknown field `amout` at column 2"),
        (r#"{"":1}"#, "unknown field `` at column 2"),
        (r#"{"sequence":1}"#, "unknown field `sequence` at column 2"),
        (r#"{"op":"lookup_account","id":1,"id":1}"#, "field `id` given twice at column 31"),
        (r#"{"op":"lookup_account","id":1,"i\u0064":1}"#, "field `id` given twice at column 31"),
        (r#"{"op":"lookup_account","op":"lookup_account"}"#, "field `op` given twice at column 24"),
        (r#"{"op":"set_pair_policy","halted":true}"#, "unknown field `halted` at column 25"),
        // Operations.
        ("{}", "missing field `op` at column 1"),
        (r#" {"id":1}"#, "missing field `op` at column 2"),
        (r#"{"op":"create_acount"}"#, "unknown op `create_acount` at column 7"),
        (r#"{"op":""}"#, "unknown op `` at column 7"),
        (r#"{"op":"pulse"}"#, "unknown op `pulse` at column 7"),
        (r#"{"op":"place_order"}"#, "missing field `side` at column 1"),
        (r#"{"op":"resolve_queue"}"#, "unknown op `resolve_queue` at column 7"),
        // Markets, orders and queued payments.
        (r#"{"op":"place_order","id":1}"#, "missing field `side` at column 1"),
        (r#"{"op":"place_order","side":"bid"}"#, "unknown name `bid` in field `side` at column 28"),
        (
            r#"{"op":"place_order","side":1}"#,
            "field `side` must be a name, not a number at column 28",
        ),
        (
            r#"{"op":"place_order","side":"buy","time_in_force":"day"}"#,
            "unknown name `day` in field `time_in_force` at column 50",
        ),
        (
            r#"{"op":"place_order","side":"buy","post_only":1}"#,
            "field `post_only` must be true or false, not a number at column 46",
        ),
        (
            r#"{"op":"lookup_market","id":4294967296}"#,
            "field `id` is more than 4294967295 at column 28",
        ),
        (r#"{"op":"lookup_queue","id":1}"#, "unknown field `id` at column 22"),
        (r#"{"op":"resolve_queues","ledger":"max"}"#, {
            "field `ledger` must be an unsigned integer, not a string at column 33"
        }),
        (
            r#"{"op":"requeue_transfer","id":1,"urgent":"true"}"#,
            "field `urgent` must be true or false, not a string at column 42",
        ),
        (r#"{"op":1}"#, "field `op` must be a name, not a number at column 7"),
        (r#"{"op":null}"#, "field `op` must be a name, not null at column 7"),
        (r#"{"op":"advance_clock","nanoseconds":1}"#, {
            "`advance_clock` needs a manual clock at column 7"
        }),
        // Integers.
        (
            r#"{"op":"lookup_account","id":-1}"#,
            "field `id` must be an unsigned integer, not a number with sign, point or exponent at column 29",
        ),
        (
            r#"{"op":"lookup_account","id":1.0}"#,
            "field `id` must be an unsigned integer, not a number with sign, point or exponent at column 29",
        ),
        (
            r#"{"op":"lookup_account","id":1e3}"#,
            "field `id` must be an unsigned integer, not a number with sign, point or exponent at column 29",
        ),
        (r#"{"op":"lookup_account","id":null}"#, {
            "field `id` must be an unsigned integer, not null at column 29"
        }),
        (r#"{"op":"lookup_account","id":true}"#, {
            "field `id` must be an unsigned integer, not a boolean at column 29"
        }),
        (r#"{"op":"lookup_account","id":""}"#, {
            "field `id` must be an unsigned integer, not a string at column 29"
        }),
        (r#"{"op":"lookup_account","id":"+1"}"#, {
            "field `id` must be an unsigned integer, not a string at column 29"
        }),
        (r#"{"op":"lookup_account","id":" 1"}"#, {
            "field `id` must be an unsigned integer, not a string at column 29"
        }),
        (r#"{"op":"lookup_account","id":"max"}"#, {
            "field `id` must be an unsigned integer, not a string at column 29"
        }),
        (r#"{"op":"lookup_account","id":"99999999999999999999999999999999999999999999x"}"#, {
            "field `id` must be an unsigned integer, not a string at column 29"
        }),
        (r#"{"op":"lookup_account","id":"\ud800"}"#, {
            "field `id` must be an unsigned integer, not a string at column 29"
        }),
        (r#"{"op":"lookup_account","id":[1]}"#, {
            "field `id` must be an unsigned integer, not an array at column 29"
        }),
        (r#"{"op":"lookup_account","id":{}}"#, {
            "field `id` must be an unsigned integer, not an object at column 29"
        }),
        (r#"{"op":"create_transfer","amount":"Max"}"#, {
            "field `amount` must be an unsigned integer or \"max\", not a string at column 34"
        }),
        (r#"{"op":"create_account","debits_posted":"max"}"#, {
            "field `debits_posted` must be an unsigned integer, not a string at column 40"
        }),
        (
            r#"{"op":"lookup_account","id":340282366920938463463374607431768211456}"#,
            "field `id` is more than 340282366920938463463374607431768211455 at column 29",
        ),
        (
            r#"{"op":"lookup_account","id":"1000000000000000000000000000000000000000000"}"#,
            "field `id` is more than 340282366920938463463374607431768211455 at column 29",
        ),
        (r#"{"op":"create_account","user_data_64":18446744073709551616}"#, {
            "field `user_data_64` is more than 18446744073709551615 at column 39"
        }),
        (r#"{"op":"create_account","ledger":"4294967296"}"#, {
            "field `ledger` is more than 4294967295 at column 33"
        }),
        (r#"{"op":"create_account","code":65536}"#, {
            "field `code` is more than 65535 at column 31"
        }),
        // Flags.
        (r#"{"op":"create_account","flags":["linked","pending"]}"#, {
            "unknown flag `pending` at column 42"
        }),
        (r#"{"op":"create_transfer","flags":["queued"]}"#, "unknown flag `queued` at column 34"),
        (r#"{"op":"create_account","flags":["linked",1]}"#, {
            "field `flags` must be an array of names, not a number at column 42"
        }),
        (r#"{"op":"create_account","flags":"linked"}"#, {
            "field `flags` must be an array of names, not a string at column 32"
        }),
        (r#"{"op":"create_account","flags":null}"#, {
            "field `flags` must be an array of names, not null at column 32"
        }),
        // Policies.
        (r#"{"op":"set_account_policy","frozen":"debit"}"#, {
            "unknown name `debit` in field `frozen` at column 37"
        }),
        (r#"{"op":"set_account_policy","frozen":true}"#, {
            "field `frozen` must be a name, not a boolean at column 37"
        }),
        (r#"{"op":"set_account_policy","debit_rate":{"window_seconds":1}}"#, {
            "missing field `debit_rate.count` at column 41"
        }),
        (r#"{"op":"set_account_policy","debit_rate":{"count":1,"amount":1}}"#, {
            "unknown field `debit_rate.amount` at column 52"
        }),
        (r#"{"op":"set_account_policy","debit_rate":{"count":1,"cuont":1}}"#, {
            "unknown field `debit_rate.cuont` at column 52"
        }),
        (r#"{"op":"set_account_policy","debit_rate":{"count":1,"count":1}}"#, {
            "field `debit_rate.count` given twice at column 52"
        }),
        (r#"{"op":"set_account_policy","debit_rate":{"count":null}}"#, {
            "field `debit_rate.count` must be an unsigned integer, not null at column 50"
        }),
        (r#"{"op":"set_account_policy","debit_rate":5}"#, {
            "field `debit_rate` must be an object, not a number at column 41"
        }),
        (r#"{"op":"set_account_policy","debit_spend":{"window_seconds":1}}"#, {
            "field `debit_spend` has neither `amount` nor `count` at column 42"
        }),
        (r#"{"op":"set_account_policy","debit_spend":{"amount":"min"}}"#, {
            "field `debit_spend.amount` must be an unsigned integer or \"max\", not a string at column 52"
        }),
        (r#"{"op":"set_ledger_policy","halted":1}"#, {
            "field `halted` must be true or false, not a number at column 36"
        }),
        // Batches.
        ("[]", "batch of no commands at column 1"),
        (" [ ]", "batch of no commands at column 2"),
        (r#"[{"op":"lookup_account"},{}]"#, "missing field `op` at column 26"),
        (r#"[{"op":"lookup_account"}, {"op":"lookup_transfer"}]"#, {
            "batch mixes `lookup_account` with `lookup_transfer` at column 33"
        }),
        (r#"[{"op":"lookup_account"} , 5]"#, "not a command object at column 28"),
        (r#"[{"op":"lookup_account"},null]"#, "not a command object at column 26"),
        (r#"[[{"op":"lookup_account"}]]"#, "not a command object at column 2"),
        (r#"["lookup_account"]"#, "not a command object at column 2"),
        (r#"[{"op":"lookup_account","id":1},{"op":"lookup_account","id":x}]"#, {
            "expected value at column 61"
        }),
        // No command and no batch.
        ("5", "neither an object nor an array at column 1"),
        (" \"text\"", "neither an object nor an array at column 2"),
        ("null", "neither an object nor an array at column 1"),
        // No JSON.
        ("create", "expected value at column 1"),
        (r#"{"op":"lookup_account","id":01}"#, "invalid number at column 30"),
        (r#"{"op":"lookup_account","id":+1}"#, "expected value at column 29"),
        (r#"{"op":"lookup_account","id":nul}"#, "expected ident at column 32"),
        (r#"{"op":"lookup_account" "id":1}"#, "expected `,` or `}` at column 24"),
        (r#"{"op":"lookup_account",}"#, "trailing comma at column 24"),
        (r#"{"op":"lookup_account";}"#, "expected `,` or `}` at column 23"),
        (r#"{op:"lookup_account"}"#, "key must be a string at column 2"),
        (r#"{"op" "lookup_account"}"#, "expected `:` at column 7"),
        (r#"{"op":"lookup_account""#, "EOF while parsing an object at column 23"),
        (r#"{"op":"lookup_acc"#, "EOF while parsing a string at column 18"),
        ("[", "EOF while parsing a list at column 2"),
        ("{", "EOF while parsing an object at column 2"),
        ("{\"op\":\"a\tb\"}", {
            "control character (\\u0000-\\u001F) found while parsing a string at column 9"
        }),
        (r#"{"op":"\x"}"#, "invalid escape at column 9"),
        // Anything after the value.
        (r#"{"op":"lookup_account"} {}"#, "trailing characters at column 25"),
        (r#"{"op":"lookup_account"}]"#, "trailing characters at column 24"),
        (r#"[{"op":"lookup_account"}],"#, "trailing characters at column 26"),
        ("5 5", "trailing characters at column 3"),
        // Columns count characters, not bytes.
        (r#"{"op":"ä€𝄞","amout":1}"#, "unknown field `amout` at column 13"),
        (r#"{"op":"ä€𝄞",}"#, "trailing comma at column 13"),
        (r#"{"op":"ä€𝄞"x}"#, "expected `,` or `}` at column 12"),
        (r#"{"op":"ä€𝄞""#, "EOF while parsing an object at column 12"),
        (r#"{"op":"ä€𝄞"}"#, "unknown op `ä€𝄞` at column 7"),
    ];
    for (line, error) in cases {
        assert_eq!(decode(line), Err(error.to_owned()), "{line}");
    }
}

#[test]
fn more_commands_than_a_batch_may_hold_are_malformed() {
    let command = r#"{"op":"lookup_account","id":5}"#;
    let batch = vec![command; BATCH_COMMANDS_MAX + 1].join(",");
    let column = BATCH_COMMANDS_MAX * (command.len() + 1) + 2;
    let error = format!("batch of more than 8192 commands at column {column}");
    assert_eq!(decode(&format!("[{batch}]")), Err(error));
}

#[test]
fn long_names_are_cut_in_errors() {
    let name = "ä".repeat(100);
    let error = format!("unknown op `{}…` at column 7", "ä".repeat(64));
    assert_eq!(decode(&format!(r#"{{"op":"{name}"}}"#)), Err(error));
}

#[test]
fn bytes_that_are_no_utf8_are_malformed() {
    let cases: [(&[u8], &str); 3] = [
        (b"\xff", "invalid UTF-8 at column 1"),
        (b"{\"op\":\"\xc3\xa4\xc3\"}", "invalid UTF-8 at column 9"),
        (b"  \x80", "invalid UTF-8 at column 3"),
    ];
    for (line, error) in cases {
        let malformed = Decoder::new(Clock::System).decode(line, &mut Vec::new()).unwrap_err();
        assert_eq!(malformed.to_string(), error);
    }
}

#[test]
fn what_no_line_can_carry_has_no_column() {
    assert_eq!(Malformed::too_long().to_string(), "line of more than 16777216 bytes");
    assert_eq!(
        Malformed::clock_out_of_range().to_string(),
        "`advance_clock` would set the clock beyond 9223372036854775807 nanoseconds"
    );
    assert_eq!(Malformed::too_long().column(), None);
}

/// Damages good lines, byte by byte: decoding must end with commands or a column within the line.
#[test]
fn damaged_lines_never_panic() {
    let seed = 0x5eed;
    let mut random = Pcg64::seed_from_u64(seed);
    let good = [
        r#"[{"op":"create_transfer","id":9001,"debit_account_id":1,"flags":["linked"]},{"op":"create_transfer","id":"9002","amount":"max"}]"#,
        r#"{"op":"set_account_policy","account_id":1,"frozen":"debits","debit_rate":{"count":10,"window_seconds":60}}"#,
        r#"{"op":"create_account","user_data_128":"ä€𝄞\u0031\ud834\udd1e"}"#,
    ];
    let spice = b"{}[]\",:\\-+.eE0159 nulltruefalse\x00\xc3\xf0\x9f";
    let mut batch = Vec::new();
    for _ in 0..20_000 {
        let mut line = good[random.random_range(0..good.len())].as_bytes().to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..line.len());
            match random.random_range(0..3) {
                0 => line[at] = spice[random.random_range(0..spice.len())],
                1 => line.insert(at, spice[random.random_range(0..spice.len())]),
                _ => line.truncate(at.max(1)),
            }
        }
        if let Err(malformed) = Decoder::new(Clock::System).decode(&line, &mut batch) {
            let characters = String::from_utf8_lossy(&line).chars().count();
            let column = malformed.column().expect("every fault of a line has a place");
            assert!(
                (1..=characters + 1).contains(&column),
                "seed {seed}: {malformed} in {}",
                String::from_utf8_lossy(&line)
            );
        }
    }
}

fn outcome(op: Op, status: Status, id: u128, timestamp: u64) -> Outcome {
    Outcome { id, timestamp, status: status as u16, op: op as u8, ..Outcome::default() }
}

fn body(kind: EventKind, body: EventBody) -> Event {
    Event { kind: kind as u8, body, ..Event::default() }
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"before|".to_vec();
    encode(&mut out);
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("before|").expect("lines are appended").to_owned()
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

#[test]
fn commands_are_printed_as_input_lines_that_keep_their_batches() {
    let transfer = Transfer { id: 5, flags: TransferFlags(1 << 15 | 1), ..Transfer::default() };
    let lookup = Lookup { id: 1, ..Lookup::default() };
    let mut batch = [Command::create_transfer(transfer); 2];
    let last = stamp_batch(&mut batch, 0, 100);
    let mut single = [Command::lookup_account(lookup)];
    let last = stamp_batch(&mut single, last, 0);
    let mut pulse = [Command::pulse()];
    stamp_batch(&mut pulse, last, 0);
    let commands = [&batch[..], &single, &pulse].concat();
    let expected = concat!(
        r#"[{"sequence":"7","engine_timestamp":"100","op":"create_transfer","id":"5","amount":"0","flags":["linked","reserved_bit_15"]},"#,
        r#"{"sequence":"8","engine_timestamp":"101","op":"create_transfer","id":"5","amount":"0","flags":["linked","reserved_bit_15"]}]"#,
        "\n",
        r#"{"sequence":"9","engine_timestamp":"102","op":"lookup_account","id":"1"}"#,
        "\n",
        r#"{"sequence":"10","engine_timestamp":"103","op":"pulse"}"#,
        "\n",
    );
    assert_eq!(encoded(|out| encode_commands(7, &commands, out)), expected);
}

/// A command whose fields are each zero, small or anything, with equal odds.
fn any_command(op: Op, random: &mut Pcg64) -> Command {
    let mut wide = || match random.random_range(0..3) {
        0 => 0,
        1 => random.random_range(0..10),
        _ => random.random::<u128>(),
    };
    match op {
        Op::CreateAccount => Command::create_account(Account {
            id: wide(),
            debits_pending: wide(),
            debits_posted: wide(),
            credits_pending: wide(),
            credits_posted: wide(),
            user_data_128: wide(),
            user_data_64: wide() as u64,
            user_data_32: wide() as u32,
            reserved: 0,
            ledger: wide() as u32,
            code: wide() as u16,
            flags: AccountFlags(wide() as u16 & AccountFlags::KNOWN.0),
            timestamp: wide() as u64,
        }),
        Op::CreateTransfer => Command::create_transfer(Transfer {
            id: wide(),
            debit_account_id: wide(),
            credit_account_id: wide(),
            amount: wide(),
            pending_id: wide(),
            user_data_128: wide(),
            user_data_64: wide() as u64,
            user_data_32: wide() as u32,
            timeout: wide() as u32,
            ledger: wide() as u32,
            code: wide() as u16,
            flags: TransferFlags(wide() as u16 & TransferFlags::KNOWN.0),
            timestamp: wide() as u64,
        }),
        op if op.names_an_id_alone() => {
            let id = if op.has_market_id() { wide() as u32 as u128 } else { wide() };
            Command::of_lookup(op, Lookup { id, reserved: [0; 7] })
        }
        Op::CreateMarket => Command::create_market(Market {
            id: wide() as u32,
            base_ledger: wide() as u32,
            quote_ledger: wide() as u32,
            lot: wide() as u64,
            tick: wide() as u64,
            base_account_id: wide(),
            quote_account_id: wide(),
            fee_account_id: wide(),
            maker_fee: wide() as u64,
            taker_fee: wide() as u64,
            ..Market::default()
        }),
        Op::PlaceOrder => Command::place_order(PlaceOrder {
            id: wide(),
            market: wide() as u32,
            side: wide() as u8 % 2 + 1,
            time_in_force: wide() as u8 % 4,
            post_only: wide() as u8 & 1,
            base_account_id: wide(),
            quote_account_id: wide(),
            price: wide() as u64,
            quantity: wide() as u64,
            budget: wide(),
            timeout: wide() as u32,
            user_data_128: wide(),
            ..PlaceOrder::default()
        }),
        Op::AmendOrder => Command::amend_order(AmendOrder {
            id: wide(),
            price: wide() as u64,
            quantity: wide() as u64,
            ..AmendOrder::default()
        }),
        Op::ResolveQueues => Command::resolve_queues(ResolveQueues {
            ledger: wide() as u32,
            ..ResolveQueues::default()
        }),
        Op::RequeueTransfer => Command::requeue_transfer(RequeueTransfer {
            id: wide(),
            urgent: wide() as u8 & 1,
            ..RequeueTransfer::default()
        }),
        Op::SetAccountPolicy => {
            let limits = PolicyLimits(wide() as u8 & PolicyLimits::KNOWN.0);
            let mut value = |limit| if limits.has(limit) { wide() } else { 0 };
            let spend = PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT);
            let policy = AccountPolicy {
                debit_amount_max: value(PolicyLimits::DEBIT_AMOUNT_MAX),
                credit_amount_max: value(PolicyLimits::CREDIT_AMOUNT_MAX),
                debit_spend_amount: value(PolicyLimits::DEBIT_SPEND_AMOUNT),
                debit_spend_count: value(PolicyLimits::DEBIT_SPEND_COUNT) as u64,
                debit_rate_count: value(PolicyLimits::DEBIT_RATE) as u64,
                debit_spend_window_seconds: value(spend) as u32,
                debit_rate_window_seconds: value(PolicyLimits::DEBIT_RATE) as u32,
                limits,
                ..AccountPolicy::default()
            };
            Command::set_account_policy(AccountPolicy {
                account_id: wide(),
                frozen: wide() as u8 % 4,
                ..policy
            })
        }
        Op::SetLedgerPolicy => {
            let limited = wide().is_multiple_of(2);
            Command::set_ledger_policy(LedgerPolicy {
                amount_max: if limited { wide() } else { 0 },
                ledger: wide() as u32,
                open_second: wide() as u32,
                close_second: wide() as u32,
                halted: wide() as u8 & 1,
                limits: PolicyLimits(limited as u8),
                ..LedgerPolicy::default()
            })
        }
        Op::SetPairPolicy => Command::set_pair_policy(PairPolicy {
            debit_account_id: wide(),
            credit_account_id: wide(),
            blocked: wide() as u8 & 1,
            ..PairPolicy::default()
        }),
        Op::Pulse => Command::pulse(),
        op => unreachable!("{op:?} names an id alone"),
    }
}

#[test]
fn printed_commands_decode_to_themselves() {
    let seed = 0xc0dec;
    let mut random = Pcg64::seed_from_u64(seed);
    let decoder = Decoder::new(Clock::System);
    let mut decoded = Vec::new();
    for round in 0..3000 {
        let public: Vec<Op> = Op::ALL.into_iter().filter(|op| op.is_public()).collect();
        let op = public[round % public.len()];
        let length = random.random_range(1..4);
        let mut batch: Vec<_> = (0..length).map(|_| any_command(op, &mut random)).collect();
        stamp_batch(&mut batch, 0, 1000);
        let mut line = encoded(|out| encode_commands(1, &batch, out));
        for index in 0..length {
            let engine = format!(
                r#""sequence":"{}","engine_timestamp":"{}","#,
                index + 1,
                1000 + index as u64
            );
            assert!(line.contains(&engine), "{line}");
            line = line.replace(&engine, "");
        }
        let result = decoder.decode(line.trim_end().as_bytes(), &mut decoded);
        assert_eq!(result, Ok(Input::Batch), "seed {seed}: {line}");
        for (command, decoded) in batch.iter().zip(&decoded) {
            assert_eq!(command.body, decoded.body, "seed {seed}: {line}");
            assert_eq!(command.header.op, decoded.header.op, "seed {seed}: {line}");
        }
        assert_eq!(batch.len(), decoded.len());
    }
}
