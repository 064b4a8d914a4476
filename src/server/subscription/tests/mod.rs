//! Subscriptions over socket pairs, to logs that grow.

mod names;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};

use super::*;
use crate::access::Grants;
use ringfence_codec::wire::{ClientMessage, Mode};
use ringfence_codec::wire::{
    Reply, ReplyDecoder, Start, Subscribe, encode_acknowledge, encode_client_hello,
    encode_heartbeat, encode_subscribe,
};
use ringfence_journal::SEGMENT_BYTES_MIN;
use ringfence_journal::outcomes::{Frame, Log, log_name};
use ringfence_node::{Node, Options};
use ringfence_types::{Event, EventKind, Op, Origin, Outcome, Request, Status};

/// How long a peer may be silent where a test is not about that: longer than a loaded machine
/// stalls.
const IDLE: Duration = Duration::from_secs(60);
/// And where a test is about that.
const SHORT_IDLE: Duration = Duration::from_secs(2);
/// Longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine's directory, its log, and subscriptions to it.
struct Scene {
    folder: TempDir,
    log: Log,
    journal_id: [u8; 16],
    gauges: LogGauges,
    subscriptions: Subscriptions,
}

impl Scene {
    fn new(subscriptions: usize) -> Scene {
        Scene::with_idle_timeout(subscriptions, IDLE)
    }

    fn with_idle_timeout(subscriptions: usize, idle_timeout: Duration) -> Scene {
        let folder = tempdir().unwrap();
        let (data_dir, segment_bytes) = (Some(folder.path().to_owned()), Some(SEGMENT_BYTES_MIN));
        drop(Node::open(Options { data_dir, segment_bytes, ..Options::default() }).unwrap());
        let dir = DataDir::open_to_read(folder.path()).unwrap();
        let journal_id = ringfence_journal::first_segment(dir.files()).unwrap().journal_id;
        let log = Log::new(folder.path(), journal_id);
        let gauges = LogGauges::new();
        let history = History { journal_id, epoch: 0 };
        let subscriptions = open(&folder, subscriptions, history, &gauges, idle_timeout);
        Scene { folder, log, journal_id, gauges, subscriptions }
    }

    /// The same engine after its journal was restored or repaired: in this epoch.
    fn in_epoch(self, epoch: u16) -> Scene {
        let Scene { folder, log, journal_id, gauges, subscriptions } = self;
        drop(subscriptions);
        let history = History { journal_id, epoch };
        let subscriptions = open(&folder, 4, history, &gauges, IDLE);
        Scene { folder, log, journal_id, gauges, subscriptions }
    }

    /// Outcomes of these sequences in one frame, and an event before each tenth.
    fn append(&mut self, sequences: std::ops::RangeInclusive<u64>) {
        let mut frame = Frame::new();
        for sequence in sequences {
            if sequence % 10 == 0 {
                let (number, kind) = (sequence / 10, EventKind::TransferExpired as u8);
                frame.event(&Event { sequence, number, kind, ..Event::default() });
            }
            frame.outcome(sequence, &outcome(sequence));
        }
        self.write(&frame);
    }

    fn write(&mut self, frame: &Frame) {
        self.log.append(frame).unwrap();
        self.gauges.show(self.log.first_sequence(), self.log.last_sequence());
    }

    fn connect(&self, subscribe: &Subscribe) -> Client {
        self.connect_with(
            subscribe,
            ClientHello { mode: Mode::Subscription, ..ClientHello::default() },
        )
    }

    fn connect_with(&self, subscribe: &Subscribe, hello: ClientHello) -> Client {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        // The door has read the hello; what came behind it is in the decoder.
        let mut bytes = Vec::new();
        encode_client_hello(&hello, &mut bytes);
        encode_subscribe(subscribe, &mut bytes);
        let mut decoder = RequestDecoder::new();
        assert_eq!(decoder.frames().feed(&bytes), bytes.len());
        let Ok(Some(ClientMessage::Hello(hello))) = decoder.next_message() else {
            panic!("no hello")
        };
        let stream = Stream::Unix(mio::net::UnixStream::from_std(theirs));
        let principal = Arc::new(Principal::new("test".into(), Grants::ALL));
        let seat = None;
        let subscriber = Subscriber { stream, decoder, hello, principal, seat };
        self.subscriptions.serve(subscriber);
        ours.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        Client { stream: ours, decoder: ReplyDecoder::new() }
    }
}

fn open(
    folder: &TempDir,
    subscriptions: usize,
    history: History,
    gauges: &LogGauges,
    idle_timeout: Duration,
) -> Subscriptions {
    let settings = Settings {
        data_dir: folder.path().to_owned(),
        key: None,
        recent: None,
        history,
        gauges: gauges.clone(),
        subscriptions,
        idle_timeout,
    };
    Subscriptions::open(settings).unwrap()
}

fn outcome(sequence: u64) -> Outcome {
    let (status, op) = (Status::Created as u16, Op::CreateAccount as u8);
    Outcome { id: sequence.into(), timestamp: sequence, status, op, ..Outcome::default() }
}

fn subscribe(start: Start, name: u128) -> Subscribe {
    Subscribe { name, events: true, ..Subscribe::outcomes(start) }
}

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Hello,
    Subscribed { after: u64, oldest: u64 },
    Outcome(u64),
    Event(u64),
    Origin(Origin),
    Progress(u64),
    Error(u16, u64),
}

struct Client {
    stream: UnixStream,
    decoder: ReplyDecoder,
}

impl Client {
    fn say(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        encode(&mut bytes);
        // One that was closed is noticed when it is read.
        drop(self.stream.write_all(&bytes));
    }

    /// What is told until `is_last`, or the end. Says that it is there meanwhile.
    fn told_until(&mut self, is_last: impl Fn(&Told) -> bool) -> Vec<Told> {
        let (begin, mut told) = (Instant::now(), Vec::new());
        loop {
            while let Some(reply) = self.decoder.next_reply().unwrap() {
                let count = told.len();
                match reply {
                    Reply::Hello(_) => told.push(Told::Hello),
                    Reply::Subscribed(it) => told.push(Told::Subscribed {
                        after: it.after_sequence,
                        oldest: it.oldest_sequence,
                    }),
                    Reply::Outcomes { first_sequence, outcomes } => {
                        for (sequence, found) in (first_sequence..).zip(outcomes) {
                            assert_eq!(*found, outcome(sequence));
                            told.push(Told::Outcome(sequence));
                        }
                    }
                    Reply::Event(event) => told.push(Told::Event(event.sequence)),
                    Reply::Origin(origin) => told.push(Told::Origin(origin)),
                    Reply::Progress(progress) => told.push(Told::Progress(progress.sequence)),
                    Reply::Error(error) => told.push(Told::Error(error.code, error.value)),
                    Reply::Heartbeat | Reply::Commands { .. } => panic!("{reply:?}"),
                }
                if told[count..].iter().any(&is_last) {
                    return told;
                }
            }
            assert!(begin.elapsed() < PATIENCE, "{told:?}");
            self.say(encode_heartbeat);
            match self.stream.read(self.decoder.frames().spare()) {
                Ok(0) => return told,
                Ok(count) => self.decoder.frames().advance(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // It was closed with a heartbeat of ours still unread.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return told,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn outcomes_until(&mut self, last: u64) -> Vec<u64> {
        let told = self.told_until(|told| *told == Told::Progress(last));
        told.iter()
            .filter_map(|told| if let Told::Outcome(it) = told { Some(*it) } else { None })
            .collect()
    }

    fn end(&mut self) -> Option<Told> {
        self.told_until(|told| matches!(told, Told::Error(..))).pop()
    }
}

fn error(code: ErrorCode, value: u64) -> Option<Told> {
    Some(Told::Error(code as u16, value))
}

#[test]
fn a_subscriber_is_told_what_is_there_and_then_what_comes() {
    let mut scene = Scene::new(4);
    scene.append(1..=9);
    let mut client = scene.connect(&subscribe(Start::After(7), 0));
    let told = client.told_until(|told| *told == Told::Progress(9));
    let first = [Told::Hello, Told::Subscribed { after: 7, oldest: 1 }];
    assert_eq!(told[..2], first);
    assert_eq!(told[2..4], [Told::Outcome(8), Told::Outcome(9)]);
    scene.append(10..=11);
    let told = client.told_until(|told| *told == Told::Progress(11));
    let told: Vec<Told> = told.into_iter().filter(|it| *it != Told::Progress(9)).collect();
    assert_eq!(told, [Told::Event(10), Told::Outcome(10), Told::Outcome(11), Told::Progress(11)]);

    // Whose a batch is stands before it.
    let request = Request { session: 5, tag: 6, number: 7, reserved: 0 };
    let mut frame = Frame::new();
    let (commands, op) = (2, Op::CreateAccount as u8);
    let (first_sequence, first_timestamp) = (12, 12);
    let origin =
        Origin { request, first_sequence, first_timestamp, commands, op, ..Origin::default() };
    frame.origin(&origin);
    (12..=13).for_each(|sequence| frame.outcome(sequence, &outcome(sequence)));
    scene.write(&frame);
    let told = client.told_until(|told| *told == Told::Progress(13));
    let told: Vec<Told> = told.into_iter().filter(|it| *it != Told::Progress(11)).collect();
    assert_eq!(told[..2], [Told::Origin(origin), Told::Outcome(12)]);

    // From now on: nothing of what was. And with a filter, progress alone.
    let mut now = scene.connect(&subscribe(Start::Now, 0));
    let of_pulses = Subscribe {
        operations: 1 << Op::Pulse as u8,
        events: false,
        ..subscribe(Start::After(0), 0)
    };
    let mut filtered = scene.connect(&of_pulses);
    assert_eq!(filtered.outcomes_until(13), [0; 0]);
    now.told_until(|told| *told == Told::Subscribed { after: 13, oldest: 1 });
    scene.append(14..=14);
    assert_eq!(now.outcomes_until(14), [14]);
    assert_eq!(filtered.outcomes_until(14), [0; 0]);
    // A stop gives everything, and says so.
    scene.append(15..=20);
    let Scene { subscriptions, .. } = scene;
    subscriptions.stop();
    let told = now.told_until(|told| matches!(told, Told::Error(..)));
    assert!(told.contains(&Told::Outcome(20)), "{told:?}");
    assert_eq!(told.last().cloned(), error(ErrorCode::Stopping, 0));
}

#[test]
fn what_cannot_be_followed_is_refused_with_a_code() {
    let mut scene = Scene::new(2);
    scene.append(1..=20);
    // A client learns that its subscription has ended before its place is free again.
    let all_are_free = || wait_for(|| scene.subscriptions.count() == 0);
    let connect = |start, name| {
        all_are_free();
        scene.connect(&subscribe(start, name))
    };
    assert_eq!(connect(Start::After(21), 0).end(), error(ErrorCode::SequenceAhead, 20));
    assert_eq!(connect(Start::Acknowledged, 7).end(), error(ErrorCode::UnknownSubscription, 0));
    let hello = |journal, epoch| {
        all_are_free();
        let hello =
            ClientHello { mode: Mode::Subscription, journal, epoch, ..ClientHello::default() };
        scene.connect_with(&subscribe(Start::Now, 0), hello)
    };
    assert_eq!(hello([9; 16], 0).end(), error(ErrorCode::OtherHistory, 0));
    assert_eq!(hello(scene.journal_id, 1).end(), error(ErrorCode::OtherHistory, 0));
    hello(scene.journal_id, 0).told_until(|told| matches!(told, Told::Subscribed { .. }));
    let mut unnamed = connect(Start::After(0), 0);
    unnamed.outcomes_until(20);
    unnamed.say(|out| encode_acknowledge(3, out));
    assert_eq!(unnamed.end(), error(ErrorCode::UnexpectedMessage, 0));
    let mut hasty = connect(Start::After(0), 5);
    hasty.outcomes_until(20);
    hasty.say(|out| encode_acknowledge(21, out));
    assert_eq!(hasty.end(), error(ErrorCode::BadValue, 0));
    // No more at a time than there is room for.
    all_are_free();
    let mut held: Vec<Client> = (0..2).map(|_| scene.connect(&subscribe(Start::Now, 0))).collect();
    let refused = scene.connect(&subscribe(Start::Now, 0)).end();
    assert_eq!(refused, error(ErrorCode::TooManySubscriptions, 2));
    held.iter_mut()
        .for_each(|it| drop(it.told_until(|told| matches!(told, Told::Subscribed { .. }))));
}

fn wait_for(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_place_of_an_earlier_epoch_is_for_a_person_to_decide_about() {
    let mut scene = Scene::new(4);
    scene.append(1..=20);
    let mut named = scene.connect(&subscribe(Start::After(0), 7));
    named.outcomes_until(20);
    named.say(|out| encode_acknowledge(12, out));
    drop(named);
    wait_for(|| scene.subscriptions.count() == 0);
    let scene = scene.in_epoch(0);
    let mut again = scene.connect(&subscribe(Start::Acknowledged, 7));
    assert_eq!(again.outcomes_until(20).len(), 8);
    drop(again);
    wait_for(|| scene.subscriptions.count() == 0);
    let scene = scene.in_epoch(1);
    let refused = scene.connect(&subscribe(Start::Acknowledged, 7)).end();
    assert_eq!(refused, error(ErrorCode::OtherHistory, 12));
    wait_for(|| scene.subscriptions.count() == 0);
    scene.connect(&subscribe(Start::After(15), 7)).outcomes_until(20);
    wait_for(|| scene.subscriptions.count() == 0);
    let mut decided = scene.connect(&subscribe(Start::Acknowledged, 7));
    assert_eq!(decided.outcomes_until(20).len(), 5);
}

#[test]
fn who_does_not_read_or_is_silent_is_cut_off_and_holds_up_nobody_else() {
    let mut scene = Scene::with_idle_timeout(4, SHORT_IDLE);
    let mut reading = scene.connect(&subscribe(Start::After(0), 0));
    reading.told_until(|told| matches!(told, Told::Subscribed { .. }));
    let stuck = scene.connect(&subscribe(Start::After(0), 0));
    // More than sockets hold.
    for first in 0..200 {
        scene.append(first * 100 + 1..=first * 100 + 100);
    }
    let mut expected = 1;
    let begin = Instant::now();
    while expected <= 20_000 {
        let told = reading.told_until(|told| matches!(told, Told::Progress(_)));
        for told in told {
            if let Told::Outcome(sequence) = told {
                assert_eq!(sequence, expected);
                expected += 1;
            }
        }
    }
    assert!(begin.elapsed() < PATIENCE);
    // Who says nothing is cut off, and so is who takes nothing, though it says that it is there.
    let mut stuck = stuck;
    let mut silent = scene.connect(&subscribe(Start::Now, 0));
    let begin = Instant::now();
    while scene.subscriptions.count() > 1 {
        stuck.say(encode_heartbeat);
        reading.say(encode_heartbeat);
        std::thread::sleep(Duration::from_millis(20));
        assert!(begin.elapsed() < PATIENCE);
    }
    let told = silent.told_until(|told| matches!(told, Told::Error(..)));
    assert_eq!(told.last().cloned(), error(ErrorCode::IdleTimeout, 0));
    scene.append(20_001..=20_010);
    assert_eq!(reading.outcomes_until(20_010).len(), 10);
}
