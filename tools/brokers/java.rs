//! How brokers that are written in Java are started.

use std::process::{Command, Stdio};

/// What installs Java.
pub const INSTALL_JAVA: &str = "apt-get install default-jdk-headless maven";

/// Java with little memory, and quick to start.
pub fn java() -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    command
}

/// Whether there is a Java.
pub fn is_java_there() -> bool {
    let version = Command::new("java").arg("-version").stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}
