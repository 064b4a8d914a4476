//! What breaks the protocol is found and named, and nothing else is let in.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{
    account_event, ask, ask_named, grant, numbered, outcome, replies, reply_stream, request_stream,
    requests, transfers,
};
use crate::wire::*;
use ringfence_types::*;

/// A hello and one message whose bytes `damage` changed, its length and checksum set right again
/// if `mend`.
fn damaged(command: Command, mend: bool, damage: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut stream = Vec::new();
    encode_client_hello(&ask(), &mut stream);
    let hello_bytes = stream.len();
    encode_batch(&[command, command], &Request::NONE, &mut stream);
    let mut message = stream.split_off(hello_bytes);
    damage(&mut message);
    if mend {
        let checksum = crc32c::crc32c(&message[8..]);
        message[4..8].copy_from_slice(&checksum.to_le_bytes());
    }
    stream.extend_from_slice(&message);
    stream
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let transfer = Command::create_transfer(Transfer::default());
    let account = Command::create_account(Account::default());
    let lookup = Command::lookup_transfer(Lookup::default());
    let account_policy = Command::set_account_policy(AccountPolicy::default());
    let ledger_policy = Command::set_ledger_policy(LedgerPolicy::default());
    let pair_policy = Command::set_pair_policy(PairPolicy::default());
    // Where the second body of a batch begins.
    const BODY: usize = 48 + 128;
    let set = |command: Command, at: usize, byte: u8| {
        damaged(command, true, move |message| message[at] = byte)
    };
    let limit = std::mem::offset_of!(AccountPolicy, limits);
    let value = |at: usize| set(account_policy, BODY + at, 1);
    let cases = [
        ("kind", set(transfer, 8, 3), Violation::UnexpectedMessage(3)),
        ("second hello", set(transfer, 8, 1), Violation::UnexpectedMessage(1)),
        ("op 0", set(transfer, 9, 0), Violation::BadOp(0)),
        ("unknown op", set(transfer, 9, 19), Violation::BadOp(19)),
        ("the engine's own op", set(transfer, 9, 18), Violation::BadOp(18)),
        ("count 0", set(transfer, 10, 0), Violation::BadCount(0)),
        ("count above the most", set(transfer, 11, 33), Violation::BadCount(8450)),
        ("count without its length", set(transfer, 10, 3), Violation::BadLength(304)),
        ("length 0", set(transfer, 1, 0), Violation::BadLength(48)),
        ("length without its count", set(transfer, 0, 17), Violation::BadLength(273)),
        ("enormous length", set(transfer, 3, 255), Violation::BadLength(0xff00_0130)),
        ("header", set(transfer, 12, 1), Violation::ReservedNotZero("header")),
        ("a number without a session", set(transfer, 16, 1), Violation::BadValue("number")),
        ("head of the batch", set(transfer, 31, 1), Violation::ReservedNotZero("batch")),
        (
            "checksum",
            damaged(transfer, false, |message| message[100] ^= 1),
            Violation::BadChecksum { found: 0, expected: 0 },
        ),
        (
            "account",
            set(account, BODY + std::mem::offset_of!(Account, reserved), 1),
            Violation::ReservedNotZero("create_account"),
        ),
        ("lookup", set(lookup, BODY + 127, 1), Violation::ReservedNotZero("lookup_transfer")),
        (
            "account policy",
            set(account_policy, BODY + 127, 1),
            Violation::ReservedNotZero("set_account_policy"),
        ),
        (
            "account policy, before the end",
            set(account_policy, BODY + limit + 1, 1),
            Violation::ReservedNotZero("set_account_policy"),
        ),
        (
            "ledger policy",
            set(ledger_policy, BODY + 127, 1),
            Violation::ReservedNotZero("set_ledger_policy"),
        ),
        (
            "pair policy",
            set(pair_policy, BODY + 127, 1),
            Violation::ReservedNotZero("set_pair_policy"),
        ),
        (
            "frozen",
            set(account_policy, BODY + std::mem::offset_of!(AccountPolicy, frozen), 4),
            Violation::BadValue("frozen"),
        ),
        ("limits", set(account_policy, BODY + limit, 32), Violation::BadValue("limits")),
        ("limit without bit", value(16), Violation::BadValue("debit_amount_max")),
        ("limit without bit", value(32), Violation::BadValue("credit_amount_max")),
        ("limit without bit", value(48), Violation::BadValue("debit_spend_amount")),
        ("limit without bit", value(64), Violation::BadValue("debit_spend_count")),
        ("limit without bit", value(72), Violation::BadValue("debit_rate_count")),
        ("limit without bit", value(80), Violation::BadValue("debit_spend_window_seconds")),
        ("limit without bit", value(84), Violation::BadValue("debit_rate_window_seconds")),
        (
            "ledger limits",
            set(ledger_policy, BODY + std::mem::offset_of!(LedgerPolicy, limits), 2),
            Violation::BadValue("limits"),
        ),
        ("ledger limit without bit", set(ledger_policy, BODY, 1), {
            Violation::BadValue("amount_max")
        }),
        (
            "halted",
            set(ledger_policy, BODY + std::mem::offset_of!(LedgerPolicy, halted), 2),
            Violation::BadValue("halted"),
        ),
        (
            "blocked",
            set(pair_policy, BODY + std::mem::offset_of!(PairPolicy, blocked), 2),
            Violation::BadValue("blocked"),
        ),
    ];
    for (name, stream, violation) in cases {
        let decoded = requests(&stream, || usize::MAX);
        let last = decoded.last().expect("a hello comes first").clone();
        assert_eq!(decoded.len(), 2, "{name}");
        match violation {
            Violation::BadChecksum { .. } => {
                assert_eq!(last.map_err(|found| found.code()), Err(ErrorCode::BadChecksum));
            }
            _ => assert_eq!(last, Err(violation), "{name}"),
        }
    }
}

#[test]
fn only_a_hello_of_this_version_opens_a_session() {
    let mut hello = Vec::new();
    encode_client_hello(&ask(), &mut hello);
    let mut other_version = hello.clone();
    other_version[24] = 1;
    let mut other_magic = hello.clone();
    other_magic[16] = b'r';
    let mut reserved = hello.clone();
    reserved[95] = 1;
    for stream in [&mut other_version, &mut other_magic, &mut reserved] {
        let checksum = crc32c::crc32c(&stream[8..]);
        stream[4..8].copy_from_slice(&checksum.to_le_bytes());
    }
    let mut batch = Vec::new();
    encode_batch(&[Command::create_account(Account::default())], &Request::NONE, &mut batch);
    let cases: [(&str, &[u8], Violation); 5] = [
        ("version", &other_version, Violation::UnsupportedVersion(1)),
        ("magic", &other_magic, Violation::BadMagic),
        ("reserved", &reserved, Violation::ReservedNotZero("hello")),
        ("a batch first", &batch, Violation::BadMagic),
        ("text", b"{\"op\":\"create_account\"}", Violation::BadMagic),
    ];
    for (name, stream, violation) in cases {
        assert_eq!(requests(stream, || usize::MAX), [Err(violation)], "{name}");
    }
}

#[test]
fn an_error_may_come_before_the_hello_and_is_cut_at_a_character() {
    for (text, kept) in [("", 0), ("x", 1), (&*"x".repeat(240), 240), (&*"ä".repeat(200), 240)] {
        let mut stream = Vec::new();
        encode_error(ErrorCode::TooManySessions, 1024, text, &mut stream);
        let mut decoder = ReplyDecoder::new();
        decoder.frames().feed(&stream);
        let text = text[..kept].to_owned();
        let error = ServerError { code: 10, value: 1024, text };
        assert_eq!(decoder.next_reply(), Ok(Some(Reply::Error(error))));
    }
    let mut stream = Vec::new();
    encode_error(ErrorCode::TooManySessions, 0, &format!("{}ä", "x".repeat(239)), &mut stream);
    let mut decoder = ReplyDecoder::new();
    decoder.frames().feed(&stream);
    let error = ServerError { code: 10, value: 0, text: "x".repeat(239) };
    assert_eq!(decoder.next_reply(), Ok(Some(Reply::Error(error))));
}

/// Forbidden: a message with one wrong bit is taken for a message.
#[test]
fn every_flipped_bit_is_found() {
    let commands = transfers(3, &mut Pcg64::seed_from_u64(3));
    let mut stream = Vec::new();
    encode_client_hello(&ask_named(), &mut stream);
    encode_batch(&commands, &numbered(1, 2), &mut stream);
    for bit in 0..stream.len() * 8 {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let decoded = requests(&flipped, || usize::MAX);
        assert!(decoded.last().is_some_and(Result::is_err), "bit {bit} of the requests");
    }
    let mut stream = Vec::new();
    encode_engine_hello(&grant(), &mut stream);
    let mut encoder = ReplyEncoder::new();
    encoder.event(&account_event(1), &mut stream);
    encoder.outcome(1, &outcome(1), &mut stream);
    encoder.finish(&mut stream);
    for bit in 0..stream.len() * 8 {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let decoded = replies(&flipped, || usize::MAX);
        // A kind that becomes that of an error has a length that no error has.
        assert!(decoded.last().is_some_and(Result::is_err), "bit {bit} of the replies");
    }
}

#[test]
fn replies_without_a_meaning_are_violations() {
    let bad_outcome = |outcome: Outcome| {
        let mut stream = Vec::new();
        encode_engine_hello(&grant(), &mut stream);
        let mut encoder = ReplyEncoder::new();
        encoder.outcome(1, &outcome, &mut stream);
        encoder.finish(&mut stream);
        stream
    };
    let bad_event = |event: Event| {
        let mut stream = Vec::new();
        encode_engine_hello(&grant(), &mut stream);
        ReplyEncoder::new().event(&event, &mut stream);
        stream
    };
    let body = TransferBody { pending_status: 5, ..TransferBody::default() };
    let cases = [
        (bad_outcome(Outcome { op: 0, ..outcome(1) }), Violation::BadOp(0)),
        (bad_outcome(Outcome { status: 0, ..outcome(1) }), Violation::BadValue("status")),
        (
            bad_outcome(Outcome { reserved: [0, 0, 1], ..outcome(1) }),
            Violation::ReservedNotZero("outcome"),
        ),
        (bad_event(Event { kind: 0, ..account_event(1) }), Violation::BadValue("kind")),
        (bad_event(Event { reserved: 1, ..account_event(1) }), Violation::ReservedNotZero("event")),
        (
            bad_event(Event {
                kind: EventKind::TransferBody as u8,
                body: EventBody::of_transfer(body),
                ..account_event(1)
            }),
            Violation::BadValue("pending_status"),
        ),
    ];
    let body = TransferBody { reserved: [1; 14], ..TransferBody::default() };
    let body = EventBody::of_transfer(body);
    let cases =
        cases.into_iter().chain([EventKind::AccountBody, EventKind::TransferBody].map(|kind| {
            let event = Event { kind: kind as u8, body, ..account_event(1) };
            // Read as an account, the transfer's reserved bytes are the first after it.
            (bad_event(event), Violation::ReservedNotZero("event"))
        }));
    for (stream, violation) in cases {
        assert_eq!(replies(&stream, || usize::MAX).last(), Some(&Err(violation)));
    }
}

#[test]
fn garbage_never_panics() {
    let seed = 4;
    let mut random = Pcg64::seed_from_u64(seed);
    let (good, _) = request_stream(&mut random);
    let good_replies = reply_stream();
    for round in 0..2000 {
        let mut garbage = vec![0; random.random_range(1..400)];
        random.fill_bytes(&mut garbage);
        // Random bytes alone would never get past the first header.
        for good in [&good, &good_replies] {
            let from = if round % 2 == 0 { 96 } else { 0 };
            let mut stream = good[..96 + 1024].to_vec();
            let at = random.random_range(from..stream.len());
            stream.splice(at.., garbage.iter().copied());
            let cut = random.random_range(1..500);
            requests(&stream, || cut);
            replies(&stream, || cut);
        }
        requests(&garbage, || 7);
        replies(&garbage, || 7);
    }
}
