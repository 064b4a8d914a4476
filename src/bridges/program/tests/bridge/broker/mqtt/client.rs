//! A client of MQTT brokers that shares nothing with the bridge but the form of packets.

use std::time::Duration;

use rumqttc::mqttbytes::{QoS, v4};
use rumqttc::v5::mqttbytes::{QoS as QoS5, v5};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::house::House;

/// Longest packet that the tests send, in bytes.
const PACKET_BYTES_MAX: u32 = 8 << 20;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V3,
    V5,
}

impl Version {
    pub fn name(self) -> &'static str {
        match self {
            Version::V3 => "3.1.1",
            Version::V5 => "5",
        }
    }
}

/// A message that has come.
#[derive(Debug)]
pub struct Seen {
    pub topic: String,
    pub text: String,
    pub body: Value,
    pub properties: v5::PublishProperties,
}

impl Seen {
    fn new(topic: String, body: &[u8], properties: Option<v5::PublishProperties>) -> Seen {
        Seen {
            topic,
            text: String::from_utf8_lossy(body).into_owned(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
            properties: properties.unwrap_or_default(),
        }
    }

    pub fn property(&self, name: &str) -> &str {
        let found = self.properties.user_properties.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

enum Handle {
    V3(rumqttc::AsyncClient),
    V5(rumqttc::v5::AsyncClient),
}

/// A client with a session that outlives its connections, of which it makes as many as it takes.
pub struct Client {
    handle: Handle,
    seen: mpsc::UnboundedReceiver<Seen>,
    confirmed: mpsc::UnboundedReceiver<()>,
    subscribed: mpsc::UnboundedReceiver<()>,
    polling: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl Client {
    pub fn start(version: Version, port: u16, name: &str) -> Client {
        let (tell_seen, seen) = mpsc::unbounded_channel();
        let (tell_confirmed, confirmed) = mpsc::unbounded_channel();
        let (tell_subscribed, subscribed) = mpsc::unbounded_channel();
        let teller =
            Teller { seen: tell_seen, confirmed: tell_confirmed, subscribed: tell_subscribed };
        let (handle, polling) = match version {
            Version::V3 => poll_v3(port, name, teller),
            Version::V5 => poll_v5(port, name, teller),
        };
        Client { handle, seen, confirmed, subscribed, polling }
    }

    /// Subscribes; the subscription stands when this returns.
    pub async fn subscribe(&mut self, filter: &str) {
        match &self.handle {
            Handle::V3(client) => client.subscribe(filter, QoS::AtLeastOnce).await.unwrap(),
            Handle::V5(client) => client.subscribe(filter, QoS5::AtLeastOnce).await.unwrap(),
        }
        self.subscribed.recv().await.unwrap();
    }

    /// Sends a message and waits until a message is confirmed, for ten seconds; whether one was.
    /// The client sends what is not confirmed again when it connects again.
    pub async fn send(
        &mut self,
        topic: &str,
        body: impl Into<Vec<u8>>,
        properties: v5::PublishProperties,
    ) -> bool {
        let body = body.into();
        match &self.handle {
            Handle::V3(client) => {
                client.publish(topic, QoS::AtLeastOnce, false, body).await.unwrap();
            }
            Handle::V5(client) => {
                let qos = QoS5::AtLeastOnce;
                let sent = client.publish_with_properties(topic, qos, false, body, properties);
                sent.await.unwrap();
            }
        }
        tokio::time::timeout(Duration::from_secs(10), self.confirmed.recv()).await.is_ok()
    }

    /// The next message, within a minute.
    pub async fn next(&mut self, house: &House) -> Seen {
        match tokio::time::timeout(Duration::from_secs(60), self.seen.recv()).await {
            Ok(Some(seen)) => seen,
            other => panic!("{other:?}\n{}", house.said("bridge.log")),
        }
    }

    /// A message that has come already.
    pub fn try_next(&mut self) -> Option<Seen> {
        self.seen.try_recv().ok()
    }
}

/// Tells a client what came. It fails where the test has ended.
struct Teller {
    seen: mpsc::UnboundedSender<Seen>,
    confirmed: mpsc::UnboundedSender<()>,
    subscribed: mpsc::UnboundedSender<()>,
}

fn poll_v3(port: u16, name: &str, teller: Teller) -> (Handle, JoinHandle<()>) {
    let mut options = rumqttc::MqttOptions::new(name, "127.0.0.1", port);
    let bytes_max = PACKET_BYTES_MAX as usize;
    options.set_clean_session(false).set_max_packet_size(bytes_max, bytes_max);
    options.set_credentials("guest", "guest");
    let (client, mut events) = rumqttc::AsyncClient::new(options, 10);
    let polling = tokio::spawn(async move {
        loop {
            let _ = match events.poll().await {
                Ok(rumqttc::Event::Incoming(v4::Packet::Publish(it))) => {
                    teller.seen.send(Seen::new(it.topic, &it.payload, None)).is_ok()
                }
                Ok(rumqttc::Event::Incoming(v4::Packet::PubAck(_))) => {
                    teller.confirmed.send(()).is_ok()
                }
                Ok(rumqttc::Event::Incoming(v4::Packet::SubAck(_))) => {
                    teller.subscribed.send(()).is_ok()
                }
                Ok(_) => true,
                Err(_) => pause().await,
            };
        }
    });
    (Handle::V3(client), polling)
}

fn poll_v5(port: u16, name: &str, teller: Teller) -> (Handle, JoinHandle<()>) {
    let mut options = rumqttc::v5::MqttOptions::new(name, "127.0.0.1", port);
    options.set_clean_start(false).set_session_expiry_interval(Some(u32::MAX));
    options.set_max_packet_size(Some(PACKET_BYTES_MAX));
    let (client, mut events) = rumqttc::v5::AsyncClient::new(options, 10);
    let polling = tokio::spawn(async move {
        loop {
            let _ = match events.poll().await {
                Ok(rumqttc::v5::Event::Incoming(v5::Packet::Publish(it))) => {
                    let topic = String::from_utf8_lossy(&it.topic).into_owned();
                    teller.seen.send(Seen::new(topic, &it.payload, it.properties)).is_ok()
                }
                Ok(rumqttc::v5::Event::Incoming(v5::Packet::PubAck(_))) => {
                    teller.confirmed.send(()).is_ok()
                }
                Ok(rumqttc::v5::Event::Incoming(v5::Packet::SubAck(_))) => {
                    teller.subscribed.send(()).is_ok()
                }
                Ok(_) => true,
                Err(_) => pause().await,
            };
        }
    });
    (Handle::V5(client), polling)
}

async fn pause() -> bool {
    tokio::time::sleep(Duration::from_millis(100)).await;
    true
}

/// What a message with this id is sent with.
pub fn named(id: &str) -> v5::PublishProperties {
    v5::PublishProperties {
        user_properties: vec![("message-id".to_owned(), id.to_owned())],
        ..v5::PublishProperties::default()
    }
}
