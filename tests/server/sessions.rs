//! Sessions with a name.

use std::path::Path;

use super::engine::{Engine, WITH_LOG};
use super::wire::{Said, Wire, account, lookup, named, policy, tag_of, transfer};
use ringfence_codec::wire::{ClientHello, EngineHello, ErrorCode};
use ringfence_types::{EventKind, Outcome};
use tempfile::tempdir;

const SESSION: u128 = 0xfeed_0000_0000_0000_0000_0000_0000_0007;

/// Three requests: two accounts, a transfer and a policy, a look-up. Their outcomes.
fn send_some(wire: &mut Wire) -> Vec<(u64, Outcome)> {
    wire.batch(1, &[account(1), account(2)]).unwrap();
    wire.batch(5, &[transfer(10, 3)]).unwrap();
    wire.batch(6, &[policy(1)]).unwrap();
    let mut outcomes: Vec<_> = (0..4).map(|_| wire.outcome()).collect();
    wire.batch(9, &[lookup(1)]).unwrap();
    let found = wire.next();
    assert!(matches!(found, Said::Event(event) if event.kind() == EventKind::AccountBody));
    outcomes.push(wire.outcome());
    outcomes
}

/// What is sent again to one that has dealt with outcomes up to `after`.
fn resume(socket: &Path, after: u64) -> (Wire, EngineHello, Vec<Said>) {
    let hello = ClientHello { resume: true, ..named(SESSION, after) };
    let (mut wire, hello) = Wire::open(socket, &hello);
    let mut again = Vec::new();
    while again.last().map_or(hello.resumes_after, sequence) < hello.last_sequence {
        again.push(wire.next());
    }
    (wire, hello, again)
}

fn sequence(said: &Said) -> u64 {
    match said {
        Said::Outcome(sequence, _) => *sequence,
        _ => 0,
    }
}

fn outcomes(said: &[Said]) -> Vec<(u64, Outcome)> {
    let outcome = |it: &Said| match it {
        Said::Outcome(sequence, outcome) => Some((*sequence, *outcome)),
        _ => None,
    };
    said.iter().filter_map(outcome).collect()
}

#[test]
fn a_client_that_comes_back_gets_what_it_has_missed_and_goes_on() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start(&dir, WITH_LOG);
    let (mut wire, hello) = Wire::open(&engine.socket, &named(SESSION, 0));
    assert!(!hello.is_known);
    assert_eq!((hello.last_request, hello.last_sequence, hello.resumes_after), (0, 0, 0));
    let first = send_some(&mut wire);
    drop(wire);
    // Others come between; they are nobody's business.
    let (mut other, _) = Wire::open(&engine.socket, &ClientHello::default());
    other.batch(0, &[account(3), account(4)]).unwrap();
    assert_eq!((other.outcome().0, other.outcome().0), (6, 7));

    // After a cut, after a kill, and after a clean end.
    for round in 0..3 {
        let (_, hello, again) = resume(&engine.socket, 0);
        assert!(hello.is_known);
        assert_eq!((hello.last_request, hello.last_sequence, hello.resumes_after), (9, 5, 0));
        assert_eq!(outcomes(&again), first, "round {round}");
        let origins = again.iter().filter_map(|it| match it {
            Said::Origin(origin) => Some((origin.first_sequence, origin.request)),
            _ => None,
        });
        let origins: Vec<_> = origins.map(|(first, it)| (first, it.number, it.tag)).collect();
        let expected = [(1, 1), (3, 5), (4, 6), (5, 9)];
        assert_eq!(origins, expected.map(|(first, number)| (first, number, tag_of(number))));
        let place = again.iter().position(|it| matches!(it, Said::Event(_))).unwrap();
        assert!(matches!(again[place - 1], Said::Origin(it) if it.first_sequence == 5));

        let (_, hello, again) = resume(&engine.socket, 4);
        assert_eq!(hello.resumes_after, 4);
        assert_eq!(outcomes(&again), first[4..], "round {round}");
        // In the middle of a batch, too.
        let (_, _, again) = resume(&engine.socket, 1);
        assert_eq!(outcomes(&again), first[1..], "round {round}");
        assert!(matches!(again[0], Said::Origin(it) if it.first_sequence == 1));
        match round {
            0 => engine.kill(),
            1 => engine.stop(),
            _ => break,
        }
        engine = Engine::start(&dir, WITH_LOG);
    }
    let (mut wire, _, again) = resume(&engine.socket, 5);
    assert_eq!(again, []);
    wire.batch(10, &[account(5)]).unwrap();
    assert_eq!(wire.outcome().0, 8);
}

#[test]
fn without_an_outcome_log_a_client_learns_that_outcomes_are_gone() {
    let folder = tempdir().unwrap();
    let engine = Engine::start(&folder.path().join("data"), &["--outcome-log=off"]);
    let (mut wire, _) = Wire::open(&engine.socket, &named(SESSION, 0));
    send_some(&mut wire);
    drop(wire);
    let (mut wire, hello, again) = resume(&engine.socket, 2);
    assert_eq!((hello.last_request, hello.last_sequence, hello.resumes_after), (9, 5, 5));
    assert_eq!(again, []);
    wire.batch(10, &[lookup(2)]).unwrap();
    assert!(matches!(wire.next(), Said::Event(_)));
    assert_eq!(wire.outcome().0, 6);
}

#[test]
fn who_comes_with_the_name_of_a_session_takes_it_over() {
    let folder = tempdir().unwrap();
    let engine = Engine::start(&folder.path().join("data"), WITH_LOG);
    let (mut former, _) = Wire::open(&engine.socket, &named(SESSION, 0));
    let first = send_some(&mut former);
    let (mut holder, hello) = Wire::open(&engine.socket, &named(SESSION, 5));
    assert_eq!((hello.last_request, hello.last_sequence), (9, 5));
    // What the former one still sends goes nowhere.
    drop(former.batch(10, &[account(7)]));
    assert_eq!(former.refused(ErrorCode::Superseded), 0);
    holder.batch(10, &[account(8)]).unwrap();
    let (sequence, outcome) = holder.outcome();
    assert_eq!((sequence, outcome.id), (first.len() as u64 + 1, 8));

    // Many of them, each with a request under way: one wins, and each request is executed once.
    let mut last = hello.last_sequence;
    for number in 11..60 {
        let (mut wire, hello) = Wire::open(&engine.socket, &named(SESSION, 6));
        wire.batch(number, &[policy(1), policy(2)]).unwrap();
        assert!(hello.last_sequence >= last && hello.last_request < number);
        last = hello.last_sequence;
    }
    let (_, hello, again) = resume(&engine.socket, 6);
    let sequences: Vec<u64> = outcomes(&again).iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (7..=hello.last_sequence).collect::<Vec<_>>());
}

#[test]
fn a_session_that_does_not_fit_is_refused_with_a_code_of_its_own() {
    let folder = tempdir().unwrap();
    let mut options = WITH_LOG.to_vec();
    options.extend(["--sessions", "2"]);
    let engine = Engine::start(&folder.path().join("data"), &options);
    let refused = |hello: &ClientHello, code| {
        let mut wire = Wire::connect(&engine.socket).unwrap();
        wire.send(&super::wire::hello_bytes(hello)).unwrap();
        wire.refused(code)
    };
    let resumed = ClientHello { resume: true, ..named(SESSION, 0) };
    refused(&resumed, ErrorCode::UnknownSession);
    assert_eq!(refused(&named(SESSION, 1), ErrorCode::SequenceAhead), 0);
    let (mut wire, hello) = Wire::open(&engine.socket, &named(SESSION, 0));
    send_some(&mut wire);
    assert_eq!(refused(&named(SESSION, 6), ErrorCode::SequenceAhead), 5);
    let (journal, epoch) = (hello.journal, hello.epoch);
    assert_ne!(journal, [0; 16]);
    let expecting = |journal, epoch| ClientHello { journal, epoch, ..resumed.clone() };
    refused(&expecting([7; 16], epoch), ErrorCode::OtherHistory);
    refused(&expecting(journal, epoch + 1), ErrorCode::OtherHistory);
    // None of these has harmed the holder.
    wire.batch(20, &[policy(1)]).unwrap();
    assert_eq!(wire.outcome().0, 6);
    let (mut wire, _) =
        Wire::open(&engine.socket, &ClientHello { last_sequence: 6, ..expecting(journal, epoch) });

    // A number that does not increase: nothing of the batch is executed.
    wire.batch(20, &[account(9)]).unwrap();
    assert_eq!(wire.refused(ErrorCode::RequestNotIncreasing), 20);
    let (mut second, _) = Wire::open(&engine.socket, &named(2, 0));
    second.batch(1, &[account(9)]).unwrap();
    let (sequence, outcome) = second.outcome();
    assert_eq!((sequence, outcome.status().name()), (7, "created"));
    refused(&named(3, 0), ErrorCode::SessionsFull);
    // Those without a name are not concerned.
    let (mut wire, _) = Wire::open(&engine.socket, &ClientHello::default());
    wire.batch(0, &[account(10)]).unwrap();
    assert_eq!(wire.outcome().0, 8);
}

#[test]
fn a_place_in_the_table_is_found_when_the_first_request_comes() {
    let folder = tempdir().unwrap();
    let engine = Engine::start(&folder.path().join("data"), &["--sessions", "1"]);
    let (mut first, _) = Wire::open(&engine.socket, &named(1, 0));
    let (mut second, _) = Wire::open(&engine.socket, &named(2, 0));
    second.batch(1, &[account(1)]).unwrap();
    assert_eq!(second.outcome().0, 1);
    first.batch(1, &[account(2)]).unwrap();
    first.refused(ErrorCode::SessionsFull);
    second.batch(2, &[account(2)]).unwrap();
    let (sequence, outcome) = second.outcome();
    assert_eq!((sequence, outcome.status().name()), (2, "created"));
}
