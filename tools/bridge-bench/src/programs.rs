//! The engine and the bridge, as programs in a temporary folder.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringfence::client::{Address, Client};
use tempfile::TempDir;

use crate::broker::Failure;

/// How long engine and bridge may take until they are ready.
const READY_TIME_MAX: Duration = Duration::from_secs(120);
/// Between two looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the bridge may take to say if it is ready.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// A program that ends with its owner.
struct Program {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Program {
    fn start(name: &'static str, command: &mut Command, log: PathBuf) -> Result<Program, Failure> {
        let (out, err) = (File::create(&log)?, File::options().append(true).open(&log)?);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        // Settings are for the bench, and not for what it starts.
        for (setting, _) in std::env::vars_os() {
            if setting.to_string_lossy().starts_with("RINGFENCE_") {
                command.env_remove(setting);
            }
        }
        let child = command
            .spawn()
            .map_err(|error| format!("starting {}: {error}", command.get_program().display()))?;
        Ok(Program { child, name, log })
    }

    /// Waits until `is_ready`, while it runs.
    fn wait(&mut self, mut is_ready: impl FnMut() -> bool) -> Result<(), Failure> {
        let start = Instant::now();
        while !is_ready() {
            let said = || std::fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended, {status}:\n{}", self.name, said()).into());
            }
            if start.elapsed() > READY_TIME_MAX {
                return Err(format!("{} does not get ready:\n{}", self.name, said()).into());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already. What it kept is removed with its folder.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An engine and a bridge to a broker.
pub struct Programs {
    // In the order in which they end.
    _bridge: Program,
    _engine: Option<Program>,
    _folder: TempDir,
}

impl Programs {
    /// Starts an engine with room for so many accounts and transfers, unless one `runs` already,
    /// has `prepare` sent what comes before all payments, and starts a bridge with the `tables` of
    /// its sources and sinks: outcomes of what was prepared do not come back.
    pub fn start(
        runs: Option<Address>,
        [accounts, transfers]: [u64; 2],
        tables: &str,
        prepare: impl FnOnce(&Address) -> Result<(), Failure>,
    ) -> Result<Programs, Failure> {
        let folder = tempfile::Builder::new().prefix("ringfence-bench-").tempdir()?;
        let (engine, address) = match runs {
            Some(address) => (None, address),
            None => {
                let (engine, address) = start_engine(folder.path(), accounts, transfers)?;
                (Some(engine), address)
            }
        };
        prepare(&address)?;
        let bridge = start_bridge(folder.path(), &address, tables)?;
        Ok(Programs { _bridge: bridge, _engine: engine, _folder: folder })
    }
}

fn start_engine(
    folder: &Path,
    accounts: u64,
    transfers: u64,
) -> Result<(Program, Address), Failure> {
    let data = folder.join("data");
    let address = Address::Unix(data.join("ringfence.sock"));
    let mut command = Command::new(find("ringfence", "ringfence")?);
    command.arg("run").arg("--data-dir").arg(&data);
    command.args(["--accounts", &accounts.to_string()]);
    command.args(["--transfers", &transfers.to_string()]);
    let mut engine = Program::start("the engine", &mut command, folder.join("engine.log"))?;
    engine.wait(|| Client::connect(&address).is_ok())?;
    Ok((engine, address))
}

fn start_bridge(folder: &Path, engine: &Address, tables: &str) -> Result<Program, Failure> {
    let (port, path) = (brokers::free_port(), folder.join("bridge.toml"));
    let text = format!(
        "[engine]\nconnect = \"{engine}\"\n\n[bridge]\nmetrics = \"127.0.0.1:{port}\"\n\n{tables}"
    );
    std::fs::write(&path, text)?;
    let mut command = Command::new(find("ringfence-bridge", "ringfence-bridge")?);
    command.arg("--config").arg(&path);
    let mut bridge = Program::start("the bridge", &mut command, folder.join("bridge.log"))?;
    bridge.wait(|| is_ready(port))?;
    Ok(bridge)
}

/// Whether the bridge says on this port that it is ready.
fn is_ready(port: u16) -> bool {
    let asked = || -> std::io::Result<String> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME_MAX)?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// A program beside this one, or on the PATH.
fn find(name: &str, package: &str) -> Result<PathBuf, Failure> {
    let this = std::env::current_exe()?;
    let beside = this.with_file_name(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = std::iter::once(beside).chain(on_path).find(|path| path.is_file());
    found.ok_or_else(|| {
        let place = this.parent().unwrap_or(Path::new("")).display();
        format!("no {name} in {place} or on the PATH: cargo build --release -p {package}").into()
    })
}
