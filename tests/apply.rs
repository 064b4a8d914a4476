//! `ringfence apply`: text in, text out, and how it ends.

mod support;

use std::fs;
use std::process::Stdio;

use support::{apply, ringfence, run, run_on, text};
use tempfile::tempdir;

const ACCOUNTS: &str = r#"{"op":"create_account","id":1,"ledger":978,"code":1,"flags":["debits_must_not_exceed_credits"]}
{"op":"create_account","id":2,"ledger":978,"code":1}
"#;

#[test]
fn each_command_gets_one_line_in_order_and_each_malformed_line_its_own() {
    let input = format!(
        "{ACCOUNTS}{}",
        r#"{"op":"create_transfer","id":"9000","debit_account_id":"2","credit_account_id":"1","amount":"2500","ledger":978,"code":7}
{"op":"create_transfer","id":1,"amout":5}

[{"op":"create_transfer","id":9001,"debit_account_id":1,"credit_account_id":2,"amount":100,"ledger":978,"code":7,"flags":["linked"]},{"op":"create_transfer","id":9002,"debit_account_id":1,"credit_account_id":2,"amount":50,"ledger":978,"code":8}]
{"op":"advance_clock","nanoseconds":1000}
{"op":"lookup_account","id":1}
{"op":"lookup_transfer","id":9000}
{"op":"lookup_account","id":77}
"#
    );
    let ran = run_on(&["apply", "--clock", "manual", "-"], &input);
    let expected = [
        r#"{"sequence":"1","op":"create_account","id":"1","status":"created","timestamp":"1"}"#,
        r#"{"sequence":"2","op":"create_account","id":"2","status":"created","timestamp":"2"}"#,
        r#"{"sequence":"3","op":"create_transfer","id":"9000","status":"created","timestamp":"3"}"#,
        r#"{"line":4,"status":"malformed","error":"unknown field `amout` at column 32"}"#,
        r#"{"sequence":"4","op":"create_transfer","id":"9001","status":"created","timestamp":"4"}"#,
        r#"{"sequence":"5","op":"create_transfer","id":"9002","status":"created","timestamp":"5"}"#,
        r#"{"op":"advance_clock","status":"ok","timestamp":"1005"}"#,
        r#"{"sequence":"6","op":"lookup_account","id":"1","status":"found","timestamp":"1005","account":{"id":"1","debits_pending":"0","debits_posted":"150","credits_pending":"0","credits_posted":"2500","user_data_128":"0","user_data_64":"0","user_data_32":0,"ledger":978,"code":1,"flags":["debits_must_not_exceed_credits"],"timestamp":"1"}}"#,
        r#"{"sequence":"7","op":"lookup_transfer","id":"9000","status":"found","timestamp":"1006","transfer":{"id":"9000","debit_account_id":"2","credit_account_id":"1","amount":"2500","pending_id":"0","user_data_128":"0","user_data_64":"0","user_data_32":0,"timeout":0,"ledger":978,"code":7,"flags":[],"timestamp":"3"}}"#,
        r#"{"sequence":"8","op":"lookup_account","id":"77","status":"not_found","timestamp":"1007"}"#,
    ];
    assert_eq!(ran.lines(), expected);
    assert_eq!(ran.status, 3, "one line was malformed");
    assert_eq!(ran.summary()["commands"], "8");
    assert_eq!(ran.summary()["last_timestamp"], "1007");
    assert!(ran.stderr.contains("nothing is journaled"), "{}", ran.stderr);
    assert!(ran.stderr.contains(r#"{"outcomes":{"created":"5","found":"2","not_found":"1"}}"#));
}

#[test]
fn the_exit_status_tells_of_refusals_only_to_those_who_ask() {
    let refused = r#"{"op":"create_transfer","id":1,"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":978,"code":7}"#;
    let input = format!("{ACCOUNTS}{refused}\n");
    assert_eq!(run_on(&["apply", "-"], &input).status, 0);
    assert_eq!(run_on(&["apply", "--fail-on-refused", "-"], &input).status, 4);
    assert_eq!(run_on(&["apply", "--fail-on-refused", "-"], ACCOUNTS).status, 0);
    let malformed = format!("{input}x\n");
    assert_eq!(run_on(&["apply", "--fail-on-refused", "-"], &malformed).status, 3);
}

#[test]
fn outcomes_are_the_same_at_every_placement_and_way_of_waiting() {
    let input = fs::read_to_string("examples/payments.ndjson").unwrap();
    let plain = run_on(&["apply", "--clock", "manual", "-"], &input);
    assert_eq!(plain.status, 0, "{}", plain.stderr);
    for cores in ["0", "0,0", "0,0,0", "0,0,0,0", "0,0,0,0,0"] {
        for wait in ["yield", "park", "phased", "auto", "busy-spin"] {
            let arguments = [
                "apply",
                "--clock",
                "manual",
                "--cores",
                cores,
                "--wait",
                wait,
                "--event-slots",
                "1",
                "-",
            ];
            let ran = run_on(&arguments, &input);
            assert_eq!(ran.stdout, plain.stdout, "--cores {cores} --wait {wait}");
            assert_eq!(ran.digest(), plain.digest(), "--cores {cores} --wait {wait}");
        }
    }
}

#[test]
fn a_pipe_that_pauses_is_answered_line_by_line() {
    use std::io::{BufRead, BufReader, Write};
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut child = ringfence(&["apply", "--data-dir", text(&dir), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for line in ACCOUNTS.lines() {
        writeln!(stdin, "{line}").unwrap();
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert!(answer.contains(r#""status":"created""#), "{answer}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn wrong_usage_is_status_2_and_says_what_is_wrong() {
    let cases: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["apply"],
        &["apply", "--no-such-option", "-"],
        &["apply", "--accounts", "0", "-"],
        &["apply", "--ring-slots", "8192", "-"],
        &["apply", "--ring-slots", "16385", "-"],
        &["apply", "--segment-bytes", "1000", "-"],
        &["apply", "--durability", "perhaps", "-"],
        &["apply", "--cores", "99999", "-"],
        &["apply", "--wait", "forever", "-"],
        &["replay"],
        &["run"],
        &["journal", "mend", "--data-dir", "/tmp"],
    ];
    for arguments in cases {
        let ran = run(arguments);
        assert_eq!(ran.status, 2, "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.is_empty(), "{arguments:?}");
        assert!(ran.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn options_come_from_flags_before_the_environment_before_the_file() {
    let folder = tempdir().unwrap();
    let config = folder.path().join("ringfence.toml");
    fs::write(&config, "clock = \"manual\"\naccounts = 1\nlisten = [\"unix:/nowhere\"]\n").unwrap();
    let full = |command: &mut std::process::Command| {
        let input = folder.path().join("input.ndjson");
        fs::write(&input, ACCOUNTS).unwrap();
        let ran: support::Ran = command.arg(&input).output().unwrap().into();
        assert_eq!(ran.status, 0, "{ran:?}");
        (ran.stdout.contains("accounts_full"), ran.stdout.contains(r#""timestamp":"1""#))
    };
    let from_file = ["apply", "--config", text(&config)];
    assert_eq!(full(&mut ringfence(&from_file)), (true, true));
    assert_eq!(full(ringfence(&from_file).env("RINGFENCE_ACCOUNTS", "2")), (false, true));
    let by_flag = ["apply", "--config", text(&config), "--accounts", "1", "--clock", "system"];
    assert_eq!(full(ringfence(&by_flag).env("RINGFENCE_ACCOUNTS", "2")), (true, false));

    fs::write(&config, "acounts = 1\n").unwrap();
    let ran = run(&["apply", "--config", text(&config), "-"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("unknown option `acounts`"), "{}", ran.stderr);
}

#[test]
fn an_input_that_is_not_there_is_an_operating_error_and_leaves_no_journal() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let input = folder.path().join("missing.ndjson");
    let ran = run(&["apply", "--data-dir", text(&dir), text(&input)]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("missing.ndjson"), "{}", ran.stderr);
    assert!(!dir.exists());
}

#[test]
fn a_closed_output_ends_with_status_1_and_what_was_taken_in_is_in_the_journal() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut input = ACCOUNTS.to_owned();
    for id in 10..20_000 {
        input.push_str(&format!(
            "{{\"op\":\"create_transfer\",\"id\":{id},\"debit_account_id\":2,\"credit_account_id\":1,\"amount\":1,\"ledger\":978,\"code\":1}}\n"
        ));
    }
    let file = folder.path().join("input.ndjson");
    fs::write(&file, &input).unwrap();
    let mut child = ringfence(&["apply", "--data-dir", text(&dir), text(&file)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran: support::Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("writing the outcomes"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let replayed = run(&["replay", "--data-dir", text(&dir)]);
    assert_eq!(replayed.digest(), ran.digest());
}

#[test]
fn a_clock_at_the_end_of_time_ends_the_input_with_status_1() {
    let account = |id: u32| format!(r#"{{"op":"create_account","id":{id},"ledger":1,"code":1}}"#);
    let end = r#"{"op":"advance_clock","nanoseconds":9223372036854775805}"#;
    let batch = format!("[{},{}]", account(2), account(3));
    let input = format!("{}\n{end}\n{batch}\n{}\n", account(1), account(4));
    let ran = run_on(&["apply", "--clock", "manual", "-"], &input);
    let expected = [
        r#"{"sequence":"1","op":"create_account","id":"1","status":"created","timestamp":"1"}"#,
        r#"{"op":"advance_clock","status":"ok","timestamp":"9223372036854775806"}"#,
        r#"{"sequence":"2","op":"create_account","id":"2","status":"created","timestamp":"9223372036854775806"}"#,
        r#"{"sequence":"3","op":"create_account","id":"3","status":"created","timestamp":"9223372036854775807"}"#,
    ];
    assert_eq!(ran.lines(), expected);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("end of time"), "{}", ran.stderr);
    assert_eq!(ran.summary()["commands"], "3");
}

#[test]
fn an_output_that_is_full_is_an_operating_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = ringfence(&["apply", "examples/payments.ndjson"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn help_and_version_go_to_standard_output() {
    for arguments in [&["--help"][..], &["apply", "--help"], &["--version"]] {
        let ran = run(arguments);
        assert_eq!(ran.status, 0);
        assert!(!ran.stdout.is_empty());
    }
    let version = run(&["--version"]).stdout;
    assert!(version.contains("commit") && version.contains("journal format"), "{version}");
}

#[test]
fn a_standard_error_that_takes_nothing_changes_nothing() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("input.ndjson");
    fs::write(&file, ACCOUNTS).unwrap();
    for (arguments, status) in [(["apply", text(&file)], 0), (["apply", "/nowhere"], 1)] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = ringfence(&arguments).stdout(Stdio::null()).stderr(full).status().unwrap();
        assert_eq!(ended.code(), Some(status));
    }
}

#[test]
fn a_start_with_smaller_tables_than_the_journal_says_is_refused_and_harms_nothing() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let first = apply(&dir, &["--accounts", "10"], ACCOUNTS);
    assert_eq!(first.status, 0, "{first:?}");
    let smaller = apply(&dir, &["--accounts", "5"], "");
    assert_eq!(smaller.status, 1, "{smaller:?}");
    assert!(smaller.stderr.contains("accounts"), "{}", smaller.stderr);
    let replayed = run(&["replay", "--data-dir", text(&dir)]);
    assert_eq!(replayed.digest(), first.digest());
}
