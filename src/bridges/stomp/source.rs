//! A queue whose messages are commands.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use ringfence_bridge_core::{
    ContentType, Failure, Identity, Keys, Malformed, Message, Port, Replies, Settled, Settlement,
    Source, SourceOptions,
};

use crate::StompServer;
use crate::broker::Routing;
use crate::frame::{Command, Frame, Headers, header};
use crate::link::Link;
use crate::receipts::{NoReceipt, Receipt, received};

/// Settled messages that are dealt with in one turn.
const TURN_MAX: usize = 1024;
/// Destinations of replies that the broker refused and that are known.
const REFUSED_MAX: usize = 1024;

/// Headers of a message that are its delivery's, or that would ask the broker for something: a
/// dead letter has none of them.
const OF_DELIVERY: [&str; 13] = [
    "ack",
    "content-length",
    "destination",
    "destination-type",
    "expires",
    "message-id",
    "persistent",
    "receipt",
    "redelivered",
    "selector",
    "subscription",
    "timestamp",
    "transaction",
];

/// A queue whose messages are commands.
#[derive(Debug)]
pub struct StompSource {
    server: StompServer,
    name: String,
    destination: String,
    dead_letters: String,
    identity_header: String,
    credit: usize,
    message_bytes_max: usize,
    /// Destinations that the broker refused a reply to, the latest last. It ends the connection
    /// then, so that another attempt would never end.
    refused: VecDeque<String>,
    /// Destinations of replies that were under way when the broker refused one of them and did not
    /// say which. The next reply to each of them goes alone.
    suspects: BTreeSet<String>,
}

/// What belongs to a message.
#[derive(Debug)]
pub struct StompHandle {
    /// What its acknowledgement names.
    ack: String,
    headers: Headers,
}

/// What answers a message: a reply, or its dead letter.
struct Answer {
    frame: Frame,
    destination: String,
    is_reply: bool,
}

/// What became of it.
struct Answered {
    ack: String,
    destination: String,
    is_reply: bool,
    receipt: Result<(), NoReceipt>,
}

type Answering = Pin<Box<dyn Future<Output = Answered> + Send>>;

impl StompSource {
    /// Reads the server's keys, `destination`, `dead-letter-destination` and `identity-header`.
    pub fn configure(keys: &mut Keys, options: &SourceOptions) -> StompSource {
        let server = StompServer::configure(keys);
        let destination = keys.required_text("destination");
        let dead = keys.text("dead-letter-destination");
        if dead.as_ref() == Some(&destination) {
            let what = "it is `destination`: dead letters would come back for ever";
            keys.mistake("dead-letter-destination", what);
        }
        let identity = keys.text("identity-header");
        if identity.as_deref() == Some("message-id") {
            let what = "the broker makes it, and another one when a message comes again";
            keys.mistake("identity-header", what);
        }
        StompSource {
            server,
            name: options.name.clone(),
            dead_letters: dead.unwrap_or_else(|| format!("{destination}.dead")),
            destination,
            identity_header: identity.unwrap_or_else(|| "idempotency-key".to_owned()),
            credit: options.credit,
            message_bytes_max: options.message_bytes_max,
            refused: VecDeque::new(),
            suspects: BTreeSet::new(),
        }
    }

    /// What the message is recognised by: the header of its sender's, else session and request
    /// number in its headers.
    fn identity(&self, headers: &Headers) -> Result<Identity, Malformed> {
        Identity::of(&self.identity_header, |name| header(headers, name).map(str::to_owned))
    }

    /// Sends no more replies there.
    fn refuse(&mut self, destination: String, why: &str) {
        tracing::warn!(source = self.name, "no more replies to {destination}: {why}");
        self.suspects.remove(&destination);
        if self.refused.len() == REFUSED_MAX {
            self.refused.pop_front();
        }
        self.refused.push_back(destination);
    }
}

impl Source for StompSource {
    type Handle = StompHandle;

    async fn serve(&mut self, port: &mut Port<StompHandle>) -> Result<(), Failure> {
        // Answers have a connection of their own: what stops these, such as a full queue, does not
        // stop acknowledgements, and messages that wait to be taken do not stop receipts.
        let answers = Link::open(&self.server).await?;
        let messages = Link::open(&self.server).await?;
        let subscribe = messages.broker.subscribe(&self.destination, self.credit);
        let subscribed = messages.send(subscribe).await?;
        let mut serving = Serving {
            source: self,
            messages,
            answers,
            unacknowledged: 0,
            answering: FuturesUnordered::new(),
        };
        let result = serving.run(subscribed, port).await;
        let Serving { messages, answers, .. } = serving;
        // The earlier consumer is to be gone when the next one comes.
        messages.end().await;
        answers.end().await;
        result
    }
}

/// One connection.
struct Serving<'a> {
    source: &'a mut StompSource,
    messages: Link,
    answers: Link,
    unacknowledged: usize,
    answering: FuturesUnordered<Answering>,
}

impl Serving<'_> {
    async fn run(
        &mut self,
        subscribed: Receipt,
        port: &mut Port<StompHandle>,
    ) -> Result<(), Failure> {
        received(subscribed).await?;
        port.set_connected(true);
        tracing::info!(
            source = self.source.name,
            "takes messages from {}",
            self.source.destination
        );
        loop {
            let has_room = self.unacknowledged < self.source.credit;
            let stopped = self.messages.failure();
            tokio::select! {
                Some(answered) = self.answering.next() => self.answered(answered).await?,
                settled = port.next() => match settled? {
                    Some(settled) => self.settle(settled, port).await?,
                    None => return self.finish().await,
                },
                message = self.messages.message(), if has_room => {
                    self.deliver(message?, port).await?;
                }
                failure = self.answers.failure(), if self.answering.is_empty() => {
                    return Err(failure);
                }
                failure = stopped, if !has_room => return Err(failure),
            }
        }
    }

    /// Waits until what answers settled messages has its receipts, and acknowledges these.
    async fn finish(&mut self) -> Result<(), Failure> {
        while let Some(answered) = self.answering.next().await {
            self.answered(answered).await?;
        }
        Ok(())
    }

    async fn deliver(&mut self, frame: Frame, port: &Port<StompHandle>) -> Result<(), Failure> {
        self.unacknowledged += 1;
        let ack = frame.header("ack").unwrap_or_default().to_owned();
        let content_type = ContentType::parse(frame.header("content-type"));
        let identity = self.source.identity(&frame.headers);
        let Frame { headers, body, body_bytes, .. } = frame;
        let handle = StompHandle { ack, headers };
        let is_whole = body.len() as u64 == body_bytes;
        match content_type.and_then(|content_type| Ok((content_type, identity?))) {
            Ok((content_type, identity)) if is_whole => {
                port.give(Message { body, content_type, identity, handle }).await
            }
            wrong => {
                let bytes = usize::try_from(body_bytes).unwrap_or(usize::MAX);
                let too_long = || Malformed::too_long(bytes, self.source.message_bytes_max);
                let malformed = wrong.err().unwrap_or_else(too_long);
                port.count_dead(&malformed);
                let settlement = Settlement::Dead { body, malformed };
                self.answer(Settled { handle, settlement }, &mut Vec::new()).await
            }
        }
    }

    /// Answers this message and those that are settled too, and acknowledges what needs no answer.
    async fn settle(
        &mut self,
        first: Settled<StompHandle>,
        port: &mut Port<StompHandle>,
    ) -> Result<(), Failure> {
        let mut acks = Vec::new();
        self.answer(first, &mut acks).await?;
        for _ in 1..TURN_MAX {
            let Some(settled) = port.try_next() else { break };
            self.answer(settled, &mut acks).await?;
        }
        self.messages.write(acks).await
    }

    /// Sends what answers a message; where nothing does, its acknowledgement goes to `acks`.
    async fn answer(
        &mut self,
        settled: Settled<StompHandle>,
        acks: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let Settled { handle, settlement } = settled;
        let answer = match settlement {
            Settlement::Done(replies) => self.reply(&handle, &replies),
            Settlement::Dead { body, malformed } => Some(self.bury(&handle, &body, &malformed)),
            Settlement::Known | Settlement::Lost => None,
        };
        let Some(Answer { frame, destination, is_reply }) = answer else {
            self.acknowledge(handle.ack, acks);
            return Ok(());
        };
        let goes_alone = self.source.suspects.contains(&destination);
        if goes_alone {
            self.finish().await?;
        }
        let receipt = self.answers.send(frame).await?;
        let ack = handle.ack;
        self.answering.push(Box::pin(async move {
            Answered { ack, destination, is_reply, receipt: received(receipt).await }
        }));
        if goes_alone { self.finish().await } else { Ok(()) }
    }

    async fn answered(&mut self, answered: Answered) -> Result<(), Failure> {
        let Answered { ack, destination, is_reply, receipt } = answered;
        match receipt {
            Ok(()) => drop(self.source.suspects.remove(&destination)),
            // Whoever asked may be gone, and its queue too.
            Err(NoReceipt::Refused(why)) if is_reply => self.source.refuse(destination, &why),
            Err(NoReceipt::Unnamed(why)) if is_reply && self.answering.is_empty() => {
                self.source.refuse(destination, &why);
            }
            Err(why @ NoReceipt::Unnamed(_)) => return Err(self.suspect(destination, why).await),
            Err(why) => return Err(Failure::retry(format!("{destination}: {why}"))),
        }
        let mut acks = Vec::new();
        self.acknowledge(ack, &mut acks);
        self.messages.write(acks).await
    }

    /// Suspects all replies that are under way with the one to `destination`.
    async fn suspect(&mut self, destination: String, why: NoReceipt) -> Failure {
        let mut suspects = BTreeSet::from([destination]);
        // The connection has ended: none of them is waited for.
        while let Some(answered) = self.answering.next().await {
            suspects.insert(answered.destination);
        }
        self.source.suspects = suspects;
        Failure::from(why)
    }

    fn acknowledge(&mut self, ack: String, acks: &mut Vec<u8>) {
        self.unacknowledged -= 1;
        Frame::new(Command::Ack).with("id", ack).write(acks);
    }

    fn reply(&self, handle: &StompHandle, replies: &Replies) -> Option<Answer> {
        let destination = header(&handle.headers, "reply-to")?.to_owned();
        if self.source.refused.contains(&destination) {
            return None;
        }
        let mut frame = self
            .answers
            .broker
            .send(&destination, Routing::Any)
            .with("content-type", replies.content_type())
            .with("ce_id", replies.identity())
            .with_all(replies.headers())
            .with_body(&replies.body());
        let asked = ["correlation-id", &self.source.identity_header];
        if let Some(id) = asked.into_iter().find_map(|name| header(&handle.headers, name)) {
            frame = frame.with("correlation-id", id);
        }
        Some(Answer { frame, destination, is_reply: true })
    }

    /// A message that is no command, for the dead letters, with the reason in its headers.
    fn bury(&self, handle: &StompHandle, body: &[u8], malformed: &Malformed) -> Answer {
        tracing::warn!(source = self.source.name, "a message is no command: {malformed}");
        let destination = self.source.dead_letters.clone();
        let is_its_own = |(name, _): &&(String, String)| !OF_DELIVERY.contains(&name.as_str());
        let frame = self
            .answers
            .broker
            .send(&destination, Routing::Queue)
            // Before its own: the first header of a name counts.
            .with_all(malformed.headers())
            .with("ringfence-queue", self.source.destination.as_str())
            .with_all(handle.headers.iter().filter(is_its_own).cloned())
            .with_body(body);
        Answer { frame, destination, is_reply: false }
    }
}
