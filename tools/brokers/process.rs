//! A broker's processes: a group of their own, ended together.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::Missing;

/// How long a broker may take until it is ready, as long as it gets on: a loaded machine starts one
/// slowly.
const READY_TIME_MAX: Duration = Duration::from_secs(600);
/// How long a broker that is not ready may do nothing.
const IDLE_TIME_MAX: Duration = Duration::from_secs(90);

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
        is_ready: impl FnMut(&Group) -> bool,
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

    /// Clock ticks of processor time that its processes have taken.
    fn ticks(&self) -> u64 {
        self.processes().map(|(_, ticks)| ticks).sum()
    }

    /// Whether one of its processes listens on this port of loopback. Another program may have
    /// taken one that was free a moment ago.
    pub fn listens(&self, port: u16) -> bool {
        let sockets = listening(port);
        !sockets.is_empty() && self.processes().any(|(process, _)| holds(&process, &sockets))
    }

    /// Folders of its processes in `/proc`, each with the clock ticks that it has taken.
    fn processes(&self) -> impl Iterator<Item = (PathBuf, u64)> {
        let group = self.child.id();
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        all.map(|process| process.path()).filter_map(move |process| {
            let stat = std::fs::read_to_string(process.join("stat")).ok()?;
            Some((process, ticks_in(&stat, group)?))
        })
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

/// The clock ticks in a process's `/proc/PID/stat`, if it is of this group.
fn ticks_in(stat: &str, group: u32) -> Option<u64> {
    // The name before the parenthesis may hold anything.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after_name.split(' ').collect();
    let is_of_group = fields.get(2)?.parse() == Ok(group);
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    is_of_group.then(|| Some(number(11)? + number(12)?))?
}

/// Waits until `is_ready`, while the broker runs and gets on: takes processor time, or writes its
/// log.
pub fn wait(
    name: &str,
    group: &mut Group,
    log: &Path,
    mut is_ready: impl FnMut(&Group) -> bool,
) -> Result<(), Missing> {
    let start = Instant::now();
    let (mut progress, mut last_progress) = ((0, 0), start);
    loop {
        if is_ready(group) {
            return Ok(());
        }
        let log_bytes = std::fs::metadata(log).map_or(0, |log| log.len());
        let now = (group.ticks(), log_bytes);
        if now != progress {
            (progress, last_progress) = (now, Instant::now());
        }
        let said = || std::fs::read_to_string(log).unwrap_or_default();
        if let Some(status) = group.ended() {
            return Err(Missing::NotStarted(format!("{name} ended, {status}:\n{}", said())));
        }
        if start.elapsed() > READY_TIME_MAX || last_progress.elapsed() > IDLE_TIME_MAX {
            return Err(Missing::NotStarted(format!("{name} does not get ready:\n{}", said())));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The sockets that listen on a port, as links to them are called.
fn listening(port: u16) -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines())
        .filter_map(|line| listener_in(line, port))
        .collect()
}

/// The socket in a line of `/proc/net/tcp`, if it listens on the port.
fn listener_in(line: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, of_socket) = fields.get(1)?.rsplit_once(':')?;
    let is_it = u16::from_str_radix(of_socket, 16) == Ok(port) && *fields.get(3)? == "0A";
    is_it.then(|| Some(format!("socket:[{}]", fields.get(9)?)))?
}

/// Whether a process, by its folder in `/proc`, has one of these sockets.
fn holds(process: &Path, sockets: &[String]) -> bool {
    let descriptors = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let mut links = descriptors.filter_map(|it| std::fs::read_link(it.path()).ok());
    links.any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_those_of_the_group_whatever_its_processes_are_called() {
        let stat = "12 (a) name) S 1 7 7 0 -1 4194560 1 2 3 4 50 6 0 0 20 0 1 0 99";
        assert_eq!(ticks_in(stat, 7), Some(56));
        assert_eq!(ticks_in(stat, 8), None);
    }

    #[test]
    fn a_process_that_works_takes_ticks_and_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]);
        let mut group = Group::start(&mut command, &log).unwrap();
        let mut looks = 0;
        let has_worked = |_: &Group| {
            looks += 1;
            looks > 5
        };
        wait("sh", &mut group, &log, has_worked).unwrap();
        let start = Instant::now();
        while group.ticks() == 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "no ticks are seen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_port_of_another_program_is_not_the_brokers() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        let group = Group::start(command.arg("600"), &folder.path().join("log")).unwrap();
        let ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = ours.local_addr().unwrap().port();
        let sockets = listening(port);
        assert_eq!(sockets.len(), 1);
        assert!(holds(Path::new("/proc/self"), &sockets) && !group.listens(port));
        drop(ours);
        assert_eq!(listening(port), [""; 0]);
        // Its column of numbers is not that of ports, and one that is connected does not listen.
        let line = "  1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:0 0 0 0 4242 1 ff";
        assert_eq!(listener_in(line, 8080).as_deref(), Some("socket:[4242]"));
        assert_eq!(listener_in(&line.replace(" 0A ", " 01 "), 8080), None);
        assert_eq!(listener_in(line, 0), None);
    }

    #[test]
    fn one_that_ends_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo what it says; exit 3"]);
        let mut group = Group::start(&mut command, &log).unwrap();
        let failed = wait("sh", &mut group, &log, |_| false).unwrap_err().to_string();
        assert!(failed.contains("exit status: 3") && failed.contains("what it says"), "{failed}");
    }
}
