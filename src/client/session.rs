//! One session with an engine.

use std::sync::Arc;

use super::connection::{Connection, HEARTBEAT};
use super::tls::Tls;
use super::{Address, Answer, ClientError, Receiver, Sender, Token};
use ringfence_codec::wire::{ClientHello, EngineHello};
use ringfence_types::Command;

/// What a session asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// To be told what the session's commands bring about besides their outcomes: trades, expiries,
    /// payments that leave a queue.
    pub events: bool,
    /// Most commands that are sent and not yet answered; 0 for as many as the engine allows.
    pub in_flight_commands_max: u32,
    /// What proves who the client is; empty for none.
    pub token: Token,
    /// How to connect over TCP with TLS; `None`: in clear.
    pub tls: Option<Tls>,
}

/// A session with an engine. Its calls block.
///
/// [`Client::execute`] sends a batch and waits for the answers. To send on while answers come, take
/// the session apart with [`Client::split`] and give each half a thread.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    receiver: Receiver,
    hello: EngineHello,
}

impl Client {
    /// Opens a session with the engine that listens at `address`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`] if connecting fails, [`ClientError::Refused`] if the engine declines,
    /// [`ClientError::Protocol`] if no engine of this version listens there.
    pub fn connect(address: &Address) -> Result<Client, ClientError> {
        Client::connect_with(address, Options::default())
    }

    /// As [`Client::connect`], for a session that asks for more than outcomes.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`].
    pub fn connect_with(address: &Address, options: Options) -> Result<Client, ClientError> {
        let connection = Arc::new(Connection::open(address, options.tls.as_ref())?);
        let limited = connection.stream.set_read_timeout(HEARTBEAT);
        limited.map_err(|source| connection.error("reading from", source))?;
        let wish = ClientHello {
            in_flight_commands_max: options.in_flight_commands_max,
            events: options.events,
            token: options.token.to_bytes(),
            ..ClientHello::default()
        };
        let mut sender = Sender::greeting(Arc::clone(&connection), &wish);
        let mut receiver = Receiver::new(connection);
        let hello = sender.flush().and_then(|()| receiver.receive_hello());
        // An engine that has no room says so and ends the session, perhaps before it was greeted.
        let hello = hello.map_err(|error| receiver.last_word().unwrap_or(error))?;
        Ok(Client { sender, receiver, hello })
    }

    /// What the engine allows.
    #[must_use]
    pub fn hello(&self) -> EngineHello {
        self.hello
    }

    /// The two halves, for two threads.
    #[must_use]
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// Sends one batch and waits for its answers, one for each command in their order. Events on the
    /// way are dropped.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotABatch`], and nothing was sent. Otherwise why the session ended; whether the
    /// batch was executed is then unknown, and sending it again in a new session is safe: a transfer,
    /// an account or an order that was created answers `exists`.
    pub fn execute(&mut self, batch: &[Command]) -> Result<Vec<Answer>, ClientError> {
        self.sender.push(batch)?;
        // Where the engine has ended the session, its reason says more than the failed write.
        let sent = self.sender.flush();
        sent.map_err(|error| self.receiver.last_word().unwrap_or(error))?;
        batch.iter().map(|_| self.receiver.receive_answer()).collect()
    }
}
