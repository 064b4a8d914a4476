//! Requests for subscriptions, to an engine with a fixed history.
//!
//! # Invariants, checked for each input
//!
//! * What arrives is what the request asks for, in order and once: outcomes, numbered events and
//!   bodies of commands, worked out from those of the whole history.
//! * A filter of several values lets pass what one of each kind lets pass alone.
//! * A name goes on after what was acknowledged under it, and an unknown one is refused.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use ringfence::codec::wire::{
    ClientHello, ErrorCode, Mode as For, Start, Subscribe, encode_acknowledge, encode_batch,
    encode_subscribe,
};
use ringfence::types::{Event, Outcome, Request};

use super::served::{Connection, Said, Served};
use crate::generator::Generator;

/// Batches of the history.
const BATCHES: usize = 40;
/// Ledgers and accounts that filters name: a few that the history has, and one that it has not.
const LEDGERS: [u32; 4] = [1, 2, 3, 9];
const ACCOUNTS: [u128; 8] = [1, 2, 3, 5, 8, 13, 21, 99];

thread_local! {
    static SCENE: OnceCell<Scene> = const { OnceCell::new() };
}

/// What a subscription was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sent {
    outcomes: BTreeMap<u64, Outcome>,
    /// By number, each with its sequence.
    events: BTreeMap<u64, (u64, Event)>,
    bodies: BTreeSet<u64>,
}

impl Sent {
    /// What both have.
    fn and(self, other: &Sent) -> Sent {
        let Sent { mut outcomes, mut events, mut bodies } = self;
        outcomes.retain(|sequence, _| other.outcomes.contains_key(sequence));
        events.retain(|number, _| other.events.contains_key(number));
        bodies.retain(|sequence| other.bodies.contains(sequence));
        Sent { outcomes, events, bodies }
    }

    /// What one of them has.
    fn or(mut self, other: &Sent) -> Sent {
        self.outcomes
            .extend(other.outcomes.iter().map(|(sequence, outcome)| (*sequence, *outcome)));
        self.events.extend(other.events.iter().map(|(number, event)| (*number, *event)));
        self.bodies.extend(&other.bodies);
        self
    }
}

/// An engine, its history, and what each ledger and each account lets pass of it.
struct Scene {
    served: Served,
    last_sequence: u64,
    all: Sent,
    of_ledgers: Vec<Sent>,
    of_accounts: Vec<Sent>,
}

impl Scene {
    fn new() -> Scene {
        let served = Served::start();
        let last_sequence = fill(&served);
        let mut scene = Scene {
            served,
            last_sequence,
            all: Sent::default(),
            of_ledgers: Vec::new(),
            of_accounts: Vec::new(),
        };
        scene.all = scene.follow(&everything());
        assert_eq!(scene.all.outcomes.len() as u64, last_sequence, "every outcome comes once");
        assert_eq!(scene.all.bodies.len() as u64, last_sequence, "every body comes once");
        let of_ledger = |ledger| scene.follow(&Subscribe { ledgers: vec![ledger], ..everything() });
        scene.of_ledgers = LEDGERS.map(of_ledger).into();
        let of_account =
            |account| scene.follow(&Subscribe { accounts: vec![account], ..everything() });
        scene.of_accounts = ACCOUNTS.map(of_account).into();
        scene
    }

    /// A connection that has asked for a subscription.
    fn subscribe(&self, subscribe: &Subscribe) -> Connection {
        let mut connection = self.served.connect();
        connection.hello(&ClientHello { mode: For::Subscription, ..ClientHello::default() });
        let mut bytes = Vec::new();
        encode_subscribe(subscribe, &mut bytes);
        connection.send(&bytes);
        assert!(matches!(connection.hear(), Said::Hello(_)));
        connection
    }

    /// All that a subscription is sent of the history.
    fn follow(&self, subscribe: &Subscribe) -> Sent {
        self.read(&mut self.subscribe(subscribe), subscribe)
    }

    /// Reads up to the end of the history.
    fn read(&self, connection: &mut Connection, subscribe: &Subscribe) -> Sent {
        let Said::Subscribed(subscribed) = connection.hear() else { panic!("it was not heard") };
        if let Start::After(sequence) = subscribe.start {
            assert_eq!(subscribed.after_sequence, sequence);
        }
        let (mut sent, mut reached) = (Sent::default(), subscribed.after_sequence);
        while reached < self.last_sequence {
            let in_order =
                |sequence: u64| assert!(sequence > reached, "{sequence} after {reached}");
            match connection.hear() {
                Said::Outcome(sequence, outcome) => {
                    in_order(sequence);
                    reached = sequence;
                    sent.outcomes.insert(sequence, outcome);
                }
                Said::Event(event) => {
                    in_order(event.sequence);
                    if event.kind().is_numbered() {
                        sent.events.insert(event.number, (event.sequence, event));
                    }
                }
                Said::Commands(first, count) => {
                    in_order(first);
                    sent.bodies.extend(first..first + count as u64);
                }
                Said::Progress(progress) => reached = reached.max(progress.sequence),
                Said::Origin(_) => {}
                other => panic!("{other:?}"),
            }
        }
        sent.outcomes.retain(|sequence, _| *sequence <= self.last_sequence);
        sent.events.retain(|_, (sequence, _)| *sequence <= self.last_sequence);
        sent.bodies.retain(|sequence| *sequence <= self.last_sequence);
        sent
    }

    /// What `subscribe` has to be sent of what comes after `sequence`.
    fn expected(&self, subscribe: &Subscribe, after: u64) -> Sent {
        let one_of = |sets: Vec<&Sent>| {
            let first = Sent::default();
            sets.into_iter().fold(first, |sum, set| sum.or(set))
        };
        let mut sent = self.all.clone();
        if !subscribe.ledgers.is_empty() {
            let place = |wanted: &u32| LEDGERS.iter().position(|it| it == wanted);
            let sets = subscribe.ledgers.iter().filter_map(place);
            sent = sent.and(&one_of(sets.map(|place| &self.of_ledgers[place]).collect()));
        }
        if !subscribe.accounts.is_empty() {
            let place = |wanted: &u128| ACCOUNTS.iter().position(|it| it == wanted);
            let sets = subscribe.accounts.iter().filter_map(place);
            sent = sent.and(&one_of(sets.map(|place| &self.of_accounts[place]).collect()));
        }
        let outcomes = &self.all.outcomes;
        let passes = |sequence: &u64| {
            let outcome = &outcomes[sequence];
            let bit = 1 << outcome.op;
            let of_operation = subscribe.operations == 0 || subscribe.operations & bit != 0;
            *sequence > after
                && of_operation
                && (!subscribe.only_successes || outcome.status().is_success())
        };
        sent.outcomes.retain(|sequence, _| subscribe.outcomes && passes(sequence));
        sent.bodies.retain(|sequence| subscribe.commands && passes(sequence));
        sent.events.retain(|_, (sequence, _)| subscribe.events && *sequence > after);
        sent
    }
}

/// Everything that there is.
fn everything() -> Subscribe {
    Subscribe { events: true, commands: true, ..Subscribe::outcomes(Start::After(0)) }
}

/// Has the engine execute the history; its last sequence.
fn fill(served: &Served) -> u64 {
    let mut connection = served.connect();
    connection.hello(&ClientHello::default());
    assert!(matches!(connection.hear(), Said::Hello(_)));
    let mut generator = Generator::new(7);
    let (mut batches, mut last) = (0, 0);
    while batches < BATCHES {
        let batch = generator.next_batch();
        if !batch[0].op().is_public() {
            continue;
        }
        let mut bytes = Vec::new();
        encode_batch(&batch, &Request { tag: 5, ..Request::NONE }, &mut bytes);
        connection.send(&bytes);
        let mut left = batch.len();
        while left > 0 {
            match connection.hear() {
                Said::Outcome(sequence, _) => (last, left) = (sequence, left - 1),
                Said::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
        batches += 1;
    }
    last
}

/// The request that the bytes describe.
fn request(bytes: &mut impl Iterator<Item = u8>, last_sequence: u64) -> Subscribe {
    let mut byte = || bytes.next().unwrap_or(0);
    let (wants, after, ledgers, accounts) = (byte(), byte(), byte(), byte());
    let operations = u64::from(byte()) << (byte() % 24);
    let chosen = |bits: u8, count: usize| (0..count).filter(move |bit| bits >> bit & 1 != 0);
    Subscribe {
        start: Start::After(last_sequence * u64::from(after) / 255),
        name: 0,
        outcomes: wants & 1 == 0,
        events: wants & 2 != 0,
        commands: wants & 4 != 0,
        only_successes: wants & 8 != 0,
        operations,
        ledgers: chosen(ledgers, LEDGERS.len()).map(|at| LEDGERS[at]).collect(),
        accounts: chosen(accounts, ACCOUNTS.len()).map(|at| ACCOUNTS[at]).collect(),
    }
}

/// A request, and under a name a second one that goes on after what was acknowledged.
pub fn run(input: &[u8]) {
    SCENE.with(|scene| {
        let scene = scene.get_or_init(Scene::new);
        let mut bytes = input.iter().copied();
        let mut subscribe = request(&mut bytes, scene.last_sequence);
        let (name, acknowledged) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0));
        // Few names, as an engine keeps few; 0 is none.
        subscribe.name = u128::from(name % 8);
        let Start::After(after) = subscribe.start else { unreachable!("it was just made") };
        let mut connection = scene.subscribe(&subscribe);
        let sent = scene.read(&mut connection, &subscribe);
        assert_eq!(sent, scene.expected(&subscribe, after), "{subscribe:?}");
        let sequence = scene.last_sequence * u64::from(acknowledged) / 255;
        let mut bytes = Vec::new();
        encode_acknowledge(sequence, &mut bytes);
        connection.send(&bytes);
        connection.end_sending();
        let refused = (subscribe.name == 0).then_some(ErrorCode::UnexpectedMessage);
        check_end(&mut connection, refused);
        let again = Subscribe { start: Start::Acknowledged, ..subscribe };
        if again.name == 0 {
            return;
        }
        // What was acknowledged later than the subscription began counts; what is earlier does not.
        let after = sequence.max(after);
        let sent = scene.follow(&again);
        assert_eq!(sent, scene.expected(&again, after), "{again:?} after {after}");
        let unknown = Subscribe { name: u128::MAX, ..again };
        check_end(&mut scene.subscribe(&unknown), Some(ErrorCode::UnknownSubscription));
    });
}

/// The connection ends with this error, or with none.
fn check_end(connection: &mut Connection, code: Option<ErrorCode>) {
    loop {
        match connection.hear() {
            Said::Error(error) => {
                assert_eq!(Some(error.code), code.map(|code| code as u16), "{error}");
                return assert_eq!(connection.hear(), Said::End);
            }
            Said::End => return assert_eq!(code, None),
            _ => {}
        }
    }
}

/// Requests of each kind.
#[must_use]
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let requests: [(&str, [u8; 8]); 6] = [
        ("outcomes", [0, 0, 0, 0, 0, 0, 0, 0]),
        ("everything", [6, 0, 0, 0, 0, 0, 0, 0]),
        ("ledgers", [6, 10, 3, 0, 0, 0, 0, 0]),
        ("accounts", [14, 20, 0, 7, 0, 0, 0, 0]),
        ("operations", [4, 0, 0, 0, 6, 0, 0, 0]),
        ("named", [2, 100, 1, 1, 0, 0, 3, 200]),
    ];
    requests.map(|(name, request)| (name.to_owned(), request.to_vec())).into()
}
