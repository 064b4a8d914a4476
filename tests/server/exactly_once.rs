//! Each request takes effect once, whatever happens to connections and to the engine.
//!
//! Clients send commands with ids and without over connections that are cut anywhere, to an engine
//! that is killed at any time. In the end each has one outcome for each command, in order, and the
//! journal has no other command.

use std::io::Write;
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::engine::{Engine, WITH_LOG};
use super::support::{run, text};
use super::wire::{Said, Wire, account, hello_bytes, lookup, named, policy, tag_of, transfer};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence_codec::wire::{ClientHello, encode_batch};
use ringfence_types::{Command, Outcome, Request};
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
    /// Outcomes by request, each with its sequence.
    outcomes: Vec<Vec<(u64, Outcome)>>,
    last_sequence: u64,
    is_known: bool,
}

impl Client {
    fn new(session: u128, seed: u64) -> Client {
        let mut random = Pcg64::seed_from_u64(seed ^ session as u64);
        let requests: Vec<Vec<Command>> = (0..REQUESTS)
            .map(|number| {
                let id = session << 32 | u128::from(number) << 8;
                let length = random.random_range(1..20);
                match random.random_range(0..4) {
                    0 => (0..length).map(|index| transfer(id + index, 1)).collect(),
                    1 => (0..length).map(|_| policy(1)).collect(),
                    2 => (0..length).map(|_| lookup(2)).collect(),
                    _ => (0..length).map(|index| account(id + index)).collect(),
                }
            })
            .collect();
        let outcomes = vec![Vec::new(); requests.len()];
        Client { session, random, requests, outcomes, last_sequence: 0, is_known: false }
    }

    fn is_done(&self) -> bool {
        self.requests.iter().zip(&self.outcomes).all(|(sent, known)| sent.len() == known.len())
    }

    /// One connection: asks what was taken in, sends the rest, cuts it somewhere.
    fn connect(&mut self, socket: &Path) {
        let Ok(mut wire) = Wire::connect(socket) else {
            return std::thread::sleep(Duration::from_millis(5));
        };
        let hello = ClientHello {
            resume: self.is_known,
            events: self.random.random(),
            ..named(self.session, self.last_sequence)
        };
        if wire.send(&hello_bytes(&hello)).is_err() {
            return;
        }
        let hello = match wire.try_next() {
            Ok(Said::Hello(hello)) => hello,
            Ok(Said::Error(error)) => panic!("session {}: {error}", self.session),
            _ => return,
        };
        assert_eq!(hello.resumes_after, self.last_sequence, "nothing is gone");
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
                Ok(Said::End | Said::Error(_)) | Err(_) => return,
                Ok(_) => {}
            }
            if self.is_done() {
                return;
            }
        }
    }

    /// Outcomes come in the order of the commands.
    fn take(&mut self, sequence: u64, outcome: Outcome) {
        assert!(sequence > self.last_sequence, "session {}: {sequence} again", self.session);
        let next = (0..self.requests.len())
            .find(|&index| self.outcomes[index].len() < self.requests[index].len())
            .unwrap_or_else(|| panic!("session {}: one outcome too many", self.session));
        let known = &mut self.outcomes[next];
        let command = &self.requests[next][known.len()];
        assert_eq!((outcome.op, outcome.id), (command.header.op, command.id()));
        if let Some((before, _)) = known.last() {
            assert_eq!(sequence, before + 1, "a batch is executed as one");
        }
        known.push((sequence, outcome));
        self.last_sequence = sequence;
    }

    fn run(&mut self, socket: &Path) {
        while !self.is_done() {
            self.connect(socket);
        }
    }
}

/// One round: all clients to their end, while the engine is killed now and then.
fn round(dir: &Path, seed: u64) {
    println!("seed {seed}");
    let mut random = Pcg64::seed_from_u64(seed);
    let mut engine = Engine::start(dir, WITH_LOG);
    let (mut wire, _) = Wire::open(&engine.socket, &named(1, 0));
    wire.batch(1, &[account(1), account(2)]).unwrap();
    assert_eq!((wire.outcome().0, wire.outcome().0), (1, 2));
    drop(wire);
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

    // The journal has these commands and no other.
    let replayed = run(&["replay", "--data-dir", text(dir), "--outcomes"]);
    let lines = replayed.stdout.lines().filter(|line| line.starts_with("{\"sequence\""));
    let commands = clients.iter().flat_map(|it| &it.requests).map(Vec::len).sum::<usize>() + 2;
    assert_eq!(lines.count(), commands, "seed {seed}");
    let mut sequences: Vec<u64> = clients
        .iter()
        .flat_map(|it| it.outcomes.iter().flatten())
        .map(|(sequence, _)| *sequence)
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (3..=commands as u64).collect::<Vec<_>>(), "seed {seed}");
}

#[test]
fn each_request_takes_effect_once_and_each_outcome_arrives() {
    let first = std::env::var("RINGFENCE_SESSION_SEED").map_or(1, |text| text.parse().unwrap());
    for seed in (first..).take(rounds() as usize) {
        let folder = tempdir().unwrap();
        round(&folder.path().join("data"), seed);
    }
}
