//! Artemis, from its published jars, with an acceptor for STOMP.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::java::{INSTALL_JAVA, is_java_there, java};
use crate::process::Group;
use crate::{Missing, free_port, in_several_attempts};

/// Fetches the jars and compiles the program that runs the broker.
const INSTALL: &str = "mvn -q -f tools/brokers/artemis/pom.xml compile";

/// An Artemis. Its user is `guest` with the password `guest`.
#[derive(Debug)]
pub struct Artemis {
    /// Port of STOMP.
    pub stomp: u16,
    group: Option<Group>,
    home: TempDir,
}

impl Artemis {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it is not installed, or does not start.
    pub fn start() -> Result<Artemis, Missing> {
        in_several_attempts(Artemis::start_once)
    }

    fn start_once() -> Result<Artemis, Missing> {
        let missing = |install| Missing::NotInstalled { broker: "Artemis", install };
        if !is_java_there() {
            return Err(missing(INSTALL_JAVA));
        }
        if !files().join("classes/Artemis.class").exists() {
            return Err(missing(INSTALL));
        }
        let home = tempfile::Builder::new().prefix("ringfence-artemis-").tempdir();
        let home = home.map_err(|error| Missing::NotStarted(error.to_string()))?;
        let mut broker = Artemis { stomp: free_port(), group: None, home };
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
        let (home, files) = (self.home.path(), files());
        let log = home.join("output");
        let classes = format!("{0}/classes:{0}/jars/*", files.display());
        let mut command: Command = java();
        command.arg("-cp").arg(classes).arg("Artemis").arg(home).arg(self.stomp.to_string());
        let stomp = self.stomp;
        let group =
            Group::start_ready("Artemis", &mut command, &log, |group| group.listens(stomp))?;
        self.group = Some(group);
        Ok(())
    }
}

impl Drop for Artemis {
    fn drop(&mut self) {
        // Before its folder is removed.
        self.group = None;
    }
}

/// Where its jars and its program are.
fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/artemis")
}
