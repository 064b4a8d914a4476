//! A connection to the broker: a task that reads and writes frames.
//!
//! ```text
//!   Link::write ─▶ channel ─▶ task ─▶ broker         heart-beats, where there is nothing to write
//!   Link::message ◀─ channel ◀─ task ◀─ MESSAGE      waits while nobody takes them
//!   Receipt ◀────────────────── task ◀─ RECEIPT, ERROR
//! ```

use std::sync::Arc;
use std::time::Duration;

use ringfence_bridge_core::Failure;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use crate::StompServer;
use crate::broker::Broker;
use crate::decoder::Decoder;
use crate::frame::{Command, Frame};
use crate::receipts::{NoReceipt, Receipt, Receipts, received};
use crate::server::Stream;

/// How long a connection may take to stand, and how long a receipt for its end may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How often each side says that it is there, in milliseconds, unless the broker wants less.
const HEART_BEAT_MS: u64 = 10_000;
/// How many intervals the broker may be silent.
const SILENT_INTERVALS_MAX: u32 = 3;
/// How long the broker may take to answer the end of a connection.
const END_TIME_MAX: Duration = Duration::from_secs(2);
/// Longest body that is kept, in bytes; the rest of a longer one is left out.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Messages that are read and not yet taken.
const MESSAGES_MAX: usize = 16;
/// Pieces that wait to be written.
const WRITES_MAX: usize = 64;
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// A connection. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Link {
    pub broker: Broker,
    writes: mpsc::Sender<Vec<u8>>,
    messages: mpsc::Receiver<Frame>,
    receipts: Arc<Receipts>,
    ended: watch::Receiver<Option<String>>,
    task: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// Connects, and logs in.
    pub async fn open(server: &StompServer) -> Result<Link, Failure> {
        let failed = |why: String| Failure::retry(format!("connecting to {server:?}: {why}"));
        match timeout(CONNECT_TIME_MAX, Link::connect(server)).await {
            Ok(connected) => connected.map_err(failed),
            Err(_) => Err(failed("it takes too long".to_owned())),
        }
    }

    async fn connect(server: &StompServer) -> Result<Link, String> {
        let stream = server.open().await.map_err(|error| error.to_string())?;
        let (read, mut write) = split(stream);
        let mut connect = Frame::new(Command::Connect)
            .with("accept-version", "1.2")
            .with("host", server.virtual_host.as_str())
            .with("heart-beat", format!("{HEART_BEAT_MS},{HEART_BEAT_MS}"));
        if let Some(user) = &server.user {
            connect = connect.with("login", user.as_str());
        }
        if let Some(password) = &server.password {
            connect = connect.with("passcode", password.as_str());
        }
        let mut bytes = Vec::new();
        connect.write(&mut bytes);
        write.write_all(&bytes).await.map_err(|error| error.to_string())?;
        let mut reading = Reading {
            read,
            bytes: vec![0; READ_BYTES],
            decoder: Decoder::new(BODY_BYTES_MAX),
            silence_max: None,
        };
        let connected = reading.next().await?;
        if connected.command != Command::Connected {
            return Err(said(&connected));
        }
        if connected.header("version") != Some("1.2") {
            return Err("the broker does not speak STOMP 1.2".to_owned());
        }
        let (sends, wants) = heart_beat(&connected);
        reading.silence_max = interval(sends).map(|interval| interval * SILENT_INTERVALS_MAX);
        Ok(Link::start(Broker::of(&connected), reading, write, interval(wants)))
    }

    fn start(
        broker: Broker,
        reading: Reading,
        write: WriteHalf<Box<dyn Stream>>,
        beat: Option<Duration>,
    ) -> Link {
        let (writes, to_write) = mpsc::channel(WRITES_MAX);
        let (give, messages) = mpsc::channel(MESSAGES_MAX);
        let receipts = Arc::new(Receipts::default());
        let (end, ended) = watch::channel(None);
        let receipts_of_task = Arc::clone(&receipts);
        let task = tokio::spawn(async move {
            let why = tokio::select! {
                why = read_all(reading, give, &receipts_of_task) => why,
                why = write_all(write, to_write, beat) => why,
            };
            receipts_of_task.end(&why);
            end.send_replace(Some(why.to_string()));
        });
        Link { broker, writes, messages, receipts, ended, task: task.abort_handle() }
    }

    /// Sends bytes of frames. Waits while the broker takes none.
    pub async fn write(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        match self.writes.send(bytes).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Failure::retry(why(&self.ended))),
        }
    }

    /// Appends a frame to `out`, with a receipt that is to be waited for once it is sent.
    pub fn with_receipt(&self, frame: Frame, out: &mut Vec<u8>) -> Receipt {
        let (number, receipt) = self.receipts.ask();
        frame.with("receipt", number.to_string()).write(out);
        receipt
    }

    /// Sends a frame with a receipt.
    pub async fn send(&self, frame: Frame) -> Result<Receipt, Failure> {
        let mut bytes = Vec::new();
        let receipt = self.with_receipt(frame, &mut bytes);
        self.write(bytes).await?;
        Ok(receipt)
    }

    /// The next message. May be dropped while it waits.
    pub async fn message(&mut self) -> Result<Frame, Failure> {
        match self.messages.recv().await {
            Some(message) => Ok(message),
            None => {
                let failure = self.failure();
                Err(failure.await)
            }
        }
    }

    /// Waits until the connection ends, and says why.
    pub fn failure(&self) -> impl Future<Output = Failure> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            // An error says that the task is gone, and with it the connection.
            let _ = ended.wait_for(Option::is_some).await;
            Failure::retry(why(&ended))
        }
    }

    /// Ends the connection in order: the broker has read everything when this returns, unless it
    /// takes too long.
    pub async fn end(mut self) {
        // Messages that nobody takes any more must not stop the receipt.
        self.messages.close();
        let ended = async {
            let receipt = self.send(Frame::new(Command::Disconnect)).await.ok()?;
            received(receipt).await.ok()
        };
        let _ = timeout(END_TIME_MAX, ended).await;
    }
}

/// Why the connection has ended.
fn why(ended: &watch::Receiver<Option<String>>) -> String {
    ended.borrow().clone().unwrap_or_else(|| "the connection has ended".to_owned())
}

/// How often the broker can send something, and wants something sent, in milliseconds; 0: never.
fn heart_beat(connected: &Frame) -> (u64, u64) {
    let text = connected.header("heart-beat").unwrap_or("0,0");
    let (sends, wants) = text.split_once(',').unwrap_or(("0", "0"));
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    (number(sends), number(wants))
}

fn interval(of_broker_ms: u64) -> Option<Duration> {
    (of_broker_ms > 0).then(|| Duration::from_millis(of_broker_ms.max(HEART_BEAT_MS)))
}

/// What an ERROR says.
fn said(error: &Frame) -> String {
    let message = error.header("message").unwrap_or_default();
    let body = String::from_utf8_lossy(&error.body);
    let body = body.trim();
    match (message, body) {
        ("", body) => body.to_owned(),
        (message, body) if body.is_empty() || body.contains(message) => message.to_owned(),
        // Some brokers add where in their program it was: the first line is enough.
        (message, body) => format!("{message}: {}", body.lines().next().unwrap_or_default()),
    }
}

struct Reading {
    read: ReadHalf<Box<dyn Stream>>,
    /// What was read last.
    bytes: Vec<u8>,
    decoder: Decoder,
    /// How long the broker may be silent.
    silence_max: Option<Duration>,
}

impl Reading {
    async fn next(&mut self) -> Result<Frame, String> {
        loop {
            if let Some(frame) = self.decoder.next().map_err(|error| error.to_string())? {
                return Ok(frame);
            }
            let reading = self.read.read(&mut self.bytes);
            let read = match self.silence_max {
                Some(silence) => timeout(silence, reading)
                    .await
                    .map_err(|_| "the broker has said nothing for too long".to_owned())?,
                None => reading.await,
            };
            match read {
                Ok(0) => return Err("the broker has closed the connection".to_owned()),
                Ok(length) => self.decoder.feed(&self.bytes[..length]),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// Reads until the connection ends, and says why it has.
async fn read_all(
    mut reading: Reading,
    messages: mpsc::Sender<Frame>,
    receipts: &Receipts,
) -> NoReceipt {
    loop {
        let frame = match reading.next().await {
            Ok(frame) => frame,
            Err(why) => return NoReceipt::Lost(why),
        };
        match frame.command {
            // It fails where messages are no longer wanted.
            Command::Message => drop(messages.send(frame).await),
            Command::Receipt => {
                receipts.answer(frame.header("receipt-id").unwrap_or_default(), Ok(()));
            }
            Command::Error => {
                let why = said(&frame);
                let Some(name) = frame.header("receipt-id") else {
                    return NoReceipt::Unnamed(why);
                };
                receipts.answer(name, Err(NoReceipt::Refused(why.clone())));
                return NoReceipt::Lost(format!("the broker says: {why}"));
            }
            other => return NoReceipt::Lost(format!("the broker sends {}", other.name())),
        }
    }
}

/// Writes until the connection ends, and says why it has.
async fn write_all(
    mut write: WriteHalf<Box<dyn Stream>>,
    mut to_write: mpsc::Receiver<Vec<u8>>,
    beat: Option<Duration>,
) -> NoReceipt {
    loop {
        let next = match beat {
            // Something has to have arrived after each interval.
            Some(beat) => {
                match tokio::time::timeout_at(Instant::now() + beat / 2, to_write.recv()).await {
                    Ok(next) => next,
                    Err(_) => Some(b"\n".to_vec()),
                }
            }
            None => to_write.recv().await,
        };
        let Some(bytes) = next else {
            // The link is gone, and this task with it.
            return NoReceipt::Lost("the connection has ended".to_owned());
        };
        let written = async {
            write.write_all(&bytes).await?;
            if to_write.is_empty() {
                write.flush().await?;
            }
            Ok::<(), std::io::Error>(())
        };
        if let Err(error) = written.await {
            return NoReceipt::Lost(error.to_string());
        }
    }
}
