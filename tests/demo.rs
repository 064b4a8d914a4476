//! `ringfence demo`: one program with an engine, a bridge, a page, and payments.
//!
//! Run with `cargo test --features demo --test demo`.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{ringfence, text};
use tempfile::TempDir;

/// Longest time from the start to the page's address, where nothing else runs on the machine.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// How much longer it may take beside other tests.
const BUSY: u32 = 10;

/// A demo that runs, and the folder for its temporary files.
struct Demo {
    program: Child,
    page: SocketAddr,
    /// What it said up to the last line that a reader needs.
    said: String,
    temporary: TempDir,
}

impl Demo {
    fn start(more: &[&str]) -> Demo {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = ringfence(&["demo", "--http", "127.0.0.1:0", "--rate", "200"]);
        command.args(more).env("TMPDIR", temporary.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = Instant::now();
        let mut program = command.spawn().unwrap();
        let mut said = String::new();
        for line in BufReader::new(program.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            said += &format!("{line}\n");
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        assert!(start.elapsed() < SHOWN_WITHIN * BUSY, "after {:?}", start.elapsed());
        let page = said.lines().find_map(|line| line.trim().strip_prefix("page"));
        let page = page.unwrap_or_else(|| panic!("{said}")).trim();
        let page = page.strip_prefix("http://").unwrap().trim_end_matches('/').parse().unwrap();
        Demo { program, page, said, temporary }
    }

    /// The body of what an address answers.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.page).unwrap();
        let head = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.page);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 OK"), "{path}: {answer}");
        body.to_owned()
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).unwrap()
    }

    /// The last sequence that the engine has published.
    fn sequence(&self) -> u64 {
        self.json("/v1/stats")["engine"]["last_sequence"].as_str().unwrap().parse().unwrap()
    }

    /// Ends it as a person does, and returns its status and what it said at the end.
    fn interrupt(mut self) -> (i32, String, TempDir) {
        let id = self.program.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut said = String::new();
        self.program.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.program.wait().unwrap().code().unwrap();
        (status, said, std::mem::replace(&mut self.temporary, tempfile::tempdir().unwrap()))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn files(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

#[test]
fn it_shows_a_page_and_payments_and_leaves_nothing_behind() {
    let demo = Demo::start(&[]);
    assert!(demo.get("/").contains("<title>Ringfence</title>"));
    let account = demo.json("/v1/accounts/101");
    assert_eq!(account["account"]["ledger"], 978);
    // Payments of every kind come, by themselves.
    let wanted = ["created", "queued", "exceeds_credits", "risk_debit_amount", "exists"];
    let start = Instant::now();
    loop {
        let page = demo.get("/v1/outcomes?limit=1000");
        if wanted.iter().all(|status| page.contains(status)) && page.contains("\"trade\"") {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{page}");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(demo.json("/v1/stats")["engine_metrics"].is_object());
    assert_eq!(files(demo.temporary.path()), 1);
    let (status, said, temporary) = demo.interrupt();
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("\"digest\""), "{said}");
    assert_eq!(files(temporary.path()), 0);
}

#[test]
fn a_directory_that_was_given_is_kept_and_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("town");
    let demo = Demo::start(&["--data-dir", text(&data_dir)]);
    assert!(demo.said.contains(text(&data_dir)), "{}", demo.said);
    let (status, said, _) = demo.interrupt();
    assert_eq!(status, 0, "{said}");
    let demo = Demo::start(&["--data-dir", text(&data_dir)]);
    let first = demo.sequence();
    assert!(first > 30);
    // What is sent now has ids of its own.
    let start = Instant::now();
    while demo.sequence() < first + 200 {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    let page = demo.get(&format!("/v1/outcomes?from={first}&limit=1000"));
    assert!(!page.contains("exists_with_different_fields"), "{page}");
    assert_eq!(demo.interrupt().0, 0);
}
