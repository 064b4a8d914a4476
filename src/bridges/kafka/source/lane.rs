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
    ContentType, Failure, Identity, Message, Port, Settled, Settlement, Stop,
};
use tokio::sync::{Notify, mpsc};

use super::Partition;
use super::consumer::Member;
use super::letters::Letters;
use super::offsets::Offsets;

/// Settled messages that are dealt with in one turn.
const TURN_MAX: usize = 1024;

/// What belongs to a message: what its dead letter needs.
#[derive(Debug)]
pub(super) struct KafkaHandle {
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub headers: Option<OwnedHeaders>,
}

/// A message as it was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    body: Vec<u8>,
    media_type: Option<String>,
    handle: KafkaHandle,
}

impl Fetched {
    pub fn new(message: &BorrowedMessage<'_>) -> Fetched {
        let headers = message.headers();
        let media_type = headers.and_then(|headers| {
            let mut named = headers.iter().filter(|it| it.key.eq_ignore_ascii_case("content-type"));
            let value = named.next()?.value?;
            Some(String::from_utf8_lossy(value).into_owned())
        });
        Fetched {
            body: message.payload().unwrap_or_default().to_vec(),
            media_type,
            handle: KafkaHandle {
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                headers: headers.map(|headers| headers.detach()),
            },
        }
    }
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

    /// One more is fetched; how many there are.
    pub fn fetched(&self) -> usize {
        // Relaxed, as below: numbers that stand for themselves.
        self.unsettled.fetch_add(1, Ordering::Relaxed) + 1
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
        mut fetched: mpsc::UnboundedReceiver<Fetched>,
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
                message = fetched.recv(), if !is_stopping => match message {
                    Some(message) => self.give(message).await?,
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

    async fn give(&mut self, fetched: Fetched) -> Result<(), Failure> {
        let Fetched { body, media_type, handle } = fetched;
        self.offsets.add(handle.offset);
        match ContentType::parse(media_type.as_deref()) {
            Ok(content_type) => {
                let identity = Identity::Offset(handle.offset.unsigned_abs());
                self.port.give(Message { body, content_type, identity, handle }).await
            }
            Err(malformed) => {
                self.port.count_dead(&malformed);
                let settlement = Settlement::Dead { body, malformed };
                self.settle(Settled { handle, settlement });
                Ok(())
            }
        }
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
