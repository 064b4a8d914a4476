//! Runs the program as a user would.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod engine;
pub mod mounted;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program, told nothing by the environment.
pub fn ringfence(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RINGFENCE_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// What a run of the program printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            status: output.status.code().expect("it was not ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Lines of standard output.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// The summary line, as JSON: of `apply` and `run` on standard error, of `replay` on
    /// standard output.
    pub fn summary(&self) -> serde_json::Value {
        let line = self
            .stderr
            .lines()
            .chain(self.stdout.lines())
            .find(|line| line.starts_with("{\"commands\""))
            .unwrap_or_else(|| panic!("no summary in {self:?}"));
        serde_json::from_str(line).unwrap()
    }

    /// The digest in the summary.
    pub fn digest(&self) -> String {
        self.summary()["digest"].as_str().unwrap().to_owned()
    }
}

/// Runs the program on `input`.
pub fn run_on(arguments: &[&str], input: &str) -> Ran {
    let mut child = ringfence(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // The program may end before it has read everything.
        drop(stdin.write_all(input.as_bytes()));
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.into()
}

/// Runs the program without input.
pub fn run(arguments: &[&str]) -> Ran {
    ringfence(arguments).stdin(Stdio::null()).output().unwrap().into()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `apply --clock manual` of `input` to the journal in `dir`, with small tables and segments.
pub fn apply(dir: &Path, more: &[&str], input: &str) -> Ran {
    let mut arguments = vec!["apply", "--clock", "manual", "--data-dir", text(dir)];
    arguments.extend(SMALL);
    arguments.extend(more);
    arguments.push("-");
    run_on(&arguments, input)
}

/// Options that keep tests light.
pub const SMALL: [&str; 4] = ["--segment-bytes", "2097152", "--ring-slots", "16384"];
