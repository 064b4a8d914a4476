//! An engine and a bridge as programs, in a temporary folder.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringfence_client::{Address, Client};
use ringfence_codec::text::{Clock, Decoder};
use ringfence_types::{Account, Command as EngineCommand, Lookup};
use tempfile::TempDir;

/// A program that is ended with its owner.
pub struct Program(Child);

impl Program {
    pub fn start(command: &mut Command, log: &Path) -> Program {
        let open = || File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(open()).stderr(open());
        Program(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end, and returns its status.
    pub fn stop(&mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.0.wait().unwrap().code()
    }

    /// Waits until it ends by itself, and returns its status.
    pub fn end(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with an engine's data, a configuration, and what the programs said.
pub struct House {
    folder: TempDir,
}

impl House {
    pub fn new() -> House {
        House { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("data/ringfence.sock")
    }

    pub fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Starts the engine, and waits until it is ready.
    pub fn engine(&self) -> Program {
        self.engine_with(&[])
    }

    /// As [`House::engine`], with further options.
    pub fn engine_with(&self, options: &[&str]) -> Program {
        let program = self.start_engine(options);
        let address = Address::Unix(self.socket());
        eventually("the engine starts", || Client::connect(&address).is_ok());
        program
    }

    /// Starts the engine with further options.
    pub fn start_engine(&self, options: &[&str]) -> Program {
        let data = self.path("data");
        let mut command = Command::new(engine_program());
        without_settings(&mut command);
        command.args(["run", "--segment-bytes", "2097152", "--ring-slots", "16384"]);
        command.arg("--data-dir").arg(data).args(options);
        Program::start(&mut command, &self.path("engine.log"))
    }

    /// Starts a bridge with this configuration, in which `ENGINE` is the engine's address.
    pub fn bridge(&self, configuration: &str) -> Program {
        let path = self.path("bridge.toml");
        let address = format!("unix:{}", self.socket().display());
        std::fs::write(&path, configuration.replace("ENGINE", &address)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence-bridge"));
        without_settings(&mut command);
        command.arg("--config").arg(path);
        Program::start(&mut command, &self.path("bridge.log"))
    }

    /// As [`eventually`]; where it does not come true, the test says what the bridge said.
    pub fn eventually(&self, what: &str, is_so: impl FnMut() -> bool) {
        assert!(comes_true(is_so), "{what}\n{}", self.said("bridge.log"));
    }

    /// Has the engine execute a command, past the bridge.
    pub fn execute(&self, command: &str) {
        let mut batch = Vec::new();
        Decoder::new(Clock::System).decode(command.as_bytes(), &mut batch).unwrap();
        Client::connect(&Address::Unix(self.socket())).unwrap().execute(&batch).unwrap();
    }

    /// What the bridge answers to monitoring at this port: status and body; 0 without an answer.
    pub fn monitored(&self, port: u16, path: &str) -> (u16, String) {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: bridge\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().unwrap_or_default();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or(0), body.to_owned())
    }

    /// What the engine knows of an account.
    pub fn account(&self, id: u128) -> Account {
        self.account_if_any(id).expect("the account is there")
    }

    /// As [`House::account`]; `None` if there is none yet.
    pub fn account_if_any(&self, id: u128) -> Option<Account> {
        let mut client = Client::connect(&Address::Unix(self.socket())).unwrap();
        let look_up = EngineCommand::lookup_account(Lookup { id, ..Lookup::default() });
        let answers = client.execute(&[look_up]).unwrap();
        answers[0].bodies.first().map(|found| *found.body.account())
    }
}

fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RINGFENCE_")) {
        command.env_remove(name);
    }
}

/// The engine's program, which `cargo test --workspace` builds beside the bridge's.
fn engine_program() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_ringfence-bridge")).with_file_name("ringfence");
    assert!(path.exists(), "{} is not built: cargo build --bin ringfence", path.display());
    path
}

/// How long something may take to come true on a machine that does much else.
const WAIT_TIME_MAX: Duration = Duration::from_secs(180);

/// Waits until `is_so`.
pub fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    assert!(comes_true(is_so), "{what}");
}

/// Whether `is_so` in time.
fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > WAIT_TIME_MAX {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
