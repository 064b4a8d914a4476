//! An error says what is wrong, with the name and at the place where it was written.

mod support;

use std::fs;
use std::process::{Command, Stdio};

use support::{Ran, SMALL, apply, ringfence, run, text};
use tempfile::tempdir;

const EXAMPLE: &str = "examples/payments.ndjson";
const RING_SLOTS: &str = "must be a power of two from 16384 to 2147483648";

#[test]
fn a_bad_value_is_reported_with_the_option_as_it_was_written() {
    //  arguments, what standard error must contain
    let cases: &[(&[&str], &str)] = &[
        (&["apply", "--ring-slots", "100", "-"], RING_SLOTS),
        (&["apply", "--ring-slots", "99999999999999999999", "-"], RING_SLOTS),
        (&["apply", "--segment-bytes", "3000000", "-"], {
            "'--segment-bytes <N>': must be a power of two from 2097152 to 68719476736"
        }),
        (&["apply", "--segment-bytes", "137438953472", "-"], "to 68719476736"),
        (&["apply", "--event-slots", "0", "-"], "must be a power of two from 1 to 2147483648"),
        (&["apply", "--accounts", "0", "-"], {
            "'--accounts <N>': must be a whole number from 1 to 2147483648"
        }),
        (&["apply", "--accounts", "+5x", "-"], "must be a whole number from 1 to"),
        (&["apply", "--retention", "soon", "-"], "must be a duration such as 36h or 30days"),
        (&["apply", "--cores", "99999", "-"], "--cores: core 99999 is not among those"),
        (&["replay", "--data-dir", ".", "--until", "last"], {
            "'--until <SEQUENCE>': must be a whole number from 0 up"
        }),
        (&["bench", "fold", "--batch", "9000"], "must be a whole number from 1 to 8192"),
        (&["bench", "fold", "--seed", "x"], "must be a whole number from 0 up"),
        (&["bench", "pipeline", "--rate", "0"], {
            "'--rate <EVENTS_PER_S>': must be a number above 0"
        }),
    ];
    for (arguments, expected) in cases {
        let ran = run(arguments);
        assert_eq!(ran.status, 2, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
}

fn with_variable(name: &str, value: &str, arguments: &[&str]) -> Ran {
    let mut command = ringfence(arguments);
    command.env(name, value).stdin(Stdio::null()).output().unwrap().into()
}

#[test]
fn a_bad_variable_is_reported_with_its_name() {
    let cases = [
        ("RINGFENCE_RING_SLOTS", "100", format!("invalid value '100': {RING_SLOTS}")),
        ("RINGFENCE_JOURNAL_IO", "psync", "invalid value 'psync': not one of io-uring".to_owned()),
        (
            "RINGFENCE_DURABILITY",
            "maybe",
            "invalid value 'maybe': must be one of sync, async".to_owned(),
        ),
        ("RINGFENCE_CORES", "99999", "core 99999 is not among those".to_owned()),
        ("RINGFENCE_WAIT", "long", "invalid value 'long': not one of busy-spin".to_owned()),
        ("RINGFENCE_EVENTS", "yes", "'yes' is neither true nor false".to_owned()),
    ];
    for (name, value, expected) in cases {
        let ran = with_variable(name, value, &["apply", "-"]);
        assert_eq!(ran.status, 2, "{name}: {ran:?}");
        let expected = format!("ringfence: {name}: {expected}");
        assert!(ran.stderr.starts_with(&expected), "{expected}: {}", ran.stderr);
        assert!(!ran.stderr.contains("--"), "{name}: nobody wrote an option: {}", ran.stderr);
    }
    let ran = with_variable("RINGFENCE_ARCHIVE", "/x", &["snapshot", "--data-dir", "."]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--archive is set by RINGFENCE_ARCHIVE"), "{}", ran.stderr);
    let ran = with_variable("RINGFENCE_CONFIG", "/nowhere/at/all", &["apply", "-"]);
    assert_eq!(ran.status, 1);
    let expected = "reading /nowhere/at/all, named by RINGFENCE_CONFIG";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}

#[test]
fn an_empty_variable_is_not_set() {
    let help = run(&["apply", "--help"]).stdout;
    let names = help.split("[env: ").skip(1).map(|rest| rest.split('=').next().unwrap());
    let names: Vec<&str> = names.collect();
    assert!(names.len() >= 15, "{names:?}");
    let mut command = ringfence(&["apply", EXAMPLE]);
    command.envs(names.iter().map(|name| (name, "")));
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stderr.contains("nothing is journaled"), "{}", ran.stderr);

    let ran = with_variable("RINGFENCE_DATA_DIR", "", &["replay"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("required arguments"), "{}", ran.stderr);
}

#[test]
fn a_mistake_in_the_file_is_reported_with_file_line_and_key() {
    let folder = tempdir().unwrap();
    let config = folder.path().join("ringfence.toml");
    let place = |line: u32| format!("ringfence: {}, line {line}", config.display());
    //  file, line, rest of the message
    let cases = [
        ("\nring-slots = 100\n", 2, format!(", `ring-slots`: invalid value '100': {RING_SLOTS}")),
        ("ring_slots = \"x\"\n", 1, format!(", `ring_slots`: invalid value 'x': {RING_SLOTS}")),
        ("# why\n\naccounts = -5\n", 3, {
            ", `accounts`: invalid value '-5': must be a whole number from 1 to".to_owned()
        }),
        ("durability = \"maybe\"", 1, {
            ", `durability`: invalid value 'maybe': must be one of sync, async".to_owned()
        }),
        ("cores = \"99999\"", 1, ", `cores`: core 99999 is not among those".to_owned()),
        ("events = 1", 1, ", `events`: 1 is neither true nor false".to_owned()),
        ("accounts = true", 1, {
            ", `accounts`: must be a string or a number, and is of type boolean".to_owned()
        }),
        ("ring-slots = 16384\nring_slots = 16384", 2, {
            ", `ring_slots`: given twice, with `-` and with `_`".to_owned()
        }),
        ("config = \"x\"", 1, ", `config`: a file cannot name another".to_owned()),
        ("\nacounts = 5", 2, ": unknown option `acounts`".to_owned()),
    ];
    for (file, line, expected) in cases {
        fs::write(&config, file).unwrap();
        let ran = run(&["apply", "--config", text(&config), "-"]);
        assert_eq!(ran.status, 2, "{file}: {ran:?}");
        let expected = place(line) + &expected;
        assert!(ran.stderr.starts_with(&expected), "{expected}: {}", ran.stderr);
    }
    fs::write(&config, "accounts = ").unwrap();
    let ran = run(&["apply", "--config", text(&config), "-"]);
    assert_eq!(ran.status, 2);
    let expected = format!("ringfence: {}: TOML parse error at line 1", config.display());
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
}

#[test]
fn the_file_can_say_what_a_command_cannot_do_without() {
    let folder = tempdir().unwrap();
    let (dir, config) = (folder.path().join("data"), folder.path().join("ringfence.toml"));
    let input = fs::read_to_string(EXAMPLE).unwrap();
    let applied = apply(&dir, &[], &input);
    fs::write(&config, format!("data-dir = \"{}\"\n", dir.display())).unwrap();
    let replayed = run(&["replay", "--config", text(&config)]);
    assert_eq!(replayed.status, 0, "{replayed:?}");
    assert_eq!(replayed.digest(), applied.digest());
    // What follows `--` is no option, whatever the file adds.
    let ran = run(&["apply", "--config", text(&config), "--", EXAMPLE]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(!ran.stderr.contains("nothing is journaled"), "{}", ran.stderr);
    // A variable that says false is said before the file.
    fs::write(&config, "events = true\nclock = \"manual\"\n").unwrap();
    let expiring = folder.path().join("expiring.ndjson");
    let lines = [
        r#"[{"op":"create_account","id":1,"ledger":1,"code":1},{"op":"create_account","id":2,"ledger":1,"code":1}]"#,
        r#"{"op":"create_transfer","id":1,"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":1,"code":1,"flags":["pending"],"timeout":1}"#,
        r#"{"op":"advance_clock","nanoseconds":2000000000}"#,
        r#"{"op":"lookup_account","id":1}"#,
    ];
    fs::write(&expiring, lines.join("\n")).unwrap();
    let arguments = ["apply", "--config", text(&config), text(&expiring)];
    let events = |ran: Ran| {
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.stdout.contains("{\"event\":")
    };
    assert!(events(run(&arguments)));
    assert!(!events(with_variable("RINGFENCE_EVENTS", "false", &arguments)));
}

#[test]
fn memory_that_cannot_be_had_names_the_option_to_change() {
    // Where the system promises any memory, nothing can be refused.
    let limited = |more: &str| -> Ran {
        let script = format!("ulimit -v 2000000; exec \"$0\" apply {more} {EXAMPLE}");
        let program = env!("CARGO_BIN_EXE_ringfence");
        Command::new("sh").args(["-c", &script, program]).output().unwrap().into()
    };
    for (options, expected) in [
        ("--transfers 2147483648", "the option `transfers` decides how many"),
        ("--accounts 2147483648", "the option `accounts` decides how many"),
        ("--orders 2147483648", "the option `orders` decides how many"),
        ("--ring-slots 2147483648", "--ring-slots and --event-slots decide how many"),
    ] {
        let ran = limited(options);
        assert_eq!(ran.status, 1, "{options}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{options}: {}", ran.stderr);
    }
}

#[test]
fn a_replay_that_ends_elsewhere_than_asked_says_so() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let ran = apply(&dir, &[], &fs::read_to_string(EXAMPLE).unwrap());
    let all = ran.lines().len();
    let until = |sequence: &str, more: &[&str]| {
        let mut arguments = vec!["replay", "--data-dir", text(&dir), "--until", sequence];
        arguments.extend(more);
        let ran = run(&arguments);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.stderr
    };
    let beyond = format!("--until 1000: the journal ends before that, with sequence {all}\n");
    for more in [&[][..], &["--outcomes"], &["--balances"]] {
        assert!(until("1000", more).contains(&beyond), "{more:?}");
        let within = until("9", more);
        assert!(within.contains("--until 9 is within a linked chain"), "{within}");
        assert!(within.contains("after sequence 8"), "{within}");
        assert!(!until("8", more).contains("--until"), "{more:?}");
    }
}

#[test]
fn an_end_before_what_is_retired_names_the_earliest_that_there_is() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let account =
        |id: u32| format!("{{\"op\":\"create_account\",\"id\":{id},\"ledger\":1,\"code\":1}}");
    // Segments of 2 MiB: each round fills more than one.
    let mut id = 0;
    for _ in 0..3 {
        let mut input = String::new();
        for _ in 0..3 {
            let batch: Vec<_> = (0..8000)
                .map(|_| {
                    id += 1;
                    account(id)
                })
                .collect();
            input.push_str(&format!("[{}]\n", batch.join(",")));
        }
        assert_eq!(apply(&dir, &["--accounts", "100000"], &input).status, 0);
        assert_eq!(run(&["snapshot", "--data-dir", text(&dir), "--keep", "2"]).status, 0);
    }
    assert!(!dir.join("0000000001.journal").exists());
    for more in [&[][..], &["--outcomes"]] {
        let mut arguments = vec!["replay", "--data-dir", text(&dir), "--until", "3"];
        arguments.extend(more);
        let ran = run(&arguments);
        assert_eq!(ran.status, 1, "{ran:?}");
        let expected = "--until 3: what came before is retired, and the earliest snapshot is of sequence 48000: --until can be 48000 or more";
        assert!(ran.stderr.contains(expected), "{more:?}: {}", ran.stderr);
    }
    let ran = run(&["replay", "--data-dir", text(&dir), "--until", "48000"]);
    assert_eq!((ran.status, ran.summary()["last_sequence"].as_str()), (0, Some("48000")));
}

fn shell(script: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_ringfence")]).args(arguments);
    command.stdin(Stdio::null()).output().unwrap().into()
}

#[test]
fn outcomes_are_not_lost_without_a_word_where_standard_output_is_closed() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let journaled = ["apply", "--data-dir", text(&dir), EXAMPLE];
    let closed = shell("exec \"$0\" \"$@\" >&-", &journaled);
    assert_eq!(closed.status, 1, "{closed:?}");
    assert!(closed.stderr.contains("standard output is closed"), "{}", closed.stderr);
    assert!(!dir.exists(), "nothing was executed");
    // Somebody who wants to see nothing can say so, in each way of opening the device.
    assert_eq!(shell("exec \"$0\" \"$@\" > /dev/null", &journaled).status, 0);
    assert_eq!(shell("exec \"$0\" \"$@\" 1<> /dev/null", &journaled).status, 0);
    for arguments in [&["replay", "--outcomes"][..], &["replay"], &["journal", "stat"]] {
        let arguments = [arguments, &["--data-dir", text(&dir)]].concat();
        let closed = shell("exec \"$0\" \"$@\" >&-", &arguments);
        assert_eq!(closed.status, 1, "{arguments:?}: {closed:?}");
        assert_eq!(run(&arguments).status, 0);
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_of_its_write() {
    let folder = tempdir().unwrap();
    let (dir, output) = (folder.path().join("data"), folder.path().join("output"));
    let limited = |arguments: &[&str]| {
        let script = format!("ulimit -f 1; exec \"$0\" \"$@\" > {}", output.display());
        shell(&script, arguments)
    };
    let ran = limited(&["apply", EXAMPLE]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("writing the outcomes: File too large"), "{}", ran.stderr);
    let journaled = [&["apply", "--data-dir", text(&dir)], &SMALL[..], &[EXAMPLE]].concat();
    let ran = limited(&journaled);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains(text(&dir)), "{}", ran.stderr);
}
