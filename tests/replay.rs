//! What the journal gives back.

mod support;

use std::fs;
use std::time::{Duration, Instant};

use support::{SMALL, apply, ringfence, run, text};
use tempfile::tempdir;

#[test]
fn replay_prints_the_digest_and_the_outcomes_of_the_run_byte_for_byte() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let input = fs::read_to_string("examples/payments.ndjson").unwrap();
    let ran = apply(&dir, &[], &input);
    assert_eq!(ran.status, 0, "{}", ran.stderr);

    let replayed = run(&["replay", "--data-dir", text(&dir)]);
    assert_eq!(replayed.status, 0, "{}", replayed.stderr);
    assert_eq!(replayed.summary(), ran.summary());
    let outcomes = run(&["replay", "--data-dir", text(&dir), "--outcomes"]);
    assert_eq!(outcomes.stdout, ran.stdout);
    assert_eq!(outcomes.digest(), ran.digest());
}

#[test]
fn apply_goes_on_where_the_journal_stops() {
    let folder = tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let input = fs::read_to_string("examples/payments.ndjson").unwrap();
    let whole = apply(&one, &[], &input);
    let mut stdout = String::new();
    let mut digest = String::new();
    for line in input.lines() {
        let ran = apply(&two, &[], line);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        stdout.push_str(&ran.stdout);
        digest = ran.digest();
    }
    assert_eq!(stdout, whole.stdout, "the manual clock goes on from the last timestamp");
    assert_eq!(digest, whole.digest());
    let outcomes = run(&["replay", "--data-dir", text(&two), "--outcomes"]);
    assert_eq!(outcomes.stdout, whole.stdout);
}

#[test]
fn balances_are_the_accounts_in_order_of_creation_as_look_ups_show_them() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let input = r#"{"op":"create_account","id":9,"ledger":1,"code":1}
{"op":"create_account","id":3,"ledger":1,"code":1}
{"op":"create_transfer","id":1,"debit_account_id":9,"credit_account_id":3,"amount":5,"ledger":1,"code":1}
{"op":"lookup_account","id":9}
{"op":"lookup_account","id":3}
"#;
    let ran = apply(&dir, &[], input);
    let shown: Vec<String> = ran.lines()[3..]
        .iter()
        .map(|line| line.split_once(r#""account":"#).unwrap().1.strip_suffix('}').unwrap().into())
        .collect();
    let balances = run(&["replay", "--data-dir", text(&dir), "--balances"]);
    assert_eq!(balances.lines(), shown);
}

#[test]
fn until_stops_after_that_command_and_before_a_chain_that_goes_beyond_it() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let input = fs::read_to_string("examples/payments.ndjson").unwrap();
    let ran = apply(&dir, &[], &input);
    let all = ran.lines().len();
    // Commands 9 and 10 are a linked chain: both happen or neither does.
    for (until, count) in [(0, 0), (1, 1), (5, 5), (8, 8), (9, 8), (10, 10), (1000, all)] {
        let number = until.to_string();
        let part = run(&["replay", "--data-dir", text(&dir), "--outcomes", "--until", &number]);
        assert_eq!(part.status, 0);
        assert_eq!(part.summary()["commands"], count.to_string(), "--until {until}");
        assert_eq!(part.lines(), ran.lines()[..count], "--until {until}");
    }
}

#[test]
fn replay_writes_nothing_and_needs_a_journal() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("missing");
    let ran = run(&["replay", "--data-dir", text(&missing)]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("missing"), "{}", ran.stderr);
    assert!(!missing.exists());

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(run(&["replay", "--data-dir", text(&empty)]).status, 1);
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

#[test]
fn a_second_engine_on_the_directory_is_refused_and_the_first_is_not_disturbed() {
    use std::io::{BufRead, BufReader, Write};
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut first = ringfence(&["apply", "--data-dir", text(&dir), "-"])
        .args(SMALL)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = first.stdin.take().unwrap();
    let mut stdout = BufReader::new(first.stdout.take().unwrap());
    let mut answer = String::new();
    writeln!(stdin, r#"{{"op":"create_account","id":1,"ledger":1,"code":1}}"#).unwrap();
    stdout.read_line(&mut answer).unwrap();

    let second = apply(&dir, &[], "");
    assert_eq!(second.status, 1, "{second:?}");
    assert!(second.stderr.contains(text(&dir)), "{}", second.stderr);

    // What is durable is seen from beside once the engine has been idle long enough to write it down.
    let patience = Instant::now();
    loop {
        let beside = run(&["replay", "--data-dir", text(&dir), "--outcomes"]);
        assert_eq!(beside.status, 0, "{beside:?}");
        if beside.stdout == answer {
            break;
        }
        assert_eq!(beside.stdout, "", "nothing else can be there");
        assert!(patience.elapsed() < Duration::from_secs(20), "it is never seen");
        std::thread::sleep(Duration::from_millis(20));
    }

    answer.clear();
    writeln!(stdin, r#"{{"op":"create_account","id":2,"ledger":1,"code":1}}"#).unwrap();
    stdout.read_line(&mut answer).unwrap();
    assert!(answer.contains("created"));
    drop(stdin);
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_directory_that_is_no_journal_is_refused_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("holiday.txt"), "not a journal").unwrap();
    let ran = apply(folder.path(), &[], "");
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains(text(folder.path())), "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
