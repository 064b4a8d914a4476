//! One connection: bytes out, whole messages in, and signs of life in between.

use std::time::{Duration, Instant};
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;

use crate::connection::{HEARTBEAT, io_error};
use crate::resuming::exchange::HELLO_TIMEOUT;
use crate::tls::Tls;
use crate::{Address, ClientError};
use ringfence_codec::wire::{ReplyDecoder, encode_heartbeat};

/// How often it is asked if somebody was silent for too long.
const TICK: Duration = Duration::from_millis(HEARTBEAT.as_millis() as u64 / 2);

/// A stream of any kind.
trait Duplex: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Duplex for T {}

/// One connection with an engine.
#[derive(Debug)]
pub(super) struct Pipe {
    pub address: Address,
    pub decoder: ReplyDecoder,
    /// How long the engine may be silent.
    pub idle_timeout: Duration,
    /// Whether hellos were exchanged: from then on there are signs of life.
    pub is_greeted: bool,
    reader: ReadHalf<Box<dyn Duplex>>,
    writer: WriteHalf<Box<dyn Duplex>>,
    /// What is being written, and up to `written` is.
    writing: Vec<u8>,
    written: usize,
    is_flushed: bool,
    /// Nothing more can be written: what the engine has said is still read.
    has_failed: bool,
    /// Ticks since something was heard. Time in which nobody awaits does not count: what has come
    /// meanwhile is still in the socket.
    silent_ticks: u32,
    said: Instant,
    ticks: Interval,
}

impl Pipe {
    /// Connects. Safe to cancel.
    pub async fn open(address: &Address, tls: Option<&Tls>) -> Result<Pipe, ClientError> {
        let connected = timeout(HELLO_TIMEOUT, connect(address, tls)).await;
        let stream = connected
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| io_error("connecting to", address, source))?;
        let (reader, writer) = tokio::io::split(stream);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Pipe {
            address: address.clone(),
            decoder: ReplyDecoder::new(),
            idle_timeout: HELLO_TIMEOUT,
            is_greeted: false,
            reader,
            writer,
            writing: Vec::new(),
            written: 0,
            is_flushed: true,
            has_failed: false,
            silent_ticks: 0,
            said: Instant::now(),
            ticks,
        })
    }

    /// Where bytes go that are to be written.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.writing
    }

    /// Whether everything was written.
    fn has_written(&self) -> bool {
        self.written == self.writing.len() && self.is_flushed
    }

    /// Does what can be done next: reads, writes, or says that somebody is there. Returns whether
    /// something was read; what was read before has to be taken out of the decoder. Safe to cancel:
    /// what was not done is done by the next call.
    ///
    /// # Errors
    ///
    /// Why the connection is over.
    pub async fn step(&mut self) -> Result<bool, ClientError> {
        let is_writing = !self.has_written();
        tokio::select! {
            // Signs of life are rare, what is written is bounded: neither keeps reading waiting.
            biased;
            _ = self.ticks.tick() => self.tick()?,
            written = write(&mut self.writer, &self.writing[self.written..]),
                if is_writing && !self.has_failed => self.note_written(&written),
            read = self.reader.read(self.decoder.frames().spare()) => match read {
                Ok(count @ 1..) => {
                    self.decoder.frames().advance(count);
                    self.silent_ticks = 0;
                    return Ok(true);
                }
                Ok(0) => return Err(ClientError::Closed(self.address.clone())),
                // TLS that ends without its last words: what was cut off is seen by its length.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(ClientError::Closed(self.address.clone()));
                }
                Err(error) => return Err(io_error("reading from", &self.address, error)),
            },
        }
        Ok(false)
    }

    /// Writes as much as the socket takes without waiting. Nothing is read.
    ///
    /// # Errors
    ///
    /// [`ClientError::Closed`] if nothing more can be written.
    pub async fn write_now(&mut self) -> Result<(), ClientError> {
        while !self.has_written() && !self.has_failed {
            tokio::select! {
                biased;
                written = write(&mut self.writer, &self.writing[self.written..]) => {
                    self.note_written(&written);
                }
                () = std::future::ready(()) => break,
            }
        }
        if self.has_failed { Err(ClientError::Closed(self.address.clone())) } else { Ok(()) }
    }

    fn note_written(&mut self, written: &io::Result<usize>) {
        let Ok(count) = written else {
            // The engine may have said why: what it said is read first.
            self.has_failed = true;
            return;
        };
        self.is_flushed = *count == 0;
        self.written += count;
        self.said = Instant::now();
        if self.written == self.writing.len() {
            self.writing.clear();
            self.written = 0;
        }
    }

    fn tick(&mut self) -> Result<(), ClientError> {
        self.silent_ticks += 1;
        if self.silent_ticks * TICK > self.idle_timeout {
            let silent = io::ErrorKind::TimedOut.into();
            return Err(io_error("listening to", &self.address, silent));
        }
        if self.is_greeted && self.said.elapsed() >= TICK && self.writing.is_empty() {
            encode_heartbeat(&mut self.writing);
        }
        Ok(())
    }
}

/// Writes some of `bytes`, or passes on what the stream holds back where there are none: then 0.
async fn write(writer: &mut WriteHalf<Box<dyn Duplex>>, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(bytes).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

async fn connect(address: &Address, tls: Option<&Tls>) -> io::Result<Box<dyn Duplex>> {
    let host_and_port = match address {
        Address::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp(host_and_port) => host_and_port,
    };
    let stream = TcpStream::connect(host_and_port.as_str()).await?;
    // Batches are gathered here; waiting for more in the kernel only delays them.
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let connector = TlsConnector::from(tls.config());
    let stream = connector.connect(tls.server_name(host_and_port)?, stream).await?;
    Ok(Box::new(stream))
}
