//! Topics whose messages are commands.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use ringfence_bridge_core::{
    ContentType, Failure, Identity, Keys, Malformed, Message, Port, Replies, Settled, Settlement,
    Source, SourceOptions,
};

use crate::MqttServer;
use crate::acknowledgements::Acknowledgements;
use crate::link::{Link, Received};
use crate::packet::{Delivery, Publication, PublishProperties, Session, Version, WriteError};
use crate::topic;

/// Settled messages that are dealt with in one turn.
const TURN_MAX: usize = 1024;

/// Topics whose messages are commands.
#[derive(Debug)]
pub struct MqttSource {
    server: MqttServer,
    name: String,
    client: String,
    filters: Vec<String>,
    dead_letter_topic: String,
    /// Of messages that do not say theirs.
    content_type: Option<String>,
    session: Session,
}

/// What belongs to a delivery.
#[derive(Debug)]
pub struct MqttHandle {
    /// Its number in the connection; `None` if its sender does without acknowledgement.
    number: Option<u64>,
    /// Where the message was sent to, for its dead letter.
    topic: String,
    properties: PublishProperties,
}

impl MqttSource {
    /// Reads the server's keys, `topics`, `client-id`, `dead-letter-topic`, `content-type` and
    /// `session-expiry`.
    pub fn configure(keys: &mut Keys, options: &SourceOptions) -> MqttSource {
        let server = MqttServer::configure(keys);
        let name = options.name.clone();
        let filters = keys.texts("topics").unwrap_or_default();
        if filters.is_empty() {
            keys.mistake("topics", "missing: at least one topic that is subscribed to");
        }
        for filter in filters.iter().filter(|filter| !topic::is_filter(filter)) {
            keys.mistake("topics", format!("`{filter}`: there is no such subscription"));
        }
        let dead = format!("ringfence/dead/{name}");
        let dead_letter_topic = topic::name(keys, "dead-letter-topic", &dead);
        if let Some(filter) = filters.iter().find(|it| topic::is_matched(it, &dead_letter_topic)) {
            let mistake = format!("`{dead_letter_topic}` would come back by `{filter}`");
            keys.mistake("dead-letter-topic", mistake);
        }
        let content_type = keys.text("content-type");
        if let Err(malformed) = ContentType::parse(content_type.as_deref()) {
            keys.mistake("content-type", malformed.to_string());
        }
        if server.version() == Version::V3 && keys.text("session-expiry").is_some() {
            keys.mistake("session-expiry", "only with MQTT 5: in 3.1.1 a session does not expire");
        }
        let client = keys.text("client-id").unwrap_or_else(|| format!("ringfence-{name}"));
        server.claim(keys, "client-id", &format!("client id {client}"));
        let expiry = keys.duration("session-expiry", Duration::MAX).as_secs();
        MqttSource {
            server,
            client,
            name,
            filters,
            dead_letter_topic,
            content_type,
            session: Session {
                expiry: u32::try_from(expiry).unwrap_or(u32::MAX),
                credit: u16::try_from(options.credit).unwrap_or(u16::MAX),
            },
        }
    }
}

impl Source for MqttSource {
    type Handle = MqttHandle;

    async fn serve(&mut self, port: &mut Port<MqttHandle>) -> Result<(), Failure> {
        let mut link = self.server.connect(&self.client, Some(self.session)).await?;
        link.subscribe(&self.filters);
        let mut serving = Serving {
            source: self,
            link,
            deliveries: Acknowledgements::default(),
            waiting: VecDeque::new(),
            under_way: 0,
            answers: VecDeque::new(),
            unconfirmed: HashMap::new(),
        };
        serving.run(port).await?;
        serving.link.end().await;
        Ok(())
    }
}

/// What answers a delivery: a reply or a dead letter.
struct Answer {
    publication: Publication,
    /// The delivery that waits for it.
    number: Option<u64>,
    /// Whether the delivery may be acknowledged without it.
    is_reply: bool,
}

/// One connection.
struct Serving<'a> {
    source: &'a MqttSource,
    link: Link,
    deliveries: Acknowledgements,
    /// What has come beyond the credit: only brokers by MQTT 3.1.1 send that, which cannot be told.
    waiting: VecDeque<Message<MqttHandle>>,
    /// Messages that are given to the port and not settled.
    under_way: usize,
    /// Answers that wait for room.
    answers: VecDeque<Answer>,
    /// Answers that are sent and not confirmed: what their deliveries need of them.
    unconfirmed: HashMap<u16, (Option<u64>, bool)>,
}

impl Serving<'_> {
    async fn run(&mut self, port: &mut Port<MqttHandle>) -> Result<(), Failure> {
        loop {
            self.give(port).await?;
            self.send_answers();
            self.acknowledge();
            tokio::select! {
                settled = port.next() => match settled? {
                    Some(settled) => {
                        self.settle(settled);
                        for _ in 0..TURN_MAX {
                            let Some(settled) = port.try_next() else { break };
                            self.settle(settled);
                        }
                    }
                    None => return self.end().await,
                },
                received = self.link.next() => match received? {
                    Received::Message(delivery) => self.deliver(delivery, port),
                    Received::Confirmed { packet, refused } => self.confirm(packet, refused)?,
                    Received::Subscribed => self.subscribed(port),
                    Received::Pong => {}
                },
            }
        }
    }

    fn subscribed(&self, port: &Port<MqttHandle>) {
        port.set_connected(true);
        let topics = self.source.filters.join(", ");
        let session = if self.link.has_session() { "a known" } else { "a new" };
        let source = &self.source.name;
        tracing::info!(source, "takes messages from topics {topics}, in {session} session");
    }

    /// Waits until what answers settled messages is confirmed, and acknowledges these.
    async fn end(&mut self) -> Result<(), Failure> {
        while !self.answers.is_empty() || !self.unconfirmed.is_empty() {
            if let Received::Confirmed { packet, refused } = self.link.next().await? {
                self.confirm(packet, refused)?;
            }
            self.send_answers();
        }
        self.acknowledge();
        Ok(())
    }

    fn deliver(&mut self, delivery: Delivery, port: &Port<MqttHandle>) {
        let Delivery { packet, topic, body, properties } = delivery;
        let number = (packet != 0).then(|| self.deliveries.add(packet));
        let identity = identity(&properties.user_properties);
        let said = properties.content_type.as_ref().or(self.source.content_type.as_ref());
        let content_type = ContentType::parse(said.map(String::as_str));
        let read = content_type.and_then(|content_type| Ok((content_type, identity?)));
        let handle = MqttHandle { number, topic, properties };
        match read {
            Ok((content_type, identity)) => {
                let body = body.to_vec();
                self.waiting.push_back(Message { body, content_type, identity, handle });
            }
            Err(malformed) => {
                port.count_dead(&malformed);
                self.bury(&handle, body.to_vec(), &malformed);
                self.settled(number);
            }
        }
    }

    /// Gives as many messages as the credit allows: so the port never waits.
    async fn give(&mut self, port: &Port<MqttHandle>) -> Result<(), Failure> {
        while self.under_way < usize::from(self.source.session.credit)
            && let Some(message) = self.waiting.pop_front()
        {
            self.under_way += 1;
            port.give(message).await?;
        }
        Ok(())
    }

    fn settle(&mut self, settled: Settled<MqttHandle>) {
        let Settled { handle, settlement } = settled;
        self.under_way -= 1;
        match settlement {
            Settlement::Done(replies) => self.reply(&handle, &replies),
            Settlement::Dead { body, malformed } => self.bury(&handle, body, &malformed),
            Settlement::Known | Settlement::Lost => {}
        }
        self.settled(handle.number);
    }

    /// One thing that the delivery waits for is there.
    fn settled(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.deliveries.settle_one(number);
        }
    }

    fn answer(&mut self, answer: Answer) {
        if let Some(number) = answer.number {
            self.deliveries.wait_for_one_more(number);
        }
        self.answers.push_back(answer);
    }

    fn reply(&mut self, handle: &MqttHandle, replies: &Replies) {
        let Some(topic) = &handle.properties.response_topic else { return };
        if !topic::is_name(topic) {
            let source = &self.source.name;
            tracing::warn!(source, "no reply: `{topic}` is no topic that can be sent to");
            return;
        }
        let mut user_properties = vec![("message-id".to_owned(), replies.identity())];
        user_properties.extend(owned(replies.headers()));
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            content_type: Some(replies.content_type().to_owned()),
            correlation_data: handle.properties.correlation_data.clone(),
            user_properties,
            ..PublishProperties::default()
        };
        let body = replies.body().into();
        let publication = Publication { topic: topic.clone(), body, retain: false, properties };
        self.answer(Answer { publication, number: handle.number, is_reply: true });
    }

    /// Sends a message that is no command to the dead letters. MQTT 3.1.1 has no headers: there the
    /// reason is a message of its own, before it.
    fn bury(&mut self, handle: &MqttHandle, body: Vec<u8>, malformed: &Malformed) {
        tracing::warn!(source = self.source.name, "a message is no command: {malformed}");
        let mut reasons = owned(malformed.headers());
        reasons.push(("ringfence-topic".to_owned(), handle.topic.clone()));
        let topic = self.source.dead_letter_topic.clone();
        let (number, is_reply) = (handle.number, false);
        if self.source.server.version() == Version::V3 {
            let reasons: serde_json::Map<_, _> =
                reasons.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            let publication = Publication {
                topic: format!("{topic}/reason"),
                body: serde_json::Value::Object(reasons).to_string().into(),
                retain: false,
                properties: PublishProperties::default(),
            };
            self.answer(Answer { publication, number, is_reply });
        }
        let mut properties = handle.properties.clone();
        // They are of the message's way to the bridge alone.
        properties.topic_alias = None;
        properties.subscription_identifiers.clear();
        properties.user_properties.extend(reasons);
        let publication = Publication { topic, body: body.into(), retain: false, properties };
        self.answer(Answer { publication, number, is_reply });
    }

    fn send_answers(&mut self) {
        while self.link.has_room()
            && let Some(answer) = self.answers.pop_front()
        {
            match self.link.publish(&answer.publication) {
                Ok(packet) => {
                    self.unconfirmed.insert(packet, (answer.number, answer.is_reply));
                }
                Err(error) => {
                    let why = match error {
                        WriteError::TooLarge => "it is longer than the broker takes".to_owned(),
                        WriteError::Other(why) => why,
                    };
                    let (source, topic) = (&self.source.name, &answer.publication.topic);
                    tracing::error!(source, "a message to {topic} is given up: {why}");
                    self.settled(answer.number);
                }
            }
        }
    }

    /// An answer is stored, or refused. Without its reply a message is dealt with all the same;
    /// without its dead letter it is not.
    fn confirm(&mut self, packet: u16, refused: Option<String>) -> Result<(), Failure> {
        let Some((number, is_reply)) = self.unconfirmed.remove(&packet) else { return Ok(()) };
        match refused {
            Some(reason) if is_reply => {
                let source = &self.source.name;
                tracing::warn!(source, "the broker refuses a reply: {reason}");
            }
            Some(reason) => {
                let topic = &self.source.dead_letter_topic;
                return Err(Failure::retry(format!("the broker refuses {topic}: {reason}")));
            }
            None => {}
        }
        self.settled(number);
        Ok(())
    }

    fn acknowledge(&mut self) {
        while let Some(packet) = self.deliveries.take() {
            self.link.acknowledge(packet);
        }
    }
}

/// Headers as user properties are.
pub(crate) fn owned(headers: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What the message is recognised by: `message-id`, else session and request number, else its
/// idempotency key, of its user properties.
fn identity(properties: &[(String, String)]) -> Result<Identity, Malformed> {
    Identity::of("message-id", |wanted| {
        let found = properties.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, text)| text.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_recognised_by_their_user_properties() {
        let of = |properties: &[(&str, &str)]| {
            let owned = properties.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            identity(&owned.collect::<Vec<(String, String)>>())
        };
        let key = |text: &str| Ok(Identity::Key(text.as_bytes().to_vec()));
        let request = [("ringfence-request", "7"), ("ringfence-session", "s")];
        assert_eq!(of(&[]), Ok(Identity::None));
        assert_eq!(of(&[("message-id", "")]), Ok(Identity::None));
        assert_eq!(of(&[("Idempotency-Key", "k")]), key("\0idempotency-key\0k"));
        assert_eq!(of(&request), key("\0ringfence-session\0s\x007"));
        assert_eq!(of(&request[..1]), Ok(Identity::None));
        assert_eq!(of(&[request[0], request[1], ("Message-Id", "m")]), key("m"));
        assert!(of(&[request[0], ("ringfence-session", "")]).is_err());
    }
}
