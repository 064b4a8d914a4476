//! Mosquitto, which speaks MQTT 3.1.1 and 5.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Group;
use crate::{Missing, free_port, in_several_attempts};

/// Where Debian's package puts it.
const PROGRAM: &str = "/usr/sbin/mosquitto";

/// A Mosquitto that lets everybody in and keeps what it was given.
#[derive(Debug)]
pub struct Mosquitto {
    /// Its port.
    pub port: u16,
    group: Option<Group>,
    home: TempDir,
}

impl Mosquitto {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it is not installed, or does not start.
    pub fn start() -> Result<Mosquitto, Missing> {
        Mosquitto::start_with("")
    }

    /// Starts it with `more` lines at the end of its configuration.
    ///
    /// # Errors
    ///
    /// As [`Mosquitto::start`].
    pub fn start_with(more: &str) -> Result<Mosquitto, Missing> {
        in_several_attempts(|| Mosquitto::start_once(more))
    }

    fn start_once(more: &str) -> Result<Mosquitto, Missing> {
        if !Path::new(PROGRAM).exists() {
            let install = "apt-get install mosquitto";
            return Err(Missing::NotInstalled { broker: "Mosquitto", install });
        }
        let failed = |error: std::io::Error| Missing::NotStarted(error.to_string());
        let home = tempfile::Builder::new().prefix("ringfence-mosquitto-").tempdir();
        let mut broker = Mosquitto { port: free_port(), group: None, home: home.map_err(failed)? };
        broker.configure(more).map_err(failed)?;
        broker.start_again()?;
        Ok(broker)
    }

    /// Ends it at once, as a loss of power would; its files stay.
    pub fn kill(&mut self) {
        self.group = None;
    }

    /// Starts it again with its files.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start_again(&mut self) -> Result<(), Missing> {
        self.kill();
        let folder = self.home.path();
        let log = folder.join("output");
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(folder.join("mosquitto.conf"));
        let port = self.port;
        let group =
            Group::start_ready("Mosquitto", &mut command, &log, |group| group.listens(port))?;
        self.group = Some(group);
        Ok(())
    }

    /// Starts it again without what it kept, as if it were a new one.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start_empty(&mut self) -> Result<(), Missing> {
        self.kill();
        match std::fs::remove_file(self.home.path().join("mosquitto.db")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Missing::NotStarted(error.to_string()))
            }
            _ => self.start_again(),
        }
    }

    fn configure(&self, more: &str) -> std::io::Result<()> {
        let folder = self.home.path();
        // As root it would become another user, who cannot write to this folder.
        let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
        let configuration = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence true\n\
             persistence_location {}/\nautosave_interval 1\nautosave_on_changes true\n\
             max_queued_messages 0\n{user}{more}",
            self.port,
            folder.display()
        );
        std::fs::write(folder.join("mosquitto.conf"), configuration)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // Before its folder is removed.
        self.group = None;
    }
}
