//! A client that can break the rules.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use ringfence_codec::wire::{
    ClientHello, EngineHello, ErrorCode, Reply, ReplyDecoder, ServerError, encode_batch,
    encode_client_hello, encode_heartbeat,
};
use ringfence_types::{
    Account, AccountPolicy, Command, Event, Lookup, Origin, Outcome, Request, Transfer,
};

/// How long a test waits for what should come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the engine said, heartbeats left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Hello(EngineHello),
    /// The outcome of one command.
    Outcome(u64, Outcome),
    Event(Event),
    Origin(Origin),
    Error(ServerError),
    /// It has ended the connection.
    End,
}

/// A connection.
pub struct Wire {
    pub stream: UnixStream,
    decoder: ReplyDecoder,
    outcomes: std::collections::VecDeque<(u64, Outcome)>,
    /// How many heartbeats came.
    pub heartbeats: usize,
}

impl Wire {
    /// A connection on which nothing was said yet.
    pub fn connect(socket: &Path) -> io::Result<Wire> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (decoder, outcomes) = (ReplyDecoder::new(), std::collections::VecDeque::new());
        Ok(Wire { stream, decoder, outcomes, heartbeats: 0 })
    }

    /// A connection that has said `hello`, and what the engine said to that.
    pub fn greet(socket: &Path, hello: &ClientHello) -> (Wire, Said) {
        let mut wire = Wire::connect(socket).unwrap();
        // One that is refused at once is told so all the same.
        drop(wire.send(&hello_bytes(hello)));
        let said = wire.next();
        (wire, said)
    }

    /// A connection that was let in.
    pub fn open(socket: &Path, hello: &ClientHello) -> (Wire, EngineHello) {
        match Wire::greet(socket, hello) {
            (wire, Said::Hello(hello)) => (wire, hello),
            (_, other) => panic!("{other:?}"),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn batch(&mut self, number: u64, commands: &[Command]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let request = Request { number, tag: tag_of(number), ..Request::NONE };
        encode_batch(commands, &request, &mut bytes);
        self.send(&bytes)
    }

    pub fn heartbeat(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode_heartbeat(&mut bytes);
        self.send(&bytes)
    }

    /// What comes next.
    pub fn next(&mut self) -> Said {
        self.try_next().unwrap()
    }

    /// What comes next, or why nothing does.
    pub fn try_next(&mut self) -> io::Result<Said> {
        loop {
            if let Some((sequence, outcome)) = self.outcomes.pop_front() {
                return Ok(Said::Outcome(sequence, outcome));
            }
            match self.decoder.next_reply().expect("the engine keeps to the protocol") {
                Some(Reply::Hello(hello)) => return Ok(Said::Hello(hello)),
                Some(Reply::Outcomes { first_sequence, outcomes }) => {
                    self.outcomes.extend((first_sequence..).zip(outcomes.iter().copied()));
                    continue;
                }
                Some(Reply::Event(event)) => return Ok(Said::Event(*event)),
                Some(Reply::Origin(origin)) => return Ok(Said::Origin(origin)),
                Some(Reply::Error(error)) => return Ok(Said::Error(error)),
                Some(Reply::Heartbeat) => {
                    self.heartbeats += 1;
                    continue;
                }
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            match self.stream.read(self.decoder.frames().spare()) {
                Ok(0) => return Ok(Said::End),
                Ok(count) => self.decoder.frames().advance(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A side that ends a connection without having read all resets it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(Said::End);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The next outcome; nothing else may come before it.
    pub fn outcome(&mut self) -> (u64, Outcome) {
        match self.next() {
            Said::Outcome(sequence, outcome) => (sequence, outcome),
            other => panic!("{other:?}"),
        }
    }

    /// Passes over so many outcomes; nothing else may come between.
    pub fn outcomes(&mut self, count: usize) {
        for _ in 0..count {
            self.outcome();
        }
    }

    /// Expects that the engine ends the connection with this error; its value.
    pub fn refused(&mut self, code: ErrorCode) -> u64 {
        let said = self.next();
        let Said::Error(error) = said else { panic!("{said:?}, not {code:?}") };
        assert_eq!(error.code, code as u16, "{error}");
        assert_eq!(self.next(), Said::End);
        error.value
    }
}

/// The tag that tests give to a request.
pub fn tag_of(number: u64) -> u128 {
    u128::from(number) * 7
}

pub fn hello_bytes(hello: &ClientHello) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_client_hello(hello, &mut bytes);
    bytes
}

/// The hello of a session with a name, that has dealt with outcomes up to `last_sequence`.
pub fn named(session: u128, last_sequence: u64) -> ClientHello {
    ClientHello { session, last_sequence, ..ClientHello::default() }
}

pub fn account(id: u128) -> Command {
    let account = Account { id, ledger: 1, code: 1, ..Account::default() };
    Command::create_account(account)
}

pub fn transfer(id: u128, amount: u128) -> Command {
    let transfer = Transfer {
        id,
        debit_account_id: 1,
        credit_account_id: 2,
        amount,
        ledger: 1,
        code: 1,
        ..Transfer::default()
    };
    Command::create_transfer(transfer)
}

pub fn lookup(id: u128) -> Command {
    Command::lookup_account(Lookup { id, ..Lookup::default() })
}

/// A command without an id of its own.
pub fn policy(account_id: u128) -> Command {
    Command::set_account_policy(AccountPolicy { account_id, ..AccountPolicy::default() })
}
