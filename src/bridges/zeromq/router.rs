//! A ROUTER socket: messages come with a way back to their peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ringfence_bridge_core::Failure;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use crate::endpoint::Endpoint;
use crate::listener::{Kind, Listener, Stream};
use crate::wire::{Frame, Incoming, message, pong, read};

const ROUTER: Kind = Kind { name: "ROUTER", partners: &["DEALER", "REQ", "ROUTER"] };
/// Messages of all peers that wait until they are taken.
const WAITING_MAX: usize = 16;
/// Replies to one peer that wait until it reads them, in bytes; one longer reply may be among them.
const REPLY_BYTES_MAX: usize = 16 << 20;
/// How long a peer may leave what is written to it unread.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);

/// A ROUTER socket that is bound. Dropping it ends all its connections.
#[derive(Debug)]
pub(crate) struct Router {
    received: mpsc::Receiver<Request>,
    _listener: Listener,
}

/// A message of a peer.
#[derive(Debug)]
pub(crate) struct Request {
    /// Its frames, after those that a reply begins with.
    pub frames: Vec<Frame>,
    pub way_back: WayBack,
}

/// Where replies to a message go.
#[derive(Debug, Clone)]
pub(crate) struct WayBack {
    /// What a reply begins with: the empty frame of a REQ socket, and what comes before it.
    envelope: Vec<Bytes>,
    replies: mpsc::UnboundedSender<Bytes>,
    /// What waits until the peer reads it, in bytes.
    waiting: Arc<AtomicUsize>,
}

impl Router {
    /// Binds a socket that keeps messages of at most `bytes_max` bytes.
    pub async fn bind(endpoint: &Endpoint, bytes_max: usize) -> Result<Router, Failure> {
        let (sender, received) = mpsc::channel(WAITING_MAX);
        let serve = move |stream| serve(stream, bytes_max, sender.clone());
        Ok(Router { received, _listener: Listener::bind(endpoint, ROUTER, serve).await? })
    }

    /// The next message. Peers whose messages are not taken are not read from. May be dropped while
    /// it waits.
    pub async fn next(&mut self) -> Request {
        match self.received.recv().await {
            Some(request) => request,
            // The listener holds a sender for as long as this exists.
            None => std::future::pending().await,
        }
    }
}

impl Request {
    fn new(
        mut frames: Vec<Frame>,
        replies: &mpsc::UnboundedSender<Bytes>,
        waiting: &Arc<AtomicUsize>,
    ) -> Request {
        let is_end = |frame: &Frame| *frame == Frame::Bytes(Bytes::new());
        let envelope = frames.iter().position(is_end).map_or(0, |at| at + 1);
        let rest = frames.split_off(envelope);
        let envelope = frames.iter().map(|frame| Bytes::copy_from_slice(frame.bytes())).collect();
        let way_back = WayBack { envelope, replies: replies.clone(), waiting: waiting.clone() };
        Request { frames: rest, way_back }
    }
}

impl WayBack {
    /// Replies. A peer that is gone, or has not read its last replies, gets none: it asks again.
    pub fn reply(&self, frames: &[Bytes]) {
        let all: Vec<&Bytes> = self.envelope.iter().chain(frames).collect();
        let bytes = message(&all);
        // Relaxed: a number of its own.
        let waiting = self.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        if waiting > REPLY_BYTES_MAX {
            self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            tracing::warn!("a peer does not read its replies: one is left out");
            return;
        }
        // It fails where the peer is gone.
        let _ = self.replies.send(bytes);
    }
}

async fn serve(stream: Box<dyn Stream>, bytes_max: usize, sender: mpsc::Sender<Request>) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::new(reader);
    let (replies, mut outgoing) = mpsc::unbounded_channel::<Bytes>();
    let waiting = Arc::new(AtomicUsize::new(0));
    let written = Arc::clone(&waiting);
    let reading = async {
        loop {
            match read(&mut reader, bytes_max).await {
                Ok(Incoming::Message(frames)) => {
                    if sender.send(Request::new(frames, &replies, &waiting)).await.is_err() {
                        return;
                    }
                }
                Ok(Incoming::Ping(context)) => {
                    let pong = pong(&context);
                    if waiting.fetch_add(pong.len(), Ordering::Relaxed) > REPLY_BYTES_MAX {
                        return;
                    }
                    // It fails where the peer is gone.
                    let _ = replies.send(pong);
                }
                Err(error) => {
                    tracing::debug!("a peer leaves: {error}");
                    return;
                }
            }
        }
    };
    let writing = async {
        while let Some(bytes) = outgoing.recv().await {
            let sent = tokio::time::timeout(WRITE_TIME_MAX, writer.write_all(&bytes)).await;
            written.fetch_sub(bytes.len(), Ordering::Relaxed);
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}
