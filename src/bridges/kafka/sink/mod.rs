//! Topics that outcomes and events go to, in transactions.
//!
//! ```text
//!   open: make the progress topic, fence the writer before, read its position, claim it
//!   send ─▶ Writer: begin, records ..., progress, commit ─▶ confirmed
//! ```

mod progress;
mod writer;

use std::time::Duration;

use rdkafka::ClientConfig;
use ringfence_bridge_core::{
    Confirmed, Failure, HeaderChoice, Heard, Keys, Position, Record, Sink, SinkOptions, Template,
};

use crate::KafkaServer;
use crate::server::check_topic;
use crate::topics::Topic;
use progress::{Progress, last_progress};
use writer::{LINGER_MILLISECONDS, Writer};

/// How long a transaction may stay open, where nothing else is said.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// Longest that may be said: well below the time after which brokers abort a transaction.
const COMMIT_INTERVAL_MAX: Duration = Duration::from_secs(20);
/// Records in a transaction, where nothing else is said.
const COMMIT_RECORDS: u64 = 20_000;
/// Stretches that are sent and not confirmed. Records are limited besides.
const UNCONFIRMED_MAX: usize = 8192;

/// Where outcomes and events go by their fields.
#[derive(Debug, Clone)]
struct Names {
    topic: Template,
    event_topic: Template,
    key: Template,
}

/// Topics that outcomes and events go to, in transactions, and one that keeps the position.
pub struct KafkaSink {
    server: KafkaServer,
    name: String,
    names: Names,
    headers: HeaderChoice,
    progress_topic: String,
    transactional_id: String,
    commit_interval: Duration,
    commit_records: usize,
    /// Tells this program's records of progress from those of others.
    instance: String,
    /// Whether this program has claimed the position before.
    has_claimed: bool,
    writer: Option<Writer>,
}

impl KafkaSink {
    /// Reads the server's keys, `topic`, `event-topic`, `key`, `progress-topic`,
    /// `transactional-id`, `commit-interval`, `commit-records` and `headers`.
    pub fn configure(keys: &mut Keys, options: &mut SinkOptions) -> KafkaSink {
        let server = KafkaServer::configure(keys);
        let mut template = |key: &str, default: &str| -> Template {
            let given = keys.parsed(key);
            given.unwrap_or_else(|| default.parse().expect("it is a template"))
        };
        let names = Names {
            topic: template("topic", "outcomes.{ledger}"),
            event_topic: template("event-topic", "events.{status}"),
            key: template("key", "{account}"),
        };
        options.commands |= names.topic.needs_commands() || names.key.needs_commands();
        let name = options.name.clone();
        let progress_topic = keys.text("progress-topic");
        let progress_topic = progress_topic.unwrap_or_else(|| format!("{name}.progress"));
        check_topic(keys, "progress-topic", &progress_topic);
        server.claim(keys, "progress-topic", &progress_topic, true);
        let transactional_id = keys.text("transactional-id");
        let transactional_id = transactional_id.unwrap_or_else(|| format!("ringfence.{name}"));
        keys.claim("transactional-id", &format!("transactional id {transactional_id}"), true);
        let commit_interval = keys.duration("commit-interval", COMMIT_INTERVAL);
        if commit_interval.is_zero() || commit_interval > COMMIT_INTERVAL_MAX {
            keys.mistake("commit-interval", "it is more than nothing, and at most 20 s");
        }
        KafkaSink {
            server,
            names,
            headers: HeaderChoice::configure(keys),
            progress_topic,
            transactional_id,
            commit_interval,
            commit_records: keys.number("commit-records", 1..=1_000_000, COMMIT_RECORDS) as usize,
            instance: instance(),
            has_claimed: false,
            writer: None,
            name,
        }
    }

    fn producer_config(&self) -> ClientConfig {
        self.server.client(&[
            ("transactional.id", &self.transactional_id),
            ("acks", "all"),
            // As Java's producers spread keys.
            ("partitioner", "murmur2_random"),
            ("queue.buffering.max.kbytes", "131072"),
            ("linger.ms", &LINGER_MILLISECONDS.to_string()),
            // What is stored is no longer under way: reports of it say nothing else.
            ("delivery.report.only.error", "true"),
        ])
    }

    async fn make_progress_topic(&self) -> Result<(), Failure> {
        // Its last record is the position: it is never deleted for its age.
        let settings = &[("cleanup.policy", "compact"), ("segment.bytes", "1048576")];
        let topic = Topic { name: &self.progress_topic, partitions: 1, settings };
        self.server.make_topics(&[topic]).await
    }

    /// The last progress that is committed.
    async fn last(&self) -> Result<Option<Progress>, Failure> {
        let config = self.server.client(&[]);
        let topic = self.progress_topic.clone();
        let read = tokio::task::spawn_blocking(move || last_progress(&config, &topic));
        read.await.map_err(Failure::last)?
    }

    /// Refuses to go on where another bridge writes now.
    fn check_owner(&self, last: Option<&Progress>) -> Result<(), Failure> {
        match last {
            Some(last) if self.has_claimed && last.instance != self.instance => {
                Err(Failure::taken_over(format!(
                    "another bridge has taken over the transactional id {}",
                    self.transactional_id
                )))
            }
            _ => Ok(()),
        }
    }
}

/// A number that no other program has.
fn instance() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    format!("{:016x}", u64::from_le_bytes(bytes))
}

impl Sink for KafkaSink {
    async fn open(&mut self) -> Result<Option<Position>, Failure> {
        if let Some(writer) = self.writer.take() {
            writer.end().await;
        }
        self.server.reach().await?;
        self.make_progress_topic().await?;
        self.check_owner(self.last().await?.as_ref())?;
        let mut writer = Writer::open(self).await?;
        // Whoever wrote before cannot write any more: this is the last position.
        let position = self.last().await?.and_then(|last| last.position);
        writer.write(Vec::new(), position.clone()).await?.await?;
        self.has_claimed = true;
        self.writer = Some(writer);
        Ok(position)
    }

    async fn send(
        &mut self,
        records: Vec<Record>,
        position: &Position,
    ) -> Result<Confirmed, Failure> {
        if records.is_empty() {
            // The position is stored later, with others.
            return Ok(Box::pin(async { Ok(()) }));
        }
        let writer = self.writer()?;
        writer.write(records, Some(position.clone())).await
    }

    async fn store(&mut self, position: &Position) -> Result<(), Failure> {
        let writer = self.writer()?;
        if writer.last_sequence() < Some(position.sequence) {
            writer.write(Vec::new(), Some(position.clone())).await?.await?;
        }
        Ok(())
    }

    async fn heard(&mut self) -> Heard {
        match &mut self.writer {
            Some(writer) => Heard::Lost(writer.lost().await),
            None => std::future::pending().await,
        }
    }

    fn unconfirmed_max(&self) -> usize {
        UNCONFIRMED_MAX
    }
}

impl KafkaSink {
    fn writer(&mut self) -> Result<&mut Writer, Failure> {
        self.writer.as_mut().ok_or_else(|| Failure::retry("not connected"))
    }
}
