//! RabbitMQ, with its plugins for MQTT, STOMP and streams.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::Group;
use crate::{Missing, free_port, in_several_attempts};

/// Where Debian's package puts its versions.
const LIBRARY: &str = "/usr/lib/rabbitmq/lib";
/// Plugins that are enabled.
const PLUGINS: &str = "[rabbitmq_mqtt,rabbitmq_stomp,rabbitmq_stream].\n";

/// A RabbitMQ with one node. Its user is `guest` with the password `guest`.
#[derive(Debug)]
pub struct RabbitMq {
    /// Port of AMQP 0-9-1.
    pub amqp: u16,
    /// Port of MQTT.
    pub mqtt: u16,
    /// Port of STOMP.
    pub stomp: u16,
    /// Port of streams.
    pub stream: u16,
    distribution: u16,
    names: u16,
    /// Erlang's daemon of names, of this broker alone.
    name_server: Option<Group>,
    group: Option<Group>,
    home: TempDir,
}

impl RabbitMq {
    /// Looks whether it is installed, without a start.
    ///
    /// # Errors
    ///
    /// If it is not installed.
    pub fn find() -> Result<(), Missing> {
        program().map(drop)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it is not installed, or does not start.
    pub fn start() -> Result<RabbitMq, Missing> {
        RabbitMq::start_with("")
    }

    /// As [`RabbitMq::start`], with these further lines of its configuration.
    ///
    /// # Errors
    ///
    /// As [`RabbitMq::start`].
    pub fn start_with(lines: &str) -> Result<RabbitMq, Missing> {
        in_several_attempts(|| RabbitMq::start_once(lines))
    }

    fn start_once(lines: &str) -> Result<RabbitMq, Missing> {
        let program = program()?;
        let home = tempfile::Builder::new()
            .prefix("ringfence-rabbitmq-")
            .tempdir()
            .map_err(|error| Missing::NotStarted(error.to_string()))?;
        let mut broker = RabbitMq {
            amqp: free_port(),
            mqtt: free_port(),
            stomp: free_port(),
            stream: free_port(),
            distribution: free_port(),
            names: free_port(),
            name_server: None,
            group: None,
            home,
        };
        broker.configure(lines).map_err(|error| Missing::NotStarted(error.to_string()))?;
        broker.run(&program)?;
        Ok(broker)
    }

    /// Where to connect by AMQP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.amqp)
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
        let program = program()?;
        // Name and ports of the one that was killed may be taken for a moment longer.
        in_several_attempts(|| self.run(&program))
    }

    /// Starts it again without its files, as if it were a new one.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start_empty(&mut self) -> Result<(), Missing> {
        self.kill();
        std::fs::remove_dir_all(self.path("data"))
            .map_err(|error| Missing::NotStarted(error.to_string()))?;
        self.run(&program()?)
    }

    /// Calls `rabbitmqctl` and returns what it prints.
    ///
    /// # Errors
    ///
    /// If it fails: what it says.
    pub fn control(&self, arguments: &[&str]) -> Result<String, String> {
        let program = program().map_err(|missing| missing.to_string())?;
        let mut command = self.command(&program.with_file_name("rabbitmqctl"));
        let output = command.args(arguments).output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn configure(&self, lines: &str) -> std::io::Result<()> {
        let configuration = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             distribution.listener.interface = 127.0.0.1\n\
             mqtt.listeners.tcp.1 = 127.0.0.1:{}\n\
             stomp.listeners.tcp.1 = 127.0.0.1:{}\n\
             stream.listeners.tcp.1 = 127.0.0.1:{}\n\
             disk_free_limit.absolute = 50MB\n{lines}",
            self.amqp, self.mqtt, self.stomp, self.stream
        );
        std::fs::write(self.path("rabbitmq.conf"), configuration)?;
        std::fs::write(self.path("plugins"), PLUGINS)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let port = |port: u16| port.to_string();
        command
            .env("HOME", self.home.path())
            .env("RABBITMQ_NODENAME", format!("ringfence{}@localhost", self.amqp))
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq"))
            .env("RABBITMQ_MNESIA_BASE", self.path("data"))
            .env("RABBITMQ_LOG_BASE", self.path("log"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("plugins"))
            .env("RABBITMQ_PID_FILE", self.path("pid"))
            .env("RABBITMQ_CONF_ENV_FILE", self.path("no-such-file"))
            .env("RABBITMQ_DIST_PORT", port(self.distribution))
            .env("ERL_EPMD_PORT", port(self.names))
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_CRASH_DUMP_SECONDS", "0");
        command
    }

    fn run(&mut self, program: &Path) -> Result<(), Missing> {
        let log = self.path("output");
        if self.name_server.is_none() {
            let (names, mut command) = (self.names, self.command(Path::new("epmd")));
            let group =
                Group::start_ready("epmd", &mut command, &log, |group| group.listens(names))?;
            self.name_server = Some(group);
        }
        let ports = [self.amqp, self.mqtt, self.stomp, self.stream];
        let is_ready = |group: &Group| ports.into_iter().all(|port| group.listens(port));
        let group = Group::start_ready("RabbitMQ", &mut self.command(program), &log, is_ready)?;
        self.group = Some(group);
        Ok(())
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // Before its folder is removed.
        self.group = None;
        self.name_server = None;
    }
}

/// The program of the newest version that is installed.
fn program() -> Result<PathBuf, Missing> {
    let missing =
        || Missing::NotInstalled { broker: "RabbitMQ", install: "apt-get install rabbitmq-server" };
    let versions = std::fs::read_dir(LIBRARY).map_err(|_| missing())?;
    let programs = versions.flatten().map(|version| version.path().join("sbin/rabbitmq-server"));
    programs.filter(|path| path.exists()).max().ok_or_else(missing)
}
