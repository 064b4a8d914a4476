//! How many clients there can be, and what they cost.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::engine::{Engine, eventually};
use super::wire::{Said, Wire, account, hello_bytes, lookup, named};
use ringfence_codec::wire::{ClientHello, ErrorCode, Mode};
use ringfence_types::Command;
use tempfile::tempdir;

#[test]
fn connections_end_where_descriptors_do_and_the_journal_keeps_its_own() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start_with_descriptors(&dir, 300, &[]);
    let said = engine.said();
    assert!(said.contains("300 file descriptors suffice for"), "{said}");
    let (mut busy, _) = Wire::open(&engine.socket, &ClientHello::default());

    // Silent ones make way; those that have said hello stay.
    let silent: Vec<Wire> = (0..400).map(|_| Wire::connect(&engine.socket).unwrap()).collect();
    let (mut greeted, mut full) = (Vec::new(), 0);
    for _ in 0..300 {
        match Wire::greet(&engine.socket, &ClientHello::default()) {
            (wire, Said::Hello(_)) => greeted.push(wire),
            (_, Said::Error(error)) => {
                assert_eq!(error.code, ErrorCode::TooManySessions as u16, "{error}");
                full += 1;
            }
            (_, other) => panic!("{other:?}"),
        }
    }
    assert!(greeted.len() > 50 && full > 50, "{} let in, {full} not", greeted.len());
    drop(silent);
    // More than a segment of 2 MiB: the journal makes new ones.
    for first in 0..20 {
        let accounts: Vec<Command> =
            (0..1_000).map(|index| account(u128::from(first * 1_000 + index + 1_u32))).collect();
        busy.batch(0, &accounts).unwrap();
        busy.outcomes(1_000);
    }
    drop(greeted);
    eventually("there is room again", || {
        matches!(Wire::greet(&engine.socket, &ClientHello::default()), (_, Said::Hello(_)))
    });
    engine.stop();
}

#[test]
fn a_thousand_silent_connections_cost_a_few_kibibytes_each() {
    let folder = tempdir().unwrap();
    let engine = Engine::start(&folder.path().join("data"), &["--hello-timeout", "1min"]);
    let (mut busy, _) = Wire::open(&engine.socket, &ClientHello::default());
    busy.batch(0, &[account(1)]).unwrap();
    busy.outcome();
    let before = engine.status("VmRSS");
    let idle: Vec<Wire> = (0..1_000)
        .map(|number| {
            let mut wire = Wire::connect(&engine.socket).unwrap();
            if number % 2 == 0 {
                wire.send(&hello_bytes(&ClientHello::default())).unwrap();
                assert!(matches!(wire.next(), Said::Hello(_)));
            }
            wire
        })
        .collect();
    busy.batch(0, &[lookup(1)]).unwrap();
    assert!(matches!(busy.next(), Said::Event(_)));
    busy.outcome();
    let grown = engine.status("VmRSS").saturating_sub(before);
    assert!(grown < 16 * 1_000, "{grown} KiB for {} connections", idle.len());
}

#[test]
fn a_principal_has_so_many_connections_and_hellos() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let options = ["--connections-per-principal", "3"];
    let mut engine = Engine::start(&dir, &options);
    let mut three: Vec<Wire> =
        (0..3).map(|_| Wire::open(&engine.socket, &ClientHello::default()).0).collect();
    let (mut fourth, first) = Wire::greet(&engine.socket, &ClientHello::default());
    let Said::Error(error) = first else { panic!("{first:?}") };
    assert_eq!((error.code, error.value), (ErrorCode::TooManyConnections as u16, 3));
    assert_eq!(fourth.next(), Said::End);
    three.pop();
    eventually("a place is free again", || {
        matches!(Wire::greet(&engine.socket, &ClientHello::default()), (_, Said::Hello(_)))
    });
    engine.stop();

    let engine = Engine::start(&dir, &["--requests-per-second", "50"]);
    let (mut wire, _) = Wire::open(&engine.socket, &ClientHello::default());
    let start = Instant::now();
    // What a second gives is there at once, the rest comes at its time.
    for _ in 0..100 {
        wire.batch(0, &[account(1)]).unwrap();
    }
    wire.outcomes(100);
    let took = start.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&took), "{took:?}");
    // Hellos count too: one after the other they come faster than they may.
    let refused =
        (0..1_000).find_map(|_| match Wire::greet(&engine.socket, &ClientHello::default()) {
            (_, Said::Error(error)) => Some(error),
            (_, Said::Hello(_)) => None,
            (_, other) => panic!("{other:?}"),
        });
    let refused = refused.expect("a thousand in a second are too many");
    assert_eq!((refused.code, refused.value), (ErrorCode::RateLimited as u16, 50));
}

#[test]
fn the_engine_says_what_applies() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let options = ["--in-flight-commands-max", "500", "--socket-mode", "0640", "--outcome-log=off"];
    let mut engine = Engine::start(&dir, &options);
    let mode = std::fs::metadata(&engine.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let cases = [(0, 500), (100, 100), (1_000, 500)];
    for (wish, applies) in cases {
        let hello = ClientHello { in_flight_commands_max: wish, ..named(7, 0) };
        let (_, hello) = Wire::open(&engine.socket, &hello);
        assert_eq!(hello.in_flight_commands_max, applies);
        assert_eq!((hello.batch_commands_max, hello.idle_timeout_ms), (8_192, 30_000));
        assert_eq!(hello.mode, Mode::Commands);
    }
    // Without an outcome log there is nothing to follow.
    let follows = ClientHello { mode: Mode::Subscription, ..ClientHello::default() };
    let mut wire = Wire::connect(&engine.socket).unwrap();
    wire.send(&hello_bytes(&follows)).unwrap();
    wire.refused(ErrorCode::NoOutcomeLog);
    // A version of its own is named.
    let mut old = hello_bytes(&ClientHello::default());
    old[24] = 2;
    let checksum = crc32c::crc32c(&old[8..]);
    old[4..8].copy_from_slice(&checksum.to_le_bytes());
    let mut wire = Wire::connect(&engine.socket).unwrap();
    wire.send(&old).unwrap();
    assert_eq!(wire.refused(ErrorCode::UnsupportedVersion), 3);

    let (mut wire, _) = Wire::open(&engine.socket, &ClientHello::default());
    engine.stop();
    wire.refused(ErrorCode::Stopping);
    let mode = std::fs::metadata(&engine.socket);
    assert!(mode.is_err(), "its socket is gone with it");
}

#[test]
fn all_together_are_owed_so_much_and_who_reads_is_not_ended() {
    let folder = tempdir().unwrap();
    let options = ["--owed-bytes-in-all-max", "4194304", "--idle-timeout", "1min"];
    let engine = Engine::start(&folder.path().join("data"), &options);
    let (mut reader, _) = Wire::open(&engine.socket, &ClientHello::default());
    reader.batch(0, &[account(1)]).unwrap();
    reader.outcome();
    // Each is owed 272 bytes a look-up, which it does not take: alone it would be within the limit.
    let lookups: Vec<Command> = (0..8_000).map(|_| lookup(1)).collect();
    let mut deaf: Vec<Wire> = (0..4)
        .map(|_| {
            let (mut wire, _) = Wire::open(&engine.socket, &ClientHello::default());
            wire.batch(0, &lookups).unwrap();
            wire
        })
        .collect();
    eventually("somebody is ended", || {
        reader.batch(0, &[lookup(1)]).unwrap();
        assert!(matches!(reader.next(), Said::Event(_)));
        reader.outcome();
        engine.said().contains("error 11")
    });
    // Those that were not ended get all of it.
    let mut whole = 0;
    for wire in &mut deaf {
        let is_answer = |said: &Said| matches!(said, Said::Outcome(..) | Said::Event(_));
        let count = std::iter::repeat_with(|| wire.try_next().unwrap_or(Said::End))
            .take_while(is_answer)
            .take(2 * lookups.len())
            .count();
        whole += usize::from(count == 2 * lookups.len());
    }
    assert!((1..4).contains(&whole), "{whole} of 4 were not ended");
}
