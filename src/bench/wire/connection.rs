//! One connection of a load: what it has to send, and what it waits for.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use super::socket::Wire;
use hdrhistogram::Histogram;
use ringfence_client::Options;
use ringfence_codec::Address;
use ringfence_codec::wire::{
    ClientHello, Reply, ReplyDecoder, ServerError, Violation, encode_batch, encode_client_hello,
    encode_heartbeat,
};
use ringfence_types::{Command, OutcomeCounts, Request};

/// Bytes that gather before they are written, where there is more to send.
const GATHERED_BYTES: usize = 64 * 1024;

/// Why a connection of a load failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The system refused something.
    #[error("{operation} {address}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With whom.
        address: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The other end declined.
    #[error("{address}: {error}")]
    Refused {
        /// Who.
        address: String,
        /// Why.
        error: ServerError,
    },
    /// The other end sent what the protocol does not allow.
    #[error("{address}: {violation}")]
    Protocol {
        /// Who.
        address: String,
        /// What is wrong with it.
        violation: Violation,
    },
    /// The other end closed the connection.
    #[error("{0}: the connection was closed")]
    Closed(String),
    /// An answer came without a command that waits for one.
    #[error("{0}: more outcomes than commands")]
    Unasked(String),
}

/// A batch that was sent.
#[derive(Debug)]
struct UnderWay {
    due: Instant,
    /// Outcomes that have not come.
    outcomes: usize,
}

/// What has come on all connections together.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) counts: OutcomeCounts,
    /// One value for each batch: from when it was due to when its last outcome was read.
    pub(super) latency_ns: Histogram<u64>,
    pub(super) outcomes: u64,
}

/// One connection of a load.
pub(super) struct Connection {
    pub(super) socket: Wire,
    address: String,
    decoder: ReplyDecoder,
    /// Identity of its session, 0 without a name.
    session: u128,
    last_request: u64,
    out: Vec<u8>,
    written: usize,
    under_way: VecDeque<UnderWay>,
    /// Batches that are due and were not yet sent.
    pub(super) due: VecDeque<usize>,
    /// It is watched for room to write.
    pub(super) wants_room: bool,
}

impl Connection {
    /// Connects to `address` as `options` say, and waits for the hello. With a `session` other than
    /// 0, it is begun.
    pub(super) fn open(
        address: &Address,
        options: &Options,
        session: u128,
    ) -> Result<Connection, ConnectionError> {
        let name = address.to_string();
        let failed = |source| ConnectionError::Io {
            operation: "connecting to",
            address: name.clone(),
            source,
        };
        let socket = Wire::connect(address, options.tls.as_ref()).map_err(failed)?;
        let mut connection = Connection {
            socket,
            address: name,
            decoder: ReplyDecoder::new(),
            session,
            last_request: 0,
            out: Vec::new(),
            written: 0,
            under_way: VecDeque::new(),
            due: VecDeque::new(),
            wants_room: false,
        };
        let token = options.token.to_bytes();
        let hello = ClientHello { session, token, ..ClientHello::default() };
        encode_client_hello(&hello, &mut connection.out);
        connection.flush()?;
        while !connection.has_hello()? {
            connection.receive()?;
        }
        let prepared = connection.socket.stop_blocking();
        prepared.map_err(|error| connection.error("preparing", error))?;
        Ok(connection)
    }

    fn has_hello(&mut self) -> Result<bool, ConnectionError> {
        match self.decoder.next_reply() {
            Ok(None) => Ok(false),
            Ok(Some(Reply::Hello(_))) => Ok(true),
            Ok(Some(Reply::Error(error))) => {
                Err(ConnectionError::Refused { address: self.address.clone(), error })
            }
            Ok(Some(_)) => Err(self.violated(Violation::BadMagic)),
            Err(violation) => Err(self.violated(violation)),
        }
    }

    /// Batches that were sent and are not wholly answered.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Whether enough has gathered to be written before more is encoded.
    pub(super) fn has_gathered(&self) -> bool {
        self.out.len() - self.written >= GATHERED_BYTES
    }

    /// Adds a batch to what is to be written.
    pub(super) fn push(&mut self, batch: &[Command], due: Instant) {
        let mut request = Request::NONE;
        if self.session != 0 {
            self.last_request += 1;
            (request.session, request.number) = (self.session, self.last_request);
        }
        encode_batch(batch, &request, &mut self.out);
        self.under_way.push_back(UnderWay { due, outcomes: batch.len() });
    }

    /// Adds a sign of life.
    pub(super) fn push_heartbeat(&mut self) {
        encode_heartbeat(&mut self.out);
    }

    /// Writes what the socket takes; whether that was all.
    pub(super) fn flush(&mut self) -> Result<bool, ConnectionError> {
        while self.written < self.out.len() {
            let written = self.socket.write(&self.out[self.written..]);
            match self.done("writing to", written)? {
                Some(0) => return Ok(true),
                Some(count) => self.written += count,
                None => return Ok(false),
            }
        }
        self.out.clear();
        self.written = 0;
        let flushed = self.socket.flush().map(usize::from);
        Ok(self.done("writing to", flushed)? == Some(1))
    }

    /// Reads once, or all that was decrypted, and counts what has come.
    pub(super) fn read(&mut self, tally: &mut Tally) -> Result<(), ConnectionError> {
        while self.receive()? {
            self.take(tally)?;
            if !self.socket.holds_bytes() {
                break;
            }
        }
        Ok(())
    }

    /// Counts the outcomes that have wholly come.
    fn take(&mut self, tally: &mut Tally) -> Result<(), ConnectionError> {
        let now = Instant::now();
        loop {
            let address = &self.address;
            let outcomes = match self.decoder.next_reply() {
                Ok(None) => return Ok(()),
                Ok(Some(Reply::Outcomes { outcomes, .. })) => outcomes,
                Ok(Some(Reply::Error(error))) => {
                    return Err(ConnectionError::Refused { address: address.clone(), error });
                }
                Ok(Some(_)) => continue,
                Err(violation) => return Err(self.violated(violation)),
            };
            for outcome in outcomes {
                tally.counts.add(outcome.status);
            }
            tally.outcomes += outcomes.len() as u64;
            let mut count = outcomes.len();
            while count > 0 {
                let Some(first) = self.under_way.front_mut() else {
                    return Err(ConnectionError::Unasked(address.clone()));
                };
                let answered = count.min(first.outcomes);
                (count, first.outcomes) = (count - answered, first.outcomes - answered);
                if first.outcomes == 0 {
                    let latency_ns = now.saturating_duration_since(first.due).as_nanos() as u64;
                    tally.latency_ns.saturating_record(latency_ns.max(1));
                    self.under_way.pop_front();
                }
            }
        }
    }

    /// Reads once; whether anything came.
    fn receive(&mut self) -> Result<bool, ConnectionError> {
        let read = self.socket.read(self.decoder.frames().spare());
        match self.done("reading from", read)? {
            Some(0) => Err(ConnectionError::Closed(self.address.clone())),
            Some(count) => {
                self.decoder.frames().advance(count);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// How many bytes an operation moved, `None` where it has to wait. Where the other end has
    /// closed the connection it is 0: why lies in what can still be read.
    fn done(
        &self,
        operation: &'static str,
        moved: io::Result<usize>,
    ) -> Result<Option<usize>, ConnectionError> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, Interrupted, WouldBlock};
        match moved {
            Ok(count) => Ok(Some(count)),
            Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => Ok(None),
            Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset) => Ok(Some(0)),
            Err(error) => Err(self.error(operation, error)),
        }
    }

    pub(super) fn error(&self, operation: &'static str, source: io::Error) -> ConnectionError {
        ConnectionError::Io { operation, address: self.address.clone(), source }
    }

    fn violated(&self, violation: Violation) -> ConnectionError {
        ConnectionError::Protocol { address: self.address.clone(), violation }
    }
}
