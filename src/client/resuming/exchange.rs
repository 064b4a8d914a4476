//! A session's state together with the bytes that are to be written. Pure: it does no I/O.

use std::time::Duration;

use super::attempts::Cut;
use super::state::State;
use super::{Delivered, SessionOptions};
use crate::{Address, ClientError};
use ringfence_codec::wire::{EngineHello, Reply, ReplyDecoder, encode_client_hello};
use ringfence_types::Command;

/// How long the engine may be silent before it has said how long.
pub(crate) const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

/// What those who send share with the one who has the connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub state: State,
    /// Encoded and not yet written; empty while there is no connection.
    pub out: Vec<u8>,
    /// Whether the engine has answered the hello of this connection.
    pub is_connected: bool,
    /// Nothing more is sent.
    pub is_closed: bool,
    pub has_ended: bool,
}

impl Exchange {
    pub fn new(options: &SessionOptions) -> Exchange {
        Exchange {
            state: State::new(options),
            out: Vec::new(),
            is_connected: false,
            is_closed: false,
            has_ended: false,
        }
    }

    /// Adds a batch, and returns its request number; `None` if there is no room for it now.
    ///
    /// # Errors
    ///
    /// [`ClientError::Ended`].
    pub fn push(
        &mut self,
        batch: &[Command],
        number: Option<u64>,
        tag: u128,
    ) -> Result<Option<u64>, ClientError> {
        if self.has_ended {
            return Err(ClientError::Ended);
        }
        if !self.state.has_room(batch.len()) {
            return Ok(None);
        }
        let number = number.unwrap_or_else(|| self.state.next_number());
        let kept = self.out.len();
        self.state.push(batch, number, tag, &mut self.out);
        if !self.is_connected {
            // The next welcome sends it.
            self.out.truncate(kept);
        }
        Ok(Some(number))
    }

    /// Begins a connection: the hello is the first to be written.
    pub fn greet(&mut self) {
        self.out.clear();
        encode_client_hello(&self.state.greeting(), &mut self.out);
    }

    /// Ends a connection; whether the engine had answered the hello.
    pub fn disconnect(&mut self) -> bool {
        self.out.clear();
        std::mem::take(&mut self.is_connected)
    }

    /// Takes in the messages that are whole. Returns how long the engine lets the other side be
    /// silent, if it has just said so.
    ///
    /// # Errors
    ///
    /// Why the connection is over. What was delivered before stands.
    pub fn take_in(
        &mut self,
        decoder: &mut ReplyDecoder,
        address: &Address,
        delivered: &mut Vec<Delivered>,
    ) -> Result<Option<Duration>, Cut> {
        let violated =
            |violation| Cut::Final(ClientError::Protocol { address: address.clone(), violation });
        let mut deliver = |what| delivered.push(what);
        let mut idle = None;
        loop {
            match decoder.next_reply().map_err(violated)? {
                None => return Ok(idle),
                Some(Reply::Error(error)) => return Err(Cut::refused(address, error)),
                Some(Reply::Hello(hello)) => {
                    idle = Some(idle_timeout(&hello));
                    self.is_connected = true;
                    let welcomed = self.state.welcome(&hello, &mut self.out, &mut deliver);
                    welcomed.map_err(|changed| {
                        Cut::Final(ClientError::History { address: address.clone(), changed })
                    })?;
                }
                Some(reply) => self.state.receive(&reply, &mut deliver).map_err(violated)?,
            }
        }
    }
}

/// How long a side may be silent.
pub(crate) fn idle_timeout(hello: &EngineHello) -> Duration {
    match hello.idle_timeout_ms {
        0 => HELLO_TIMEOUT,
        milliseconds => Duration::from_millis(milliseconds.into()),
    }
}
