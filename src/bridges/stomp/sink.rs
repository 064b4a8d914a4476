//! Destinations that outcomes and events go to.

use futures_util::future::try_join_all;
use ringfence_bridge_core::{
    Confirmed, Failure, Heard, Keys, Position, Record, RecordKind, Sink, SinkOptions, Template,
    UNCONFIRMED_MAX,
};

use crate::StompServer;
use crate::broker::{Broker, Routing};
use crate::frame::{Command, Frame};
use crate::link::Link;
use crate::receipts::received;

/// Destinations that outcomes and events go to. Its position is kept by the engine: STOMP cannot
/// read what a queue holds and leave it there.
#[derive(Debug)]
pub struct StompSink {
    server: StompServer,
    destination: Template,
    event_destination: Template,
    routing: Routing,
    link: Option<Link>,
    /// Transactions that were begun on the connection.
    transactions: u64,
}

impl StompSink {
    /// Reads the server's keys, `destination`, `event-destination` and `routing`.
    pub fn configure(keys: &mut Keys, options: &mut SinkOptions) -> StompSink {
        let server = StompServer::configure(keys);
        let empty = || "".parse::<Template>().expect("a text without fields is a template");
        let destination = keys.required_parsed("destination").unwrap_or_else(empty);
        let event = keys.parsed("event-destination").unwrap_or_else(|| destination.clone());
        let routing = match keys.text("routing").as_deref() {
            None | Some("anycast") => Routing::Queue,
            Some("multicast") => Routing::Topic,
            Some(other) => {
                keys.mistake("routing", format!("`{other}`: it is anycast or multicast"));
                Routing::Any
            }
        };
        if !options.keeps_log {
            keys.mistake("keep-log", "it has to be true: the engine keeps the sink's position");
        }
        options.commands |= destination.needs_commands();
        StompSink {
            server,
            destination,
            event_destination: event,
            routing,
            link: None,
            transactions: 0,
        }
    }

    fn frame(&self, broker: Broker, record: &Record) -> Frame {
        let destination = match record.kind {
            RecordKind::Outcome => self.destination.text(record),
            RecordKind::Event { .. } => self.event_destination.text(record),
        };
        let frame = broker
            .send(&destination, self.routing)
            .with("content-type", record.content_type())
            .with_all(record.headers())
            .with_body(&record.body);
        match broker {
            // Consumers by AMQP see it as the property `message-id`.
            Broker::RabbitMq => frame.with("amqp-message-id", record.identity()),
            _ => frame,
        }
    }

    /// Sends records in one transaction, which has one receipt and is stored as a whole.
    async fn send_together(&mut self, records: &[Record]) -> Result<Confirmed, Failure> {
        self.transactions += 1;
        let transaction = self.transactions.to_string();
        let link = self.link()?;
        let mut bytes = Vec::new();
        let part = |frame: Frame| frame.with("transaction", transaction.as_str());
        part(Frame::new(Command::Begin)).write(&mut bytes);
        for record in records {
            part(self.frame(link.broker, record)).write(&mut bytes);
        }
        let receipt = link.with_receipt(part(Frame::new(Command::Commit)), &mut bytes);
        link.write(bytes).await?;
        Ok(Box::pin(async move { received(receipt).await.map_err(Failure::from) }))
    }

    /// Sends records, each with a receipt of its own.
    async fn send_each(&self, records: &[Record]) -> Result<Confirmed, Failure> {
        let link = self.link()?;
        let mut bytes = Vec::new();
        let receipts: Vec<_> = records
            .iter()
            .map(|record| link.with_receipt(self.frame(link.broker, record), &mut bytes))
            .map(received)
            .collect();
        link.write(bytes).await?;
        Ok(Box::pin(async move { try_join_all(receipts).await.map(drop).map_err(Failure::from) }))
    }

    fn link(&self) -> Result<&Link, Failure> {
        self.link.as_ref().ok_or_else(|| Failure::retry("not connected"))
    }
}

impl Sink for StompSink {
    const KEEPS_POSITION: bool = false;

    async fn open(&mut self) -> Result<Option<Position>, Failure> {
        if let Some(link) = self.link.take() {
            link.end().await;
        }
        self.link = Some(Link::open(&self.server).await?);
        Ok(None)
    }

    async fn send(&mut self, records: Vec<Record>, _: &Position) -> Result<Confirmed, Failure> {
        let stores_with_commit = self.link()?.broker.stores_with_commit();
        match records.len() {
            0 => Ok(Box::pin(async { Ok(()) })),
            2.. if stores_with_commit => self.send_together(&records).await,
            _ => self.send_each(&records).await,
        }
    }

    fn unconfirmed_max(&self) -> usize {
        let stores_with_commit = |link: &Link| link.broker.stores_with_commit();
        match self.link.as_ref().is_some_and(stores_with_commit) {
            // A transaction whose commit is on its way may be overtaken by the next one's.
            true => 1,
            false => UNCONFIRMED_MAX,
        }
    }

    async fn heard(&mut self) -> Heard {
        match &self.link {
            Some(link) => Heard::Lost(link.failure().await),
            None => std::future::pending().await,
        }
    }

    async fn store(&mut self, _: &Position) -> Result<(), Failure> {
        // The engine keeps it.
        Ok(())
    }
}
