//! One connection: bytes out, whole messages in, and signs of life in between.

use std::time::{Duration, Instant};
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::connection::HEARTBEAT;
use crate::resuming::exchange::HELLO_TIMEOUT;
use crate::{Address, ClientError};
use ringfence_codec::wire::{ReplyDecoder, encode_heartbeat};

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
    heard: Instant,
    said: Instant,
    ticks: Interval,
}

impl Pipe {
    /// Connects. Safe to cancel.
    pub async fn open(address: &Address) -> Result<Pipe, ClientError> {
        let connected = timeout(HELLO_TIMEOUT, connect(address)).await;
        let stream = connected
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| io_error("connecting to", address, source))?;
        let (reader, writer) = tokio::io::split(stream);
        let mut ticks = interval(HEARTBEAT / 2);
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
            heard: Instant::now(),
            said: Instant::now(),
            ticks,
        })
    }

    /// Where bytes go that are to be written.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.writing
    }

    /// Whether everything was written.
    pub fn has_written(&self) -> bool {
        self.written == self.writing.len() && self.is_flushed
    }

    /// Does what can be done next: reads, writes, or says that somebody is there. Returns whether
    /// something was read. Safe to cancel: what was not done is done by the next call.
    ///
    /// # Errors
    ///
    /// Why the connection is over.
    pub async fn step(&mut self) -> Result<bool, ClientError> {
        let is_writing = !self.has_written();
        tokio::select! {
            read = self.reader.read(self.decoder.frames().spare()) => match read {
                Ok(0) => return Err(ClientError::Closed(self.address.clone())),
                Ok(count) => {
                    self.decoder.frames().advance(count);
                    self.heard = Instant::now();
                    return Ok(true);
                }
                Err(error) => return Err(io_error("reading from", &self.address, error)),
            },
            written = write(&mut self.writer, &self.writing[self.written..]),
                if is_writing && !self.has_failed => self.note_written(&written),
            _ = self.ticks.tick() => self.tick()?,
        }
        Ok(false)
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
        if self.heard.elapsed() > self.idle_timeout {
            let silent = io::ErrorKind::TimedOut.into();
            return Err(io_error("listening to", &self.address, silent));
        }
        if self.is_greeted && self.said.elapsed() >= HEARTBEAT / 2 && self.writing.is_empty() {
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

fn io_error(operation: &'static str, address: &Address, source: io::Error) -> ClientError {
    ClientError::Io { operation, address: address.clone(), source }
}

async fn connect(address: &Address) -> io::Result<Box<dyn Duplex>> {
    Ok(match address {
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Address::Tcp(host_and_port) => {
            let stream = TcpStream::connect(host_and_port.as_str()).await?;
            // Batches are gathered here; waiting for more in the kernel only delays them.
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    })
}
