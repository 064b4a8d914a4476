//! A PUB socket: every message goes to all who have subscribed to its topic.
//!
//! ```text
//!   publish ──▶ the last N messages ──▶ each subscriber at its own pace
//! ```
//!
//! A subscriber that falls behind by more than N messages loses the oldest of them. It sees that by
//! the numbers of the messages.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use ringfence_bridge_core::Failure;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::endpoint::Endpoint;
use crate::listener::{Kind, Listener, Stream};
use crate::wire::{Incoming, Wish, message, pong, read};

const PUB: Kind = Kind { name: "PUB", partners: &["SUB", "XSUB"] };
/// Topics that a subscriber may name.
const WISHES_MAX: usize = 1024;
/// Longest message of a subscriber, in bytes.
const WISH_BYTES_MAX: usize = 1024;
/// What is written to a subscriber at once, in bytes, about.
const WRITE_BYTES: usize = 64 * 1024;

/// A message, and where its topic is.
#[derive(Debug)]
struct Published {
    topic: Bytes,
    wire: Bytes,
}

/// A PUB socket that is bound. Dropping it ends all its connections.
#[derive(Debug)]
pub(crate) struct Publisher {
    messages: broadcast::Sender<Arc<Published>>,
    _listener: Listener,
}

impl Publisher {
    /// Binds a socket that keeps the last `messages_max` messages for slow subscribers.
    pub async fn bind(endpoint: &Endpoint, messages_max: usize) -> Result<Publisher, Failure> {
        let (messages, _) = broadcast::channel(messages_max);
        let sender = messages.clone();
        let serve = move |stream| serve(stream, sender.subscribe());
        Ok(Publisher { messages, _listener: Listener::bind(endpoint, PUB, serve).await? })
    }

    /// Sends a message; the first of `frames` is its topic.
    pub fn publish(&self, frames: &[Bytes]) {
        let topic = frames.first().cloned().unwrap_or_default();
        // It fails where nobody listens.
        let _ = self.messages.send(Arc::new(Published { topic, wire: message(frames) }));
    }
}

/// The topics that a subscriber has named: the beginnings of those that it wants.
type Topics = Mutex<Vec<Bytes>>;

fn is_wanted(topics: &Topics, topic: &[u8]) -> bool {
    // Whoever panicked left a list that is whole.
    let topics = topics.lock().unwrap_or_else(PoisonError::into_inner);
    topics.iter().any(|wanted| topic.starts_with(wanted))
}

/// Does what a subscriber wishes; false if it wishes too much.
fn grant(topics: &Topics, wish: Wish) -> bool {
    let mut topics = topics.lock().unwrap_or_else(PoisonError::into_inner);
    match wish {
        Wish::Subscribe(topic) => topics.push(topic),
        Wish::Unsubscribe(topic) => {
            if let Some(at) = topics.iter().position(|wanted| *wanted == topic) {
                topics.swap_remove(at);
            }
        }
    }
    topics.len() <= WISHES_MAX
}

async fn serve(stream: Box<dyn Stream>, mut messages: broadcast::Receiver<Arc<Published>>) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::new(reader);
    let topics = Topics::default();
    // Pings of one that reads nothing do not pile up.
    let (pongs, mut asked) = tokio::sync::mpsc::channel::<Bytes>(4);
    let reading = async {
        loop {
            match read(&mut reader, WISH_BYTES_MAX).await {
                Ok(Incoming::Message(frames)) => {
                    if !Wish::of(&frames).is_some_and(|wish| grant(&topics, wish)) {
                        return;
                    }
                }
                Ok(Incoming::Ping(context)) => drop(pongs.try_send(pong(&context))),
                Err(error) => {
                    tracing::debug!("a subscriber leaves: {error}");
                    return;
                }
            }
        }
    };
    let writing = async {
        let mut output = BytesMut::new();
        loop {
            tokio::select! {
                Some(pong) = asked.recv() => output.extend_from_slice(&pong),
                received = messages.recv() => match received {
                    Ok(published) => {
                        gather(&published, &topics, &mut output);
                        fill(&mut messages, &topics, &mut output);
                    }
                    Err(RecvError::Lagged(count)) => {
                        tracing::warn!("a subscriber is slow: {count} messages are left out");
                    }
                    Err(RecvError::Closed) => return,
                },
            }
            if writer.write_all(&output).await.is_err() {
                return;
            }
            output.clear();
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

fn gather(published: &Published, topics: &Topics, output: &mut BytesMut) {
    if is_wanted(topics, &published.topic) {
        output.extend_from_slice(&published.wire);
    }
}

/// Gathers what is there already, up to a limit.
fn fill(
    messages: &mut broadcast::Receiver<Arc<Published>>,
    topics: &Topics,
    output: &mut BytesMut,
) {
    while output.len() < WRITE_BYTES {
        match messages.try_recv() {
            Ok(published) => gather(&published, topics, output),
            Err(TryRecvError::Lagged(count)) => {
                tracing::warn!("a subscriber is slow: {count} messages are left out");
            }
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}
