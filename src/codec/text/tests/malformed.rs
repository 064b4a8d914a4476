//! What is wrong with bad lines, and where.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::decode;
use crate::text::{Clock, Decoder, Malformed};
use ringfence_types::*;

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
        (
            r#"{"op":"place_order","side":"bid"}"#,
            "unknown name `bid` in field `side` (known: `buy`, `sell`) at column 28",
        ),
        (
            r#"{"op":"place_order","side":1}"#,
            "field `side` must be a name, not a number at column 28",
        ),
        (
            r#"{"op":"place_order","side":"buy","time_in_force":"day"}"#,
            "unknown name `day` in field `time_in_force` (known: `gtc`, `ioc`, `fok`, `fok_budget`) at column 50",
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
            "field `ledger` must be an unsigned integer: `m` in `max` is no digit at column 34"
        }),
        (
            r#"{"op":"requeue_transfer","id":1,"urgent":"true"}"#,
            "field `urgent` must be true or false, not a string at column 42",
        ),
        (r#"{"op":1}"#, "field `op` must be a name, not a number at column 7"),
        (r#"{"op":null}"#, "field `op` must be a name, not null at column 7"),
        (r#"{"op":"advance_clock","nanoseconds":1}"#, {
            "`advance_clock` needs a manual clock (apply --clock manual) at column 7"
        }),
        (r#"[{"op":"pulse"}]"#, "`pulse` must stand alone at column 8"),
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
            "field `id` must be an unsigned integer, not an empty string at column 29"
        }),
        (r#"{"op":"lookup_account","id":"+1"}"#, {
            "field `id` must be an unsigned integer: `+` in `+1` is no digit at column 30"
        }),
        (r#"{"op":"lookup_account","id":" 1"}"#, {
            "field `id` must be an unsigned integer: ` ` in ` 1` is no digit at column 30"
        }),
        (r#"{"op":"lookup_account","id":"max"}"#, {
            "field `id` must be an unsigned integer: `m` in `max` is no digit at column 30"
        }),
        (r#"{"op":"lookup_account","id":"99999999999999999999999999999999999999999999x"}"#, {
            "field `id` must be an unsigned integer: `x` in `99999999999999999999999999999999999999999999x` is no digit at column 74"
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
            "field `amount` must be an unsigned integer or \"max\": `M` in `Max` is no digit at column 35"
        }),
        (r#"{"op":"create_account","debits_posted":"max"}"#, {
            "field `debits_posted` must be an unsigned integer: `m` in `max` is no digit at column 41"
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
        (
            r#"{"op":"create_account","flags":["reserved_bit_3"]}"#,
            "unknown flag `reserved_bit_3` at column 33",
        ),
        (
            r#"{"op":"create_account","flags":["reserved_bit_16"]}"#,
            "unknown flag `reserved_bit_16` at column 33",
        ),
        (
            r#"{"op":"create_account","flags":["reserved_bit_+9"]}"#,
            "unknown flag `reserved_bit_+9` at column 33",
        ),
        // Policies.
        (r#"{"op":"set_account_policy","frozen":"debit"}"#, {
            "unknown name `debit` in field `frozen` (known: `none`, `debits`, `credits`, `all`) at column 37"
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
            "field `debit_spend.amount` must be an unsigned integer or \"max\": `m` in `min` is no digit at column 53"
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
            "expected a value, not `x` at column 61"
        }),
        // No command and no batch.
        ("5", "neither an object nor an array at column 1"),
        (" \"text\"", "neither an object nor an array at column 2"),
        ("null", "neither an object nor an array at column 1"),
        ("create", "expected `{` or `[`, not `c` at column 1"),
        (
            "\u{feff}{}",
            "expected `{` or `[`, not a byte order mark (U+FEFF; only the first line may have one) at column 1",
        ),
        (
            " \0{}",
            "expected `{` or `[`, not a NUL character (U+0000; UTF-16 is not read) at column 2",
        ),
        ("5 5", "expected `{` or `[`, not `5` at column 1"),
        // No JSON.
        (
            "{\0\"\0",
            "expected a name in quotes, not a NUL character (U+0000; UTF-16 is not read) at column 2",
        ),
        (
            "{\u{a0}\"op\":\"pulse\"}",
            "expected a name in quotes, not an invisible character (U+00A0) at column 2",
        ),
        (
            "{\"op\":\"lookup_account\",\"id\":\u{feff}1}",
            "expected a value, not a byte order mark (U+FEFF; only the first line may have one) at column 29",
        ),
        (
            r#"{"op":"lookup_account","id":"1\u0000"}"#,
            "field `id` must be an unsigned integer: a NUL character (U+0000; UTF-16 is not read) in `1\\u{0}` is no digit at column 29",
        ),
        (r#"{"op":"lookup\u200b_account"}"#, "unknown op `lookup\\u{200b}_account` at column 7"),
        (r#"{"op":"lookup_account","id":01}"#, "invalid number at column 30"),
        (r#"{"op":"lookup_account","id":+1}"#, "expected a value, not `+` at column 29"),
        (
            r#"{"op":"lookup_account","id":nul}"#,
            "expected a value: words other than true, false and null need quotes at column 32",
        ),
        (r#"{"op":"lookup_account" "id":1}"#, "expected `,` or `}`, not `\"` at column 24"),
        (r#"{"op":"lookup_account",}"#, "trailing comma at column 24"),
        (r#"{"op":"lookup_account";}"#, "expected `,` or `}`, not `;` at column 23"),
        (r#"{op:"lookup_account"}"#, "expected a name in quotes, not `o` at column 2"),
        (r#"{"op" "lookup_account"}"#, "expected `:`, not `\"` at column 7"),
        (r#"{"op":"lookup_account""#, "the line ends within an object at column 23"),
        (r#"{"op":"lookup_acc"#, "the line ends within a string at column 18"),
        ("[", "the line ends within an array at column 2"),
        ("{", "the line ends within an object at column 2"),
        ("{\"op\":\"a\tb\"}", {
            "control character U+0009 in a string must be written as \\u0009 at column 9"
        }),
        (r#"{"op":"\x"}"#, "unknown escape `\\x` in a string at column 9"),
        // Anything after the value.
        (r#"{"op":"lookup_account"} {}"#, "expected the end of the line, not `{` at column 25"),
        (r#"{"op":"lookup_account"}]"#, "expected the end of the line, not `]` at column 24"),
        (r#"[{"op":"lookup_account"}],"#, "expected the end of the line, not `,` at column 26"),
        // Columns count characters, not bytes.
        (r#"{"op":"ä€𝄞","amout":1}"#, "unknown field `amout` at column 13"),
        (r#"{"op":"ä€𝄞",}"#, "trailing comma at column 13"),
        (r#"{"op":"ä€𝄞"x}"#, "expected `,` or `}`, not `x` at column 12"),
        (r#"{"op":"ä€𝄞""#, "the line ends within an object at column 12"),
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
    let cases: [(&[u8], &str); 4] = [
        (b"\xff", "invalid UTF-8: byte 0xff at column 1"),
        (b"{\"op\":\"\xc3\xa4\xc3\"}", "invalid UTF-8: byte 0xc3 at column 9"),
        (b"  \x80", "invalid UTF-8: byte 0x80 at column 3"),
        (b"\xff\xfe{\0", "invalid UTF-8: the line begins as UTF-16 does at column 1"),
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
