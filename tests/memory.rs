//! What the program says at start is what it takes, and it takes it at start.

#![cfg(target_os = "linux")]
#![expect(
    clippy::zombie_processes,
    reason = "`peak_at_end` waits for them, which clippy does not see"
)]

mod support;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use support::{ringfence, text};
use tempfile::tempdir;

/// Tables of some 90 MiB, so that what a program takes besides does not hide in them, nor they in it.
const TABLES: [&str; 4] = ["--accounts", "65536", "--transfers", "250000"];
const COMMANDS: u64 = 300_000;

/// Accounts, then batches of single-phase, pending, posting and voiding transfers and look-ups; more
/// of them than the tables hold, so that the tables are filled.
fn mixed_commands() -> String {
    let mut input = String::new();
    for id in 1..=1_000 {
        let _ = writeln!(input, r#"{{"op":"create_account","id":{id},"ledger":978,"code":1}}"#);
    }
    let mut id = 1_000_000_u64;
    let mut line = 0;
    while id < 1_000_000 + COMMANDS {
        let mut batch = Vec::new();
        for place in 0..50 {
            id += 1;
            let (debit, credit) = (id % 1_000 + 1, (id + 7) % 1_000 + 1);
            let accounts = format!(r#""debit_account_id":{debit},"credit_account_id":{credit}"#);
            batch.push(match (line % 8, place % 3) {
                (7, _) => format!(r#"{{"op":"lookup_transfer","id":{}}}"#, id - 60),
                (_, 0) => format!(
                    r#"{{"op":"create_transfer","id":{id},{accounts},"amount":3,"ledger":978,"code":1}}"#
                ),
                (_, 1) => format!(
                    r#"{{"op":"create_transfer","id":{id},{accounts},"amount":3,"ledger":978,"code":1,"timeout":1,"flags":["pending"]}}"#
                ),
                (kind, _) => {
                    let flag = if kind < 4 { "post_pending_transfer" } else { "void_pending_transfer" };
                    let pending = id - 1;
                    format!(
                        r#"{{"op":"create_transfer","id":{id},"pending_id":{pending},"flags":["{flag}"]}}"#
                    )
                }
            });
        }
        let _ = writeln!(input, "[{}]", batch.join(","));
        line += 1;
    }
    input
}

/// A number of kilobytes that the system tells of a process, in bytes.
fn told(child: &Child, name: &str) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Waits for a process to end well, and gives the most memory it ever had, in bytes.
fn peak_at_end(child: &Child) -> u64 {
    let mut status = 0;
    // SAFETY: a structure of numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to locals, and the child was not waited for, so its number is still
    // its own.
    let ended = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) };
    assert_eq!((ended, status), (child.id() as i32, 0), "it ends well");
    usage.ru_maxrss as u64 * 1024
}

/// What the line at start says, in bytes.
fn said(line: &str) -> u64 {
    let text = line.strip_prefix("ringfence: ").unwrap();
    let (mebibytes, _) = text.split_once(" MiB allocated at start").unwrap();
    mebibytes.parse::<u64>().unwrap() << 20
}

fn assert_near(what: &str, found: u64, said: u64) {
    let (least, most) = (said - said / 10, said + said / 10);
    assert!((least..=most).contains(&found), "{what}: {found} bytes, not about {said}");
}

/// Lines of standard error up to the one about memory.
fn read_said(stderr: &mut impl BufRead) -> u64 {
    let mut line = String::new();
    while !line.contains("allocated at start") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it says how much memory it takes");
    }
    said(line.trim_end())
}

#[test]
fn apply_takes_what_it_says_at_start_and_no_more_in_the_run() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    for journal in [&["--data-dir", text(&dir), "--durability", "async"][..], &[]] {
        let mut child = ringfence(&["apply", "-"])
            .args(TABLES)
            .args(journal)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let said = read_said(&mut stderr);

        let mut first = String::new();
        writeln!(stdin, r#"{{"op":"lookup_account","id":1}}"#).unwrap();
        stdout.read_line(&mut first).unwrap();
        assert_near("before the run", told(&child, "VmRSS:"), said);

        let writer = std::thread::spawn(move || {
            stdin.write_all(mixed_commands().as_bytes()).unwrap();
            stdin
        });
        let mut lines = 0;
        let mut line = String::new();
        while lines < COMMANDS {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0);
            lines += 1;
        }
        drop(writer.join().unwrap());
        stdout.read_to_string(&mut line).unwrap();
        // The summary and its digest included.
        assert_near("over the run", peak_at_end(&child), said);
    }
}

#[test]
fn run_takes_what_it_says_once_it_is_ready() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut child = ringfence(&["run", "--data-dir", text(&dir)])
        .args(TABLES)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let said = read_said(&mut stderr);
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it says that it is ready");
    }
    let socket = dir.join("ringfence.sock");
    let mut submit = ringfence(&["submit", "--connect", &format!("unix:{}", text(&socket)), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = submit.stdin.take().unwrap();
    stdin.write_all(mixed_commands().as_bytes()).unwrap();
    drop(stdin);
    assert!(submit.wait().unwrap().success());
    // SAFETY: the child was not waited for, so its number is still its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGTERM) }, 0);
    assert_near("over the run", peak_at_end(&child), said);
}
