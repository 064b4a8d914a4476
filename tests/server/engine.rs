//! An engine that runs as a program of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{SMALL, ringfence, text};

/// Options of an engine that keeps an outcome log.
pub const WITH_LOG: &[&str] = &["--outcome-log"];

/// An engine that runs.
pub struct Engine {
    pub child: Child,
    pub socket: PathBuf,
    /// What it has said on standard error.
    pub said: Arc<Mutex<String>>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Engine {
    /// Starts one in `dir`, and waits until it is ready.
    pub fn start(dir: &Path, options: &[&str]) -> Engine {
        let mut command = ringfence(&["run", "--data-dir", text(dir)]);
        command.args(SMALL).args(options);
        Engine::wait_for(command, dir)
    }

    /// Starts one that may have so many file descriptors.
    pub fn start_with_descriptors(dir: &Path, limit: u32, options: &[&str]) -> Engine {
        let program = ringfence(&["run", "--data-dir", text(dir)]);
        let mut line =
            format!("ulimit -n {limit}; exec {}", text(Path::new(program.get_program())));
        let arguments = program.get_args().map(|it| it.to_str().unwrap());
        for argument in arguments.chain(SMALL).chain(options.iter().copied()) {
            line.push_str(&format!(" '{argument}'"));
        }
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RINGFENCE_")) {
            command.env_remove(name);
        }
        command.args(["-c", &line]);
        Engine::wait_for(command, dir)
    }

    fn wait_for(mut command: Command, dir: &Path) -> Engine {
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let mut engine = Engine { child, socket: dir.join("ringfence.sock"), said };
        let mut lines = BufReader::new(engine.child.stderr.take().unwrap()).lines();
        let said = Arc::clone(&engine.said);
        for line in &mut lines {
            let line = line.unwrap();
            said.lock().unwrap().push_str(&format!("{line}\n"));
            if line.contains("ready on") {
                let more = Arc::clone(&said);
                thread::spawn(move || {
                    for line in lines.map_while(Result::ok) {
                        more.lock().unwrap().push_str(&format!("{line}\n"));
                    }
                });
                return engine;
            }
        }
        panic!("it did not start: {}", said.lock().unwrap());
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end as it should.
    pub fn stop(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.said.lock().unwrap());
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// A number of its process, from `/proc/PID/status`, in the unit given there.
    pub fn status(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// Waits until `is_so`, for ten seconds.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}
