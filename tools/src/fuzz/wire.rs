//! The streams of clients and of an engine.
//!
//! # Invariants, checked for each input
//!
//! * A decoder makes the same of a stream however it is cut.
//! * What it gives, written again, is what stood in the stream: nothing passes that a client of
//!   ours would not have written.
//! * After a violation it gives nothing but that violation.
//! * Its buffer stays within one message and one read.

use std::collections::BTreeMap;

use ringfence::codec::wire::{
    ClientHello, ClientMessage, EngineHello, ErrorCode, Frames, MESSAGE_BYTES_MAX, Mode as For,
    Progress, Reply, ReplyDecoder, ReplyEncoder, RequestDecoder, Start, Subscribe, Subscribed,
    Violation, encode_acknowledge, encode_batch, encode_client_hello, encode_commands,
    encode_engine_hello, encode_error, encode_heartbeat, encode_origin, encode_progress,
    encode_subscribe, encode_subscribed,
};
use ringfence::types::{Command, Event, Op, Origin, Outcome, Request};

use super::Mode;
use crate::generator::Generator;
use crate::scenario::Subject;
use crate::subjects::EngineSubject;

/// Bytes before a message's kind: its length and its checksum.
const CHECKED_FROM: usize = 8;
/// Bytes of a message's header.
const HEADER_BYTES: usize = 16;
/// Most bytes that a buffer may take beside one message.
const READ_BYTES: usize = 64 * 1024;

/// What a decoder made of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    /// Every message, written again. Of an error its text may have been changed: it is empty then.
    messages: Vec<Vec<u8>>,
    violation: Option<Violation>,
}

/// A stream of a client.
pub fn requests(input: &[u8]) {
    check(input, |stream, piece_bytes| {
        let mut decoder = RequestDecoder::new();
        let mut decoded = Decoded { messages: Vec::new(), violation: None };
        feed(stream, piece_bytes, |bytes| {
            let taken = decoder.frames().feed(bytes);
            loop {
                match decoder.next_message() {
                    Ok(Some(message)) => decoded.messages.push(request_bytes(&message)),
                    Ok(None) => break,
                    Err(violation) => {
                        assert_eq!(decoder.next_message(), Err(violation), "it stays");
                        decoded.violation = Some(violation);
                        return None;
                    }
                }
            }
            check_buffer(decoder.frames());
            Some(taken)
        });
        decoded
    });
}

/// A stream of an engine.
pub fn replies(input: &[u8]) {
    check(input, |stream, piece_bytes| {
        let mut decoder = ReplyDecoder::new();
        let mut decoded = Decoded { messages: Vec::new(), violation: None };
        feed(stream, piece_bytes, |bytes| {
            let taken = decoder.frames().feed(bytes);
            loop {
                match decoder.next_reply() {
                    Ok(Some(reply)) => decoded.messages.push(reply_bytes(&reply)),
                    Ok(None) => break,
                    Err(violation) => {
                        assert_eq!(decoder.next_reply(), Err(violation), "it stays");
                        decoded.violation = Some(violation);
                        return None;
                    }
                }
            }
            check_buffer(decoder.frames());
            Some(taken)
        });
        decoded
    });
}

/// Gives `stream` to `take` in pieces until it has taken all of it, or wants no more.
fn feed(stream: &[u8], piece_bytes: usize, mut take: impl FnMut(&[u8]) -> Option<usize>) {
    let mut at = 0;
    while at < stream.len() {
        let end = stream.len().min(at.saturating_add(piece_bytes));
        let Some(taken) = take(&stream[at..end]) else { return };
        assert!(taken > 0, "there is room once all messages were taken out");
        at += taken;
    }
}

fn check(input: &[u8], decode: impl Fn(&[u8], usize) -> Decoded) {
    let Some((mode, stream)) = Mode::split(input) else { return };
    let mut stream = stream.to_vec();
    if mode.mends() {
        mend(&mut stream);
    }
    let whole = decode(&stream, usize::MAX);
    assert_eq!(whole, decode(&stream, mode.piece_bytes()), "it depends on the cuts");
    let mut at = 0;
    for message in &whole.messages {
        let length = length_at(&stream[at..]).expect("a whole message stands there");
        if !message.is_empty() {
            assert_eq!(message[..], stream[at..at + length], "written again it is another");
        }
        at += length;
    }
}

fn check_buffer(frames: &Frames) {
    let bytes = frames.capacity_bytes();
    assert!(bytes <= MESSAGE_BYTES_MAX + READ_BYTES, "{bytes} bytes");
}

/// The length that the message at the start of `bytes` states.
fn length_at(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?);
    Some(length as usize)
}

/// Gives each message of a stream the checksum that it should have, as far as lengths lead, and a
/// possible length where there is none.
pub(super) fn mend(stream: &mut [u8]) {
    let mut rest = stream;
    while rest.len() >= HEADER_BYTES {
        let stated = length_at(rest).expect("a header is there");
        let fits =
            stated.is_multiple_of(HEADER_BYTES) && (HEADER_BYTES..=rest.len()).contains(&stated);
        let length = if fits { stated } else { rest.len() / HEADER_BYTES * HEADER_BYTES };
        let (message, behind) = rest.split_at_mut(length);
        message[..4].copy_from_slice(&(length as u32).to_le_bytes());
        let checksum = crc32c::crc32c(&message[CHECKED_FROM..]);
        message[4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
        rest = behind;
    }
}

fn request_bytes(message: &ClientMessage<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match message {
        ClientMessage::Hello(hello) => encode_client_hello(hello, &mut bytes),
        ClientMessage::Batch { request, .. } => {
            let commands: Vec<Command> = message.commands(0).collect();
            encode_batch(&commands, request, &mut bytes);
        }
        ClientMessage::Subscribe(subscribe) => encode_subscribe(subscribe, &mut bytes),
        ClientMessage::Acknowledge(sequence) => encode_acknowledge(*sequence, &mut bytes),
        ClientMessage::Heartbeat => encode_heartbeat(&mut bytes),
    }
    bytes
}

fn reply_bytes(reply: &Reply<'_>) -> Vec<u8> {
    let (mut bytes, mut encoder) = (Vec::new(), ReplyEncoder::new());
    match reply {
        Reply::Hello(hello) => encode_engine_hello(hello, &mut bytes),
        Reply::Outcomes { first_sequence, outcomes } => {
            for (sequence, outcome) in (*first_sequence..).zip(*outcomes) {
                encoder.outcome(sequence, outcome, &mut bytes);
            }
            encoder.finish(&mut bytes);
        }
        Reply::Event(event) => encoder.event(event, &mut bytes),
        Reply::Error(error) => {
            let is_changed = error.text.contains(char::REPLACEMENT_CHARACTER);
            if let Some(code) = ErrorCode::from_number(error.code).filter(|_| !is_changed) {
                encode_error(code, error.value, &error.text, &mut bytes);
            }
        }
        Reply::Heartbeat => encode_heartbeat(&mut bytes),
        Reply::Origin(origin) => encode_origin(origin, &mut bytes),
        Reply::Subscribed(subscribed) => encode_subscribed(subscribed, &mut bytes),
        Reply::Progress(progress) => encode_progress(progress, &mut bytes),
        Reply::Commands { op, first_sequence, first_timestamp, bodies } => {
            let (sequence, timestamp) = (*first_sequence, *first_timestamp);
            encode_commands(*op, sequence, timestamp, bodies.iter(), &mut bytes);
        }
    }
    bytes
}

/// One batch of each public operation, as generators make them.
pub(super) fn batches_of_each_op() -> Vec<Vec<Command>> {
    let mut batches: BTreeMap<u8, Vec<Command>> = BTreeMap::new();
    let wanted = Op::ALL.iter().filter(|op| op.is_public()).count();
    for seed in 0.. {
        let mut generator = Generator::new(seed);
        for _ in 0..200 {
            let mut batch = generator.next_batch();
            batch.truncate(3);
            if batch[0].op().is_public() {
                batches.entry(batch[0].header.op).or_insert(batch);
            }
        }
        assert!(seed < 100, "the generator lacks an operation: {:?}", batches.keys());
        if batches.len() == wanted {
            break;
        }
    }
    batches.into_values().collect()
}

fn hello(session: u128, mode: For, token: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let hello = ClientHello { session, mode, token: token.to_vec(), ..ClientHello::default() };
    encode_client_hello(&hello, &mut bytes);
    bytes
}

/// Streams of clients.
#[must_use]
pub fn requests_corpus() -> Vec<(String, Vec<u8>)> {
    let mut corpus = Vec::new();
    for batch in batches_of_each_op() {
        for (name, session) in [("named", 7), ("unnamed", 0)] {
            let mut bytes = hello(session, For::Commands, b"");
            let number = u64::from(session != 0);
            encode_batch(&batch, &Request { number, tag: 9, ..Request::NONE }, &mut bytes);
            encode_heartbeat(&mut bytes);
            corpus.push((format!("{}_{name}", batch[0].op().name()), bytes));
        }
    }
    let mut bytes = hello(0, For::Subscription, b"rf_token");
    let subscribe = Subscribe {
        name: 5,
        ledgers: vec![1, 2],
        accounts: vec![3],
        ..Subscribe::outcomes(Start::After(0))
    };
    encode_subscribe(&subscribe, &mut bytes);
    encode_acknowledge(1, &mut bytes);
    corpus.push(("subscribe".to_owned(), bytes));
    let with_mode = |(name, bytes): (String, Vec<u8>)| (name, Mode::MENDS.input(&bytes));
    corpus.into_iter().map(with_mode).collect()
}

/// Streams of engines: a hello, and what commands bring about.
#[must_use]
pub fn replies_corpus() -> Vec<(String, Vec<u8>)> {
    let mut greeting = Vec::new();
    encode_engine_hello(&EngineHello::default(), &mut greeting);
    let mut corpus = Vec::new();
    let mut put = |name: &str, encode: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = greeting.clone();
        encode(&mut bytes);
        corpus.push((name.to_owned(), Mode::MENDS.input(&bytes)));
    };
    put("heartbeat", &|out| encode_heartbeat(out));
    put("subscribed", &|out| encode_subscribed(&Subscribed::default(), out));
    put("progress", &|out| encode_progress(&Progress::default(), out));
    put("error", &|out| encode_error(ErrorCode::NotReading, 5, "not reading", out));
    put("origin", &|out| {
        let op = Op::CreateAccount as u8;
        let request = Request { session: 7, number: 1, ..Request::NONE };
        encode_origin(&Origin { request, commands: 2, op, ..Origin::default() }, out);
    });
    for batch in batches_of_each_op() {
        let op = batch[0].op();
        put(&format!("commands_{}", op.name()), &|out| {
            encode_commands(op, 5, 6, batch.iter().map(|command| &command.body), out);
        });
    }
    for (name, bytes) in settled() {
        put(&name, &|out| out.extend_from_slice(&bytes));
    }
    corpus
}

/// What an engine answers: one stream for each kind of event, with the outcome behind it.
fn settled() -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for seed in 0..8 {
        let mut generator = Generator::new(seed);
        let mut engine = EngineSubject::new(generator.rules());
        for _ in 0..300 {
            let first = engine.next_sequence();
            for (sequence, answer) in (first..).zip(engine.apply(&generator.next_batch())) {
                let Some(event) = answer.events.first() else { continue };
                let name = format!("event_{:?}", event.kind()).to_lowercase();
                if found.iter().all(|(known, _)| *known != name) {
                    found.push((name, answer_bytes(sequence, event, &answer.outcome)));
                }
            }
        }
    }
    found.sort();
    found
}

fn answer_bytes(sequence: u64, event: &Event, outcome: &Outcome) -> Vec<u8> {
    let (mut bytes, mut encoder) = (Vec::new(), ReplyEncoder::new());
    encoder.event(event, &mut bytes);
    encoder.outcome(sequence, outcome, &mut bytes);
    encoder.finish(&mut bytes);
    bytes
}
