//! An exchange that outcomes and events go to.

use lapin::options::{BasicGetOptions, BasicNackOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection};
use ringfence_bridge_core::{
    Confirmed, Failure, HeaderChoice, Heard, Keys, Position, Record, RecordKind, Sink, SinkOptions,
    Template,
};

use crate::AmqpServer;
use crate::connection::{close, name, queue_name};
use crate::listener::Listener;
use crate::publish::{PERSISTENT, Publisher, Route, Unwanted, table};

/// An exchange that outcomes and events go to, and a queue of one message that keeps the position.
#[derive(Debug)]
pub struct AmqpSink {
    server: AmqpServer,
    name: String,
    exchange: String,
    routing_key: Template,
    event_routing_key: Template,
    progress_queue: String,
    mandatory: bool,
    headers: HeaderChoice,
    open: Option<Open>,
}

/// A connection that stands.
#[derive(Debug)]
struct Open {
    connection: Connection,
    publisher: Publisher,
    listener: Listener,
}

impl AmqpSink {
    /// Reads the server's keys, `exchange`, `routing-key`, `event-routing-key`,
    /// `progress-queue`, `mandatory` and `headers`.
    pub fn configure(keys: &mut Keys, options: &mut SinkOptions) -> AmqpSink {
        let server = AmqpServer::configure(keys);
        let exchange = name(keys, "exchange", None);
        let default = |text: &str| text.parse().expect("it is a template");
        let routing_key: Template =
            keys.parsed("routing-key").unwrap_or_else(|| default("outcomes.{ledger}.{status}"));
        let event_routing_key =
            keys.parsed("event-routing-key").unwrap_or_else(|| default("events.{status}"));
        let progress = Some(format!("{}.progress", options.name));
        let progress_queue = queue_name(keys, "progress-queue", progress);
        server.claim(keys, "progress-queue", &progress_queue, true);
        options.commands |= routing_key.needs_commands();
        AmqpSink {
            server,
            name: options.name.clone(),
            exchange,
            routing_key,
            event_routing_key,
            progress_queue,
            mandatory: keys.flag("mandatory", false),
            headers: HeaderChoice::configure(keys),
            open: None,
        }
    }

    fn publisher(&self) -> Result<&Publisher, Failure> {
        let open = self.open.as_ref();
        open.map(|open| &open.publisher).ok_or_else(|| Failure::retry("not connected"))
    }

    /// Reads the message of the progress queue, and leaves it there.
    async fn stored(&self, connection: &Connection) -> Result<Option<Position>, Failure> {
        let channel = self.server.with_queue(connection, &self.progress_queue, Some(1)).await?;
        let queue = self.progress_queue.as_str().into();
        let got = channel.basic_get(queue, BasicGetOptions::default()).await;
        let Some(message) = got.map_err(Failure::retry)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&message.delivery.data).into_owned();
        let put_back = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        message.delivery.acker.nack(put_back).await.map_err(Failure::retry)?;
        // So that the position is there again before it is overwritten.
        channel.close(200, "read".into()).await.map_err(Failure::retry)?;
        let queue = &self.progress_queue;
        let position = text.parse();
        position.map(Some).map_err(|error| Failure::last(format!("queue {queue}: {error}")))
    }
}

impl Sink for AmqpSink {
    async fn open(&mut self) -> Result<Option<Position>, Failure> {
        if let Some(Open { connection, .. }) = self.open.take() {
            close(&connection).await;
        }
        let connection = self.server.connect(&self.name).await?;
        self.server.with_exchange(&connection, &self.exchange).await?;
        let position = self.stored(&connection).await?;
        let publisher = Publisher::open(&connection).await?;
        let listener = Listener::new(&connection);
        self.open = Some(Open { connection, publisher, listener });
        Ok(position)
    }

    async fn send(&mut self, records: Vec<Record>, _: &Position) -> Result<Confirmed, Failure> {
        let publisher = self.publisher()?;
        let mut confirms = Vec::with_capacity(records.len());
        let mut key = String::new();
        let unwanted = if self.mandatory { Unwanted::Failure } else { Unwanted::Dropped };
        for record in records {
            key.clear();
            match record.kind {
                RecordKind::Outcome => self.routing_key.write(&record, &mut key),
                RecordKind::Event { .. } => self.event_routing_key.write(&record, &mut key),
            }
            let route = Route { exchange: &self.exchange, key: &key, unwanted };
            let properties = properties(&record, self.headers);
            confirms.push(publisher.publish(&route, record.body, properties)?);
        }
        Ok(Box::pin(async move {
            // They are confirmed in their order, or nearly: most of them without waiting.
            for confirm in confirms {
                confirm.await?;
            }
            Ok(())
        }))
    }

    async fn heard(&mut self) -> Heard {
        match &mut self.open {
            Some(Open { connection, publisher, listener }) => {
                listener.next(connection, publisher.channel()).await
            }
            None => std::future::pending().await,
        }
    }

    async fn store(&mut self, position: &Position) -> Result<(), Failure> {
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_delivery_mode(PERSISTENT);
        let route = Route { exchange: "", key: &self.progress_queue, unwanted: Unwanted::Failure };
        let text = position.to_string();
        self.publisher()?.publish(&route, text.into_bytes(), properties)?.await
    }
}

fn properties(record: &Record, choice: HeaderChoice) -> BasicProperties {
    let mut headers = FieldTable::default();
    table(record.chosen_headers(choice), &mut headers);
    BasicProperties::default()
        .with_content_type(record.content_type().into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(record.identity().into())
        // Seconds, as AMQP has them.
        .with_timestamp(record.timestamp / 1_000_000_000)
        .with_headers(headers)
}
