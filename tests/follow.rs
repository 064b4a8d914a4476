//! `ringfence follow`: what an engine does, line by line, beside it or without it.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ringfence::client::{Address, Client, submit};
use support::{SMALL, apply, ringfence, run, run_on, text};
use tempfile::{TempDir, tempdir};

const LOG: [&str; 2] = ["--outcome-log", "--events"];

/// Two ledgers, holds that are posted, voided and expire, queued payments, a market: a few hundred
/// commands with events among them.
fn input() -> String {
    let mut lines = vec![
        r#"[{"op":"create_account","id":"1","ledger":1,"code":1},{"op":"create_account","id":"2","ledger":1,"code":1},{"op":"create_account","id":"3","ledger":1,"code":1,"flags":["debits_must_not_exceed_credits"]}]"#.to_owned(),
        r#"[{"op":"create_account","id":"11","ledger":2,"code":1},{"op":"create_account","id":"12","ledger":2,"code":1}]"#.to_owned(),
    ];
    for round in 1..=40_u64 {
        let id = round * 100;
        lines.push(format!(
            r#"[{{"op":"create_transfer","id":"{}","debit_account_id":"1","credit_account_id":"2","amount":"5","ledger":1,"code":1,"timeout":1,"flags":["pending"]}},{{"op":"create_transfer","id":"{}","debit_account_id":"11","credit_account_id":"12","amount":"7","ledger":2,"code":1}},{{"op":"create_transfer","id":"{}","debit_account_id":"3","credit_account_id":"2","amount":"7","ledger":1,"code":1}}]"#,
            id, id + 1, id + 2
        ));
        lines.push(format!(
            r#"{{"op":"create_transfer","id":"{}","debit_account_id":"3","credit_account_id":"1","amount":"{round}","ledger":1,"code":1,"flags":["queue"]}}"#,
            id + 3
        ));
        lines.push(r#"{"op":"advance_clock","nanoseconds":"2000000000"}"#.to_owned());
        lines.push(format!(
            r#"{{"op":"create_transfer","id":"{}","debit_account_id":"2","credit_account_id":"3","amount":"{round}","ledger":1,"code":1}}"#,
            id + 4
        ));
        lines
            .push(r#"[{"op":"lookup_account","id":"2"},{"op":"lookup_account","id":"12"}]"#.into());
    }
    lines.join("\n") + "\n"
}

/// A data directory with what `input` does, and what `apply` printed of it.
fn applied() -> (TempDir, String) {
    let folder = tempdir().unwrap();
    let ran = apply(folder.path(), &LOG, &input());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let lines = ran.stdout.lines().filter(|line| !line.contains("advance_clock"));
    (folder, lines.map(|line| format!("{line}\n")).collect())
}

fn follow(dir: &Path, more: &[&str]) -> support::Ran {
    run(&[&["follow", "--data-dir", text(dir), "--until-idle=1ms"], more].concat())
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
    rest.split('"').next()
}

#[test]
fn what_was_applied_is_followed_line_for_line() {
    let (folder, applied) = applied();
    let followed = follow(folder.path(), &["--events"]);
    assert_eq!((followed.status, followed.stderr.as_str()), (0, ""));
    assert_eq!(followed.stdout, applied);
    let kinds = ["transfer_expired", "transfer_settled"];
    assert!(kinds.iter().all(|kind| applied.contains(kind)), "{applied}");
    // Without events, outcomes alone.
    let outcomes = applied.lines().filter(|line| !line.starts_with("{\"event\""));
    let outcomes: Vec<&str> = outcomes.collect();
    assert_eq!(follow(folder.path(), &[]).lines(), outcomes);
    assert_eq!(follow(folder.path(), &["--from", "now"]).stdout, "");
    let until = follow(folder.path(), &["--from", "7", "--until", "20"]);
    assert_eq!(until.lines(), outcomes[6..20]);
}

#[test]
fn a_command_stands_before_its_events_and_its_outcome_as_the_journal_has_it() {
    let (folder, _) = applied();
    let dump = run(&["journal", "dump", "--data-dir", text(folder.path())]).stdout;
    let followed = follow(folder.path(), &["--events", "--commands"]).stdout;
    let mut given = 0;
    let sequence = |line| field(line, "sequence").unwrap().parse::<u64>().unwrap();
    for line in followed.lines() {
        if line.contains("engine_timestamp") {
            assert!(dump.contains(line), "{line}");
            given = sequence(line);
        } else if !line.starts_with("{\"event\"") {
            assert!(given >= sequence(line), "{line}");
        }
    }
    let commands = followed.lines().filter(|line| line.contains("engine_timestamp")).count();
    assert_eq!(commands, dump.matches("engine_timestamp").count());
}

#[test]
fn a_filter_hides_nothing_that_concerns_what_it_names() {
    let (folder, applied) = applied();
    let dir = folder.path();
    let sequences = |more: &[&str]| -> BTreeSet<u64> {
        let followed = follow(dir, more);
        assert_eq!((followed.status, followed.stderr.as_str()), (0, ""), "{more:?}");
        let outcomes = followed.lines().into_iter().filter(|it| it.contains("\"status\""));
        outcomes.map(|line| field(line, "sequence").unwrap().parse().unwrap()).collect()
    };
    let of = |part: &dyn Fn(&str) -> bool| -> BTreeSet<u64> {
        let outcomes = applied.lines().filter(|line| !line.starts_with("{\"event\""));
        let those = outcomes.filter(|line| part(line));
        those.map(|line| field(line, "sequence").unwrap().parse().unwrap()).collect()
    };
    let id_of = |line: &str| field(line, "id").map_or(0, |id| id.parse::<u64>().unwrap());
    let is_look_up = |line: &str| line.contains("lookup_account");
    let is_pulse = |line: &str| line.contains("pulse");
    //  filter, the outcomes that pass
    let second = of(&|line| match id_of(line) {
        11 | 12 => true,
        id => is_look_up(line) || id >= 100 && id % 100 == 1,
    });
    assert_eq!(sequences(&["--ledger", "2"]), second);
    assert_eq!(sequences(&["--ledger", "1,2"]), of(&|line| !is_pulse(line)));
    assert_eq!(
        sequences(&["--account", "12"]),
        of(&|line| id_of(line) == 12 || id_of(line) % 100 == 1 && id_of(line) > 100)
    );
    assert_eq!(sequences(&["--op", "create_account"]), of(&|line| line.contains("create_account")));
    let refused = of(&|line| line.contains("exceeds_credits"));
    assert!(!refused.is_empty());
    let successes = sequences(&["--only-successes"]);
    assert!(successes.is_disjoint(&refused));
    assert_eq!(successes.len() + refused.len(), of(&|_| true).len());
    let both = sequences(&["--account", "3", "--only-successes", "--op", "create_transfer"]);
    assert!(both.is_disjoint(&refused) && both.len() >= 40, "{both:?}");
}

#[test]
fn a_consumer_that_begins_again_anywhere_sees_every_line_once() {
    let (folder, _) = applied();
    let filters: [&[&str]; 3] = [
        &["--events"],
        &["--events", "--account", "3"],
        &["--events", "--commands", "--ledger", "2"],
    ];
    for filter in filters {
        let whole = follow(folder.path(), filter).stdout;
        for cut in [1, 2, 3, 50, 131, 200, 271] {
            let cut = cut.to_string();
            let next = (cut.parse::<u64>().unwrap() + 1).to_string();
            let first = follow(folder.path(), &[filter, &["--until", &cut]].concat()).stdout;
            let second = follow(folder.path(), &[filter, &["--from", &next]].concat()).stdout;
            let sorted = |text: &str| {
                // Commands of one batch stand together, as far as they are wanted.
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort_by_key(|line| !line.contains("engine_timestamp"));
                lines
            };
            let (both, whole) = (sorted(&(first + &second)), sorted(&whole));
            assert!(both == whole, "{filter:?} cut behind {cut}");
        }
    }
}

/// A follower of a directory, with its lines.
fn follower(dir: &Path, more: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
    let arguments = [&["follow", "--data-dir", text(dir)], more].concat();
    let mut child =
        ringfence(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map(Result::unwrap))
}

#[test]
fn a_follower_goes_on_from_start_to_start_and_a_signal_ends_it() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let ran = apply(dir, &LOG, &input());
    let outcomes = ran.lines().into_iter().filter(|line| line.starts_with("{\"sequence\""));
    let next = (outcomes.count() + 1).to_string();
    let (child, mut lines) = follower(dir, &["--events", "--commands", "--from", &next]);
    let mut expected = String::new();
    let mut followed = String::new();
    for start in 0..3 {
        let id = 900 + start;
        let account =
            format!("{{\"op\":\"create_account\",\"id\":\"{id}\",\"ledger\":1,\"code\":1}}\n");
        expected.push_str(&apply(dir, &LOG, &account).stdout);
    }
    let last = expected.lines().last().unwrap().to_owned();
    for line in lines.by_ref() {
        if !line.contains("engine_timestamp") {
            followed.push_str(&(line.clone() + "\n"));
        }
        if line == last {
            break;
        }
    }
    assert_eq!(followed, expected);
    signal(&child, libc::SIGTERM);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_place_that_the_next_start_makes_again_is_waited_for() {
    let (folder, applied) = applied();
    let last = applied.lines().rfind(|line| line.starts_with("{\"sequence\"")).unwrap();
    let path = folder.path().join("00000000000000000001.outcomes");
    let log = fs::File::options().write(true).open(path).unwrap();
    log.set_len(log.metadata().unwrap().len() / 2).unwrap();
    let (mut child, mut lines) =
        follower(folder.path(), &["--from", field(last, "sequence").unwrap()]);
    thread::sleep(Duration::from_millis(100));
    assert!(child.try_wait().unwrap().is_none(), "it did not wait");
    apply(folder.path(), &LOG, "");
    let next = lines.next();
    child.kill().unwrap();
    let said = child.wait_with_output().unwrap().stderr;
    assert_eq!(next.as_deref(), Some(last), "{}", String::from_utf8_lossy(&said));
}

fn signal(child: &Child, signal: i32) {
    let arguments = [format!("-{signal}"), child.id().to_string()];
    assert!(Command::new("kill").args(arguments).status().unwrap().success());
}

#[test]
fn a_pipe_that_nobody_reads_any_more_ends_it_quietly() {
    let (folder, _) = applied();
    // While it has more to print, and while it waits.
    for from in ["1", "now"] {
        let (child, lines) = follower(folder.path(), &["--from", from]);
        drop(lines);
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]), "{from}");
    }
}

#[test]
fn what_cannot_be_had_is_named_with_what_can() {
    let (folder, _) = applied();
    let dir = folder.path();
    let ahead = follow(dir, &["--from", "9000"]);
    assert!(ahead.status == 1 && ahead.stderr.contains("before 8999"), "{}", ahead.stderr);

    let without = tempdir().unwrap();
    apply(without.path(), &[], &input());
    let waiting = run(&["follow", "--data-dir", text(without.path())]);
    assert!(waiting.status == 1 && waiting.stderr.contains("no outcome log"), "{}", waiting.stderr);
    let nowhere = follow(&dir.join("nowhere"), &[]);
    assert_eq!(nowhere.status, 1);
    assert_eq!(run_on(&["follow", "--data-dir", text(dir), "--op", "pay"], "").status, 2);

    // Damage is named with file and offset, once it has stood there too long to be written.
    let path = dir.join("00000000000000000001.outcomes");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let damaged = run(&["follow", "--data-dir", text(dir)]);
    let place = format!("{} at byte 64: checksum", path.display());
    assert!(damaged.status == 1 && damaged.stderr.contains(&place), "{}", damaged.stderr);
}

/// An engine on `dir`, ready.
fn start(dir: &Path) -> Child {
    let mut engine = ringfence(&["run", "--data-dir", text(dir)])
        .args(SMALL)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(engine.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready on")), "it ended before it was ready");
    thread::spawn(move || lines.for_each(drop));
    engine
}

/// Reads what happens up to `last`, is killed and begins again behind the last outcome whose effects
/// it has stored: its lines. One that is connected begins again too where the engine is gone.
fn consume(arguments: &[&str], last: &AtomicU64, lines_a_life: usize) -> String {
    let (mut stored, mut next) = (String::new(), 1_u64);
    loop {
        let from = next.to_string();
        let arguments = [&["follow", "--from", &from], arguments].concat();
        let mut command = ringfence(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let (mut pending, mut read, mut is_done) = (String::new(), 0, false);
        // A life gets past one command at least: a pulse can have more events than lines are read.
        let begun_with = next;
        while (read < lines_a_life || next == begun_with) && !is_done {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                if !arguments.contains(&"--connect") {
                    let ended = child.wait_with_output().unwrap();
                    panic!("it ended behind {next}: {}", String::from_utf8_lossy(&ended.stderr));
                }
                thread::sleep(Duration::from_millis(10));
                break;
            }
            read += 1;
            pending.push_str(&line);
            // With its outcome a command's lines are stored, and the position with them.
            if line.starts_with("{\"sequence\"") && !line.contains("engine_timestamp") {
                next = field(&line, "sequence").unwrap().parse::<u64>().unwrap() + 1;
                stored.push_str(&std::mem::take(&mut pending));
                is_done = next > last.load(Ordering::Relaxed).saturating_add(1);
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if is_done {
            return stored;
        }
    }
}

/// Sends `input` to the engine on `dir`; whether all of it was answered.
fn send(dir: &Path, input: String) -> bool {
    let client = Client::connect(&Address::Unix(dir.join("ringfence.sock"))).unwrap();
    submit(std::io::Cursor::new(input), &mut Vec::new(), client).stopped.is_none()
}

#[test]
fn consumers_that_are_killed_see_everything_once_beside_an_engine_that_is_killed_under_load() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let dir = dir.as_path();
    let address = format!("unix:{}", text(&dir.join("ringfence.sock")));
    drop(apply(dir, &["--outcome-log"], ""));
    let last = AtomicU64::new(u64::MAX - 1);
    thread::scope(|scope| {
        let of_files = ["--data-dir", text(dir), "--events"];
        let of_account = ["--data-dir", text(dir), "--account", "2", "--events"];
        let connected = ["--connect", &address, "--events", "--account", "2"];
        let last = &last;
        let all = scope.spawn(move || consume(&of_files, last, 3_000));
        let some = scope.spawn(move || consume(&of_account, last, 1_000));
        let remote = scope.spawn(move || consume(&connected, last, 1_000));
        let load = input().replace(r#"{"op":"advance_clock","nanoseconds":"2000000000"}"#, "");
        let load = load.replace("\n\n", "\n");
        for round in 0..3 {
            let mut engine = start(dir);
            // Other ids in each round, and a last one that is let alone.
            let parts = (0..60).map(|part| with_ids(&load, round * 1_000_000 + part * 10_000));
            let load = parts.collect::<String>();
            let sending = scope.spawn(move || send(dir, load));
            if round < 2 {
                thread::sleep(Duration::from_millis(60));
                engine.kill().unwrap();
                engine.wait().unwrap();
                sending.join().unwrap();
                continue;
            }
            assert!(sending.join().unwrap());
            let before = run(&["replay", "--data-dir", text(dir)]).summary();
            last.store(
                before["last_sequence"].as_str().unwrap().parse().unwrap(),
                Ordering::Relaxed,
            );
            // All of them end with what comes now.
            assert!(send(dir, "{\"op\":\"lookup_account\",\"id\":\"2\"}\n".to_owned()));
            let [all, some, remote] = [all, some, remote].map(|it| it.join().unwrap());
            signal(&engine, libc::SIGTERM);
            assert!(engine.wait().unwrap().success());
            let replayed = run(&["replay", "--data-dir", text(dir), "--outcomes", "--events"]);
            assert!(replayed.stdout.starts_with(&all), "other lines than a replay gives");
            let expected = follow(dir, &["--account", "2", "--events"]).stdout;
            assert!(some.len() > 10_000 && expected.starts_with(&some), "other lines than at once");
            assert!(remote == some, "other lines over a connection");
            return;
        }
    });
}

/// The input with other ids of transfers.
fn with_ids(input: &str, first: u64) -> String {
    let mut out = String::new();
    for line in input.lines() {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(r#""create_transfer","id":""#) {
            let (id, behind) = after.split_once('"').unwrap();
            let id = first + id.parse::<u64>().unwrap();
            out.push_str(&format!(r#"{before}"create_transfer","id":"{id}""#));
            rest = behind;
        }
        out.push_str(rest);
        out.push('\n');
    }
    out
}
