//! A session that is told what an engine would say.

use super::*;
use ringfence_types::{Account, Op, Status};

const HELLO: EngineHello = EngineHello {
    mode: ringfence_codec::wire::Mode::Commands,
    batch_commands_max: 8192,
    in_flight_commands_max: 100,
    idle_timeout_ms: 30_000,
    last_sequence: 0,
    journal: [7; 16],
    epoch: 0,
    last_request: 0,
    is_known: false,
    events: false,
    resumes_after: 0,
};

fn batch() -> Vec<Command> {
    vec![Command::create_account(Account::default()); 2]
}

fn outcome() -> Outcome {
    let (status, op) = (Status::Created as u16, Op::CreateAccount as u8);
    Outcome { status, op, ..Outcome::default() }
}

fn origin(first_sequence: u64, number: u64) -> Origin {
    let request = Request { session: 5, number, ..Request::NONE };
    Origin { request, first_sequence, commands: 2, op: 1, ..Origin::default() }
}

/// A session and what it delivered, in short.
struct Case {
    state: State,
    said: Vec<String>,
    sent: Vec<u8>,
}

impl Case {
    fn begin(options: SessionOptions) -> Case {
        let state = State::new(&options);
        let mut case = Case { state, said: Vec::new(), sent: Vec::new() };
        case.welcome(HELLO).unwrap();
        case
    }

    /// A session with three batches of two under way.
    fn three() -> Case {
        let mut case = Case::begin(SessionOptions { session: 5, ..SessionOptions::default() });
        for number in 1..=3 {
            case.state.push(&batch(), number, 0, &mut case.sent);
        }
        case.sent.clear();
        case
    }

    fn welcome(&mut self, hello: EngineHello) -> Result<(), HistoryChanged> {
        let Case { state, said, sent } = self;
        state.welcome(&hello, sent, &mut |delivered| say(said, &delivered))
    }

    fn outcomes(&mut self, first_sequence: u64, count: usize) {
        let outcomes = vec![outcome(); count];
        self.receive(&Reply::Outcomes { first_sequence, outcomes: &outcomes });
    }

    fn receive(&mut self, reply: &Reply<'_>) {
        let Case { state, said, .. } = self;
        state.receive(reply, &mut |delivered| say(said, &delivered)).unwrap();
    }

    fn said(&mut self) -> String {
        std::mem::take(&mut self.said).join(" ")
    }
}

fn say(said: &mut Vec<String>, delivered: &Delivered) {
    said.push(match delivered {
        Delivered::Answer { number, index, is_last, answer } => {
            let end = if *is_last { "!" } else { "" };
            format!("{number}.{index}@{}{end}", answer.sequence)
        }
        Delivered::Replayed { origin, answer } => {
            format!("replayed:{}@{}", origin.request.number, answer.sequence)
        }
        Delivered::Lost { number } => format!("lost:{number}"),
        Delivered::Connected(_) => return,
        other => format!("{other:?}"),
    });
}

#[test]
fn what_was_taken_in_is_not_sent_again() {
    let mut case = Case::three();
    case.outcomes(5, 3);
    assert_eq!(case.said(), "1.0@5 1.1@6! 2.0@7");
    let hello = EngineHello { last_request: 2, last_sequence: 8, resumes_after: 7, ..HELLO };
    case.welcome(hello).unwrap();
    let mut third = Vec::new();
    let request = Request { number: 3, ..Request::NONE };
    encode_batch(&batch(), &request, &mut third);
    assert_eq!(case.sent, third);
    case.receive(&Reply::Origin(origin(7, 2)));
    case.outcomes(8, 1);
    case.outcomes(11, 2);
    assert_eq!(case.said(), "2.1@8! 3.0@11 3.1@12!");
    assert_eq!(case.state.under_way(), 0);
}

#[test]
fn outcomes_that_cannot_be_had_are_named() {
    let mut case = Case::three();
    let hello = EngineHello { last_request: 2, last_sequence: 8, resumes_after: 8, ..HELLO };
    case.welcome(hello).unwrap();
    assert_eq!(case.said(), "lost:1 lost:2");
    assert_eq!(case.state.under_way(), 2);
    let mut case = Case::three();
    let hello = EngineHello { last_request: 3, last_sequence: 9, resumes_after: 4, ..HELLO };
    case.welcome(hello).unwrap();
    case.receive(&Reply::Origin(origin(5, 2)));
    case.outcomes(5, 2);
    case.receive(&Reply::Origin(origin(8, 3)));
    case.outcomes(9, 1);
    assert_eq!(case.said(), "lost:1 2.0@5 2.1@6! lost:3", "the first outcome of 3 is missing");
}

#[test]
fn an_outcome_that_comes_again_counts_once() {
    let mut case = Case::three();
    case.outcomes(5, 1);
    let hello = EngineHello { last_request: 1, last_sequence: 6, resumes_after: 4, ..HELLO };
    case.welcome(hello).unwrap();
    case.receive(&Reply::Origin(origin(5, 1)));
    case.outcomes(5, 2);
    assert_eq!(case.said(), "1.0@5 1.1@6!");
}

#[test]
fn answers_for_an_earlier_life_are_passed_on() {
    let options = SessionOptions {
        session: 5,
        last_sequence: 4,
        last_number: 1,
        ..SessionOptions::default()
    };
    let mut case = Case::begin(options);
    assert!(case.state.greeting().resume);
    let hello = EngineHello { last_request: 2, last_sequence: 6, resumes_after: 4, ..HELLO };
    case.welcome(hello).unwrap();
    case.receive(&Reply::Origin(origin(5, 2)));
    case.outcomes(5, 2);
    assert_eq!(case.said(), "replayed:2@5 replayed:2@6");
    assert_eq!(case.state.next_number(), 3);
}

#[test]
fn another_history_is_refused() {
    let mut case = Case::three();
    assert!(case.welcome(EngineHello { epoch: 1, ..HELLO }).is_err());
    assert!(case.welcome(EngineHello { journal: [8; 16], ..HELLO }).is_err());
    assert!(case.sent.is_empty(), "nothing is sent to it");
}
