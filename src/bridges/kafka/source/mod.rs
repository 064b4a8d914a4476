//! Topics whose messages are commands.
//!
//! ```text
//!   group or list ─▶ partitions ─open─▶ sessions ─▶ assign at their last requests
//!                                                    │
//!   Serving: every message ─▶ its Lane ◀─────────────┘   paused while a lane has its credit
//! ```

mod consumer;
mod lane;
mod letters;
mod offsets;
mod opening;
mod serving;

use ringfence_bridge_core::{
    Attempts, Context, Failure, Keys, PortOptions, SourceOptions, run_attempts,
};

use crate::KafkaServer;
use crate::server::check_topic;
use serving::Serving;

/// Messages under way in a partition, where nothing else is said.
const CREDIT: u64 = 10_000;

/// Topics whose messages are commands.
#[derive(Debug, Clone)]
pub struct KafkaSource {
    server: KafkaServer,
    name: String,
    topics: Vec<String>,
    group: String,
    /// Read without a group.
    partitions: Option<Vec<i32>>,
    dead_letter_topic: String,
}

impl KafkaSource {
    /// Reads the server's keys, `topics`, `group`, `only-partitions` and `dead-letter-topic`, and
    /// the defaults of `wait-for` and `credit` that a source with offsets has.
    pub fn configure(keys: &mut Keys, options: &mut SourceOptions) -> KafkaSource {
        let server = KafkaServer::configure(keys);
        let topics = keys.texts("topics").unwrap_or_default();
        if topics.is_empty() {
            keys.mistake("topics", "missing: the topics, as an array");
        }
        for topic in &topics {
            check_topic(keys, "topics", topic);
        }
        let dead = keys.text("dead-letter-topic");
        let dead = dead.unwrap_or_else(|| format!("{}.dead", options.name));
        check_topic(keys, "dead-letter-topic", &dead);
        if topics.contains(&dead) {
            let what = "it is one of `topics`: dead letters would come back for ever";
            keys.mistake("dead-letter-topic", what);
        }
        for topic in topics.iter().chain([&dead]) {
            server.claim(keys, "topics", topic, false);
        }
        let partitions: Vec<i32> = keys.numbers("only-partitions");
        options.by_offset = true;
        options.credit = keys.number("credit", 1..=65_535, CREDIT) as usize;
        if keys.texts("wait-for").is_none() {
            // The position is the session's, not an acknowledgement: nothing has to wait.
            options.waits_for = Vec::new();
        }
        KafkaSource {
            server,
            name: options.name.clone(),
            topics,
            group: keys.text("group").unwrap_or_else(|| format!("ringfence.{}", options.name)),
            partitions: (!partitions.is_empty()).then_some(partitions),
            dead_letter_topic: dead,
        }
    }
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Partition {
    topic: String,
    number: i32,
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.topic, self.number)
    }
}

impl Partition {
    /// Options of the session that stands for it.
    fn port_options(&self, options: &PortOptions) -> PortOptions {
        let session = format!("{}:{self}", options.session);
        PortOptions { session, ..options.clone() }
    }
}

/// Runs a source until it is asked to stop, and connects again where a connection ends.
///
/// # Errors
///
/// Why no further attempt is made: above all that another bridge has taken a session over.
pub async fn run_kafka_source(
    source: KafkaSource,
    options: PortOptions,
    context: Context,
) -> Result<(), Failure> {
    let name = options.name.clone();
    let shared = context.clone();
    run_attempts(Memberships { source, options, context }, &name, &shared).await
}

/// One membership in the group after another.
struct Memberships {
    source: KafkaSource,
    options: PortOptions,
    context: Context,
}

impl Attempts for Memberships {
    async fn attempt(&mut self) -> Result<(), Failure> {
        Serving::start(&self.source, &self.options, &self.context).await?.run().await
    }
}
