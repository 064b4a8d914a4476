//! The connection to the broker, and the queues and exchanges that have to be there.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind, runtime};
use ringfence_bridge_core::{Failure, Keys};

/// How long a connection may take to stand.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long the broker may take to answer the end of a connection.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);
/// How often each side says that it is there, in seconds, where the URL says nothing.
const HEARTBEAT_SECONDS: u16 = 10;
/// How a certificate begins in a PEM file.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// What RabbitMQ answers where there is no such queue or exchange.
const NOT_FOUND: u16 = 404;

/// Where the broker is, and how to come in.
#[derive(Debug, Clone)]
pub struct AmqpServer {
    uri: AMQPUri,
    /// Certificates that are trusted, in PEM.
    trusted: Option<String>,
    /// Whether queues and exchanges that are missing are declared.
    declares: bool,
    queue_type: String,
}

impl AmqpServer {
    /// Reads `url`, `user`, `password` or `password-file`, `tls-ca`, `declare` and `queue-type`.
    pub fn configure(keys: &mut Keys) -> AmqpServer {
        let mut uri: AMQPUri = keys.required_parsed("url").unwrap_or_default();
        if let Some(user) = keys.text("user") {
            uri.authority.userinfo.username = user;
        }
        if let Some(password) = keys.secret("password") {
            uri.authority.userinfo.password = password;
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let trusted = keys.text("tls-ca").and_then(|path| match std::fs::read_to_string(&path) {
            Ok(pem) if !pem.contains(CERTIFICATE) => {
                keys.mistake("tls-ca", format!("{path}: there is no certificate in it"));
                Some(pem)
            }
            Ok(pem) => Some(pem),
            Err(error) => {
                keys.mistake("tls-ca", format!("{path}: {error}"));
                None
            }
        });
        if uri.scheme == AMQPScheme::AMQPS && trusted.is_none() {
            keys.mistake("tls-ca", "missing: amqps needs the certificates that are trusted");
        }
        let queue_type = keys.text("queue-type").unwrap_or_else(|| "classic".to_owned());
        if !["classic", "quorum"].contains(&queue_type.as_str()) {
            keys.mistake("queue-type", format!("`{queue_type}`: it is classic or quorum"));
        }
        AmqpServer { uri, trusted, declares: keys.flag("declare", true), queue_type }
    }

    /// Claims a queue of this broker, for one table alone or together with others.
    pub(crate) fn claim(&self, keys: &Keys, key: &str, queue: &str, is_alone: bool) {
        let AMQPUri { authority, vhost, .. } = &self.uri;
        let place = format!("{}:{}, vhost {vhost}", authority.host, authority.port);
        keys.claim(key, &format!("queue {queue} of {place}"), is_alone);
    }

    /// Connects.
    pub(crate) async fn connect(&self, name: &str) -> Result<Connection, Failure> {
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("ringfence-bridge {name}").into());
        let tls = OwnedTLSConfig { identity: None, cert_chain: self.trusted.clone() };
        let runtime = runtime::default_runtime().map_err(Failure::last)?;
        let connecting =
            Connection::connect_uri_with_config(self.uri.clone(), properties, tls, runtime);
        let authority = &self.uri.authority;
        let failed = |why: &dyn std::fmt::Display| {
            Failure::retry(format!("connecting to {}:{}: {why}", authority.host, authority.port))
        };
        match tokio::time::timeout(CONNECT_TIME_MAX, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&"it takes too long")),
        }
    }

    /// A channel on which the queue is there. One that is missing is declared, durable, where that
    /// is allowed.
    pub(crate) async fn with_queue(
        &self,
        connection: &Connection,
        queue: &str,
        length_max: Option<i64>,
    ) -> Result<Channel, Failure> {
        let channel = connection.create_channel().await.map_err(Failure::retry)?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
        let found = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        match found {
            Ok(_) => return Ok(channel),
            Err(error) if !is_not_found(&error) || !self.declares => {
                return Err(Failure::retry(format!("queue {queue}: {error}")));
            }
            Err(_) => {}
        }
        // Its refusal has closed the channel.
        let channel = connection.create_channel().await.map_err(Failure::retry)?;
        let mut arguments = FieldTable::default();
        let queue_type: LongString = self.queue_type.as_str().into();
        arguments.insert("x-queue-type".into(), queue_type.into());
        if let Some(length) = length_max {
            arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(length));
        }
        let declared =
            channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await;
        declared.map_err(|error| Failure::retry(format!("queue {queue}: {error}")))?;
        tracing::info!("queue {queue} is declared");
        Ok(channel)
    }

    /// Makes sure that the exchange is there. One that is missing is declared, durable, of the kind
    /// `topic`, where that is allowed.
    pub(crate) async fn with_exchange(
        &self,
        connection: &Connection,
        exchange: &str,
    ) -> Result<(), Failure> {
        // The default exchange is always there.
        if exchange.is_empty() {
            return Ok(());
        }
        let options = |passive| ExchangeDeclareOptions {
            passive,
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        for passive in [true, false] {
            let channel = connection.create_channel().await.map_err(Failure::retry)?;
            let name = ShortString::from(exchange);
            let table = FieldTable::default();
            let found =
                channel.exchange_declare(name, ExchangeKind::Topic, options(passive), table).await;
            match found {
                Ok(()) => return Ok(()),
                Err(error) if passive && self.declares && is_not_found(&error) => {}
                Err(error) => return Err(Failure::retry(format!("exchange {exchange}: {error}"))),
            }
        }
        Ok(())
    }
}

/// Ends a connection in order. One that is lost cannot be ended so, and a broker that takes nothing
/// does not answer.
pub(crate) async fn close(connection: &Connection) {
    let closing = connection.close(200, "the bridge ends the connection".into());
    let _ = tokio::time::timeout(CLOSE_TIME_MAX, closing).await;
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(error) if error.get_id() == NOT_FOUND)
}

/// Reads the name of a queue: as [`name`], and not empty, which AMQP takes for "make up a name".
pub(crate) fn queue_name(keys: &mut Keys, key: &str, default: Option<String>) -> String {
    let is_there = default.is_some() || keys.text(key).is_some();
    let name = name(keys, key, default);
    if is_there && name.is_empty() {
        keys.mistake(key, "it is empty");
    }
    name
}

/// Reads a name that AMQP can carry: at most 255 bytes.
pub(crate) fn name(keys: &mut Keys, key: &str, default: Option<String>) -> String {
    let name = match default {
        Some(default) => keys.text(key).unwrap_or(default),
        None => keys.required_text(key),
    };
    if name.len() > 255 {
        keys.mistake(key, "more than 255 bytes");
        return String::new();
    }
    name
}
