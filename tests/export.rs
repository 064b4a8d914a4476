//! What `journal export` prints rebuilds the journal that it was made of.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ringfence::journal::{
    DataDir, Durability, Options, SEGMENT_BYTES_MIN, Waker, Wanted, Writer, recover,
};
use ringfence::types::{Account, Command, Request, stamp_batch};
use support::{Ran, apply, run, run_on, text};
use tempfile::tempdir;

/// Tables that hold all examples.
const TABLES: [&str; 6] = ["--accounts", "1024", "--transfers", "4096", "--policies", "64"];

/// The commands of all examples in the manual, one after the other, and what they leave out.
fn examples() -> String {
    let mut input = String::new();
    let mut pages: Vec<_> =
        fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    for page in pages {
        let mut is_input = false;
        for line in fs::read_to_string(&page).unwrap_or_default().lines() {
            match line.strip_prefix("```") {
                Some(fence) => is_input = fence.starts_with("json in"),
                None if is_input => {
                    input.push_str(line);
                    input.push('\n');
                }
                None => {}
            }
        }
    }
    for more in [
        r#"{"op":"lookup_order","id":1}"#,
        r#"{"op":"amend_order","id":1,"price":5,"quantity":2}"#,
        r#"{"op":"pulse"}"#,
    ] {
        input.push_str(more);
        input.push('\n');
    }
    input
}

fn export(dir: &Path, more: &[&str]) -> Ran {
    let ran = run(&[&["journal", "export", "--data-dir", text(dir)], more].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    ran
}

/// The options of `apply` that an export names.
fn options_of(exported: &Ran) -> Vec<&str> {
    let line = exported.stderr.lines().last().unwrap();
    let (_, options) = line.split_once(" with ").unwrap_or_else(|| panic!("{line}"));
    options.split(' ').collect()
}

/// Applies an export with the options that it names.
fn import(dir: &Path, exported: &Ran) -> Ran {
    let mut arguments = vec!["apply", "--data-dir", text(dir), "--segment-bytes", "2097152"];
    arguments.extend(options_of(exported));
    arguments.push("-");
    let ran = run_on(&arguments, &exported.stdout);
    assert_eq!(ran.status, 0, "{}{}", ran.stderr, ran.stdout);
    ran
}

/// Outcomes and events, byte for byte, and the digest.
fn story(dir: &Path) -> (String, String) {
    let ran = run(&["replay", "--data-dir", text(dir), "--outcomes", "--events"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let digest = ran.digest();
    (ran.stdout, digest)
}

#[test]
fn an_export_of_all_operations_gives_the_same_outcomes_timestamps_and_digest() {
    let folder = tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    apply(&old, &[&TABLES[..], &["--retention", "36h"]].concat(), &examples());
    let stat = run(&["journal", "stat", "--data-dir", text(&old)]);
    let stat: serde_json::Value = serde_json::from_str(&stat.stdout).unwrap();
    for op in ringfence::types::Op::ALL {
        assert!(stat["commands"].get(op.name()).is_some(), "{} is in no example", op.name());
    }
    assert_eq!(stat["capacities"]["markets"], "64");
    assert_eq!(stat["capacities"]["orders"], "262144");

    let exported = export(&old, &[]);
    assert!(options_of(&exported).contains(&"129600000000000ns"), "{}", exported.stderr);
    import(&new, &exported);
    assert_eq!(story(&new), story(&old));
    // Batches stayed batches.
    assert_eq!(export(&new, &[]).stdout, exported.stdout);
    let batches = exported.stdout.lines().filter(|line| !line.contains("advance_clock")).count();
    assert_eq!(stat["batches"], batches.to_string());
}

#[test]
fn timestamps_of_the_systems_clock_are_kept() {
    let folder = tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    for _ in 0..2 {
        let arguments = ["apply", "--data-dir", text(&old), "examples/payments.ndjson"];
        assert_eq!(run(&arguments).status, 0);
    }
    import(&new, &export(&old, &[]));
    assert_eq!(story(&new), story(&old));
}

fn account(id: u32) -> String {
    format!("{{\"op\":\"create_account\",\"id\":{id},\"ledger\":978,\"code\":1}}")
}

#[test]
fn a_journal_whose_tables_grew_is_exported_in_parts() {
    let folder = tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let lines = |ids: std::ops::Range<u32>| ids.map(|id| account(id) + "\n").collect::<String>();
    let full = apply(&old, &["--accounts", "2"], &lines(1..5));
    assert!(full.stdout.contains("accounts_full"), "{}", full.stdout);
    apply(
        &old,
        &["--accounts", "10"],
        &(lines(4..6) + &format!("[{},{}]\n", account(8), account(9))),
    );

    let whole = export(&old, &[]);
    assert!(
        whole.stderr.contains("export with --until 4, then with --after 4"),
        "{}",
        whole.stderr
    );
    let (first, rest) = (export(&old, &["--until", "4"]), export(&old, &["--after", "4"]));
    assert_eq!(whole.stdout, first.stdout.clone() + &rest.stdout);
    assert!(options_of(&first).starts_with(&["--clock", "manual", "--accounts", "2"]));
    assert!(rest.stderr.contains("to the journal that has what came before"), "{}", rest.stderr);
    import(&new, &first);
    import(&new, &rest);
    assert_eq!(story(&new), story(&old));

    // Sequences 7 and 8 are one batch.
    let cut = run(&["journal", "export", "--data-dir", text(&old), "--after", "7"]);
    assert_eq!(cut.status, 2, "{cut:?}");
    let expected = "--after 7 is within the batch of 7 to 8: --after can be 6 or 8";
    assert!(cut.stderr.contains(expected), "{}", cut.stderr);
    let short = export(&old, &["--until", "7"]);
    assert!(short.stderr.contains("--until 7: the last whole batch ends with sequence 6"));
    assert_eq!(export(&old, &["--after", "8"]).stdout, "");
    let beyond = run(&["journal", "export", "--data-dir", text(&old), "--after", "9"]);
    assert_eq!(beyond.status, 1, "{beyond:?}");
    assert!(beyond.stderr.contains("the journal ends with sequence 8"), "{}", beyond.stderr);
}

#[test]
fn a_journal_without_its_beginning_is_exported_only_as_a_rest() {
    let folder = tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let options = ["--accounts", "100000"];
    for part in 0..3 {
        let batch = |from: u32| {
            let accounts: Vec<_> = (from..from + 8000).map(account).collect();
            format!("[{}]\n", accounts.join(","))
        };
        let input: String = (0..3).map(|index| batch(1 + 24_000 * part + 8000 * index)).collect();
        assert_eq!(apply(&old, &options, &input).status, 0);
        if part < 2 {
            import(&new, &export(&old, &["--after", &(24_000 * part).to_string()]));
        }
        let snapshot = run(&["snapshot", "--data-dir", text(&old), "--keep", "2"]);
        assert_eq!(snapshot.status, 0, "{snapshot:?}");
    }
    assert!(!old.join("0000000001.journal").exists());
    for more in [&[][..], &["--as-imports"], &["--as-imports", "--after", "48000"]] {
        let ran = run(&[&["journal", "export", "--data-dir", text(&old)], more].concat());
        assert_eq!(ran.status, 1, "{more:?}");
        assert!(ran.stderr.contains("put the archived segments back"), "{}", ran.stderr);
        assert!(ran.stdout.is_empty());
    }
    let rest = run(&["journal", "export", "--data-dir", text(&old), "--after", "48000"]);
    assert_eq!(rest.status, 0, "{}", rest.stderr);
    let arguments = ["apply", "--data-dir", text(&new), "--clock", "manual", "-"];
    assert_eq!(run_on(&arguments, &rest.stdout).status, 0);
    let digest = |dir: &Path| run(&["replay", "--data-dir", text(dir)]).digest();
    assert_eq!(digest(&new), digest(&old));
}

#[test]
fn imports_give_the_same_accounts_and_transfers_with_their_timestamps() {
    let folder = tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let transfer = |id: u32, more: &str| {
        format!(
            "{{\"op\":\"create_transfer\",\"id\":{id},\"debit_account_id\":1,\"credit_account_id\":2,\"amount\":10,\"ledger\":978,\"code\":1{more}}}"
        )
    };
    let lines = [
        format!("[{},{},{}]", account(1), account(2), account(1)),
        transfer(10, ""),
        r#"{"op":"advance_clock","nanoseconds":1000000}"#.to_owned(),
        transfer(11, r#","flags":["pending"]"#),
        r#"{"op":"set_pair_policy","debit_account_id":1,"credit_account_id":2,"blocked":true}"#.to_owned(),
        // Refused; as an import it would pass.
        transfer(12, ""),
        r#"{"op":"set_pair_policy","debit_account_id":1,"credit_account_id":2}"#.to_owned(),
        // A chain that fails, and one that does not.
        format!("[{},{}]", transfer(13, r#","flags":["linked"]"#), transfer(0, "")),
        format!("[{},{}]", transfer(14, r#","flags":["linked"]"#), transfer(15, "")),
        r#"{"op":"create_transfer","id":16,"pending_id":11,"flags":["post_pending_transfer"],"amount":7}"#.to_owned(),
        transfer(17, r#","flags":["imported"],"timestamp":5"#),
        r#"{"op":"lookup_transfer","id":10}"#.to_owned(),
        r#"{"op":"lookup_account","id":1}"#.to_owned(),
    ];
    let ran = apply(&old, &[], &lines.join("\n"));
    for status in ["exists", "risk_pair_blocked", "linked_event_failed", "must_not_regress"] {
        assert!(ran.stdout.contains(status), "{status}: {}", ran.stdout);
    }
    let exported = export(&old, &["--as-imports"]);
    assert_eq!(options_of(&exported)[0], "--accounts", "the system's clock is late enough");
    let imported = import(&new, &exported);
    for line in imported.lines() {
        assert!(line.contains("\"created\"") || line.contains("\"ok\""), "{line}");
    }
    let look = |dir: &Path| {
        let lookups: String = [10, 11, 14, 15, 16]
            .map(|id| format!("{{\"op\":\"lookup_transfer\",\"id\":{id}}}\n"))
            .concat();
        let arguments = ["apply", "--data-dir", text(dir), "-"];
        let found = run_on(&arguments, &lookups).stdout;
        let bodies: Vec<_> = found
            .lines()
            .map(|line| line.split_once("\"transfer\":").unwrap().1.to_owned())
            .collect();
        let balances = run(&["replay", "--data-dir", text(dir), "--balances"]).stdout;
        let all = bodies.join("\n") + "\n" + &balances;
        all.replace("[\"imported\"]", "[]").replace(",\"imported\"]", "]")
    };
    assert_eq!(look(&new), look(&old));
}

#[test]
fn what_cannot_be_an_import_is_named() {
    let folder = tempdir().unwrap();
    let head = format!("[{},{}]\n", account(1), account(2));
    let transfer = r#"{"op":"create_transfer","id":9,"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":978,"code":1"#;
    let cases = [
        (
            "timeout",
            format!("{transfer},\"flags\":[\"pending\"],\"timeout\":5}}"),
            "imports have no timeout",
        ),
        ("queue", format!("{transfer},\"flags\":[\"queue\"]}}"), "a payment that waits"),
        (
            "resolve",
            r#"{"op":"resolve_queues","ledger":978}"#.to_owned(),
            "only accounts, transfers and policies",
        ),
    ];
    for (name, line, expected) in cases {
        let dir = folder.path().join(name);
        assert_eq!(apply(&dir, &[], &(head.clone() + &line)).status, 0);
        let ran = run(&["journal", "export", "--data-dir", text(&dir), "--as-imports"]);
        assert_eq!(ran.status, 1, "{name}: {ran:?}");
        let place = "the command at sequence 3 cannot be an import";
        assert!(ran.stderr.contains(place) && ran.stderr.contains(expected), "{}", ran.stderr);
    }
}

/// Writes a journal of batches of one account each, which say these things of themselves.
fn write_requests(path: &Path, requests: &[Request]) {
    let options =
        Options { segment_bytes: SEGMENT_BYTES_MIN, durability: Durability::Sync, key: None };
    let dir = DataDir::open(path).unwrap();
    let recovered = recover(&dir, &Wanted::default(), &options, |_| ()).unwrap();
    let waker: Waker = Arc::new(|| {});
    let mut writer = Writer::open(&dir, &recovered, options, &waker).unwrap();
    for (sequence, request) in (1..).zip(requests) {
        let account = Account { id: sequence.into(), ledger: 978, code: 1, ..Account::default() };
        let mut batch = [Command::create_account(account)];
        stamp_batch(&mut batch, sequence, 0);
        assert!(writer.append_request(sequence, &batch[..], request).unwrap());
    }
    writer.close().unwrap();
}

#[test]
fn sessions_and_tags_are_dumped_and_an_export_says_that_it_leaves_them_out() {
    let folder = tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let tagged = Request { tag: 7, ..Request::NONE };
    let of_session = Request { session: 1 << 127, number: 5, ..tagged };
    write_requests(&old, &[Request::NONE, tagged, of_session]);

    let dump = run(&["journal", "dump", "--data-dir", text(&old)]).stdout;
    let said: Vec<[Option<String>; 3]> = dump
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            ["session", "request", "tag"].map(|name| {
                line.get(name).map(|value| value.as_str().expect("a decimal string").to_owned())
            })
        })
        .collect();
    let session = Some((1_u128 << 127).to_string());
    let (request, tag) = (Some("5".to_owned()), Some("7".to_owned()));
    let expected = [[None, None, None], [None, None, tag.clone()], [session, request, tag]];
    assert_eq!(said, expected);

    let says = |exported: &Ran| exported.stderr.contains("tags are not exported");
    let exported = export(&old, &[]);
    assert!(says(&exported) && exported.stderr.contains("(2 batches"), "{}", exported.stderr);
    assert!(!says(&export(&old, &["--until", "1"])), "what is exported had none");
    import(&new, &exported);
    let ((old_outcomes, old_digest), (outcomes, digest)) = (story(&old), story(&new));
    assert_eq!(outcomes, old_outcomes);
    assert_ne!(digest, old_digest, "the session is part of the state");
    assert!(!says(&export(&new, &[])));
}
