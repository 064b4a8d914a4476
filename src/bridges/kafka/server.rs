//! Where the brokers are, and how to come in.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use ringfence_bridge_core::Keys;

/// Whether this build speaks TLS and SCRAM.
const HAS_TLS: bool = cfg!(feature = "tls");

/// Options that the configuration cannot change, and the values that are theirs.
const KEPT: [(&str, &[&str]); 10] = [
    ("acks", &["all", "-1"]),
    ("auto.offset.reset", &["error"]),
    ("delivery.report.only.error", &["true"]),
    ("enable.auto.offset.store", &["false"]),
    ("enable.idempotence", &["true"]),
    ("group.id", &[]),
    ("isolation.level", &["read_committed"]),
    ("partition.assignment.strategy", &["range"]),
    ("request.required.acks", &["all", "-1"]),
    ("transactional.id", &[]),
];

/// Where the brokers are, and how to come in.
#[derive(Debug, Clone)]
pub struct KafkaServer {
    servers: String,
    config: ClientConfig,
    /// Options that the configuration adds, which go before all others.
    options: Vec<(String, String)>,
    /// Partitions and copies of topics that are made; -1: the broker's own number.
    pub(crate) partitions: i32,
    pub(crate) replicas: i32,
    /// Whether topics that are missing are made.
    pub(crate) declares: bool,
}

impl KafkaServer {
    /// Reads `servers`, `tls`, `tls-ca`, `sasl`, `user`, `password` or `password-file`, `options`,
    /// `declare`, `partitions` and `replicas`.
    pub fn configure(keys: &mut Keys) -> KafkaServer {
        let mut config = ClientConfig::new();
        let servers = keys.required_text("servers");
        config
            .set("bootstrap.servers", &servers)
            .set("client.id", "ringfence-bridge")
            .set("reconnect.backoff.max.ms", "5000")
            .set_log_level(RDKafkaLogLevel::Warning);
        let has_tls = tls(keys, &mut config);
        let has_login = login(keys, &mut config);
        let protocol = match (has_login, has_tls) {
            (false, false) => "plaintext",
            (false, true) => "ssl",
            (true, false) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        KafkaServer {
            servers,
            config,
            options: options(keys),
            partitions: number_or_brokers(keys, "partitions", 10_000),
            replicas: number_or_brokers(keys, "replicas", 100),
            declares: keys.flag("declare", true),
        }
    }

    /// Claims a topic of these brokers, for one table alone or together with others.
    pub(crate) fn claim(&self, keys: &Keys, key: &str, topic: &str, is_alone: bool) {
        keys.claim(key, &format!("topic {topic} of {}", self.servers), is_alone);
    }

    /// The configuration of a client with `options` besides.
    pub(crate) fn client(&self, options: &[(&str, &str)]) -> ClientConfig {
        let mut config = self.config.clone();
        for (name, value) in options {
            config.set(*name, *value);
        }
        for (name, value) in &self.options {
            config.set(name, value);
        }
        config
    }
}

/// A number from 1; -1, which stands for the broker's own, where none is given.
fn number_or_brokers(keys: &mut Keys, key: &str, most: u64) -> i32 {
    match keys.number(key, 1..=most, 0) {
        0 => -1,
        number => number as i32,
    }
}

/// Whether TLS is asked for.
fn tls(keys: &mut Keys, config: &mut ClientConfig) -> bool {
    let trusted = keys.text("tls-ca");
    if let Some(path) = &trusted {
        if let Err(error) = std::fs::File::open(path) {
            keys.mistake("tls-ca", format!("{path}: {error}"));
        }
        config.set("ssl.ca.location", path);
    }
    let is_asked = keys.flag("tls", trusted.is_some());
    if is_asked && !HAS_TLS {
        let key = if trusted.is_some() { "tls-ca" } else { "tls" };
        keys.mistake(key, "this build has no TLS for Kafka: build it with `--features kafka-tls`");
    }
    is_asked
}

/// Whether a user is given.
fn login(keys: &mut Keys, config: &mut ClientConfig) -> bool {
    let (user, password) = (keys.text("user"), keys.secret("password"));
    let mechanism = keys.text("sasl").unwrap_or_else(|| "plain".to_owned()).to_ascii_uppercase();
    if !["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].contains(&mechanism.as_str()) {
        keys.mistake("sasl", "it is plain, scram-sha-256 or scram-sha-512");
    } else if mechanism != "PLAIN" && !HAS_TLS {
        keys.mistake("sasl", "this build has no SCRAM: build it with `--features kafka-tls`");
    }
    let Some(user) = user else { return false };
    if password.is_none() {
        keys.mistake("password", "missing: there is a `user`");
    }
    config
        .set("sasl.mechanism", mechanism)
        .set("sasl.username", user)
        .set("sasl.password", password.unwrap_or_default());
    true
}

/// Options of librdkafka, each as `name=value`.
fn options(keys: &mut Keys) -> Vec<(String, String)> {
    let mut options = Vec::new();
    let mut probe = ClientConfig::new();
    for text in keys.texts("options").unwrap_or_default() {
        let Some((name, value)) = text.split_once('=') else {
            keys.mistake("options", format!("`{text}`: write `name=value`"));
            continue;
        };
        let kept = KEPT.iter().find(|(kept, _)| *kept == name);
        if let Some((_, only)) = kept.filter(|(_, only)| !only.contains(&value)) {
            let what = match only.first() {
                Some(only) => format!("`{name}` stays {only}: the bridge's guarantees rest on it"),
                None => format!("`{name}` is the bridge's own"),
            };
            keys.mistake("options", what);
            continue;
        }
        probe.set(name, value);
        options.push((name.to_owned(), value.to_owned()));
    }
    if let Err(error) = probe.create_native_config() {
        keys.mistake("options", error.to_string());
    }
    options
}

/// Reads a name of a topic, and says where it is none.
pub(crate) fn check_topic(keys: &Keys, key: &str, topic: &str) {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = (1..=249).contains(&topic.len()) && topic.bytes().all(is_allowed);
    if !is_name || topic == "." || topic == ".." {
        keys.mistake(
            key,
            format!("`{topic}` is no name of a topic: letters, digits, `.`, `_`, `-`"),
        );
    }
}
