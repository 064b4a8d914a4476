//! What the ledger answers, told in short lines, through `apply --clock manual`.
//!
//! ```text
//!   A 1 debits_must_not_exceed_credits     > created       create_account
//!   T 10 2 1 50 pending timeout=1          > created       create_transfer: id, debit, credit, amount
//!   P 11 10                                > created       … with post_pending_transfer, then pending_id
//!   V 12 10 amount=0                       > …             … with void_pending_transfer
//!   T 13 2 1 5 linked ; T 14 2 1 5         > created created     one batch
//!   clock 5                                                advance_clock
//!   show 1 0 50 0 0 closed                                 lookup_account: balances, then flags
//!   fate 10 posted 50                                      lookup_transfer: pending_status, amount
//! ```
//!
//! Accounts are of ledger 1 and code 1, transfers too, unless a line says otherwise. A status may be
//! followed by `@` and the timestamp of the outcome.

mod support;

use support::run_on;

/// A line of the table as a line of input, with what is expected of its answers.
fn translate(line: &str) -> (String, Vec<String>) {
    let (told, expected) = line.split_once('>').unwrap_or((line, ""));
    let commands: Vec<String> =
        told.split(';').map(|command| translate_one(command.trim())).collect();
    let input = match commands.as_slice() {
        [one] => one.clone(),
        batch => format!("[{}]", batch.join(",")),
    };
    let words: Vec<&str> = told.split_whitespace().collect();
    let expected = match words[0] {
        "clock" => vec![r#""op":"advance_clock","status":"ok""#.to_owned()],
        "show" => {
            let flags: Vec<String> = words[6..].iter().map(|flag| format!("\"{flag}\"")).collect();
            let columns = ["debits_pending", "debits_posted", "credits_pending", "credits_posted"];
            let balances: Vec<String> = columns
                .iter()
                .zip(&words[2..6])
                .map(|(column, balance)| format!(r#""{column}":"{}""#, number(balance)))
                .collect();
            let flags = if words.len() > 6 {
                format!(r#""flags":[{}]"#, flags.join(","))
            } else {
                String::new()
            };
            vec![format!("{}…{flags}", balances.join(","))]
        }
        "fate" if words[2] == "none" => vec![r#""status":"not_found""#.to_owned()],
        "fate" if words[2] == "single" => {
            vec![format!(r#""amount":"{}",…"timestamp":"…"}}}}"#, number(words[3]))]
        }
        "fate" => {
            vec![format!(r#""amount":"{}",…"pending_status":"{}"}}}}"#, number(words[3]), words[2])]
        }
        _ => expected
            .split_whitespace()
            .map(|status| match status.split_once('@') {
                Some((status, at)) => format!(r#""status":"{status}","timestamp":"{at}""#),
                None => format!(r#""status":"{status}""#),
            })
            .collect(),
    };
    (input, expected)
}

fn number(word: &str) -> String {
    match word {
        "MAX" => u128::MAX.to_string(),
        "MAX-1" => (u128::MAX - 1).to_string(),
        "HALF" => (u128::MAX / 2 + 1).to_string(),
        digits => digits.to_owned(),
    }
}

fn translate_one(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    let (named, more) = match words[0] {
        "A" => (vec![("id", words[1])], &words[2..]),
        "T" => (
            vec![
                ("id", words[1]),
                ("debit_account_id", words[2]),
                ("credit_account_id", words[3]),
                ("amount", words[4]),
            ],
            &words[5..],
        ),
        "P" | "V" => (vec![("id", words[1]), ("pending_id", words[2])], &words[3..]),
        "clock" => {
            return format!(r#"{{"op":"advance_clock","nanoseconds":{}}}"#, words[1]);
        }
        "show" => return format!(r#"{{"op":"lookup_account","id":"{}"}}"#, number(words[1])),
        "fate" => return format!(r#"{{"op":"lookup_transfer","id":"{}"}}"#, number(words[1])),
        other => panic!("no such line: {other}"),
    };
    let mut fields: Vec<(String, String)> =
        named.into_iter().map(|(name, value)| (name.to_owned(), number(value))).collect();
    let mut flags: Vec<String> = Vec::new();
    match words[0] {
        "P" => flags.push("post_pending_transfer".into()),
        "V" => flags.push("void_pending_transfer".into()),
        _ => fields.extend([("ledger".into(), "1".into()), ("code".into(), "1".into())]),
    }
    for word in more {
        match word.split_once('=') {
            Some((name, value)) => {
                fields.retain(|(known, _)| known != name);
                fields.push((name.to_owned(), number(value)));
            }
            None => flags.push((*word).to_owned()),
        }
    }
    let op = if words[0] == "A" { "create_account" } else { "create_transfer" };
    let mut text = format!(r#"{{"op":"{op}""#);
    for (name, value) in fields {
        text.push_str(&format!(r#","{name}":"{value}""#));
    }
    let flags: Vec<String> = flags.iter().map(|flag| format!("\"{flag}\"")).collect();
    text.push_str(&format!(r#","flags":[{}]}}"#, flags.join(",")));
    text
}

/// Whether the pieces of `pattern` stand in `line`, in order.
fn shows(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    pattern.split('…').all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

fn check(name: &str, options: &[&str], table: &str) {
    let mut input = String::new();
    let mut expected = Vec::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (told, answers) = translate(line);
        input.push_str(&told);
        input.push('\n');
        expected.extend(answers.into_iter().map(|answer| (line, answer)));
    }
    let mut arguments = vec!["apply", "--clock", "manual"];
    for (option, value) in [("--accounts", "256"), ("--transfers", "1024"), ("--policies", "16")] {
        if !options.contains(&option) {
            arguments.extend([option, value]);
        }
    }
    arguments.extend(options);
    arguments.push("-");
    let ran = run_on(&arguments, &input);
    assert_eq!(ran.status, 0, "{name}: {}\n{}", ran.stderr, ran.stdout);
    let found = ran.lines();
    for (found, (line, pattern)) in found.iter().zip(&expected) {
        assert!(shows(found, pattern), "{name}: {line}\n  expected {pattern}\n  found    {found}");
    }
    assert_eq!(found.len(), expected.len(), "{name}: a status for each command\n{}", ran.stdout);
}

#[test]
fn accounts() {
    check("each status", &[], "
        A 0                                                 > id_must_not_be_zero
        A MAX                                               > id_must_not_be_int_max
        A 1 debits_must_not_exceed_credits credits_must_not_exceed_debits > flags_are_mutually_exclusive
        A 1 debits_pending=1                                > debits_pending_must_be_zero
        A 1 debits_posted=1                                 > debits_posted_must_be_zero
        A 1 credits_pending=1                               > credits_pending_must_be_zero
        A 1 credits_posted=1                                > credits_posted_must_be_zero
        A 1 ledger=0 code=0                                 > ledger_must_not_be_zero
        A 1 code=0                                          > code_must_not_be_zero
        A 1 timestamp=1                                     > timestamp_must_be_zero
        A 1 user_data_128=1 user_data_64=2 user_data_32=3 history > created@11
        A 1 user_data_128=1 user_data_64=2 user_data_32=3 history > exists@11
        A 1 user_data_128=1 user_data_64=2 user_data_32=3   > exists_with_different_flags
        A 1 user_data_128=9 user_data_64=2 user_data_32=3 history > exists_with_different_user_data_128
        A 1 user_data_128=1 user_data_64=9 user_data_32=3 history > exists_with_different_user_data_64
        A 1 user_data_128=1 user_data_64=2 user_data_32=9 history > exists_with_different_user_data_32
        A 1 user_data_128=1 user_data_64=2 user_data_32=3 ledger=9 history > exists_with_different_ledger
        A 1 user_data_128=1 user_data_64=2 user_data_32=3 code=9 history > exists_with_different_code
        A 1 ledger=0 code=0 debits_pending=1                > exists_with_different_flags
        A MAX-1                                             > created
        show MAX-1 0 0 0 0
    ");
    check("a chain of accounts", &[], "
        A 7 ; A 1 linked ; A 2 linked ; A 7 linked ; A 3 ; A 4 > created linked_event_failed linked_event_failed exists_with_different_flags linked_event_failed created
        A 1 linked ; A 2 code=0 ; A 3                       > linked_event_failed code_must_not_be_zero created
        A 1 linked ; A 1 linked ; A 2                       > linked_event_failed exists linked_event_failed
        A 1 linked                                          > linked_event_chain_open
        A 0 linked ; A 1 linked                             > id_must_not_be_zero linked_event_chain_open
        A 1                                                 > created
        A 8 linked ; A 9                                    > created created
    ");
    check("a full table", &["--accounts", "2", "--transfers", "64"], "
        A 1 ; A 2 ; A 3 ; A 1 ; A 3 code=0                  > created created accounts_full exists code_must_not_be_zero
    ");
}

#[test]
fn single_phase_transfers() {
    check("each status", &[], "
        A 1 ; A 2 ; A 3 ledger=2                            > created created created
        T 0 1 2 5                                           > id_must_not_be_zero
        T MAX 1 2 5                                         > id_must_not_be_int_max
        T 9 0 0 5                                           > debit_account_id_must_not_be_zero
        T 9 MAX 2 5                                         > debit_account_id_must_not_be_int_max
        T 9 1 0 5                                           > credit_account_id_must_not_be_zero
        T 9 1 MAX 5                                         > credit_account_id_must_not_be_int_max
        T 9 1 1 5 pending_id=8                              > accounts_must_be_different
        T 9 1 2 5 pending_id=8 timeout=1                    > pending_id_must_be_zero
        T 9 1 2 5 timeout=1 closing_debit                   > timeout_reserved_for_pending_transfer
        T 9 1 2 5 closing_debit ledger=0                    > closing_transfer_must_be_pending
        T 9 1 2 5 ledger=0 code=0                           > ledger_must_not_be_zero
        T 9 1 2 5 code=0                                    > code_must_not_be_zero
        T 9 1 3 5                                           > accounts_must_have_the_same_ledger
        T 9 1 2 5 ledger=2                                  > transfer_must_have_the_same_ledger_as_accounts
        T 9 1 2 5 timestamp=1                               > timestamp_must_be_zero
        T 9 77 78 5                                         > debit_account_not_found
        T 9 1 2 5                                           > id_already_failed
        T 10 1 78 5                                         > credit_account_not_found
        T 10 1 2 5 code=0                                   > id_already_failed
        T 11 1 2 0                                          > created
        T 12 1 2 5                                          > created
        T 12 1 2 5                                          > exists@24
        show 1 0 5 0 0
        show 2 0 0 0 5
        fate 12 single 5
        fate 9 none 0
    ");
    check("what differs from the original", &[], "
        A 1 ; A 2 ; A 3                                     > created created created
        T 9 1 2 5 user_data_128=1 user_data_64=1 user_data_32=1 > created@4
        T 9 1 2 5 pending user_data_128=1 user_data_64=1 user_data_32=1 > exists_with_different_flags
        T 9 1 2 5 pending_id=1 user_data_128=1 user_data_64=1 user_data_32=1 > exists_with_different_pending_id
        T 9 1 2 5 timeout=1 user_data_128=1 user_data_64=1 user_data_32=1 > exists_with_different_timeout
        T 9 3 3 6 user_data_128=1 user_data_64=1 user_data_32=1 > exists_with_different_debit_account_id
        T 9 1 3 6 user_data_128=1 user_data_64=1 user_data_32=1 > exists_with_different_credit_account_id
        T 9 1 2 6 > exists_with_different_amount
        T 9 1 2 4 > exists_with_different_amount
        T 9 1 2 5 > exists_with_different_user_data_128
        T 9 1 2 5 user_data_128=1                           > exists_with_different_user_data_64
        T 9 1 2 5 user_data_128=1 user_data_64=1            > exists_with_different_user_data_32
        T 9 1 2 5 user_data_128=1 user_data_64=1 user_data_32=1 ledger=0 code=2 > exists_with_different_ledger
        T 9 1 2 5 user_data_128=1 user_data_64=1 user_data_32=1 code=2 > exists_with_different_code
        T 9 1 2 5 user_data_128=1 user_data_64=1 user_data_32=1 > exists@4
    ");
    check(
        "edge amounts",
        &[],
        "
        A 1 ; A 2 ; A 3                                     > created created created
        T 10 1 2 MAX-1 pending                              > created
        T 11 1 3 2 pending                                  > overflows_debits_pending
        T 12 3 2 2 pending                                  > overflows_credits_pending
        T 13 1 3 1 pending                                  > created
        T 14 1 3 1                                          > overflows_debits
        T 15 3 2 2                                          > overflows_credits
        V 16 10                                             > created
        T 17 1 2 MAX-1                                      > created
        T 18 1 3 2                                          > overflows_debits_posted
        T 19 3 2 2                                          > overflows_credits_posted
        T 20 1 3 1                                          > overflows_debits
        T 21 3 2 MAX balancing_debit                        > created
        show 1 1 MAX-1 0 0
        show 2 0 0 0 MAX-1
        fate 21 single 0
    ",
    );
}

#[test]
fn limits_and_balancing() {
    check(
        "debits must not exceed credits",
        &[],
        "
        A 1 debits_must_not_exceed_credits ; A 2            > created created
        T 10 1 2 1                                          > exceeds_credits
        T 10 1 2 0                                          > id_already_failed
        T 11 2 1 10                                         > created
        T 12 1 2 4 pending                                  > created
        T 13 1 2 7                                          > exceeds_credits
        T 14 1 2 6                                          > created
        P 15 12                                             > created
        T 16 2 1 3 pending                                  > created
        T 17 1 2 1                                          > exceeds_credits
        show 1 0 10 3 10
    ",
    );
    check(
        "credits must not exceed debits",
        &[],
        "
        A 1 credits_must_not_exceed_debits ; A 2            > created created
        T 10 2 1 1                                          > exceeds_debits
        T 11 1 2 10                                         > created
        T 12 2 1 4 pending                                  > created
        T 13 2 1 7                                          > exceeds_debits
        T 14 2 1 6                                          > created
        show 1 0 10 4 6
    ",
    );
    check(
        "both sides short: the debit side says so",
        &[],
        "
        A 1 debits_must_not_exceed_credits ; A 2 credits_must_not_exceed_debits > created created
        T 10 1 2 1                                          > exceeds_credits
    ",
    );
    check("balancing", &[], "
        A 1 debits_must_not_exceed_credits ; A 2 credits_must_not_exceed_debits ; A 3 > created created created
        T 10 3 1 50 ; T 11 2 3 70 ; T 12 1 3 8 pending      > created created created
        T 13 1 2 MAX balancing_debit                        > created
        fate 13 single 42
        T 14 1 2 MAX balancing_debit balancing_credit       > created
        fate 14 single 0
        V 15 12                                             > created
        T 16 1 2 3 balancing_credit                         > created
        T 17 1 3 100 balancing_debit pending                > created
        fate 17 pending 5
        T 17 1 3 5 balancing_debit pending                  > exists
        T 17 1 3 MAX balancing_debit pending                > exists
        T 17 1 3 4 balancing_debit pending                  > exists_with_different_amount
        T 13 1 2 41 balancing_debit                         > exists_with_different_amount
        show 1 5 45 0 50
        show 2 0 70 0 45
    ");
}

#[test]
fn two_phases() {
    check("posting and voiding", &[], "
        A 1 ; A 2 ; A 3                                     > created created created
        T 10 1 2 15 pending timeout=50 user_data_64=7       > created
        T 11 1 2 15 pending                                 > created
        T 12 1 2 15                                         > created
        show 1 30 15 0 0
        P 0 10                                              > id_must_not_be_zero
        P 20 0                                              > pending_id_must_not_be_zero
        P 20 MAX                                            > pending_id_must_not_be_int_max
        P 20 20                                             > pending_id_must_be_different
        P 20 10 timeout=1                                   > timeout_reserved_for_pending_transfer
        P 20 10 void_pending_transfer                       > flags_are_mutually_exclusive
        P 20 10 pending                                     > flags_are_mutually_exclusive
        P 20 10 balancing_credit                            > flags_are_mutually_exclusive
        P 20 10 closing_debit                               > flags_are_mutually_exclusive
        P 20 12                                             > pending_transfer_not_pending
        P 20 10 debit_account_id=2                          > pending_transfer_has_different_debit_account_id
        P 20 10 credit_account_id=1                         > pending_transfer_has_different_credit_account_id
        P 20 10 ledger=2                                    > pending_transfer_has_different_ledger
        P 20 10 code=2                                      > pending_transfer_has_different_code
        P 20 10 amount=16                                   > exceeds_pending_transfer_amount
        V 20 10 amount=14                                   > pending_transfer_has_different_amount
        V 20 10 amount=16                                   > exceeds_pending_transfer_amount
        P 21 99                                             > pending_transfer_not_found
        P 21 10                                             > id_already_failed
        P 20 10 amount=13 debit_account_id=1 ledger=1       > created
        P 20 10 amount=13                                   > exists
        P 20 10 amount=12                                   > exists_with_different_amount
        P 20 10                                             > exists_with_different_amount
        P 20 10 amount=13 user_data_64=7                    > exists
        P 20 10 amount=13 user_data_64=8                    > exists_with_different_user_data_64
        V 20 10 amount=13                                   > exists_with_different_flags
        P 22 10                                             > pending_transfer_already_posted
        V 22 10                                             > pending_transfer_already_posted
        V 23 11                                             > created
        V 23 11 amount=15                                   > exists
        P 24 11                                             > pending_transfer_already_voided
        fate 10 posted 15
        fate 11 voided 15
        fate 20 single 13
        show 1 0 28 0 0
        show 2 0 0 0 28
    ");
    check(
        "expiry, to the nanosecond, by time and then by creation",
        &[],
        "
        A 1 debits_must_not_exceed_credits ; A 2            > created created
        T 10 2 1 30                                         > created
        T 11 1 2 10 pending timeout=2                       > created@4
        T 12 1 2 20 pending timeout=1                       > created@5
        clock 999999998
        T 13 1 2 1                                          > exceeds_credits@1000000003
        show 1 30 0 0 30
        show 1 10 0 0 30
        P 14 12                                             > pending_transfer_expired
        P 14 11                                             > created
        fate 12 expired 20
        show 1 0 10 0 30
    ",
    );
    check("a chain is one event: what is due within it expires after it", &[], "
        A 1 ; A 2                                           > created created
        T 10 1 2 5 pending timeout=1                        > created@3
        clock 999999998
        T 11 1 2 1 linked ; T 12 1 2 1 linked ; T 13 1 2 1  > created@1000000001 created@1000000002 created@1000000003
        fate 10 expired 5
        T 20 1 2 5 pending timeout=1                        > created@1000000005
        clock 999999998
        T 21 1 2 1 linked ; T 22 1 2 1 linked ; P 23 20     > linked_event_failed linked_event_failed pending_transfer_expired
        fate 20 expired 5
    ");
    check(
        "a timeout beyond the end of time",
        &[],
        "
        A 1 ; A 2                                           > created created
        clock 9223372030000000000
        T 10 1 2 5 pending timeout=7                        > overflows_timeout
        T 10 1 2 5 pending timeout=6                        > created
    ",
    );
}

#[test]
fn chains() {
    check("all or nothing", &[], "
        A 1 debits_must_not_exceed_credits ; A 2            > created created
        T 10 2 1 100 linked ; T 11 1 2 60 linked ; T 12 1 2 50 ; T 13 2 1 5 > linked_event_failed linked_event_failed exceeds_credits created
        T 10 2 1 100                                        > created
        T 11 1 2 60                                         > created
        T 12 1 2 50                                         > id_already_failed
        show 1 0 60 0 105
    ");
    check("pending, posted and voided inside one chain", &[], "
        A 1 ; A 2                                           > created created
        T 10 1 2 8 pending linked ; P 11 10 amount=3 linked ; T 12 2 1 1 > created created created
        show 1 0 3 0 1
        T 20 1 2 8 pending linked ; V 21 20 linked ; P 22 20 > linked_event_failed linked_event_failed pending_transfer_already_voided
        fate 20 none 0
        P 23 20                                             > pending_transfer_not_found
        show 1 0 3 0 1
    ");
    check("open chains", &[], "
        A 1 ; A 2                                           > created created
        T 10 1 2 1 linked                                   > linked_event_chain_open
        T 10 1 2 1 linked ; T 11 1 2 1 linked               > linked_event_failed linked_event_chain_open
        T 10 1 2 1 ; T 11 1 2 1 linked ; T 12 1 9 1 linked ; T 13 1 2 1 linked > created linked_event_failed credit_account_not_found linked_event_chain_open
        T 12 1 2 1                                          > id_already_failed
        T 13 1 2 1                                          > created
    ");
    check(
        "a repeat breaks a chain",
        &[],
        "
        A 1 ; A 2                                           > created created
        T 10 1 2 1                                          > created
        T 11 1 2 1 linked ; T 10 1 2 1                      > linked_event_failed exists@3
        T 11 1 2 1                                          > created
    ",
    );
}

#[test]
fn closing() {
    check(
        "closed by a pending transfer, opened by its void or expiry",
        &[],
        "
        A 1 ; A 2 ; A 3                                     > created created created
        T 10 1 2 5 pending                                  > created
        T 11 1 3 0 pending closing_debit timeout=1          > created
        show 1 5 0 0 0 closed
        A 1                                                 > exists_with_different_flags
        A 1 closed                                          > exists
        T 12 1 2 1                                          > debit_account_already_closed
        T 13 2 1 1                                          > credit_account_already_closed
        P 14 10                                             > debit_account_already_closed
        P 15 11                                             > debit_account_already_closed
        V 16 10                                             > created
        clock 1000000000
        T 17 2 1 1                                          > created
        T 18 1 2 0 pending closing_debit closing_credit     > created
        T 19 2 3 1                                          > debit_account_already_closed
        T 20 3 2 1                                          > credit_account_already_closed
        V 21 18                                             > created
        T 22 2 3 1                                          > created
        show 1 0 0 0 1
    ",
    );
    check(
        "created closed",
        &[],
        "
        A 1 closed ; A 2                                    > created created
        T 10 1 2 1                                          > debit_account_already_closed
        T 11 2 1 1 pending                                  > credit_account_already_closed
        T 12 1 2 0 pending closing_debit                    > debit_account_already_closed
        show 1 0 0 0 0 closed
    ",
    );
}

#[test]
fn imports() {
    check("accounts and transfers with their own times", &[], "
        clock 1000
        A 1 imported timestamp=10 ; A 2 imported timestamp=20 > created@10 created@20
        A 3 imported timestamp=20                           > imported_event_timestamp_must_not_regress
        A 3 imported timestamp=0                            > imported_event_timestamp_out_of_range
        A 3 imported timestamp=9223372036854775808          > imported_event_timestamp_out_of_range
        A 3 imported timestamp=1005                         > imported_event_timestamp_must_not_advance
        A 3 imported                                        > imported_event_timestamp_out_of_range
        A 3 imported timestamp=30 ; A 4                     > created@30 imported_event_expected
        A 4 ; A 5 imported timestamp=40                     > created imported_event_not_expected
        A 1 imported timestamp=999                          > exists@10
        T 10 1 2 5 imported timestamp=20                    > imported_event_timestamp_must_not_regress
        T 10 1 2 5 imported timestamp=15                    > imported_event_timestamp_must_postdate_credit_account
        T 10 2 3 5 imported timestamp=15                    > imported_event_timestamp_must_postdate_debit_account
        T 10 1 2 5 imported timestamp=25 pending timeout=1  > imported_event_timeout_must_be_zero
        T 10 1 2 5 imported timestamp=25 pending            > created@25
        T 11 1 2 5 imported timestamp=25                    > imported_event_timestamp_must_not_regress
        T 11 1 2 5 imported timestamp=31                    > created@31
        P 12 10 imported timestamp=31                       > imported_event_timestamp_must_not_regress
        P 12 10 imported timestamp=32                       > created@32
        T 10 1 2 5 imported timestamp=7 pending             > exists@25
        show 1 0 10 0 0 imported
    ");
    check("earlier than the batch's last event is early enough", &[], "
        clock 100
        A 1 imported timestamp=101 ; A 2 imported timestamp=102 ; A 3 imported timestamp=103 > created@101 imported_event_timestamp_must_not_advance imported_event_timestamp_must_not_advance
    ");
}

#[test]
fn retention_and_full_tables() {
    check(
        "forgotten to the nanosecond",
        &["--retention", "1s"],
        "
        A 1 ; A 2                                           > created created
        T 10 1 2 5                                          > created@3
        T 11 1 2 5 pending                                  > created@4
        T 12 1 9 5                                          > credit_account_not_found@5
        clock 999999996
        T 10 1 2 5                                          > exists@3
        T 11 1 2 5 pending                                  > exists@4
        T 10 1 2 5                                          > created@1000000003
        clock 2
        T 12 1 2 5                                          > created@1000000005
        P 13 11                                             > created
        clock 999999999
        fate 11 posted 5
        fate 11 none 0
        P 13 11                                             > pending_transfer_not_found
    ",
    );
    check(
        "a full table",
        &["--transfers", "2"],
        "
        A 1 debits_must_not_exceed_credits ; A 2            > created created
        T 10 2 1 5                                          > created
        T 11 1 2 6                                          > exceeds_credits
        T 12 2 1 5                                          > transfers_full
        T 13 1 2 6                                          > transfers_full
        T 14 1 2 5 code=0                                   > code_must_not_be_zero
        T 10 2 1 5                                          > exists
        T 11 2 1 5                                          > id_already_failed
    ",
    );
}
