//! Each request takes effect once, whatever happens to connections and to the engine.
//!
//! Clients send commands with ids and without over connections that are cut anywhere, to an engine
//! that is killed at any time. In the end each has one outcome for each command, in order, and the
//! journal has no other command.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::engine::{Engine, WITH_LOG};
use super::repeatable::{amendment, beginning, commands};
use super::support::{run, text};
use super::wire::{Said, Wire, hello_bytes, named, tag_of};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence_codec::wire::{
    ClientHello, EngineHello, ReplyEncoder, encode_batch, encode_engine_hello,
};
use ringfence_types::{Command, Op, Origin, Outcome, Request};
use tempfile::tempdir;

/// Clients of a round.
const CLIENTS: u128 = 3;
/// Requests of each client.
const REQUESTS: u64 = 40;

/// How often the engine is killed; more with the variable `RINGFENCE_SESSION_ROUNDS`.
fn rounds() -> u32 {
    std::env::var("RINGFENCE_SESSION_ROUNDS").map_or(4, |text| text.parse().expect("a number"))
}

/// A client that knows what it has sent, and what came of it.
struct Client {
    session: u128,
    random: Pcg64,
    requests: Vec<Vec<Command>>,
    /// All commands in their order.
    commands: Vec<Command>,
    /// Their outcomes, each with its sequence.
    outcomes: Vec<(u64, Outcome)>,
    /// How many outcomes came on this connection or before what it asked for.
    at: usize,
    is_known: bool,
    /// Outcomes that came again.
    again: usize,
}

impl Client {
    fn new(session: u128, seed: u64) -> Client {
        let mut random = Pcg64::seed_from_u64(seed ^ session as u64);
        let requests: Vec<Vec<Command>> =
            (1..=REQUESTS).map(|number| commands(session, number, &mut random)).collect();
        let (commands, outcomes) = (requests.concat(), Vec::new());
        Client { session, random, requests, commands, outcomes, at: 0, is_known: false, again: 0 }
    }

    fn is_done(&self) -> bool {
        self.outcomes.len() == self.commands.len()
    }

    /// Sequence of the outcome before number `at`.
    fn sequence_before(&self, at: usize) -> u64 {
        at.checked_sub(1).map_or(0, |last| self.outcomes[last].0)
    }

    /// One connection: asks what was taken in, sends the rest, cuts it somewhere. Now and then the
    /// client has lost some of what it knew, and is told it again.
    fn connect(&mut self, socket: &Path) {
        let Ok(mut wire) = Wire::connect(socket) else {
            return std::thread::sleep(Duration::from_millis(5));
        };
        let known = self.outcomes.len();
        let has_lost = self.is_known && self.random.random_range(0..3) == 0;
        self.at = if has_lost { self.random.random_range(0..=known) } else { known };
        let dealt_with = self.sequence_before(self.at);
        let hello = ClientHello {
            resume: self.is_known,
            events: self.random.random(),
            ..named(self.session, dealt_with)
        };
        if wire.send(&hello_bytes(&hello)).is_err() {
            return;
        }
        let hello = match wire.try_next() {
            Ok(Said::Hello(hello)) => hello,
            Ok(Said::Error(error)) => panic!("session {}: {error}", self.session),
            _ => return,
        };
        assert_eq!(hello.resumes_after, dealt_with, "nothing is gone");
        self.is_known |= hello.last_request > 0;
        let mut bytes = Vec::new();
        for number in hello.last_request + 1..=REQUESTS {
            let request = Request { number, tag: tag_of(number), ..Request::NONE };
            encode_batch(&self.requests[number as usize - 1], &request, &mut bytes);
        }
        // Cut anywhere, now and then not at all.
        let cut = self.random.random_range(0..bytes.len() * 5 / 4 + 1).min(bytes.len());
        if wire.stream.write_all(&bytes[..cut]).is_err() {
            return;
        }
        if cut < bytes.len() {
            // Nothing more comes from this side: what was sent whole is answered all the same.
            drop(wire.stream.shutdown(Shutdown::Write));
        }
        let wanted = self.random.random_range(0..400);
        for _ in 0..wanted {
            match wire.try_next() {
                Ok(Said::Outcome(sequence, outcome)) => self.take(sequence, outcome),
                Ok(Said::Origin(origin)) => self.check(&origin),
                Ok(Said::End | Said::Error(_)) | Err(_) => return,
                Ok(_) => {}
            }
            if self.is_done() {
                return;
            }
        }
    }

    /// Outcomes come in the order of the commands; one that comes again is the same again.
    fn take(&mut self, sequence: u64, outcome: Outcome) {
        let at = self.at;
        assert!(at < self.commands.len(), "session {}: one outcome too many", self.session);
        self.at += 1;
        if let Some(known) = self.outcomes.get(at) {
            assert_eq!((sequence, outcome), *known, "session {}: changed", self.session);
            self.again += 1;
            return;
        }
        let command = &self.commands[at];
        assert_eq!((outcome.op, outcome.id), (command.header.op, command.id()));
        let before = self.sequence_before(at);
        if self.place(at).1 > 0 {
            assert_eq!(sequence, before + 1, "a batch is executed as one");
        }
        assert!(sequence > before, "session {}: {sequence} again", self.session);
        self.outcomes.push((sequence, outcome));
    }

    /// The number of the request of command `at`, and its place in that.
    fn place(&self, at: usize) -> (u64, usize) {
        let mut left = at;
        for (number, request) in (1..).zip(&self.requests) {
            match left.checked_sub(request.len()) {
                Some(less) => left = less,
                None => return (number, left),
            }
        }
        panic!("there is no command {at}")
    }

    /// Outcomes that come again come with the request that they are of.
    fn check(&self, origin: &Origin) {
        let (number, _) = self.place(self.at);
        let request = Request { session: self.session, tag: tag_of(number), number, reserved: 0 };
        assert_eq!(origin.request, request);
        assert_eq!(origin.commands as usize, self.requests[number as usize - 1].len());
    }

    fn run(&mut self, socket: &Path) {
        while !self.is_done() {
            self.connect(socket);
        }
    }
}

/// Has the engine execute [`beginning`]; how many commands that are.
fn begin(engine: &Engine) -> usize {
    let (mut wire, _) = Wire::open(&engine.socket, &named(1, 0));
    let mut count = 0;
    for (number, batch) in (1..).zip(beginning()) {
        wire.batch(number, &batch).unwrap();
        for _ in &batch {
            count += 1;
            let (sequence, outcome) = wire.outcome();
            assert_eq!(sequence, count);
            assert!(outcome.status().is_success(), "{outcome:?}");
        }
    }
    count as usize
}

/// What the journal in `dir` says of each command: sequence, operation and status.
fn replayed(dir: &Path) -> Vec<(u64, String, String)> {
    let replayed = run(&["replay", "--data-dir", text(dir), "--outcomes"]);
    let lines = replayed.stdout.lines().filter(|line| line.starts_with("{\"sequence\""));
    let read = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        (text("sequence").parse().unwrap(), text("op"), text("status"))
    };
    lines.map(read).collect()
}

/// One round: all clients to their end, while the engine is killed now and then. How many outcomes
/// came again.
fn round(dir: &Path, seed: u64) -> usize {
    println!("seed {seed}");
    let mut random = Pcg64::seed_from_u64(seed);
    let mut engine = Engine::start(dir, WITH_LOG);
    let before = begin(&engine);
    let socket: PathBuf = engine.socket.clone();
    let left = Arc::new(AtomicU32::new(CLIENTS as u32));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            let (socket, left) = (socket.clone(), Arc::clone(&left));
            std::thread::spawn(move || {
                let mut client = Client::new(100 + index, seed);
                client.run(&socket);
                left.fetch_sub(1, Ordering::Relaxed);
                client
            })
        })
        .collect();
    let mut kills = 0;
    while left.load(Ordering::Relaxed) > 0 {
        std::thread::sleep(Duration::from_micros(random.random_range(500..60_000)));
        if kills < 6 {
            kills += 1;
            engine.kill();
            drop(std::fs::remove_file(&engine.socket));
            engine = Engine::start(dir, WITH_LOG);
        }
        let panicked = clients.iter().filter(|it| it.is_finished()).count() as u32;
        if panicked > CLIENTS as u32 - left.load(Ordering::Relaxed) {
            break;
        }
    }
    let clients: Vec<Client> = clients.into_iter().map(|it| it.join().unwrap()).collect();
    engine.stop();

    // The journal has these commands and no other, with the outcomes that the clients were told.
    let mut told: Vec<(u64, String, String)> = clients
        .iter()
        .flat_map(|client| &client.outcomes)
        .map(|(sequence, it)| (*sequence, it.op().name().into(), it.status().name().into()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, replayed(dir)[before..], "seed {seed}");
    for name in ["set_account_policy", "amend_order", "requeue_transfer"] {
        let is_done = |(_, op, status): &&(u64, String, String)| op == name && status == "ok";
        assert!(told.iter().any(|it| is_done(&it)), "seed {seed}: no {name} took effect");
    }
    clients.iter().map(|client| client.again).sum()
}

#[test]
fn each_request_takes_effect_once_and_each_outcome_arrives() {
    let first = std::env::var("RINGFENCE_SESSION_SEED").map_or(1, |text| text.parse().unwrap());
    let mut again = 0;
    for seed in (first..).take(rounds() as usize) {
        let folder = tempdir().unwrap();
        again += round(&folder.path().join("data"), seed);
    }
    println!("{again} outcomes came again");
    assert!(again > 0, "no outcome came a second time");
}

/// What a client of `session` sends: a hello, and the session's only request.
fn hello_and_batch(session: u128) -> Vec<u8> {
    let request = Request { number: 1, tag: tag_of(1), ..Request::NONE };
    let mut bytes = hello_bytes(&named(session, 0));
    encode_batch(&[amendment(11 + session as u64 % 7)], &request, &mut bytes);
    bytes
}

/// How long the engine's answer to that is: a hello, and one outcome.
fn reply_bytes() -> usize {
    let mut bytes = Vec::new();
    encode_engine_hello(&EngineHello::default(), &mut bytes);
    let mut encoder = ReplyEncoder::new();
    encoder.outcome(1, &Outcome::default(), &mut bytes);
    encoder.finish(&mut bytes);
    bytes.len()
}

/// The session's only request over two connections, of which the first is cut after `sent` bytes
/// from the client and `read` bytes from the engine. Returns the outcome.
fn cut_and_resumed(engine: &Engine, session: u128, sent: usize, read: usize) -> (u64, Outcome) {
    let bytes = hello_and_batch(session);
    let mut wire = Wire::connect(&engine.socket).unwrap();
    wire.stream.write_all(&bytes[..sent]).unwrap();
    wire.stream.read_exact(&mut vec![0; read]).unwrap();
    drop(wire);
    let (mut wire, hello) = Wire::open(&engine.socket, &named(session, 0));
    if hello.last_request == 0 {
        wire.stream.write_all(&bytes[hello_bytes(&named(session, 0)).len()..]).unwrap();
    } else {
        assert_eq!(hello.last_request, 1);
        assert!(matches!(wire.next(), Said::Origin(origin) if origin.request.number == 1));
    }
    wire.outcome()
}

#[test]
fn a_request_that_is_cut_at_any_byte_of_either_side_takes_effect_once() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start(&dir, WITH_LOG);
    let before = begin(&engine);
    let (sent_max, read_max) = (hello_and_batch(1000).len(), reply_bytes());
    let cuts = (0..=sent_max).map(|sent| (sent, 0)).chain((1..=read_max).map(|it| (sent_max, it)));
    let mut told = Vec::new();
    for (session, (sent, read)) in (1000..).zip(cuts) {
        let (sequence, outcome) = cut_and_resumed(&engine, session, sent, read);
        assert_eq!(outcome.op(), Op::AmendOrder);
        told.push((sequence, outcome.op().name().to_owned(), outcome.status().name().to_owned()));
    }
    engine.stop();
    assert_eq!(told, replayed(&dir)[before..]);
}
