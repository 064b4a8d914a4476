//! What the twin knows, and the connections on which it is compared.

use std::collections::VecDeque;

use ringfence::codec::wire::{ClientHello, EngineHello, ErrorCode};
use ringfence::types::Outcome;

use super::{Command, Connection, Request, Said, Served, command, encode_batch, encode_heartbeat};

/// Connections of an input.
pub(super) const SLOTS: usize = 3;
/// Sessions of an input; the last has no name.
pub(super) const SESSIONS: usize = 3;
const UNNAMED: usize = SESSIONS - 1;

/// Which outcomes a client says that it has dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dealt {
    Nothing,
    Half,
    All,
    TooMuch,
}

/// A batch that was sent whole.
struct Batch {
    number: u64,
    commands: Vec<(Command, &'static str)>,
    /// As far as they are known.
    outcomes: Vec<(u64, Outcome)>,
    /// Whether the engine has taken it in; `None`: nothing has told yet.
    is_in: Option<bool>,
}

#[derive(Default)]
struct Session {
    id: u128,
    batches: Vec<Batch>,
}

impl Session {
    /// The number of the last batch that is known to be in.
    fn last_number(&self) -> u64 {
        self.known_in().map(|batch| batch.number).max().unwrap_or(0)
    }

    fn known_in(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().filter(|batch| batch.is_in == Some(true))
    }

    /// The hello says that everything up to `number` is in, and nothing else.
    fn settle(&mut self, number: u64) {
        let may_be = |batch: &Batch| batch.number == number && batch.is_in != Some(false);
        assert!(number == 0 || self.batches.iter().any(may_be), "request {number} is not known");
        assert!(number >= self.last_number(), "request {} is lost", self.last_number());
        for batch in self.batches.iter_mut().filter(|batch| batch.is_in.is_none()) {
            batch.is_in = Some(batch.number <= number);
        }
        self.batches.retain(|batch| batch.is_in == Some(true));
    }

    /// Every outcome that is known, in order.
    fn sequences(&self) -> Vec<u64> {
        let outcomes = self.batches.iter().flat_map(|batch| &batch.outcomes);
        outcomes.map(|(sequence, _)| *sequence).collect()
    }
}

struct Slot {
    connection: Connection,
    session: usize,
    last_number: u64,
    /// Numbers of batches whose outcomes were not read, and how many of those were.
    unread: VecDeque<u64>,
}

/// The twin.
pub(super) struct World<'a> {
    served: &'a Served,
    sessions: [Session; SESSIONS],
    slots: [Option<Slot>; SLOTS],
    /// Numbers of batches without a name, so that they are told apart.
    unnamed: u64,
    next_id: u128,
}

impl<'a> World<'a> {
    pub fn new(served: &'a Served, number: u64) -> World<'a> {
        let id = u128::from(number) << 32;
        let mut sessions: [Session; SESSIONS] = Default::default();
        for (index, session) in (1..).zip(&mut sessions[..UNNAMED]) {
            session.id = id | index;
        }
        World { served, sessions, slots: Default::default(), unnamed: 0, next_id: id | 1 }
    }

    /// Says hello on a new connection, and compares the answer and what comes again.
    pub fn connect(&mut self, slot: usize, session: usize, dealt: Dealt, resume: bool) {
        self.close(slot);
        let last_sequence = self.last_sequence(session, dealt);
        let twin = &self.sessions[session];
        let mut connection = self.served.connect();
        let hello =
            ClientHello { session: twin.id, resume, last_sequence, ..ClientHello::default() };
        connection.hello(&hello);
        let is_known = twin.known_in().next().is_some();
        let may_be_known = is_known || twin.batches.iter().any(|batch| batch.is_in.is_none());
        let hello = match connection.hear() {
            Said::Hello(hello) => hello,
            Said::Error(error) => {
                let is_ahead = dealt == Dealt::TooMuch && session != UNNAMED;
                let allowed = [
                    (resume && (!is_known || session == UNNAMED))
                        .then_some(ErrorCode::UnknownSession),
                    (is_ahead && (may_be_known || !resume)).then_some(ErrorCode::SequenceAhead),
                ];
                let code = ErrorCode::from_number(error.code);
                assert!(code.is_some() && allowed.contains(&code), "{error}");
                return assert_eq!(connection.hear(), Said::End);
            }
            other => panic!("{other:?}"),
        };
        if session == UNNAMED {
            assert!(!resume && !hello.is_known && hello.last_request == 0, "{hello:?}");
        } else {
            assert!(dealt != Dealt::TooMuch && (may_be_known || !resume), "{hello:?}");
            self.take_over(session, &hello);
            self.take_again(session, &mut connection, last_sequence, &hello);
        }
        let last_number = hello.last_request;
        self.slots[slot] = Some(Slot { connection, session, last_number, unread: VecDeque::new() });
    }

    fn last_sequence(&self, session: usize, dealt: Dealt) -> u64 {
        let known = self.sessions[session].sequences();
        match dealt {
            Dealt::Nothing => 0,
            Dealt::Half => known.get(known.len() / 2).copied().unwrap_or(0),
            Dealt::All => known.last().copied().unwrap_or(0),
            Dealt::TooMuch => u64::MAX,
        }
    }

    /// A new connection has been let in: what it was told holds, and the former holder is ended.
    fn take_over(&mut self, session: usize, hello: &EngineHello) {
        let twin = &mut self.sessions[session];
        twin.settle(hello.last_request);
        assert_eq!(hello.is_known, !twin.batches.is_empty());
        for index in 0..SLOTS {
            if self.slots[index].as_ref().is_some_and(|slot| slot.session == session) {
                self.end(index, ErrorCode::Superseded);
            }
        }
    }

    /// Reads what comes again after `last_sequence`: origins, and the outcomes of all of their
    /// commands.
    fn take_again(
        &mut self,
        session: usize,
        connection: &mut Connection,
        last_sequence: u64,
        hello: &EngineHello,
    ) {
        assert_eq!(hello.resumes_after, last_sequence, "nothing is gone");
        let twin = &mut self.sessions[session];
        let mut last = 0;
        for batch in &mut twin.batches {
            let dealt = |(sequence, _): &&(u64, Outcome)| *sequence <= last_sequence;
            let first = batch.outcomes.iter().filter(dealt).count();
            if first < batch.commands.len() {
                let Said::Origin(origin) = connection.hear() else {
                    panic!("an origin is missing")
                };
                assert_eq!(origin.request.number, batch.number);
                assert_eq!(origin.commands as usize, batch.commands.len());
            }
            for at in first..batch.commands.len() {
                take(batch, at, connection.hear());
            }
            last = batch.outcomes.last().expect("a batch has a command").0;
        }
        assert_eq!(hello.last_sequence, last);
    }

    /// Sends a batch; with `reads` its outcomes are waited for.
    pub fn batch(&mut self, slot: usize, step: u8, kind: u8, reads: bool) {
        let Some(it) = &self.slots[slot] else { return };
        let number = it.last_number.wrapping_add(u64::from(step & 7));
        let is_named = it.session != UNNAMED;
        let refused = if is_named != (number != 0) {
            Some(ErrorCode::BadValue)
        } else {
            (is_named && number <= it.last_number).then_some(ErrorCode::RequestNotIncreasing)
        };
        let (bytes, commands) = self.make(number, kind);
        let it = self.slots[slot].as_mut().expect("it is there");
        it.connection.send(&bytes);
        if let Some(code) = refused {
            return self.end(slot, code);
        }
        let mut number = number;
        if is_named {
            it.last_number = number;
        } else {
            self.unnamed += 1;
            number = self.unnamed;
        }
        it.unread.push_back(number);
        let batch = Batch { number, commands, outcomes: Vec::new(), is_in: None };
        self.sessions[it.session].batches.push(batch);
        if reads {
            self.read(slot);
        }
    }

    /// The bytes of a batch of one to four commands of one kind.
    fn make(&mut self, number: u64, kind: u8) -> (Vec<u8>, Vec<(Command, &'static str)>) {
        let commands: Vec<(Command, &str)> = (0..=kind >> 6)
            .map(|_| {
                self.next_id += 1;
                command(kind, self.next_id)
            })
            .collect();
        let mut bytes = Vec::new();
        let sent: Vec<Command> = commands.iter().map(|(command, _)| *command).collect();
        encode_batch(&sent, &Request { number, ..Request::NONE }, &mut bytes);
        (bytes, commands)
    }

    /// Sends a part of a batch, and closes the connection: nothing of it takes effect.
    pub fn cut_batch(&mut self, slot: usize, length: u8) {
        let Some(it) = &self.slots[slot] else { return };
        let number = it.last_number + u64::from(it.session != UNNAMED);
        let (bytes, _) = self.make(number, 0);
        let length = usize::from(length).min(bytes.len() - 1);
        self.slots[slot].as_mut().expect("it is there").connection.send(&bytes[..length]);
        self.close(slot);
    }

    /// Sends what is no message: what was sent before is answered, then the connection ends.
    pub fn garbage(&mut self, slot: usize) {
        if let Some(it) = &mut self.slots[slot] {
            it.connection.send(&[0xff; 48]);
            self.end(slot, ErrorCode::UnexpectedMessage);
        }
    }

    pub fn heartbeat(&mut self, slot: usize) {
        if let Some(it) = &mut self.slots[slot] {
            let mut bytes = Vec::new();
            encode_heartbeat(&mut bytes);
            it.connection.send(&bytes);
        }
    }

    /// Closes a connection; whether what it sent last takes effect is not known then.
    pub fn close(&mut self, slot: usize) {
        self.slots[slot] = None;
    }

    /// Reads the outcomes of everything that was sent on a connection.
    fn read(&mut self, slot: usize) {
        let it = self.slots[slot].as_mut().expect("it is there");
        for number in it.unread.drain(..) {
            let batches = &mut self.sessions[it.session].batches;
            let batch = batches.iter_mut().find(|batch| batch.number == number);
            let batch = batch.expect("what was sent and not taken back is known");
            for at in 0..batch.commands.len() {
                take(batch, at, it.connection.hear());
            }
            batch.is_in = Some(true);
        }
    }

    /// Reads what is owed, then the error with which the connection ends.
    fn end(&mut self, slot: usize, code: ErrorCode) {
        let it = self.slots[slot].as_mut().expect("it is there");
        // Of a session that was taken over, the hello has told which of them are in.
        let batches = &self.sessions[it.session].batches;
        it.unread.retain(|number| batches.iter().any(|batch| batch.number == *number));
        self.read(slot);
        let mut it = self.slots[slot].take().expect("it is there");
        match it.connection.hear() {
            Said::Error(error) => assert_eq!(error.code, code as u16, "{error}"),
            other => panic!("{other:?}, not {code:?}"),
        }
        assert_eq!(it.connection.hear(), Said::End);
    }

    /// Everything that took effect comes again from the start, once.
    pub fn end_all(&mut self) {
        for session in 0..UNNAMED {
            self.connect(0, session, Dealt::Nothing, false);
        }
    }
}

/// Takes the outcome of command `at` of `batch`: a new one follows the one before, a known one is
/// the same again.
fn take(batch: &mut Batch, at: usize, said: Said) {
    let Said::Outcome(sequence, outcome) = said else { panic!("{said:?}, not an outcome") };
    let (command, status) = &batch.commands[at];
    assert_eq!((outcome.op, outcome.id), (command.header.op, command.id()));
    assert_eq!(outcome.status().name(), *status);
    match batch.outcomes.get(at) {
        Some(known) => assert_eq!((sequence, outcome), *known, "it has changed"),
        None => {
            assert_eq!(at, batch.outcomes.len());
            if let Some((before, _)) = batch.outcomes.last() {
                assert_eq!(sequence, before + 1, "a batch is executed as one");
            }
            batch.outcomes.push((sequence, outcome));
        }
    }
}
