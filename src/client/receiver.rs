//! The half of a session that receives.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::Shutdown;
use std::sync::Arc;

use super::ClientError;
use super::connection::Connection;
use ringfence_codec::wire::{EngineHello, Reply, ReplyDecoder, Violation};
use ringfence_types::{BATCH_COMMANDS_MAX, Event, Outcome};

/// Most bodies of one look-up: those of a market.
const BODIES_MAX: usize = 3;

/// The answer to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The command's position in the journal, from 1.
    pub sequence: u64,
    /// What became of it: status and timestamp.
    pub outcome: Outcome,
    /// What a look-up found: one body, or the three of a market.
    pub bodies: Vec<Event>,
}

/// What an engine sends, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// What a command brought about besides its outcome; the answer to it follows.
    Event(Event),
    /// The answer to the next command.
    Answer(Answer),
}

/// The half of a session that receives. Dropping both halves ends the session.
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

impl Receiver {
    pub(super) fn new(connection: Arc<Connection>) -> Receiver {
        Receiver {
            connection,
            decoder: ReplyDecoder::new(),
            outcomes: VecDeque::with_capacity(BATCH_COMMANDS_MAX),
            next_sequence: 0,
            bodies: Vec::new(),
        }
    }

    /// The answer to the next command. Blocks until there is one; events on the way are dropped.
    ///
    /// # Errors
    ///
    /// Why there will be none.
    pub fn receive_answer(&mut self) -> Result<Answer, ClientError> {
        loop {
            if let Received::Answer(answer) = self.receive()? {
                return Ok(answer);
            }
        }
    }

    /// The next event or answer. Blocks until there is one.
    ///
    /// # Errors
    ///
    /// Why there will be none.
    pub fn receive(&mut self) -> Result<Received, ClientError> {
        loop {
            if let Some(received) = self.try_receive()? {
                return Ok(received);
            }
            self.read()?;
        }
    }

    /// The next event or answer, if it has already arrived with what was read before. Makes no system
    /// call and never blocks; what has arrived since then, [`Receiver::receive`] finds.
    ///
    /// # Errors
    ///
    /// Why there will be none.
    pub fn try_receive(&mut self) -> Result<Option<Received>, ClientError> {
        while self.outcomes.is_empty() {
            match self.decoder.next_reply() {
                Ok(None) => return Ok(None),
                Ok(Some(Reply::Event(event))) if event.kind().is_numbered() => {
                    return Ok(Some(Received::Event(*event)));
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
                Ok(Some(Reply::Heartbeat)) => {}
                Ok(Some(_)) => return Err(self.out_of_turn()),
                Err(violation) => return Err(self.connection.violated(violation)),
            }
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let belongs = self.bodies.first().is_some_and(|event| event.sequence == sequence);
        let bodies = if belongs { std::mem::take(&mut self.bodies) } else { Vec::new() };
        let answer = |outcome| Received::Answer(Answer { sequence, outcome, bodies });
        Ok(self.outcomes.pop_front().map(answer))
    }

    /// Tells the engine that somebody is there. [`Receiver::receive`] does so while it waits: a client
    /// that does not receive for longer than the engine's hello allows has to call this.
    pub fn say_heartbeat(&self) {
        self.connection.say_heartbeat();
    }

    /// Ends the session at once, in both halves: what blocks in the other one returns with an error.
    pub fn disconnect(&self) {
        // One that has ended already is ended all the same.
        drop(self.connection.stream.shutdown(Shutdown::Both));
    }

    /// What the engine says first.
    pub(super) fn receive_hello(&mut self) -> Result<EngineHello, ClientError> {
        loop {
            match self.decoder.next_reply() {
                Ok(None) => self.read()?,
                Ok(Some(Reply::Hello(hello))) => return Ok(hello),
                Ok(Some(Reply::Error(error))) => return Err(self.connection.refused(error)),
                Ok(Some(_)) => return Err(self.out_of_turn()),
                Err(violation) => return Err(self.connection.violated(violation)),
            }
        }
    }

    /// Why the engine ended the session, if what is left in the socket tells.
    pub(super) fn last_word(&mut self) -> Option<ClientError> {
        loop {
            match self.decoder.next_reply() {
                Ok(Some(Reply::Error(error))) => return Some(self.connection.refused(error)),
                Ok(Some(_)) => {}
                Ok(None) => self.read().ok()?,
                Err(violation) => return Some(self.connection.violated(violation)),
            }
        }
    }

    /// A second hello, or none at the start; the decoder lets no such pass.
    fn out_of_turn(&self) -> ClientError {
        self.connection.violated(Violation::BadMagic)
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
                Err(error) if is_timeout(&error) => self.connection.say_heartbeat(),
                Err(source) => return Err(self.connection.error("reading from", source)),
            }
        }
    }
}

/// Whether a read has only waited for its time.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
