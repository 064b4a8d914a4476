//! An engine that runs, and what it says.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{SMALL, ringfence, text};

/// Longest wait for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine that runs, until it is dropped at the latest.
pub struct Engine {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Engine {
    /// An engine on `dir`, ready.
    pub fn start(dir: &Path, more: &[&str]) -> Engine {
        let mut command = ringfence(&["run", "--data-dir", text(dir)]);
        command.args(SMALL).args(more).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let mut engine = Engine { child, said: Arc::clone(&said) };
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                said.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        engine.wait_while_running("ready on");
        engine
    }

    /// All that it has said.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// How often it says something.
    pub fn count(&self, what: &str) -> usize {
        self.said().matches(what).count()
    }

    /// Waits until it says something.
    pub fn wait_for(&self, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.said().contains(what) {
            assert!(Instant::now() < deadline, "{what} is not said: {}", self.said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The same, and fails at once if it ends instead.
    fn wait_while_running(&mut self, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.said().contains(what) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before {what}: {}", self.said());
            assert!(Instant::now() < deadline, "{what} is not said: {}", self.said());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Stops it as an operator would; its exit status.
    pub fn stop(&mut self) -> i32 {
        self.signal("TERM");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().expect("no other signal ended it");
            }
            assert!(Instant::now() < deadline, "SIGTERM does not stop it: {}", self.said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
