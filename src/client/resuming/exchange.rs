//! A session's state together with the bytes that are to be written. Pure: it does no I/O.

use std::time::Duration;

use super::attempts::Cut;
use super::state::State;
use super::{Delivered, SessionOptions};
use crate::{Address, ClientError};
use ringfence_codec::wire::{
    EngineHello, Reply, ReplyDecoder, encode_client_hello, encode_heartbeat,
};
use ringfence_types::Command;

/// How long the engine may be silent before it has said how long.
pub(crate) const HELLO_TIMEOUT: Duration = Duration::from_secs(30);
/// Commands that are written whatever is unanswered.
const GATHERED_MAX: usize = 64;

/// What those who send share with the one who has the connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub state: State,
    /// Encoded and not yet written; empty while there is no connection.
    pub out: Vec<u8>,
    /// Commands in `out`.
    gathered: usize,
    /// See [`SessionOptions::gathers`].
    gathers: bool,
    /// Something in `out` waits for no answer.
    is_urgent: bool,
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
            gathered: 0,
            gathers: options.gathers,
            is_urgent: false,
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
        match self.is_connected {
            true => self.gathered += batch.len(),
            // The next welcome sends it.
            false => self.out.truncate(kept),
        }
        Ok(Some(number))
    }

    /// Whether what is to be written is to be written now.
    pub fn is_due(&self) -> bool {
        let unanswered = self.state.under_way().saturating_sub(self.gathered);
        let waits = self.gathers && !self.is_urgent;
        !self.out.is_empty() && (!waits || self.gathered >= unanswered.min(GATHERED_MAX))
    }

    /// Says that somebody is there, and sends with it what has gathered.
    pub fn say_alive(&mut self) {
        encode_heartbeat(&mut self.out);
        self.is_urgent = true;
    }

    /// Moves what is due to `writing`, of which everything is written.
    pub fn take_due(&mut self, writing: &mut Vec<u8>) {
        if self.is_due() {
            std::mem::swap(writing, &mut self.out);
            self.clear_out();
        }
    }

    /// Begins a connection: the hello is the first to be written.
    pub fn greet(&mut self) {
        self.clear_out();
        encode_client_hello(&self.state.greeting(), &mut self.out);
        self.is_urgent = true;
    }

    /// Ends a connection; whether the engine had answered the hello.
    pub fn disconnect(&mut self) -> bool {
        self.clear_out();
        std::mem::take(&mut self.is_connected)
    }

    fn clear_out(&mut self) {
        self.out.clear();
        (self.gathered, self.is_urgent) = (0, false);
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
                    // What is sent again waits for no answer.
                    self.is_urgent = true;
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

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_codec::wire::encode_engine_hello;
    use ringfence_types::{Account, Outcome};

    /// An exchange in the midst of a connection.
    fn connected(gathers: bool) -> Exchange {
        let options = SessionOptions { session: 5, gathers, ..SessionOptions::default() };
        let mut exchange = Exchange::new(&options);
        exchange.greet();
        assert!(exchange.is_due(), "the hello waits for nothing");
        exchange.take_due(&mut Vec::new());
        let hello = EngineHello { in_flight_commands_max: 1000, ..EngineHello::default() };
        exchange.state.welcome(&hello, &mut exchange.out, &mut drop).unwrap();
        exchange.is_connected = true;
        exchange
    }

    /// Sends so many commands in one batch; how many batches leave at once with them.
    fn send(exchange: &mut Exchange, commands: usize) -> usize {
        let batch = vec![Command::create_account(Account::default()); commands];
        exchange.push(&batch, None, 0).unwrap().expect("there is room");
        leaving(exchange)
    }

    fn leaving(exchange: &mut Exchange) -> usize {
        let gathered = exchange.gathered;
        let mut written = Vec::new();
        exchange.take_due(&mut written);
        if written.is_empty() { 0 } else { gathered }
    }

    fn answer(exchange: &mut Exchange, sequence: u64) -> usize {
        let outcomes = [Outcome::default()];
        let reply = Reply::Outcomes { first_sequence: sequence, outcomes: &outcomes };
        exchange.state.receive(&reply, &mut drop).unwrap();
        leaving(exchange)
    }

    #[test]
    fn as_much_is_gathered_as_is_unanswered() {
        let mut exchange = connected(true);
        //  sent one by one: how many leave with it
        let leave: Vec<usize> = (0..8).map(|_| send(&mut exchange, 1)).collect();
        assert_eq!(leave, [1, 1, 0, 2, 0, 0, 0, 4]);
        assert_eq!(send(&mut exchange, 1), 0);
        //  after each of eight answers
        let leave: Vec<usize> = (1..=8).map(|sequence| answer(&mut exchange, sequence)).collect();
        assert_eq!(leave, [0, 0, 0, 0, 0, 0, 1, 0], "one waits for all but one");
    }

    #[test]
    fn enough_commands_leave_whatever_is_unanswered() {
        let mut exchange = connected(true);
        assert_eq!(send(&mut exchange, 500), 500);
        assert_eq!(send(&mut exchange, 1), 0);
        assert_eq!(send(&mut exchange, GATHERED_MAX - 1), GATHERED_MAX);
    }

    #[test]
    fn what_does_not_gather_leaves_at_once() {
        let mut exchange = connected(false);
        assert!((0..8).all(|_| send(&mut exchange, 1) == 1));
    }

    #[test]
    fn signs_of_life_take_along_what_has_gathered() {
        let mut exchange = connected(true);
        assert_eq!(
            [send(&mut exchange, 1), send(&mut exchange, 1), send(&mut exchange, 1)],
            [1, 1, 0]
        );
        exchange.say_alive();
        assert_eq!(send(&mut exchange, 1), 2);
        assert_eq!(leaving(&mut exchange), 0);
    }

    #[test]
    fn what_is_sent_again_waits_for_nothing() {
        let mut exchange = connected(true);
        let leave: Vec<usize> = (0..3).map(|_| send(&mut exchange, 1)).collect();
        assert_eq!(leave, [1, 1, 0]);
        exchange.disconnect();
        exchange.greet();
        exchange.take_due(&mut Vec::new());
        let hello = EngineHello { in_flight_commands_max: 1000, ..EngineHello::default() };
        let mut bytes = Vec::new();
        encode_engine_hello(&hello, &mut bytes);
        let mut decoder = ReplyDecoder::new();
        decoder.frames().spare()[..bytes.len()].copy_from_slice(&bytes);
        decoder.frames().advance(bytes.len());
        let address = "unix:none".parse().unwrap();
        exchange.take_in(&mut decoder, &address, &mut Vec::new()).unwrap();
        assert!(exchange.is_due());
    }
}
