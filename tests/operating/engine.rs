//! An engine that runs, and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Ran, SMALL, ringfence, run_on, text};

/// Longest wait for something that has to happen.
const WAIT: Duration = Duration::from_secs(60);

pub struct Engine {
    pub child: Child,
    pub dir: PathBuf,
    metrics: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Engine {
    /// An engine on `dir`, ready.
    pub fn start(dir: &Path) -> Engine {
        Engine::start_with(dir, &[])
    }

    /// As [`Engine::start`], with more options.
    pub fn start_with(dir: &Path, more: &[&str]) -> Engine {
        let mut command = ringfence(&["run", "--data-dir", text(dir), "--metrics", "127.0.0.1:0"]);
        command.args(SMALL).args(more);
        Engine::spawn(dir, command)
    }

    /// An engine that `command` runs on `dir`, ready. It says where its metrics are.
    pub fn spawn(dir: &Path, mut command: Command) -> Engine {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        thread::spawn(move || lines.for_each(|line| kept.lock().unwrap().push(line)));
        let mut engine = Engine { child, dir: dir.to_owned(), metrics: String::new(), log };
        let line = engine.said("/metrics");
        let (_, rest) = line.split_once("http://").unwrap();
        engine.metrics = rest.split_once("/metrics").unwrap().0.to_owned();
        engine.said("ready on");
        engine
    }

    /// The first line of its log with `part` in it, which comes sooner or later.
    pub fn said(&self, part: &str) -> String {
        self.wait_for(&format!("a line with `{part}`"), || {
            self.log().into_iter().find(|line| line.contains(part))
        })
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// What `look` finds, sooner or later.
    pub fn wait_for<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let until = Instant::now() + WAIT;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < until, "{what} did not come: {:#?}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The value of a metric, written with its labels; 0 where it is not shown.
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.get("/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("unix:{}", text(&self.dir.join("ringfence.sock")))
    }

    /// Sends commands, and has their outcomes.
    pub fn submit(&self, input: &str) -> Ran {
        let sent = run_on(&["submit", "-", "--connect", &self.address()], input);
        assert_eq!(sent.status, 0, "{}", sent.stderr);
        sent
    }

    pub fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.child.id().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    }

    /// Stops it as an operator does.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}: {:#?}", self.log());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

/// Two accounts.
pub const ACCOUNTS: &str = r#"[{"op":"create_account","id":"1","ledger":1,"code":1},{"op":"create_account","id":"2","ledger":1,"code":1}]
"#;

/// Transfers with these ids between the two accounts, a hundred in a batch.
pub fn transfers(ids: std::ops::Range<u32>) -> String {
    let mut lines = String::new();
    for first in ids.clone().step_by(100) {
        let batch: Vec<String> = (first..ids.end.min(first + 100))
            .map(|id| {
                format!(
                    r#"{{"op":"create_transfer","id":"{id}","debit_account_id":"1","credit_account_id":"2","amount":"1","ledger":1,"code":1}}"#
                )
            })
            .collect();
        lines.push_str(&format!("[{}]\n", batch.join(",")));
    }
    lines
}
