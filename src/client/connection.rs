//! One session with an engine.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::Address;
use ringfence_codec::wire::{
    Hello, Reply, ReplyDecoder, ServerError, Violation, encode_batch, encode_hello,
};
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Event, Outcome};

/// Why there is no session, or no session any more.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The operating system refused.
    #[error("{operation} {address}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With whom.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// The engine ended the connection without saying why.
    #[error("{0}: the engine closed the connection")]
    Closed(Address),
    /// The engine ended the session and said why.
    #[error("{address}: the engine ended the session: {error}")]
    Refused {
        /// Where it listens.
        address: Address,
        /// What it said.
        error: ServerError,
    },
    /// What listens there is no engine of this version.
    #[error("{address}: {violation}")]
    Protocol {
        /// Where it listens.
        address: Address,
        /// What it did.
        violation: Violation,
    },
}

/// Most bodies of one look-up: those of a market.
const BODIES_MAX: usize = 3;

/// The answer to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The command's position in the journal, from 1.
    pub sequence: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// What a look-up found: one body, or the three of a market.
    pub bodies: Vec<Event>,
}

/// What the engine tells, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// What a command brought about; its answer follows.
    Event(Event),
    /// The answer to the next command.
    Answer(Answer),
}

/// A session with an engine, which blocks.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    receiver: Receiver,
    hello: Hello,
}

/// The half of a session that sends. Dropping both halves ends it.
#[derive(Debug)]
pub struct Sender {
    connection: Arc<Connection>,
    /// What is encoded and not yet written.
    unsent: Vec<u8>,
}

/// The half of a session that receives.
#[derive(Debug)]
pub struct Receiver {
    connection: Arc<Connection>,
    decoder: ReplyDecoder,
    /// Outcomes of one message that were not yet asked for; the first is of `next_sequence`.
    outcomes: VecDeque<Outcome>,
    next_sequence: u64,
    /// Bodies whose outcome has not come yet.
    bodies: Vec<Event>,
}

impl Client {
    /// Opens a session with the engine that listens at `address`.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn connect(address: &Address) -> Result<Client, ClientError> {
        Client::connect_for(address, false)
    }

    /// As [`Client::connect`]. With `events` the engine tells what the session's commands bring
    /// about, too.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn connect_for(address: &Address, events: bool) -> Result<Client, ClientError> {
        let stream = Stream::connect(address).map_err(|source| ClientError::Io {
            operation: "connecting to",
            address: address.clone(),
            source,
        })?;
        let connection = Arc::new(Connection { stream, address: address.clone() });
        let mut sender = Sender { connection: Arc::clone(&connection), unsent: Vec::new() };
        let mut receiver = Receiver {
            connection,
            decoder: ReplyDecoder::new(),
            outcomes: VecDeque::with_capacity(BATCH_COMMANDS_MAX),
            next_sequence: 0,
            bodies: Vec::new(),
        };
        let wish = Hello { batch_commands_max: 0, in_flight_commands_max: 0, events };
        encode_hello(&wish, &mut sender.unsent);
        let hello = sender.flush().and_then(|()| receiver.hello());
        // An engine that has no room says so and hangs up, perhaps before it was greeted.
        let hello = hello.map_err(|error| receiver.last_word().unwrap_or(error))?;
        Ok(Client { sender, receiver, hello })
    }

    /// What the engine allows.
    #[must_use]
    pub fn hello(&self) -> Hello {
        self.hello
    }

    /// The two halves, for two threads.
    #[must_use]
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// Sends one batch, waits for all of its answers and puts them into `answers`.
    ///
    /// # Errors
    ///
    /// Why the session ended; whether the batch was executed is then unknown.
    ///
    /// # Panics
    ///
    /// If the commands are no batch: see [`encode_batch`].
    pub fn execute(
        &mut self,
        batch: &[Command],
        answers: &mut Vec<Answer>,
    ) -> Result<(), ClientError> {
        answers.clear();
        self.sender.push(batch);
        self.sender.flush()?;
        while answers.len() < batch.len() {
            answers.push(self.receiver.next_answer()?);
        }
        Ok(())
    }
}

impl Sender {
    /// Adds a batch to what is to be sent, and returns how many bytes that is now.
    ///
    /// # Panics
    ///
    /// If the commands are no batch: see [`encode_batch`].
    pub fn push(&mut self, batch: &[Command]) -> usize {
        encode_batch(batch, &mut self.unsent);
        self.unsent.len()
    }

    /// Sends what was added. Blocks while the engine does not read, which it does not while too
    /// many commands are unanswered.
    ///
    /// # Errors
    ///
    /// Why it cannot be sent.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        let written = (&self.connection.stream).write_all(&self.unsent);
        self.unsent.clear();
        written.map_err(|source| self.connection.error("writing to", source))
    }

    /// Tells the engine that nothing more comes. Outcomes still do.
    ///
    /// # Errors
    ///
    /// Why it cannot be told.
    pub fn finish(&mut self) -> Result<(), ClientError> {
        self.flush()?;
        let shut_down = self.connection.stream.shutdown(Shutdown::Write);
        shut_down.map_err(|source| self.connection.error("writing to", source))
    }
}

impl Receiver {
    /// The answer to the next command; events on the way are passed over. Blocks until there is one.
    ///
    /// # Errors
    ///
    /// Why there will be none.
    pub fn next_answer(&mut self) -> Result<Answer, ClientError> {
        loop {
            if let Told::Answer(answer) = self.next_told()? {
                return Ok(answer);
            }
        }
    }

    /// What the engine tells next. Blocks until there is something.
    ///
    /// # Errors
    ///
    /// Why there will be nothing.
    pub fn next_told(&mut self) -> Result<Told, ClientError> {
        loop {
            if let Some(told) = self.arrived()? {
                return Ok(told);
            }
            self.read()?;
        }
    }

    /// What the engine tells next, if it has already arrived. Reads nothing, never blocks.
    ///
    /// # Errors
    ///
    /// Why there will be nothing.
    pub fn arrived(&mut self) -> Result<Option<Told>, ClientError> {
        while self.outcomes.is_empty() {
            match self.decoder.next_reply() {
                Ok(None) => return Ok(None),
                Ok(Some(Reply::Event(event))) if event.kind().is_numbered() => {
                    return Ok(Some(Told::Event(*event)));
                }
                Ok(Some(Reply::Event(event))) => {
                    if self.bodies.len() == BODIES_MAX {
                        return Err(self.connection.violated(Violation::BadValue("kind")));
                    }
                    self.bodies.push(*event);
                }
                Ok(Some(Reply::Outcomes { first_sequence, outcomes })) => {
                    self.next_sequence = first_sequence;
                    self.outcomes.extend(outcomes);
                }
                Ok(Some(Reply::Error(error))) => return Err(self.connection.refused(error)),
                Ok(Some(Reply::Hello(_))) => {
                    unreachable!("the decoder lets one hello pass, which `connect` takes")
                }
                Err(violation) => return Err(self.connection.violated(violation)),
            }
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let belongs = self.bodies.first().is_some_and(|event| event.sequence == sequence);
        let bodies = if belongs { std::mem::take(&mut self.bodies) } else { Vec::new() };
        let answer = |outcome| Told::Answer(Answer { sequence, outcome, bodies });
        Ok(self.outcomes.pop_front().map(answer))
    }

    /// Ends the session at once, so that nothing blocks in the other half any more.
    pub fn hang_up(&self) {
        // One that has ended already is ended all the same.
        drop(self.connection.stream.shutdown(Shutdown::Both));
    }

    fn hello(&mut self) -> Result<Hello, ClientError> {
        loop {
            match self.decoder.next_reply() {
                Ok(None) => self.read()?,
                Ok(Some(Reply::Hello(hello))) => return Ok(hello),
                Ok(Some(Reply::Error(error))) => return Err(self.connection.refused(error)),
                Ok(Some(_)) => unreachable!("the decoder lets a hello pass before all others"),
                Err(violation) => return Err(self.connection.violated(violation)),
            }
        }
    }

    /// Why the engine ended the session, if what is left in the socket tells.
    fn last_word(&mut self) -> Option<ClientError> {
        loop {
            match self.decoder.next_reply() {
                Ok(Some(Reply::Error(error))) => return Some(self.connection.refused(error)),
                Ok(Some(_)) => {}
                Ok(None) => self.read().ok()?,
                Err(violation) => return Some(self.connection.violated(violation)),
            }
        }
    }

    fn read(&mut self) -> Result<(), ClientError> {
        loop {
            match (&self.connection.stream).read(self.decoder.frames().spare()) {
                Ok(0) => return Err(ClientError::Closed(self.connection.address.clone())),
                Ok(count) => {
                    self.decoder.frames().advance(count);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.connection.error("reading from", source)),
            }
        }
    }
}

/// What both halves share.
#[derive(Debug)]
struct Connection {
    stream: Stream,
    address: Address,
}

impl Connection {
    fn error(&self, operation: &'static str, source: io::Error) -> ClientError {
        ClientError::Io { operation, address: self.address.clone(), source }
    }

    fn refused(&self, error: ServerError) -> ClientError {
        ClientError::Refused { address: self.address.clone(), error }
    }

    fn violated(&self, violation: Violation) -> ClientError {
        ClientError::Protocol { address: self.address.clone(), violation }
    }
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn connect(address: &Address) -> io::Result<Stream> {
        match address {
            Address::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
            Address::Tcp(host_and_port) => {
                let stream = TcpStream::connect(host_and_port.as_str())?;
                // Batches are gathered here; waiting for more in the kernel only delays them.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.shutdown(how),
            Stream::Tcp(stream) => stream.shutdown(how),
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&*stream).read(bytes),
            Stream::Tcp(stream) => (&*stream).read(bytes),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&*stream).write(bytes),
            Stream::Tcp(stream) => (&*stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
