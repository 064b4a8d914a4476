//! One connection to a broker.
//!
//! ```text
//!   publish, acknowledge ──▶ output ──▶ socket        all of it moves
//!   next ◀── packets ◀────── input ◀─── socket        while `next` is awaited
//! ```

use std::collections::HashSet;
use std::time::Duration;

use bytes::BytesMut;
use ringfence_bridge_core::Failure;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;

use crate::packet::{Delivery, Hello, Packet, Publication, Version, WriteError};

/// Room that is there for each read, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// Messages that are sent and not confirmed at most.
const UNCONFIRMED_MAX: usize = 4096;
/// How long the broker may take to say goodbye.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// What a connection runs over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to a broker.
pub(crate) struct Link {
    version: Version,
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    input: BytesMut,
    output: BytesMut,
    /// Whether something is written that may not have left.
    flushes: bool,
    /// What is sent and not confirmed.
    unconfirmed: HashSet<u16>,
    last_packet: u16,
    window: usize,
    packet_bytes_max: u32,
    has_session: bool,
    keep_alive: Duration,
    ping_at: Instant,
    heard_at: Instant,
}

/// What a broker says on a connection that stands.
#[derive(Debug)]
pub(crate) enum Received {
    Message(Delivery),
    /// A message that was sent is stored, or refused with a reason.
    Confirmed {
        packet: u16,
        refused: Option<String>,
    },
    /// The subscription stands.
    Subscribed,
    /// Everything that was sent before the ping is dealt with.
    Pong,
}

impl Link {
    /// Says hello over `stream`, and waits until the broker lets the bridge in.
    pub async fn open(
        stream: Box<dyn Stream>,
        version: Version,
        hello: &Hello<'_>,
    ) -> Result<Link, Failure> {
        let (reader, writer) = tokio::io::split(stream);
        let keep_alive = Duration::from_secs(hello.keep_alive.into());
        let mut link = Link {
            version,
            reader,
            writer,
            input: BytesMut::new(),
            output: BytesMut::new(),
            flushes: false,
            unconfirmed: HashSet::new(),
            last_packet: 0,
            window: UNCONFIRMED_MAX,
            packet_bytes_max: u32::MAX,
            has_session: false,
            keep_alive,
            ping_at: Instant::now() + keep_alive,
            heard_at: Instant::now(),
        };
        version.hello(hello, &mut link.output).map_err(|error| match error {
            WriteError::TooLarge => Failure::last("user and password are too long"),
            WriteError::Other(why) => Failure::last(why),
        })?;
        match link.packet().await? {
            Packet::Accepted { has_session, receive_max, packet_bytes_max, keep_alive } => {
                link.has_session = has_session;
                link.window = usize::from(receive_max).min(UNCONFIRMED_MAX);
                link.packet_bytes_max = packet_bytes_max;
                if let Some(seconds) = keep_alive.filter(|seconds| *seconds > 0) {
                    link.keep_alive = Duration::from_secs(seconds.into());
                }
                link.ping_at = Instant::now() + link.keep_alive / 2;
                Ok(link)
            }
            Packet::Declined(reason) => {
                Err(Failure::retry(format!("the broker does not let the bridge in: {reason}")))
            }
            other => Err(Failure::retry(format!("the broker answers a hello with {other:?}"))),
        }
    }

    /// Whether the broker knew the session already.
    pub fn has_session(&self) -> bool {
        self.has_session
    }

    /// Whether another message may be sent before one is confirmed.
    pub fn has_room(&self) -> bool {
        self.unconfirmed.len() < self.window
    }

    /// Sends a message; there must be room. Returns what [`Received::Confirmed`] will name.
    pub fn publish(&mut self, publication: &Publication) -> Result<u16, WriteError> {
        let packet = self.free_packet();
        let bytes_max = self.packet_bytes_max;
        self.version.publish(packet, publication, bytes_max, &mut self.output)?;
        self.unconfirmed.insert(packet);
        Ok(packet)
    }

    /// Acknowledges a delivery.
    pub fn acknowledge(&mut self, packet: u16) {
        self.version.acknowledge(packet, &mut self.output);
    }

    /// Subscribes with QoS 1. [`Received::Subscribed`] says that it stands.
    pub fn subscribe(&mut self, filters: &[String]) {
        let packet = self.free_packet();
        self.version.subscribe(packet, filters, &mut self.output);
    }

    /// Asks for a [`Received::Pong`].
    pub fn ping(&mut self) {
        self.version.ping(&mut self.output);
    }

    /// The next of what the broker says. May be dropped while it waits.
    pub async fn next(&mut self) -> Result<Received, Failure> {
        match self.packet().await? {
            Packet::Message(delivery) => Ok(Received::Message(delivery)),
            Packet::Confirmed { packet, refused } => {
                self.unconfirmed.remove(&packet);
                Ok(Received::Confirmed { packet, refused })
            }
            Packet::Subscribed { refused: None } => Ok(Received::Subscribed),
            Packet::Subscribed { refused: Some(reason) } => {
                Err(Failure::retry(format!("the broker refuses a subscription: {reason}")))
            }
            Packet::Pong => Ok(Received::Pong),
            Packet::Ended(reason) | Packet::Declined(reason) => {
                Err(Failure::retry(format!("the broker ends the connection: {reason}")))
            }
            Packet::Accepted { .. } => Err(Failure::retry("the broker says hello again")),
        }
    }

    /// Ends the connection after everything is written.
    pub async fn end(mut self) {
        self.version.goodbye(&mut self.output);
        let ending = async {
            self.writer.write_all_buf(&mut self.output).await?;
            self.writer.shutdown().await
        };
        // A connection that is lost cannot be ended either.
        let _ = tokio::time::timeout(END_TIME_MAX, ending).await;
    }

    /// An identifier that no unconfirmed message has: there are more of them than such messages.
    fn free_packet(&mut self) -> u16 {
        loop {
            self.last_packet = self.last_packet.checked_add(1).unwrap_or(1);
            if !self.unconfirmed.contains(&self.last_packet) {
                return self.last_packet;
            }
        }
    }

    async fn packet(&mut self) -> Result<Packet, Failure> {
        loop {
            if let Some(packet) = self.version.read(&mut self.input)? {
                return Ok(packet);
            }
            self.exchange().await?;
        }
    }

    /// Moves some bytes.
    async fn exchange(&mut self) -> Result<(), Failure> {
        self.input.reserve(READ_BYTES);
        let (reader, writer) = (&mut self.reader, &mut self.writer);
        let has_output = !self.output.is_empty();
        let writing = async {
            match has_output {
                true => writer.write_buf(&mut self.output).await.map(|_| true),
                false => writer.flush().await.map(|()| false),
            }
        };
        tokio::select! {
            read = reader.read_buf(&mut self.input) => match read {
                Ok(0) => return Err(Failure::retry("the broker ends the connection")),
                Ok(_) => self.heard_at = Instant::now(),
                Err(error) => return Err(lost(&error)),
            },
            written = writing, if has_output || self.flushes => {
                self.flushes = written.map_err(|error| lost(&error))?;
            }
            () = tokio::time::sleep_until(self.ping_at) => self.keep_alive()?,
        }
        Ok(())
    }

    /// Pings now and then; a broker that does not answer is gone.
    fn keep_alive(&mut self) -> Result<(), Failure> {
        if self.heard_at.elapsed() > self.keep_alive * 3 / 2 {
            return Err(Failure::retry("the broker is silent"));
        }
        self.ping();
        self.ping_at = Instant::now() + self.keep_alive / 2;
        Ok(())
    }
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::retry(format!("the connection to the broker is lost: {error}"))
}
