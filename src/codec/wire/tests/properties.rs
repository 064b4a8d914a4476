//! What holds for every message, whatever is in it: it arrives as it was sent, a stream that breaks
//! off gives the messages that had arrived, and no changed byte passes.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{account_event, outcome, replies, requests, transfers};
use crate::wire::*;
use ringfence_types::*;

/// A stream, what it decodes to, and where each of its messages ends.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    messages: Vec<String>,
    ends: Vec<usize>,
}

impl Stream {
    fn push(&mut self, message: String, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        self.messages.push(message);
        self.ends.push(self.bytes.len());
    }
}

fn some_bytes(most: usize, random: &mut Pcg64) -> Vec<u8> {
    let count = random.random_range(0..=most);
    (0..count).map(|_| random.random()).collect()
}

fn some_client_hello(mode: Mode, random: &mut Pcg64) -> ClientHello {
    ClientHello {
        mode,
        session: random.random_range(0..=1) * random.random::<u128>(),
        resume: random.random(),
        last_sequence: random.random(),
        journal: random.random(),
        epoch: random.random(),
        in_flight_commands_max: random.random(),
        events: random.random(),
        token: some_bytes(TOKEN_BYTES_MAX, random),
    }
}

fn some_engine_hello(random: &mut Pcg64) -> EngineHello {
    EngineHello {
        mode: if random.random() { Mode::Commands } else { Mode::Subscription },
        batch_commands_max: random.random(),
        in_flight_commands_max: random.random(),
        idle_timeout_ms: random.random(),
        last_sequence: random.random(),
        journal: random.random(),
        epoch: random.random(),
        last_request: random.random(),
        is_known: random.random(),
        events: random.random(),
        resumes_after: random.random(),
    }
}

fn some_subscribe(random: &mut Pcg64) -> Subscribe {
    let name = random.random_range(1..=u128::MAX);
    let start = match random.random_range(0..3) {
        0 => Start::After(random.random()),
        1 => Start::Now,
        _ => Start::Acknowledged,
    };
    let ledgers = random.random_range(0..=FILTER_ENTRIES_MAX);
    let accounts = random.random_range(0..=FILTER_ENTRIES_MAX - ledgers);
    Subscribe {
        start,
        name,
        outcomes: random.random(),
        events: random.random(),
        commands: random.random(),
        only_successes: random.random(),
        operations: random.random(),
        ledgers: (0..ledgers).map(|_| random.random()).collect(),
        accounts: (0..accounts).map(|_| random.random()).collect(),
    }
}

/// What a client sends: in the end always several messages.
fn some_requests(mode: Mode, random: &mut Pcg64) -> Stream {
    let mut stream = Stream::default();
    let hello = some_client_hello(mode, random);
    let session = hello.session;
    stream.push(format!("{:?}", ClientMessage::Hello(hello.clone())), |out| {
        encode_client_hello(&hello, out);
    });
    if mode == Mode::Subscription {
        let subscribe = some_subscribe(random);
        stream.push(format!("{:?}", ClientMessage::Subscribe(subscribe.clone())), |out| {
            encode_subscribe(&subscribe, out);
        });
    }
    for _ in 0..random.random_range(1..5) {
        match (random.random_range(0..3), mode) {
            (0, _) => stream.push(format!("{:?}", ClientMessage::Heartbeat), encode_heartbeat),
            (_, Mode::Subscription) => {
                let sequence = random.random();
                stream.push(format!("{:?}", ClientMessage::Acknowledge(sequence)), |out| {
                    encode_acknowledge(sequence, out);
                });
            }
            (_, Mode::Commands) => {
                let number = if session == 0 { 0 } else { random.random_range(1..=u64::MAX) };
                let request = Request { session, number, tag: random.random(), reserved: 0 };
                let commands = transfers(random.random_range(1..40), random);
                let bodies: Vec<Body> = commands.iter().map(|command| command.body).collect();
                let op = Op::CreateTransfer;
                let message = ClientMessage::Batch { request, op, bodies: &bodies };
                stream.push(format!("{message:?}"), |out| encode_batch(&commands, &request, out));
            }
        }
    }
    stream
}

fn some_origin(random: &mut Pcg64) -> Origin {
    Origin {
        request: Request {
            session: random.random(),
            tag: random.random(),
            number: random.random(),
            reserved: 0,
        },
        first_sequence: random.random(),
        first_timestamp: random.random(),
        commands: random.random_range(1..=BATCH_COMMANDS_MAX as u32),
        op: Op::ALL[random.random_range(0..Op::ALL.len())] as u8,
        ..Origin::default()
    }
}

/// Outcomes of consecutive commands.
fn push_outcomes(random: &mut Pcg64, stream: &mut Stream) {
    let count = random.random_range(1..40);
    let outcomes: Vec<Outcome> =
        (0..count).map(|_| Outcome { session: 0, ..outcome(random.random()) }).collect();
    let first_sequence = random.random_range(1..1 << 60);
    let message = Reply::Outcomes { first_sequence, outcomes: &outcomes };
    stream.push(format!("{message:?}"), |out| {
        let mut encoder = ReplyEncoder::new();
        for (sequence, outcome) in (first_sequence..).zip(&outcomes) {
            encoder.outcome(sequence, outcome, out);
        }
        encoder.finish(out);
    });
}

fn some_reply(random: &mut Pcg64, stream: &mut Stream) {
    match random.random_range(0..8) {
        0 => push_outcomes(random, stream),
        1 => {
            let event = Event { session: 0, ..account_event(random.random()) };
            stream.push(format!("{:?}", Reply::Event(&event)), |out| {
                ReplyEncoder::new().event(&event, out);
            });
        }
        2 => stream.push(format!("{:?}", Reply::Heartbeat), encode_heartbeat),
        3 => {
            let origin = some_origin(random);
            let message = format!("{:?}", Reply::Origin(origin));
            stream.push(message, |out| encode_origin(&origin, out));
        }
        4 => {
            let subscribed = Subscribed {
                after_sequence: random.random(),
                oldest_sequence: random.random(),
                last_sequence: random.random(),
                reserved: 0,
            };
            let message = format!("{:?}", Reply::Subscribed(subscribed));
            stream.push(message, |out| encode_subscribed(&subscribed, out));
        }
        5 => {
            let (sequence, last_sequence) = (random.random(), random.random());
            let progress = Progress { sequence, last_sequence };
            let message = format!("{:?}", Reply::Progress(progress));
            stream.push(message, |out| encode_progress(&progress, out));
        }
        6 => {
            let commands = transfers(random.random_range(1..40), random);
            let bodies: Vec<Body> = commands.iter().map(|command| command.body).collect();
            let (first_sequence, first_timestamp) = (random.random(), random.random());
            let op = Op::CreateTransfer;
            let message = Reply::Commands { op, first_sequence, first_timestamp, bodies: &bodies };
            stream.push(format!("{message:?}"), |out| {
                encode_commands(op, first_sequence, first_timestamp, bodies.iter(), out);
            });
        }
        _ => {
            let value = random.random();
            let text = "ü".repeat(random.random_range(0..=120));
            let code = ErrorCode::SessionsFull;
            let error = ServerError { code: code as u16, value, text: text.clone() };
            let message = format!("{:?}", Reply::Error(error));
            stream.push(message, |out| encode_error(code, value, &text, out));
        }
    }
}

fn some_replies(random: &mut Pcg64) -> Stream {
    let mut stream = Stream::default();
    let hello = some_engine_hello(random);
    stream.push(format!("{:?}", Reply::Hello(hello)), |out| encode_engine_hello(&hello, out));
    for _ in 0..random.random_range(1..6) {
        some_reply(random, &mut stream);
    }
    stream
}

/// The client's stream without the last commands that [`requests`] adds to each message.
fn decode_requests(bytes: &[u8], cut: impl FnMut() -> usize) -> Vec<Result<String, Violation>> {
    let shown = requests(bytes, cut).into_iter();
    shown.map(|it| it.map(|text| text.rsplit_once('\n').expect("two lines").0.to_owned())).collect()
}

type Decode = fn(&[u8], usize) -> Vec<Result<String, Violation>>;

/// A stream of each side and mode, and how it is decoded, `cut` bytes at a time.
fn streams(random: &mut Pcg64) -> [(Stream, Decode); 3] {
    [
        (some_requests(Mode::Commands, random), |bytes, cut| decode_requests(bytes, || cut)),
        (some_requests(Mode::Subscription, random), |bytes, cut| decode_requests(bytes, || cut)),
        (some_replies(random), |bytes, cut| replies(bytes, || cut)),
    ]
}

#[test]
fn every_message_arrives_as_it_was_sent() {
    for seed in 0..300 {
        let mut random = Pcg64::seed_from_u64(seed);
        for (stream, decode) in streams(&mut random) {
            let sent: Vec<_> = stream.messages.iter().cloned().map(Ok).collect();
            let cut = random.random_range(1..5000);
            assert_eq!(decode(&stream.bytes, cut), sent, "seed {seed}, {cut} bytes at a time");
        }
    }
}

/// Forbidden: a stream that breaks off gives a message that had not wholly arrived, or fewer than
/// had, or is taken for a violation.
#[test]
fn a_stream_that_breaks_off_gives_the_messages_that_had_arrived() {
    for seed in 0..4 {
        let mut random = Pcg64::seed_from_u64(seed);
        for (stream, decode) in streams(&mut random) {
            for length in 0..stream.bytes.len() {
                let whole = stream.ends.iter().filter(|&&end| end <= length).count();
                let found = decode(&stream.bytes[..length], usize::MAX);
                assert_eq!(found.len(), whole, "seed {seed}, {length} bytes");
                assert!(found.iter().all(Result::is_ok), "seed {seed}, {length} bytes");
            }
        }
    }
}

/// Forbidden: a message is given after a byte of it was changed, or a message behind it.
#[test]
fn a_changed_byte_is_found_in_every_message() {
    for seed in 10..16 {
        let mut random = Pcg64::seed_from_u64(seed);
        for (stream, decode) in streams(&mut random) {
            for at in 0..stream.bytes.len() {
                let mut changed = stream.bytes.clone();
                let difference = random.random_range(1..=255);
                changed[at] ^= difference;
                let intact = stream.ends.iter().filter(|&&end| end <= at).count();
                let given = decode(&changed, usize::MAX);
                let given: Vec<_> = given.into_iter().map_while(Result::ok).collect();
                let place = format!("seed {seed}, byte {at} xor {difference}");
                assert_eq!(given, stream.messages[..intact], "{place}");
            }
        }
    }
}

/// Forbidden: a length that no message has is waited for, or gets memory, before the rest comes.
#[test]
fn a_hostile_length_is_refused_from_the_header_alone() {
    let seed = 20;
    let mut random = Pcg64::seed_from_u64(seed);
    for mode in [Mode::Commands, Mode::Subscription] {
        let mut hello = Vec::new();
        encode_client_hello(&some_client_hello(mode, &mut random), &mut hello);
        for round in 0..2000 {
            let mut header: [u8; 16] = random.random();
            header[8] = random.random_range(0..12);
            header[9] = random.random_range(0..20);
            // Larger than any message, or not a multiple of 16.
            let length = match round % 2 {
                0 => random.random_range(MESSAGE_BYTES_MAX as u32 + 1..=u32::MAX),
                _ => random.random::<u32>() | 1,
            };
            header[..4].copy_from_slice(&length.to_le_bytes());
            header[12..].fill(0);
            for before in [&hello[..], &[]] {
                let mut decoder = RequestDecoder::new();
                decoder.frames().feed(before);
                let greeted = decoder.next_message().map(|message| message.is_some());
                assert_eq!(greeted, Ok(!before.is_empty()));
                decoder.frames().feed(&header);
                assert!(decoder.next_message().is_err(), "seed {seed}: {header:?}");
                decoder.frames().spare();
                assert_eq!(decoder.frames().capacity_bytes(), 4096, "seed {seed}: {header:?}");
            }
        }
    }
}

/// A later version may have a longer hello, or one whose length follows from other fields.
#[test]
fn a_hello_of_another_version_is_known_by_its_magic_and_version() {
    for bytes in (48..=1024).step_by(16) {
        let mut hello = Vec::new();
        encode_client_hello(&ClientHello::default(), &mut hello);
        hello.resize(bytes, 1);
        hello[..4].copy_from_slice(&(bytes as u32).to_le_bytes());
        hello[24..28].copy_from_slice(&9_u32.to_le_bytes());
        let checksum = crc32c::crc32c(&hello[8..]);
        hello[4..8].copy_from_slice(&checksum.to_le_bytes());
        let unsupported = [Err(Violation::UnsupportedVersion(9))];
        assert_eq!(requests(&hello, || usize::MAX), unsupported, "{bytes} bytes");
        assert_eq!(replies(&hello, || usize::MAX), unsupported, "{bytes} bytes");
    }
}
