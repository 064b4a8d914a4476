//! `ringfence submit --session`: an engine that is killed meanwhile, a client that is killed, a file
//! that was changed.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::{ringfence, run, text};
use tempfile::tempdir;

const LINES: usize = 3_000;

/// An engine in `dir`, and its socket.
fn start(dir: &Path) -> (Child, PathBuf) {
    let socket = dir.join("ringfence.sock");
    // What a killed engine left would be taken for the new one's.
    drop(fs::remove_file(&socket));
    let options = ["--accounts", "100", "--transfers", "20000", "--durability", "sync"];
    let mut command = ringfence(&["run", "--data-dir", text(dir)]);
    let child = command.args(options).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !socket.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the engine does not start");
        thread::sleep(Duration::from_millis(5));
    }
    (child, socket)
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Two accounts, payments, policies without an id of their own, a malformed line, a blank one.
fn input(path: &Path) {
    let mut lines = vec![
        r#"[{"op":"create_account","id":"1","ledger":978,"code":1},{"op":"create_account","id":"2","ledger":978,"code":1}]"#
            .to_owned(),
        String::new(),
        r#"{"op":"no_such_operation"}"#.to_owned(),
    ];
    for number in 0..LINES {
        lines.push(match number % 3 {
            0 => r#"{"op":"set_account_policy","account_id":"1","frozen":"none"}"#.to_owned(),
            _ => format!(
                r#"{{"op":"create_transfer","id":"{}","debit_account_id":"1","credit_account_id":"2","amount":"1","ledger":978,"code":1}}"#,
                1000 + number
            ),
        });
    }
    fs::write(path, lines.join("\n")).unwrap();
}

fn submit(socket: &Path, file: &Path, output: &Path) -> Child {
    let address = format!("unix:{}", text(socket));
    let arguments = ["submit", "--connect", &address, "--session", "payroll", text(file)];
    let output = fs::File::create(output).unwrap();
    ringfence(&arguments).stdout(output).stderr(Stdio::piped()).spawn().unwrap()
}

/// The sequences of the outcomes in an output, which stand in order.
fn sequences(output: &Path) -> Vec<u64> {
    let written = fs::read_to_string(output).unwrap();
    let lines = written.lines().filter_map(|line| {
        let (_, rest) = line.split_once(r#""sequence":""#)?;
        rest.split('"').next()?.parse().ok()
    });
    lines.collect()
}

/// How often each request of the journal's sessions was taken in, in order.
fn requests(dir: &Path) -> Vec<u64> {
    let dumped = run(&["journal", "dump", "--data-dir", text(dir)]);
    let dumped = dumped.stdout;
    let numbers = dumped.lines().filter_map(|line| {
        let (_, rest) = line.split_once(r#""request":""#)?;
        rest.split('"').next()?.parse().ok()
    });
    numbers.collect()
}

#[test]
fn a_file_takes_effect_once_through_kills_of_engine_and_client() {
    let folder = tempdir().unwrap();
    let (dir, file) = (folder.path().join("data"), folder.path().join("in"));
    fs::create_dir(&dir).unwrap();
    input(&file);
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let (mut engine, socket) = start(&dir);
    // A client that is killed.
    let mut client = submit(&socket, &file, &first);
    thread::sleep(Duration::from_millis(60));
    client.kill().unwrap();
    client.wait().unwrap();
    // One whose engine is killed, more than once.
    let client = submit(&socket, &file, &second);
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(60));
        kill(engine);
        engine = start(&dir).0;
    }
    let ended = client.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(3), "one line is malformed: {said}");
    // Once more: nothing is sent, and everything is written again.
    let third = folder.path().join("third");
    let ended = submit(&socket, &file, &third).wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3));
    kill(engine);
    let written = fs::read_to_string(&second).unwrap();
    assert_eq!(written, fs::read_to_string(&third).unwrap());
    assert_eq!(sequences(&second).len(), LINES + 2);
    assert!(sequences(&second).is_sorted_by(|a, b| a < b));
    let expected: Vec<u64> = [1, 1].into_iter().chain(4..4 + LINES as u64).collect();
    let mut once = requests(&dir);
    once.dedup();
    assert_eq!(once, expected[1..]);
    assert!(written.contains("unknown operation") || written.contains("no_such_operation"));
}

#[test]
fn a_file_that_was_changed_is_refused() {
    let folder = tempdir().unwrap();
    let (dir, file) = (folder.path().join("data"), folder.path().join("in"));
    fs::create_dir(&dir).unwrap();
    let account =
        |id: u32| format!(r#"{{"op":"create_account","id":"{id}","ledger":978,"code":1}}"#);
    fs::write(&file, format!("{}\n{}\n", account(1), account(2))).unwrap();
    let (engine, socket) = start(&dir);
    let output = folder.path().join("out");
    assert!(submit(&socket, &file, &output).wait().unwrap().success());
    fs::write(&file, format!("{}\n{}\n", account(1), account(3))).unwrap();
    let ended = submit(&socket, &file, &output).wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success());
    assert!(said.contains("line 2 is not what this session sent as its request 2"), "{said}");
    kill(engine);
}
