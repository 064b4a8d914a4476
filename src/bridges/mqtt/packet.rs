//! Packets of both versions of MQTT, as far as the bridge needs them.

use bytes::{Bytes, BytesMut};
use ringfence_bridge_core::Failure;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;
use rumqttc::v5::mqttbytes::{Error as Error5, QoS as QoS5};
use rumqttc::{mqttbytes::Error as Error4, mqttbytes::QoS as QoS4};

pub(crate) use v5::PublishProperties;

/// Longest packet that MQTT knows, in bytes.
pub(crate) const PACKET_BYTES_MAX: u32 = 268_435_455 + 5;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// 3.1.1
    V3,
    /// 5
    V5,
}

/// A message to be sent with QoS 1.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub topic: String,
    pub body: Bytes,
    /// Whether the broker keeps it for those who subscribe later.
    pub retain: bool,
    /// For MQTT 5 alone.
    pub properties: PublishProperties,
}

/// A message that has come.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// 0 if its sender does without acknowledgement.
    pub packet: u16,
    pub topic: String,
    pub body: Bytes,
    /// Those of MQTT 5; none in 3.1.1.
    pub properties: PublishProperties,
}

/// What a broker sends.
#[derive(Debug)]
pub(crate) enum Packet {
    /// It lets the bridge in.
    Accepted {
        has_session: bool,
        /// Messages with QoS 1 that it takes without having confirmed them.
        receive_max: u16,
        packet_bytes_max: u32,
        /// In seconds, where it wants another one.
        keep_alive: Option<u16>,
    },
    /// It does not.
    Declined(String),
    Message(Delivery),
    /// A message that was sent is stored, or refused with a reason.
    Confirmed {
        packet: u16,
        refused: Option<String>,
    },
    /// A subscription stands, or is refused with a reason.
    Subscribed {
        refused: Option<String>,
    },
    Pong,
    /// The broker ends the connection.
    Ended(String),
}

/// How to come in.
#[derive(Debug)]
pub(crate) struct Hello<'a> {
    pub client: &'a str,
    pub login: Option<(&'a str, &'a str)>,
    pub keep_alive: u16,
    pub session: Option<Session>,
}

/// A session that outlives its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    /// Seconds for which it does; `u32::MAX`: for ever.
    pub expiry: u32,
    /// Messages that the broker may send before they are acknowledged.
    pub credit: u16,
}

/// What was said cannot be written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The broker takes no packets of that length.
    TooLarge,
    Other(String),
}

impl Version {
    /// The next whole packet of `input`, if there is one.
    pub fn read(self, input: &mut BytesMut) -> Result<Option<Packet>, Failure> {
        let wrong = |error: &dyn std::fmt::Display| {
            Err(Failure::retry(format!("the broker does not speak MQTT as it should: {error}")))
        };
        match self {
            Version::V3 => match v4::Packet::read(input, PACKET_BYTES_MAX as usize) {
                Ok(packet) => Ok(Some(from_v3(packet))),
                Err(Error4::InsufficientBytes(_)) => Ok(None),
                Err(error) => wrong(&error),
            },
            Version::V5 => match v5::Packet::read(input, Some(PACKET_BYTES_MAX)) {
                Ok(packet) => Ok(Some(from_v5(packet))),
                Err(Error5::InsufficientBytes(_)) => Ok(None),
                Err(error) => wrong(&error),
            },
        }
    }

    fn write(
        self,
        v3: impl FnOnce() -> v4::Packet,
        v5: impl FnOnce() -> v5::Packet,
        bytes_max: u32,
        output: &mut BytesMut,
    ) -> Result<(), WriteError> {
        match self {
            Version::V3 => match v3().write(output, bytes_max as usize) {
                Ok(_) => Ok(()),
                Err(Error4::OutgoingPacketTooLarge { .. }) => Err(WriteError::TooLarge),
                Err(error) => Err(WriteError::Other(error.to_string())),
            },
            Version::V5 => match v5().write(output, Some(bytes_max)) {
                Ok(_) => Ok(()),
                Err(Error5::OutgoingPacketTooLarge { .. }) => Err(WriteError::TooLarge),
                Err(error) => Err(WriteError::Other(error.to_string())),
            },
        }
    }

    pub fn hello(self, hello: &Hello<'_>, output: &mut BytesMut) -> Result<(), WriteError> {
        let is_clean = hello.session.is_none();
        let v3 = || {
            let login = hello.login.map(|(user, password)| v4::Login::new(user, password));
            v4::Packet::Connect(v4::Connect {
                keep_alive: hello.keep_alive,
                clean_session: is_clean,
                login,
                ..v4::Connect::new(hello.client)
            })
        };
        let v5 = || {
            let properties = hello.session.map(|session| v5::ConnectProperties {
                session_expiry_interval: Some(session.expiry),
                receive_maximum: Some(session.credit),
                ..v5::ConnectProperties::new()
            });
            let login = hello.login.map(|(user, password)| v5::Login::new(user, password));
            let client_id = hello.client.to_owned();
            let keep_alive = hello.keep_alive;
            let connect = v5::Connect { keep_alive, client_id, clean_start: is_clean, properties };
            v5::Packet::Connect(connect, None, login)
        };
        self.write(v3, v5, PACKET_BYTES_MAX, output)
    }

    pub fn subscribe(self, packet: u16, filters: &[String], output: &mut BytesMut) {
        let v3 = || {
            let filter = |path: &String| v4::SubscribeFilter::new(path.clone(), QoS4::AtLeastOnce);
            let mut subscribe = v4::Subscribe::new_many(filters.iter().map(filter));
            subscribe.pkid = packet;
            v4::Packet::Subscribe(subscribe)
        };
        let v5 = || {
            let filter = |path: &String| v5::Filter {
                // What is retained comes once, and not again with each connection.
                retain_forward_rule: v5::RetainForwardRule::OnNewSubscribe,
                ..v5::Filter::new(path.clone(), QoS5::AtLeastOnce)
            };
            let mut subscribe = v5::Subscribe::new_many(filters.iter().map(filter), None);
            subscribe.pkid = packet;
            v5::Packet::Subscribe(subscribe)
        };
        self.write_small(v3, v5, output);
    }

    /// Sends `publication` as the packet `packet`, if that has at most `bytes_max` bytes.
    pub fn publish(
        self,
        packet: u16,
        publication: &Publication,
        bytes_max: u32,
        output: &mut BytesMut,
    ) -> Result<(), WriteError> {
        let v3 = || {
            let (topic, body) = (publication.topic.clone(), publication.body.clone());
            let mut publish = v4::Publish::from_bytes(topic, QoS4::AtLeastOnce, body);
            (publish.pkid, publish.retain) = (packet, publication.retain);
            v4::Packet::Publish(publish)
        };
        let v5 = || {
            v5::Packet::Publish(v5::Publish {
                dup: false,
                qos: QoS5::AtLeastOnce,
                retain: publication.retain,
                topic: Bytes::copy_from_slice(publication.topic.as_bytes()),
                pkid: packet,
                payload: publication.body.clone(),
                properties: Some(publication.properties.clone()),
            })
        };
        self.write(v3, v5, bytes_max, output)
    }

    pub fn acknowledge(self, packet: u16, output: &mut BytesMut) {
        let v3 = || v4::Packet::PubAck(v4::PubAck::new(packet));
        let v5 = || v5::Packet::PubAck(v5::PubAck::new(packet, None));
        self.write_small(v3, v5, output);
    }

    pub fn ping(self, output: &mut BytesMut) {
        self.write_small(|| v4::Packet::PingReq, || v5::Packet::PingReq(v5::PingReq), output);
    }

    pub fn goodbye(self, output: &mut BytesMut) {
        let v5 = || {
            let reason = v5::DisconnectReasonCode::NormalDisconnection;
            v5::Packet::Disconnect(v5::Disconnect::new(reason))
        };
        self.write_small(|| v4::Packet::Disconnect, v5, output);
    }

    fn write_small(
        self,
        v3: impl FnOnce() -> v4::Packet,
        v5: impl FnOnce() -> v5::Packet,
        output: &mut BytesMut,
    ) {
        let written = self.write(v3, v5, PACKET_BYTES_MAX, output);
        written.expect("packets of this kind are short and have what they need");
    }
}

fn from_v3(packet: v4::Packet) -> Packet {
    match packet {
        v4::Packet::ConnAck(ack) if ack.code == v4::ConnectReturnCode::Success => {
            Packet::Accepted {
                has_session: ack.session_present,
                receive_max: u16::MAX,
                packet_bytes_max: PACKET_BYTES_MAX,
                keep_alive: None,
            }
        }
        v4::Packet::ConnAck(ack) => Packet::Declined(format!("{:?}", ack.code)),
        v4::Packet::Publish(publish) => Packet::Message(Delivery {
            packet: publish.pkid,
            topic: publish.topic,
            body: publish.payload,
            properties: PublishProperties::default(),
        }),
        v4::Packet::PubAck(ack) => Packet::Confirmed { packet: ack.pkid, refused: None },
        v4::Packet::SubAck(ack) => {
            let is_refused = ack.return_codes.contains(&v4::SubscribeReasonCode::Failure);
            Packet::Subscribed { refused: is_refused.then(|| "Failure".to_owned()) }
        }
        v4::Packet::PingResp => Packet::Pong,
        other => Packet::Ended(format!("it sent {other:?}")),
    }
}

fn from_v5(packet: v5::Packet) -> Packet {
    match packet {
        v5::Packet::ConnAck(ack) if ack.code == v5::ConnectReturnCode::Success => {
            let properties = ack.properties.as_ref();
            let bytes_max = properties.and_then(|all| all.max_packet_size);
            Packet::Accepted {
                has_session: ack.session_present,
                receive_max: properties.and_then(|all| all.receive_max).unwrap_or(u16::MAX),
                packet_bytes_max: bytes_max.unwrap_or(PACKET_BYTES_MAX),
                keep_alive: properties.and_then(|all| all.server_keep_alive),
            }
        }
        v5::Packet::ConnAck(ack) => Packet::Declined(format!("{:?}", ack.code)),
        v5::Packet::Publish(publish) => Packet::Message(Delivery {
            packet: publish.pkid,
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            body: publish.payload,
            properties: publish.properties.unwrap_or_default(),
        }),
        v5::Packet::PubAck(ack) => {
            use v5::PubAckReason::{NoMatchingSubscribers, Success};
            let is_stored = matches!(ack.reason, Success | NoMatchingSubscribers);
            let refused = (!is_stored).then(|| format!("{:?}", ack.reason));
            Packet::Confirmed { packet: ack.pkid, refused }
        }
        v5::Packet::SubAck(ack) => {
            let is_good = |code: &v5::SubscribeReasonCode| {
                matches!(code, v5::SubscribeReasonCode::Success(_))
            };
            let refused = ack.return_codes.iter().find(|code| !is_good(code));
            Packet::Subscribed { refused: refused.map(|code| format!("{code:?}")) }
        }
        v5::Packet::PingResp(_) => Packet::Pong,
        v5::Packet::Disconnect(disconnect) => {
            let reason = disconnect.properties.and_then(|all| all.reason_string);
            let reason = reason.map(|text| format!(" ({text})")).unwrap_or_default();
            Packet::Ended(format!("{:?}{reason}", disconnect.reason_code))
        }
        other => Packet::Ended(format!("it sent {other:?}")),
    }
}
