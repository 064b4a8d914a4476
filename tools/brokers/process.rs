//! A broker's processes: a group of their own, ended together.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::Missing;

/// How long a broker may take until it is ready.
pub const READY_TIME_MAX: Duration = Duration::from_secs(90);

/// How long killed processes may take until they are gone.
const GONE_TIME_MAX: Duration = Duration::from_secs(30);

/// A process with those that it starts.
#[derive(Debug)]
pub struct Group {
    child: Child,
}

impl Group {
    /// Starts `command` in a group of its own. What it says goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Group, Missing> {
        let open = || File::options().create(true).append(true).open(log);
        let failed = |error| Missing::NotStarted(format!("{}: {error}", log.display()));
        let (out, err) = (open().map_err(failed)?, open().map_err(failed)?);
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let child = command.spawn().map_err(|error| {
            Missing::NotStarted(format!("{}: {error}", command.get_program().display()))
        })?;
        Ok(Group { child })
    }

    /// As [`Group::start`], and waits until the broker is ready.
    pub fn start_ready(
        name: &str,
        command: &mut Command,
        log: &Path,
        is_ready: impl FnMut() -> bool,
    ) -> Result<Group, Missing> {
        let mut group = Group::start(command, log)?;
        wait(name, &mut group, log, is_ready)?;
        Ok(group)
    }

    /// Ends all of them at once, as a loss of power would.
    pub fn kill(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // They may have ended by themselves.
        if let Some(id) = id {
            let _ = kill_process_group(id, Signal::KILL);
        }
        let _ = self.child.wait();
        // Until the last of them is gone its ports are taken.
        let start = Instant::now();
        while id.is_some_and(|id| test_kill_process_group(id).is_ok()) {
            if start.elapsed() > GONE_TIME_MAX {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(status.to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `is_ready`, while the broker runs.
pub fn wait(
    name: &str,
    group: &mut Group,
    log: &Path,
    mut is_ready: impl FnMut() -> bool,
) -> Result<(), Missing> {
    let start = Instant::now();
    loop {
        if is_ready() {
            return Ok(());
        }
        let said = || std::fs::read_to_string(log).unwrap_or_default();
        if let Some(status) = group.ended() {
            return Err(Missing::NotStarted(format!("{name} ended, {status}:\n{}", said())));
        }
        if start.elapsed() > READY_TIME_MAX {
            return Err(Missing::NotStarted(format!("{name} does not get ready:\n{}", said())));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether something listens on a port of loopback.
pub fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(1))
        .is_ok()
}
