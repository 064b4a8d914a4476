//! Clients that do what they should not: nobody else notices.

use std::io::Write;
use std::time::{Duration, Instant};

use super::engine::{Engine, eventually};
use super::wire::{Said, Wire, account, hello_bytes, lookup, named};
use ringfence_codec::wire::{ClientHello, ErrorCode, encode_batch};
use ringfence_types::{Command, Request};
use tempfile::tempdir;

/// A client that is well all the time.
struct Witness(Wire);

impl Witness {
    fn new(engine: &Engine) -> Witness {
        let (mut wire, _) = Wire::open(&engine.socket, &ClientHello::default());
        wire.batch(0, &[account(1)]).unwrap();
        assert_eq!(wire.outcome().1.status().name(), "created");
        Witness(wire)
    }

    /// Asks something, and is answered.
    fn asks(&mut self) -> Duration {
        let start = Instant::now();
        self.0.batch(0, &[lookup(1)]).unwrap();
        assert!(matches!(self.0.next(), Said::Event(_)));
        assert_eq!(self.0.outcome().1.status().name(), "found");
        start.elapsed()
    }
}

#[test]
fn what_is_no_hello_is_refused_with_its_code() {
    let folder = tempdir().unwrap();
    let engine = Engine::start(&folder.path().join("data"), &[]);
    let mut witness = Witness::new(&engine);
    let good = hello_bytes(&ClientHello { token: vec![7; 20], ..named(9, 0) });
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let mut batch = Vec::new();
    encode_batch(&[account(5)], &Request::NONE, &mut batch);
    let cases: [(&str, Vec<u8>, ErrorCode); 7] = [
        ("garbage", b"GET / HTTP/1.1\r\nHost: engine\r\n\r\n".repeat(4), ErrorCode::BadMagic),
        ("zeros", vec![0; 4_096], ErrorCode::BadMagic),
        ("a batch first", batch, ErrorCode::BadMagic),
        ("a length", with(0, 96), ErrorCode::BadLength),
        ("a checksum", with(5, good[5] ^ 1), ErrorCode::BadChecksum),
        ("a byte of the magic", with(16, b'X'), ErrorCode::BadChecksum),
        ("two hellos", [good.clone(), good.clone()].concat(), ErrorCode::UnexpectedMessage),
    ];
    for (name, bytes, code) in cases {
        let mut wire = Wire::connect(&engine.socket).unwrap();
        wire.send(&bytes).unwrap();
        let first = wire.next();
        let said = if matches!(first, Said::Hello(_)) { wire.next() } else { first };
        let Said::Error(error) = said else { panic!("{name}: {said:?}") };
        assert_eq!(error.code, code as u16, "{name}: {error}");
        assert_eq!(wire.next(), Said::End, "{name}");
        witness.asks();
    }
}

#[test]
fn a_stream_that_is_cut_at_any_byte_leaves_nothing_behind() {
    let folder = tempdir().unwrap();
    let mut engine = Engine::start(&folder.path().join("data"), &[]);
    let mut witness = Witness::new(&engine);
    let mut bytes = hello_bytes(&named(9, 0));
    let request = Request { number: 1, ..Request::NONE };
    encode_batch(&[account(77)], &request, &mut bytes);
    for length in 0..bytes.len() {
        let mut wire = Wire::connect(&engine.socket).unwrap();
        wire.send(&bytes[..length]).unwrap();
        drop(wire);
    }
    witness.asks();
    let (mut wire, hello) = Wire::open(&engine.socket, &named(9, 0));
    assert!(!hello.is_known, "no part of a batch was taken in");
    wire.batch(1, &[account(77)]).unwrap();
    assert_eq!(wire.outcome().1.status().name(), "created");
    engine.stop();
}

#[test]
fn who_is_slow_to_say_hello_or_silent_is_cut_off_and_others_are_not() {
    let folder = tempdir().unwrap();
    let options = ["--hello-timeout", "300ms", "--idle-timeout", "1500ms"];
    let engine = Engine::start(&folder.path().join("data"), &options);
    let mut witness = Witness::new(&engine);
    let mut silent = Wire::connect(&engine.socket).unwrap();
    let mut slow = Wire::connect(&engine.socket).unwrap();
    let hello = hello_bytes(&ClientHello::default());
    let start = Instant::now();
    for byte in &hello {
        if slow.send(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() < Duration::from_secs(1), "it was cut off before its hello was whole");
    slow.refused(ErrorCode::HelloTimeout);
    silent.refused(ErrorCode::HelloTimeout);

    // One that says hello and nothing more, one that says that it is there, one that asks.
    let (mut idle, hello) = Wire::open(&engine.socket, &ClientHello::default());
    assert_eq!(hello.idle_timeout_ms, 1_500);
    let (mut alive, _) = Wire::open(&engine.socket, &ClientHello::default());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        alive.heartbeat().unwrap();
        witness.asks();
        std::thread::sleep(Duration::from_millis(100));
    }
    idle.refused(ErrorCode::IdleTimeout);
    assert!((1..=4).contains(&idle.heartbeats), "{}", idle.heartbeats);
    alive.batch(0, &[account(2)]).unwrap();
    alive.outcome();
    assert!((3..=8).contains(&alive.heartbeats), "{}", alive.heartbeats);
}

#[test]
fn who_never_reads_is_cut_off_and_holds_up_nobody() {
    let folder = tempdir().unwrap();
    let options = ["--idle-timeout", "1s"];
    let engine = Engine::start(&folder.path().join("data"), &options);
    let mut witness = Witness::new(&engine);
    let (mut deaf, _) = Wire::open(&engine.socket, &ClientHello::default());
    let lookups: Vec<Command> = std::iter::repeat_with(|| lookup(1)).take(1_000).collect();
    deaf.stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let start = Instant::now();
    // Until the engine reads no further, and then has had enough.
    let sender = std::thread::spawn(move || {
        while deaf.batch(0, &lookups).is_ok() {}
        deaf
    });
    while !sender.is_finished() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is never cut off");
        assert!(witness.asks() < Duration::from_secs(2));
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(sender.join().unwrap());
    assert!(engine.status("VmRSS") < 2 << 20, "{} KiB", engine.status("VmRSS"));
    witness.asks();
}

#[test]
fn a_storm_of_connections_costs_the_others_little() {
    let folder = tempdir().unwrap();
    let mut engine = Engine::start(&folder.path().join("data"), &[]);
    let mut witness = Witness::new(&engine);
    let socket = engine.socket.clone();
    let storm: Vec<_> = (0..4)
        .map(|number| {
            let socket = socket.clone();
            std::thread::spawn(move || {
                for round in 0..300 {
                    let Ok(mut wire) = Wire::connect(&socket) else { continue };
                    match (round + number) % 4 {
                        0 => {}
                        1 => drop(wire.send(b"nonsense and more of it")),
                        2 => drop(wire.send(&hello_bytes(&named(5, 0)))),
                        _ => {
                            drop(wire.send(&hello_bytes(&ClientHello::default())));
                            drop(wire.stream.write_all(&[0xff; 64]));
                        }
                    }
                }
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    while storm.iter().any(|thread| !thread.is_finished()) {
        slowest = slowest.max(witness.asks());
    }
    storm.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // All of their places are free again.
    eventually("connections stay open", || {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", engine.child.id())).unwrap();
        descriptors.count() < 60
    });
    engine.stop();
}
