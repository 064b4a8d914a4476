//! One partition, and the session that stands for it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rdkafka::Message as _;
use rdkafka::consumer::Consumer;
use rdkafka::message::{BorrowedMessage, Headers, OwnedHeaders};
use ringfence_bridge_core::{
    Batch, ContentType, Failure, Given, Identity, Malformed, Message, Port, Settled, Settlement,
    Stop, decode_batch, is_array,
};
use tokio::sync::{Notify, mpsc};

use super::Partition;
use super::consumer::Member;
use super::letters::Letters;
use super::offsets::Offsets;

/// Settled messages that are dealt with in one turn.
const TURN_MAX: usize = 1024;

/// What belongs to a message: what its dead letter needs, of one that is no batch.
#[derive(Debug)]
pub(super) struct KafkaHandle {
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub headers: Option<OwnedHeaders>,
}

/// A message as it was fetched.
#[derive(Debug)]
pub(super) enum Fetched {
    Given(Given<KafkaHandle>),
    /// Of a content type that is not read.
    Dead {
        body: Vec<u8>,
        malformed: Malformed,
        handle: KafkaHandle,
    },
}

impl Fetched {
    /// Reads a message. Of a batch of commands that is all; others are copied.
    pub fn new(message: &BorrowedMessage<'_>, bytes_max: usize) -> Fetched {
        let offset = message.offset();
        let identity = Identity::Offset(offset.unsigned_abs());
        let body = message.payload().unwrap_or_default();
        let content_type = content_type(message);
        if let Ok(content_type) = content_type
            && let Some(commands) = decode_batch(body, content_type, bytes_max)
        {
            let is_array = is_array(body, &commands);
            let handle = KafkaHandle { offset, key: None, headers: None };
            return Fetched::Given(Given::Batch(Batch {
                commands,
                is_array,
                content_type,
                identity,
                handle,
            }));
        }
        let body = body.to_vec();
        let handle = KafkaHandle {
            offset,
            key: message.key().map(<[u8]>::to_vec),
            headers: message.headers().map(|headers| headers.detach()),
        };
        match content_type {
            Ok(content_type) => {
                Fetched::Given(Given::Message(Message { body, content_type, identity, handle }))
            }
            Err(malformed) => Fetched::Dead { body, malformed, handle },
        }
    }

    fn offset(&self) -> i64 {
        match self {
            Fetched::Given(Given::Message(message)) => message.handle.offset,
            Fetched::Given(Given::Batch(batch)) => batch.handle.offset,
            Fetched::Dead { handle, .. } => handle.offset,
        }
    }
}

/// What the message says that its body is.
fn content_type(message: &BorrowedMessage<'_>) -> Result<ContentType, Malformed> {
    let headers = message.headers();
    let named = headers.and_then(|headers| {
        let mut named = headers.iter().filter(|it| it.key.eq_ignore_ascii_case("content-type"));
        named.next()?.value
    });
    ContentType::parse(named.map(String::from_utf8_lossy).as_deref())
}

/// What a lane and those who fill it both see.
#[derive(Debug)]
pub(super) struct Flow {
    /// Messages that are fetched and not settled.
    unsettled: AtomicUsize,
    /// Everything below this offset is settled.
    settled: AtomicI64,
    /// Told when some are settled.
    pub moved: Arc<Notify>,
}

impl Flow {
    pub fn new(start: i64, moved: Arc<Notify>) -> Flow {
        Flow { unsettled: AtomicUsize::new(0), settled: AtomicI64::new(start), moved }
    }

    /// So many more are fetched; how many there are.
    pub fn fetched(&self, more: usize) -> usize {
        // Relaxed, as below: numbers that stand for themselves.
        self.unsettled.fetch_add(more, Ordering::Relaxed) + more
    }

    pub fn unsettled(&self) -> usize {
        self.unsettled.load(Ordering::Relaxed)
    }

    pub fn settled(&self) -> i64 {
        self.settled.load(Ordering::Relaxed)
    }
}

/// Ends when a dead letter is stored: the offset of its message.
type Burying = Pin<Box<dyn Future<Output = Result<i64, Failure>> + Send>>;

/// One partition that is read.
pub(super) struct Lane {
    pub partition: Partition,
    pub port: Port<KafkaHandle>,
    pub member: Arc<Member>,
    pub letters: Letters,
    pub flow: Arc<Flow>,
    pub offsets: Offsets,
    pub burying: FuturesUnordered<Burying>,
    pub stop: Stop,
}

impl Lane {
    /// Gives fetched messages to the session until there are no more, or the session has settled
    /// everything after a stop.
    pub async fn run(
        mut self,
        mut fetched: mpsc::UnboundedReceiver<Vec<Fetched>>,
    ) -> Result<(), Failure> {
        let mut stop = self.stop.clone();
        loop {
            let is_stopping = stop.is_asked();
            tokio::select! {
                Some(buried) = self.burying.next() => self.settle_offset(buried?),
                settled = self.port.next() => {
                    let Some(settled) = settled? else { return self.end().await };
                    self.settle(settled);
                    for _ in 0..TURN_MAX {
                        let Some(settled) = self.port.try_next() else { break };
                        self.settle(settled);
                    }
                }
                () = stop.asked(), if !is_stopping => {}
                messages = fetched.recv(), if !is_stopping => match messages {
                    Some(messages) => self.give(messages).await?,
                    // The partition was given back.
                    None => return Ok(()),
                },
            }
            self.store();
        }
    }

    async fn end(&mut self) -> Result<(), Failure> {
        while let Some(buried) = self.burying.next().await {
            self.settle_offset(buried?);
        }
        self.store();
        Ok(())
    }

    async fn give(&mut self, fetched: Vec<Fetched>) -> Result<(), Failure> {
        let mut all = Vec::with_capacity(fetched.len());
        for message in fetched {
            self.offsets.add(message.offset());
            match message {
                Fetched::Given(given) => all.push(given),
                Fetched::Dead { body, malformed, handle } => {
                    self.port.count_dead(&malformed);
                    self.settle(Settled {
                        handle,
                        settlement: Settlement::Dead { body, malformed },
                    });
                }
            }
        }
        self.port.give_all(all).await
    }

    fn settle(&mut self, settled: Settled<KafkaHandle>) {
        let Settled { handle, settlement } = settled;
        let Settlement::Dead { body, malformed } = settlement else {
            return self.settle_offset(handle.offset);
        };
        let (letters, partition) = (self.letters.clone(), self.partition.clone());
        self.burying.push(Box::pin(async move {
            let offset = handle.offset;
            letters.bury(&partition, handle, Some(&body), &malformed).await?;
            Ok(offset)
        }));
    }

    fn settle_offset(&mut self, offset: i64) {
        self.offsets.settle(offset);
        self.flow.unsettled.fetch_sub(1, Ordering::Relaxed);
    }

    /// Says how far the partition is, for those who look at committed offsets.
    fn store(&mut self) {
        let settled = self.offsets.settled();
        if self.flow.settled.swap(settled, Ordering::Relaxed) != settled {
            self.flow.moved.notify_one();
            let Partition { topic, number } = &self.partition;
            // The client counts from the message before. It fails where the partition was given
            // back: then its next reader says how far it is.
            let _ = self.member.store_offset(topic, *number, settled - 1);
        }
    }
}
