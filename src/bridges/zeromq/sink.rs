//! A PUB socket that outcomes and events leave by, and a ROUTER socket that replays them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ringfence_bridge_core::{
    Confirmed, Context, Failure, HeaderChoice, Keys, Position, Record, RecordKind, Replay, Sink,
    SinkOptions, SinkStart, Template,
};
use serde_json::{Map, Value};
use tokio::task::AbortHandle;

use crate::endpoint::Endpoint;
use crate::publisher::Publisher;
use crate::replay::Replayer;

/// Topic of the messages that say that the bridge is there.
const HEARTBEAT: &str = "ringfence/heartbeat";
/// How often it says so.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// Messages that are kept for slow subscribers, where nothing else is said.
const QUEUE: u64 = 16_384;
/// Messages after which subscribers get their turn.
const TURN: usize = 128;

/// A PUB socket that outcomes and events leave by, and a ROUTER socket that replays them.
#[derive(Debug)]
pub struct ZmqSink {
    endpoint: Endpoint,
    replay_endpoint: Endpoint,
    queue: usize,
    form: Arc<Form>,
    replay: Replay,
    open: Option<Open>,
}

/// How a record becomes frames.
#[derive(Debug)]
pub(crate) struct Form {
    topic: Template,
    event_topic: Template,
}

/// The sockets, which stay while connections to the engine come and go.
#[derive(Debug)]
struct Open {
    numbered: Arc<Numbered>,
    _replayer: Replayer,
    heartbeat: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// Gives each message of the PUB socket its number.
#[derive(Debug)]
struct Numbered {
    publisher: Publisher,
    /// Differs from start to start: numbers begin anew then.
    run: String,
    last: Mutex<u64>,
}

/// A sink that is configured.
#[derive(Debug)]
pub struct ZmqSinkOptions {
    endpoint: Endpoint,
    replay_endpoint: Endpoint,
    queue: usize,
    form: Arc<Form>,
}

impl ZmqSinkOptions {
    /// Reads `bind`, `replay-bind`, `trust-network`, `topic`, `event-topic` and `queue`.
    pub fn configure(keys: &mut Keys, options: &mut SinkOptions) -> ZmqSinkOptions {
        let default = |text: &str| text.parse().expect("it is a template");
        let topic: Template =
            keys.parsed("topic").unwrap_or_else(|| default("outcomes/{ledger}/{status}"));
        let event_topic = keys.parsed("event-topic").unwrap_or_else(|| default("events/{status}"));
        options.commands |= topic.needs_commands();
        // What was before is replayed to those who ask for it, and not sent to all.
        if options.start == SinkStart::Oldest {
            options.start = SinkStart::Now;
        }
        ZmqSinkOptions {
            endpoint: Endpoint::configure(keys, "bind"),
            replay_endpoint: Endpoint::configure(keys, "replay-bind"),
            queue: keys.number("queue", 16..=1 << 20, QUEUE) as usize,
            form: Arc::new(Form { topic, event_topic }),
        }
    }

    /// The sink; it replays what it finds in the context's engine.
    #[must_use]
    pub fn sink(self, options: &SinkOptions, context: &Context) -> ZmqSink {
        let ZmqSinkOptions { endpoint, replay_endpoint, queue, form } = self;
        let replay = Replay::new(options, context);
        ZmqSink { endpoint, replay_endpoint, queue, form, replay, open: None }
    }
}

impl Form {
    /// Topic, header and body.
    pub fn frames(&self, record: &Record, number: Option<(&str, u64)>) -> [Bytes; 3] {
        let template = match record.kind {
            RecordKind::Outcome => &self.topic,
            RecordKind::Event { .. } => &self.event_topic,
        };
        let mut header = Map::new();
        if let Some((run, number)) = number {
            header.insert("run".to_owned(), run.into());
            header.insert("number".to_owned(), number.into());
        }
        header.insert("kind".to_owned(), record.kind.name().into());
        header.insert("message-id".to_owned(), record.identity().into());
        header.insert("content-type".to_owned(), record.content_type().into());
        record.each_header(HeaderChoice::ALL, |name, value| {
            drop(header.insert(name.to_owned(), value.into()))
        });
        [
            template.text(record).into(),
            Value::Object(header).to_string().into(),
            Bytes::copy_from_slice(&record.body),
        ]
    }
}

impl Numbered {
    fn publish(&self, records: &[Record], form: &Form) {
        // Whoever panicked left a number that is right.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            *last += 1;
            self.publisher.publish(&form.frames(record, Some((&self.run, *last))));
        }
    }

    /// Says which message was the last, so that who has missed it knows.
    fn say_last(&self) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let header = serde_json::json!({ "run": self.run, "number": *last, "kind": "heartbeat" });
        self.publisher.publish(&[HEARTBEAT.into(), header.to_string().into(), Bytes::new()]);
    }
}

impl Open {
    async fn bind(sink: &ZmqSink) -> Result<Open, Failure> {
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(Failure::last)?;
        let publisher = Publisher::bind(&sink.endpoint, sink.queue).await?;
        let (replay, form) = (sink.replay.clone(), Arc::clone(&sink.form));
        let replayer = Replayer::bind(&sink.replay_endpoint, replay, form).await?;
        let run = format!("{:016x}", u64::from_le_bytes(run));
        let numbered = Arc::new(Numbered { publisher, run, last: Mutex::new(0) });
        let beating = Arc::clone(&numbered);
        let heartbeat = tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT_EVERY).await;
                beating.say_last();
            }
        });
        Ok(Open { numbered, _replayer: replayer, heartbeat: heartbeat.abort_handle() })
    }
}

impl Sink for ZmqSink {
    async fn open(&mut self) -> Result<Option<Position>, Failure> {
        if self.open.is_none() {
            self.open = Some(Open::bind(self).await?);
        }
        // Positions are with the consumers.
        Ok(None)
    }

    async fn send(&mut self, records: Vec<Record>, _: &Position) -> Result<Confirmed, Failure> {
        let open = self.open.as_ref().ok_or_else(|| Failure::retry("not bound"))?;
        for some in records.chunks(TURN) {
            open.numbered.publish(some, &self.form);
            tokio::task::yield_now().await;
        }
        Ok(Box::pin(std::future::ready(Ok(()))))
    }

    async fn store(&mut self, _: &Position) -> Result<(), Failure> {
        Ok(())
    }
}
