//! One node of a Kafka.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{KAFKA_USER, LIBRARY};
use crate::process::{Group, wait};
use crate::{Missing, free_port};

/// Identity of every cluster: 16 bytes in base64.
const CLUSTER: &str = "UmluZ2ZlbmNlS2Fma2ExMg";
/// Its heap, and quick starts rather than the last bit of speed.
const JAVA_OPTIONS: [&str; 4] =
    ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

#[derive(Debug)]
pub(super) struct Node {
    java: PathBuf,
    folder: PathBuf,
    number: usize,
    pub port: u16,
    pub sasl_port: u16,
    pub tls_port: u16,
    controller_port: u16,
    group: Option<Group>,
}

impl Node {
    /// So many, each with a folder in `home`.
    pub fn several(java: &Path, count: usize, home: &Path) -> Vec<Node> {
        let node = |number: usize| Node {
            java: java.to_owned(),
            folder: home.join(format!("node-{number}")),
            number,
            port: free_port(),
            sasl_port: free_port(),
            tls_port: free_port(),
            controller_port: free_port(),
            group: None,
        };
        (1..=count).map(node).collect()
    }

    /// Its place among the controllers.
    pub fn voter(&self) -> String {
        format!("{}@127.0.0.1:{}", self.number, self.controller_port)
    }

    /// Writes its configuration, for a cluster of so many nodes. With an identity it speaks TLS too.
    pub fn configure(
        &self,
        voters: &str,
        nodes: usize,
        identity: Option<&Path>,
    ) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let (number, data) = (self.number, self.data().display().to_string());
        let replicas = nodes.min(3);
        let in_sync = replicas.min(2);
        let listeners = self.listeners(identity);
        let text = format!(
            "process.roles=broker,controller\n\
             node.id={number}\n\
             controller.quorum.voters={voters}\n\
             {listeners}\
             log.dirs={data}\n\
             num.partitions=1\n\
             default.replication.factor={replicas}\n\
             min.insync.replicas={in_sync}\n\
             offsets.topic.replication.factor={replicas}\n\
             offsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor={replicas}\n\
             transaction.state.log.min.isr={in_sync}\n\
             transaction.state.log.num.partitions=1\n\
             share.coordinator.state.topic.replication.factor={replicas}\n\
             share.coordinator.state.topic.min.isr={in_sync}\n\
             share.coordinator.state.topic.num.partitions=1\n\
             group.initial.rebalance.delay.ms=0\n\
             log.cleaner.dedupe.buffer.size=8388608\n"
        );
        std::fs::write(self.configuration(), text)
    }

    /// Where it listens, and how clients come in there.
    fn listeners(&self, identity: Option<&Path>) -> String {
        let (port, sasl, controller) = (self.port, self.sasl_port, self.controller_port);
        let mut text = format!(
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,\
             SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256\n\
             {}{}\
             listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl},\
             CONTROLLER://127.0.0.1:{controller}",
            logins("sasl_plaintext"),
            logins("sasl_ssl")
        );
        if let Some(identity) = identity {
            text += &format!(
                ",SASL_SSL://localhost:{}\n\
                 listener.name.sasl_ssl.ssl.keystore.type=PEM\n\
                 listener.name.sasl_ssl.ssl.keystore.location={}",
                self.tls_port,
                identity.display()
            );
        }
        text + "\n"
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("output")
    }

    fn command(&self, class: &str) -> Command {
        let mut command = Command::new(&self.java);
        command.args(JAVA_OPTIONS).arg("-cp").arg(format!("{LIBRARY}/*")).arg(class);
        command.current_dir(&self.folder);
        command
    }

    /// Makes its data folder, with the user who may come in by SCRAM.
    pub fn format(&self) -> Result<(), Missing> {
        let (user, password) = KAFKA_USER;
        let scram = format!("SCRAM-SHA-256=[name={user},password={password}]");
        let mut command = self.command("kafka.tools.StorageTool");
        command.args(["format", "-t", CLUSTER, "--add-scram", &scram, "-c"]);
        let output = command.arg(self.configuration()).output();
        let output = output.map_err(|error| Missing::NotStarted(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(Missing::NotStarted(format!("Kafka: {}", String::from_utf8_lossy(&said))))
    }

    /// Removes its data folder.
    pub fn clear(&self) -> std::io::Result<()> {
        std::fs::remove_dir_all(self.data())
    }

    /// Starts it, unless it runs.
    pub fn spawn(&mut self) -> Result<(), Missing> {
        if self.group.is_none() {
            let mut command = self.command("kafka.Kafka");
            command.arg(self.configuration());
            self.group = Some(Group::start(&mut command, &self.log())?);
        }
        Ok(())
    }

    /// Waits until it listens.
    pub fn ready(&mut self) -> Result<(), Missing> {
        let (log, port) = (self.log(), self.port);
        let Some(group) = &mut self.group else { return Ok(()) };
        wait("Kafka", group, &log, |group| group.listens(port))
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.group = None;
    }
}

/// Settings of a listener that asks for a user and a password.
fn logins(listener: &str) -> String {
    let (user, password) = KAFKA_USER;
    let modules = "org.apache.kafka.common.security";
    format!(
        "listener.name.{listener}.plain.sasl.jaas.config=\
         {modules}.plain.PlainLoginModule required user_{user}=\"{password}\";\n\
         listener.name.{listener}.scram-sha-256.sasl.jaas.config=\
         {modules}.scram.ScramLoginModule required;\n"
    )
}
