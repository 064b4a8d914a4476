//! Kafka in KRaft mode, with one node or with three.

mod node;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Missing, in_several_attempts};
use node::Node;

/// Copies what a broker is made of to [`LIBRARY`].
const INSTALL: &str = "mvn -q -B -f tools/brokers/kafka/pom.xml dependency:copy-dependencies";
/// Where the archives are.
const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/brokers/kafka");
/// Name of the user, and password, at the ports that ask for one.
pub const KAFKA_USER: (&str, &str) = ("bridge", "bridge-secret");

/// A Kafka of one node or of several, each a broker and a controller.
#[derive(Debug)]
pub struct Kafka {
    nodes: Vec<Node>,
    /// Removed with it.
    _home: TempDir,
}

impl Kafka {
    /// Starts `nodes` nodes and waits until all are ready.
    ///
    /// # Errors
    ///
    /// If it is not installed, or does not start.
    pub fn start(nodes: usize) -> Result<Kafka, Missing> {
        Kafka::start_as(nodes, None)
    }

    /// As [`Kafka::start`]; its clients may come by TLS too, where they are shown the certificate
    /// in this file. The file has its key too, both as PEM, and the certificate is for `localhost`.
    ///
    /// # Errors
    ///
    /// As of [`Kafka::start`].
    pub fn start_with_tls(nodes: usize, identity: &Path) -> Result<Kafka, Missing> {
        Kafka::start_as(nodes, Some(identity))
    }

    fn start_as(nodes: usize, identity: Option<&Path>) -> Result<Kafka, Missing> {
        in_several_attempts(|| Kafka::start_once(nodes, identity))
    }

    fn start_once(nodes: usize, identity: Option<&Path>) -> Result<Kafka, Missing> {
        let java = java()?;
        let failed = |error: std::io::Error| Missing::NotStarted(error.to_string());
        let home = tempfile::Builder::new().prefix("ringfence-kafka-").tempdir().map_err(failed)?;
        let mut kafka = Kafka { nodes: Node::several(&java, nodes, home.path()), _home: home };
        let voters = kafka.voters();
        for node in &kafka.nodes {
            node.configure(&voters, nodes, identity).map_err(failed)?;
        }
        kafka.format()?;
        kafka.start_again()?;
        Ok(kafka)
    }

    /// `HOST:PORT` of each node, with commas between.
    #[must_use]
    pub fn servers(&self) -> String {
        self.listeners("127.0.0.1", |node| node.port)
    }

    /// The same of the ports that ask for a user and a password, by PLAIN or SCRAM-SHA-256, without
    /// TLS.
    #[must_use]
    pub fn sasl_servers(&self) -> String {
        self.listeners("127.0.0.1", |node| node.sasl_port)
    }

    /// The same of the ports that speak TLS, of a Kafka that was started with it.
    #[must_use]
    pub fn tls_servers(&self) -> String {
        self.listeners("localhost", |node| node.tls_port)
    }

    fn listeners(&self, host: &str, port: impl Fn(&Node) -> u16) -> String {
        let all: Vec<String> =
            self.nodes.iter().map(|node| format!("{host}:{}", port(node))).collect();
        all.join(",")
    }

    fn voters(&self) -> String {
        let all: Vec<String> = self.nodes.iter().map(Node::voter).collect();
        all.join(",")
    }

    /// Ends all nodes at once, as a loss of power would; their files stay.
    pub fn kill(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }

    /// Ends one node at once, and leaves the others.
    pub fn kill_node(&mut self, index: usize) {
        self.nodes[index].kill();
    }

    /// Starts every node that does not run again with its files.
    ///
    /// # Errors
    ///
    /// If one does not start.
    pub fn start_again(&mut self) -> Result<(), Missing> {
        for node in &mut self.nodes {
            node.spawn()?;
        }
        self.nodes.iter_mut().try_for_each(Node::ready)
    }

    /// Starts all nodes without their files, as if they were new ones.
    ///
    /// # Errors
    ///
    /// If one does not start.
    pub fn start_empty(&mut self) -> Result<(), Missing> {
        self.kill();
        for node in &self.nodes {
            node.clear().map_err(|error| Missing::NotStarted(error.to_string()))?;
        }
        self.format()?;
        self.start_again()
    }

    fn format(&self) -> Result<(), Missing> {
        self.nodes.iter().try_for_each(Node::format)
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // Before the folder is removed.
        self.kill();
    }
}

/// The program that runs it.
fn java() -> Result<PathBuf, Missing> {
    let missing = |install| Missing::NotInstalled { broker: "Kafka", install };
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let java = std::env::split_paths(&folders)
        .map(|folder| folder.join("java"))
        .find(|path| path.exists())
        .ok_or_else(|| missing("apt-get install default-jdk-headless maven"))?;
    let archives = std::fs::read_dir(Path::new(LIBRARY)).map_err(|_| missing(INSTALL))?;
    let is_kafka = |name: &str| name.starts_with("kafka_2.13-") && name.ends_with(".jar");
    let mut names = archives.flatten().map(|entry| entry.file_name());
    match names.any(|name| name.to_str().is_some_and(is_kafka)) {
        true => Ok(java),
        false => Err(missing(INSTALL)),
    }
}
