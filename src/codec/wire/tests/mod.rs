//! What a stream decodes to, however it is cut.

mod conformance;
mod properties;
mod subscriptions;
mod violations;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;
use ringfence_types::*;

/// Asks for 1,000 commands in flight.
fn ask() -> ClientHello {
    ClientHello { in_flight_commands_max: 1000, ..ClientHello::default() }
}

/// The same in a session with a name.
fn ask_named() -> ClientHello {
    ClientHello {
        session: 0x5e55,
        resume: true,
        last_sequence: 6,
        journal: [7; 16],
        epoch: 1,
        events: true,
        token: b"rf_secret".to_vec(),
        ..ask()
    }
}

fn grant() -> EngineHello {
    EngineHello {
        batch_commands_max: 8192,
        in_flight_commands_max: 1000,
        idle_timeout_ms: 30_000,
        last_sequence: 12,
        journal: [7; 16],
        epoch: 1,
        last_request: 5,
        is_known: true,
        resumes_after: 6,
        ..EngineHello::default()
    }
}

fn numbered(number: u64, tag: u128) -> Request {
    Request { number, tag, ..Request::NONE }
}

/// What a client sent, decoded by feeding `cut` the next number of bytes at a time.
fn requests(stream: &[u8], mut cut: impl FnMut() -> usize) -> Vec<Result<String, Violation>> {
    let mut decoder = RequestDecoder::new();
    let mut rest = stream;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (chunk, _) = rest.split_at(cut().clamp(1, rest.len()));
        let fed = decoder.frames().feed(chunk);
        assert!(fed > 0, "a buffer without a whole message has room");
        rest = &rest[fed..];
        loop {
            match decoder.next_message() {
                Ok(None) => break,
                Ok(Some(request)) => {
                    all.push(Ok(format!("{request:?}\n{:?}", request.commands(7).last())));
                }
                Err(violation) => {
                    assert_eq!(decoder.next_message(), Err(violation), "it stays");
                    all.push(Err(violation));
                    return all;
                }
            }
        }
    }
    all
}

fn replies(stream: &[u8], mut cut: impl FnMut() -> usize) -> Vec<Result<String, Violation>> {
    let mut decoder = ReplyDecoder::new();
    let mut rest = stream;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (chunk, _) = rest.split_at(cut().clamp(1, rest.len()));
        let fed = decoder.frames().feed(chunk);
        assert!(fed > 0, "a buffer without a whole message has room");
        rest = &rest[fed..];
        loop {
            match decoder.next_reply() {
                Ok(None) => break,
                Ok(Some(reply)) => all.push(Ok(format!("{reply:?}"))),
                Err(violation) => {
                    assert_eq!(decoder.next_reply(), Err(violation), "it stays");
                    all.push(Err(violation));
                    return all;
                }
            }
        }
    }
    all
}

fn transfers(count: usize, random: &mut Pcg64) -> Vec<Command> {
    let transfer = |id| Transfer {
        id,
        amount: random.random(),
        // Unknown flags have a status; they are no violation.
        flags: TransferFlags(random.random()),
        ..Transfer::default()
    };
    (1..=count as u128).map(transfer).map(Command::create_transfer).collect()
}

/// A hello and batches of any length, the longest among them.
fn request_stream(random: &mut Pcg64) -> (Vec<u8>, usize) {
    let mut stream = Vec::new();
    encode_client_hello(&ask_named(), &mut stream);
    let lengths = [1, 3, BATCH_COMMANDS_MAX, 2, 700, BATCH_COMMANDS_MAX, 1];
    for length in lengths {
        let look_up = Command::lookup_account(Lookup { id: 1, reserved: [0; 7] });
        encode_batch(&transfers(length, random), &numbered(length as u64, 9), &mut stream);
        encode_batch(&[look_up], &numbered(1, 0), &mut stream);
        encode_heartbeat(&mut stream);
    }
    (stream, 1 + 3 * lengths.len())
}

fn outcome(id: u128) -> Outcome {
    Outcome {
        id,
        timestamp: 17,
        status: Status::Created as u16,
        session: 3,
        op: Op::CreateTransfer as u8,
        ..Outcome::default()
    }
}

fn account_event(sequence: u64) -> Event {
    Event {
        sequence,
        timestamp: 5,
        session: 3,
        kind: EventKind::AccountBody as u8,
        body: EventBody::of_account(Account { id: 9, ..Account::default() }),
        ..Event::default()
    }
}

/// A hello, outcomes with and without gaps, an event before its outcome, an error.
fn reply_stream() -> Vec<u8> {
    let mut stream = Vec::new();
    encode_engine_hello(&grant(), &mut stream);
    let mut encoder = ReplyEncoder::new();
    let most = BATCH_COMMANDS_MAX as u64;
    for sequence in (1..=most + 2).chain([most + 10, most + 11]) {
        encoder.outcome(sequence, &outcome(sequence.into()), &mut stream);
    }
    encoder.event(&account_event(most + 12), &mut stream);
    encoder.outcome(most + 12, &outcome(1), &mut stream);
    encoder.finish(&mut stream);
    encoder.finish(&mut stream);
    encode_error(ErrorCode::BadChecksum, 3, "what was wrong", &mut stream);
    stream
}

#[test]
fn batches_arrive_as_they_were_sent() {
    let mut random = Pcg64::seed_from_u64(1);
    let commands = transfers(5, &mut random);
    let mut stream = Vec::new();
    encode_client_hello(&ask_named(), &mut stream);
    encode_batch(&commands, &numbered(3, 4), &mut stream);
    let mut decoder = RequestDecoder::new();
    assert_eq!(decoder.next_message(), Ok(None));
    assert_eq!(decoder.frames().feed(&stream), stream.len());
    assert_eq!(decoder.next_message(), Ok(Some(ClientMessage::Hello(ask_named()))));
    let request = decoder.next_message().unwrap().expect("it has arrived");
    let ClientMessage::Batch { request: of_batch, .. } = &request else { panic!("a batch") };
    assert_eq!(*of_batch, Request { session: 0x5e55, ..numbered(3, 4) });
    let arrived: Vec<_> = request.commands(7).collect();
    assert_eq!(arrived.len(), 5);
    for (sent, arrived) in commands.iter().zip(arrived) {
        assert_eq!(arrived.body, sent.body);
        assert_eq!(arrived.header.op, Op::CreateTransfer as u8);
        assert_eq!(arrived.header.session, 7);
    }
    assert_eq!(decoder.next_message(), Ok(None));
    assert!(decoder.frames().is_empty());
}

#[test]
fn replies_arrive_in_order_and_consecutive_outcomes_share_a_message() {
    let stream = reply_stream();
    let mut decoder = ReplyDecoder::new();
    let mut rest = &stream[..];
    let mut seen = Vec::new();
    let mut sequences = Vec::new();
    loop {
        let fed = decoder.frames().feed(rest);
        rest = &rest[fed..];
        match decoder.next_reply().unwrap() {
            None if rest.is_empty() => break,
            None => {}
            Some(Reply::Hello(hello)) => {
                assert_eq!(hello, grant());
                seen.push("hello");
            }
            Some(Reply::Outcomes { first_sequence, outcomes }) => {
                for (sequence, outcome) in (first_sequence..).zip(outcomes) {
                    assert_eq!(outcome.session, 0, "sessions are the engine's own affair");
                    sequences.push(sequence);
                }
                seen.push("outcomes");
            }
            Some(Reply::Event(event)) => {
                assert_eq!(*event, Event { session: 0, ..account_event(8204) });
                seen.push("event");
            }
            Some(Reply::Error(error)) => {
                assert_eq!(error.to_string(), "what was wrong (error 5)");
                assert_eq!((error.code, error.value), (5, 3));
                seen.push("error");
            }
            Some(other) => panic!("{other:?}"),
        }
    }
    let expected: Vec<u64> = (1..=8194).chain(8202..=8204).collect();
    assert_eq!(sequences, expected);
    let kinds = ["hello", "outcomes", "outcomes", "outcomes", "event", "outcomes", "error"];
    assert_eq!(seen, kinds);
}

#[test]
fn a_stream_decodes_alike_however_it_is_cut() {
    let seed = 2;
    let mut random = Pcg64::seed_from_u64(seed);
    let (stream, messages) = request_stream(&mut random);
    let whole = requests(&stream, || usize::MAX);
    assert_eq!(whole.len(), messages);
    assert!(whole.iter().all(Result::is_ok), "seed {seed}");
    let reply_stream = reply_stream();
    let whole_replies = replies(&reply_stream, || usize::MAX);
    assert_eq!(whole_replies.len(), 7);
    for most in [2, 17, 1000, 70_000, 2_000_000] {
        let mut cut = || random.random_range(1..=most);
        assert!(requests(&stream, &mut cut) == whole, "seed {seed}, cuts up to {most}");
        assert!(replies(&reply_stream, &mut cut) == whole_replies, "seed {seed}, up to {most}");
    }
}

/// Forbidden: a stream that is silent, or sends little, takes the memory of a busy one.
#[test]
fn a_buffer_gives_back_what_a_full_batch_took_once_nothing_is_in_it() {
    let lookup = Command::lookup_account(Lookup { id: 7, ..Lookup::default() });
    let mut bytes = Vec::new();
    encode_client_hello(&ClientHello::default(), &mut bytes);
    encode_batch(&vec![lookup; BATCH_COMMANDS_MAX], &Request::NONE, &mut bytes);
    let mut decoder = RequestDecoder::new();
    let (mut rest, mut batches) = (&bytes[..], 0);
    for _ in 0..2 {
        while !rest.is_empty() {
            let taken = decoder.frames().feed(rest);
            rest = &rest[taken..];
            while let Some(message) = decoder.next_message().unwrap() {
                batches += usize::from(matches!(message, ClientMessage::Batch { .. }));
            }
        }
        assert!(decoder.frames().capacity_bytes() > MESSAGE_BYTES_MAX);
        assert!(decoder.frames().shrink());
        assert_eq!(decoder.frames().capacity_bytes(), 64 * 1024);
        assert!(!decoder.frames().shrink(), "a second time there is nothing to give back");
        // The same again without the hello.
        rest = &bytes[bytes.len() - (16 + 32 + BATCH_COMMANDS_MAX * 128)..];
    }
    assert_eq!(batches, 2);
}

#[test]
fn a_buffer_grows_only_to_what_a_checked_header_asks_for() {
    let mut decoder = RequestDecoder::new();
    assert!(decoder.frames().capacity_bytes() <= 4096);
    let mut stream = Vec::new();
    encode_client_hello(&ask(), &mut stream);
    let mut batch = Vec::new();
    let mut random = Pcg64::seed_from_u64(5);
    encode_batch(&transfers(BATCH_COMMANDS_MAX, &mut random), &Request::NONE, &mut batch);
    let mut lying = batch.clone();
    lying[12] = 1;
    stream.extend_from_slice(&lying[..16]);
    decoder.frames().feed(&stream);
    assert!(matches!(decoder.next_message(), Ok(Some(ClientMessage::Hello(_)))));
    assert!(decoder.next_message().is_err());
    decoder.frames().spare();
    assert!(decoder.frames().capacity_bytes() <= 4096, "a header that lies gets no memory");
    let mut decoder = RequestDecoder::new();
    stream.truncate(96);
    stream.extend_from_slice(&batch);
    let mut rest = &stream[..];
    let mut messages = 0;
    while !rest.is_empty() {
        rest = &rest[decoder.frames().feed(rest)..];
        while decoder.next_message().unwrap().is_some() {
            messages += 1;
        }
    }
    assert_eq!(messages, 2);
    assert!(decoder.frames().capacity_bytes() <= MESSAGE_BYTES_MAX + 64 * 1024);
}

/// The bytes that `docs/protocol.md` shows.
#[test]
fn the_layout_is_the_documented_one() {
    let mut stream = Vec::new();
    encode_client_hello(&ask(), &mut stream);
    let lookup = Lookup { id: 0x0102, reserved: [0; 7] };
    encode_batch(&[Command::lookup_account(lookup)], &Request::NONE, &mut stream);
    let mut reply = Vec::new();
    let mut encoder = ReplyEncoder::new();
    let not_found = Outcome {
        id: 0x0102,
        timestamp: 9,
        status: Status::NotFound as u16,
        op: Op::LookupAccount as u8,
        ..Outcome::default()
    };
    encoder.outcome(7, &not_found, &mut reply);
    encoder.finish(&mut reply);
    let hex = |bytes: &[u8]| {
        let rows = bytes.chunks(16).map(|row| {
            let row: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
            row.join(" ")
        });
        rows.collect::<Vec<_>>().join("\n")
    };
    let documented = include_str!("../../../../docs/protocol.md");
    // Of the batch only the start is shown: the rest of its body is zero.
    for bytes in [&stream[..96], &stream[96..160], &reply] {
        let shown = hex(bytes);
        assert!(documented.contains(&shown), "this should be shown:\n{shown}");
    }
}
