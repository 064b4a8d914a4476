//! Tells the service manager how the engine is, as `sd_notify` does: ready, stopping, alive.
//!
//! The manager names a datagram socket in `NOTIFY_SOCKET`, and in `WATCHDOG_USEC` after what time
//! without a sign of life it takes the process for dead. Without them nothing is told.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Names the socket.
pub(super) const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";
const WATCHDOG_VARIABLE: &str = "WATCHDOG_USEC";

/// The service manager, if there is one that wants to know.
#[derive(Debug)]
pub(super) struct Service {
    manager: Option<(UnixDatagram, SocketAddr)>,
    /// How often it is told that the process lives.
    alive_every: Option<Duration>,
    told_alive: Option<Instant>,
    told_stopping: bool,
}

impl Service {
    /// The one that the environment names.
    pub(super) fn from_environment() -> Service {
        let name = env::var_os(SOCKET_VARIABLE).filter(|name| !name.is_empty());
        let watchdog = env::var(WATCHDOG_VARIABLE).ok().and_then(|text| text.parse().ok());
        Service::named(name.as_deref(), watchdog.map(Duration::from_micros))
    }

    fn named(socket: Option<&OsStr>, watchdog: Option<Duration>) -> Service {
        let manager = socket.and_then(|name| match connect(name) {
            Ok(manager) => Some(manager),
            Err(error) => {
                tracing::warn!("the service manager is not told: {}: {error}", name.display());
                None
            }
        });
        // Half of it: one that comes late does no harm.
        let alive_every = watchdog.filter(|time| !time.is_zero()).map(|time| time / 2);
        Service { manager, alive_every, told_alive: None, told_stopping: false }
    }

    /// The engine takes commands.
    pub(super) fn ready(&self) {
        self.tell("READY=1\nSTATUS=takes commands");
    }

    /// Called a few times a second: the process lives, and may have begun to stop.
    pub(super) fn look(&mut self, is_stopping: bool) {
        if is_stopping && !self.told_stopping {
            self.told_stopping = true;
            self.tell("STOPPING=1\nSTATUS=stops");
        }
        let is_due = self
            .alive_every
            .is_some_and(|every| self.told_alive.is_none_or(|told| told.elapsed() >= every));
        if is_due {
            self.told_alive = Some(Instant::now());
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, state: &str) {
        let Some((socket, address)) = &self.manager else { return };
        // The manager may be gone, or have no time: the engine does not wait for it.
        drop(socket.send_to_addr(state.as_bytes(), address));
    }
}

fn connect(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address(name)?))
}

#[cfg(target_os = "linux")]
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    SocketAddr::from_pathname(std::path::Path::new(OsStr::from_bytes(name.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_of_ready_alive_and_stopping_each_when_it_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let mut service = Service::named(Some(path.as_os_str()), Some(Duration::from_secs(3_600)));
        let told = || {
            let mut bytes = [0; 256];
            let count = manager.recv(&mut bytes).ok()?;
            Some(String::from_utf8(bytes[..count].to_vec()).unwrap())
        };
        service.ready();
        assert!(told().unwrap().starts_with("READY=1\n"));
        service.look(false);
        assert_eq!(told().as_deref(), Some("WATCHDOG=1"));
        service.look(false);
        assert_eq!(told(), None);
        service.look(true);
        assert!(told().unwrap().starts_with("STOPPING=1\n"));
        service.look(true);
        assert_eq!(told(), None);
    }

    #[test]
    fn without_a_manager_nothing_is_told_and_nothing_fails() {
        let mut service = Service::named(None, None);
        service.ready();
        service.look(true);
        let gone = OsStr::new("/nowhere/at/all");
        Service::named(Some(gone), None).ready();
    }
}
