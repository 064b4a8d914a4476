//! Sessions of an engine, compared with a slow and plain twin.
//!
//! ```text
//!   input ──▶ actions: connect, batch, cut batch, garbage, close ──┬──▶ engine, over sockets
//!                                                                  └──▶ twin: what has to come
//! ```
//!
//! # Invariants, checked for each input
//!
//! * A hello is answered by what the twin knows of the session, or refused with the twin's code.
//! * Each batch takes effect once, or not at all where its connection ended before its answer came;
//!   the next hello says which, and that stays so.
//! * Every outcome comes in order, and again as it was.

use std::cell::RefCell;

use ringfence::codec::wire::{
    ClientMessage, ErrorCode, RequestDecoder, encode_batch, encode_heartbeat,
};
use ringfence::types::{Account, AccountPolicy, Command, Lookup, Op, Request};

use super::served::{Connection, Said, Served};
use super::{Mode, wire};

mod world;

use world::{Dealt, World};

/// Inputs after which an engine gives way to a new one: its tables are small.
const INPUTS_MAX: u64 = 2_000;
/// Most actions of one input.
const ACTIONS_MAX: usize = 24;

thread_local! {
    static SERVED: RefCell<Option<Served>> = const { RefCell::new(None) };
}

/// Lets `work` have the thread's engine, and the number of the input.
fn with_engine(work: impl FnOnce(&Served, u64)) {
    SERVED.with_borrow_mut(|served| {
        if served.as_ref().is_some_and(|it| it.inputs >= INPUTS_MAX) {
            *served = None;
        }
        let served = served.get_or_insert_with(Served::start);
        served.inputs += 1;
        work(served, served.inputs);
        assert!(!served.has_ended(), "the engine has ended");
    });
}

/// Actions on three connections of two sessions with names, and one without.
pub fn run(input: &[u8]) {
    with_engine(|served, number| {
        let mut world = World::new(served, number);
        let mut bytes = input.iter().copied();
        for _ in 0..ACTIONS_MAX {
            let Some(action) = bytes.next() else { break };
            let mut byte = || bytes.next().unwrap_or(0);
            let slot = usize::from(action >> 4) % world::SLOTS;
            match action & 0xf {
                0..=4 => {
                    let (session, said) = (byte(), byte());
                    let dealt = match said & 3 {
                        0 => Dealt::Nothing,
                        1 => Dealt::Half,
                        2 => Dealt::All,
                        _ => Dealt::TooMuch,
                    };
                    let session = usize::from(session) % world::SESSIONS;
                    world.connect(slot, session, dealt, said & 4 != 0);
                }
                5..=11 => {
                    let (step, kind) = (byte(), byte());
                    world.batch(slot, step, kind, action & 1 == 0);
                }
                12 => world.cut_batch(slot, byte()),
                13 => world.garbage(slot),
                14 => world.heartbeat(slot),
                _ => world.close(slot),
            }
        }
        world.end_all();
    });
}

/// One stream of a client, as it is. The engine ends the connection for the reason for which a
/// decoder does, or for one that a decoder cannot know.
pub fn run_bytes(input: &[u8]) {
    let Some((mode, stream)) = Mode::split(input) else { return };
    let mut stream = stream.to_vec();
    if mode.mends() {
        wire::mend(&mut stream);
    }
    let expected = decoded(&stream);
    with_engine(|served, _| {
        let mut connection = served.connect();
        for piece in stream.chunks(mode.piece_bytes().max(64)) {
            connection.send(piece);
        }
        connection.end_sending();
        let error = loop {
            match connection.hear() {
                Said::Error(error) => break Some(error),
                Said::End => break None,
                _ => {}
            }
        };
        let code = error.as_ref().and_then(|error| ErrorCode::from_number(error.code));
        let of_decoder = |code: &ErrorCode| *code as u16 <= ErrorCode::BadValue as u16;
        match (code.filter(of_decoder), expected.violation) {
            (None, None) => {}
            (None, Some(_)) => assert!(error.is_some(), "{expected:?} was not told"),
            (Some(_), _) if expected.acknowledges => {}
            (code, violation) => assert_eq!(code, violation, "{error:?}"),
        }
    });
}

/// What a decoder makes of a whole stream.
fn decoded(stream: &[u8]) -> Decoded {
    let (mut decoder, mut decoded) = (RequestDecoder::new(), Decoded::default());
    let mut at = 0;
    while at < stream.len() {
        at += decoder.frames().feed(&stream[at..]);
        loop {
            match decoder.next_message() {
                Ok(Some(message)) => {
                    decoded.acknowledges |= matches!(message, ClientMessage::Acknowledge(_));
                }
                Ok(None) => break,
                Err(violation) => {
                    decoded.violation = Some(violation.code());
                    return decoded;
                }
            }
        }
    }
    decoded
}

#[derive(Debug, Default)]
struct Decoded {
    violation: Option<ErrorCode>,
    /// Something is acknowledged: whether that may be, a decoder does not know.
    acknowledges: bool,
}

/// One command, by a number, and the status that its outcome must have: `id` was not used before.
fn command(kind: u8, id: u128) -> (Command, &'static str) {
    match kind % 3 {
        0 => {
            let account = Account { id, ledger: 1, code: 1, ..Account::default() };
            (Command::create_account(account), "created")
        }
        1 => {
            let policy = AccountPolicy { account_id: id, ..AccountPolicy::default() };
            (Command::set_account_policy(policy), "account_not_found")
        }
        _ => {
            (Command::of_lookup(Op::LookupAccount, Lookup { id, ..Lookup::default() }), "not_found")
        }
    }
}

/// Scripts of actions.
#[must_use]
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let scripts: [(&str, &[u8]); 7] = [
        ("one_batch", &[0x00, 0, 0, 0x06, 1, 3]),
        ("resumed", &[0x00, 0, 0, 0x06, 1, 7, 0x05, 1, 2, 0x0f, 0x10, 0, 0x05, 0x16, 2, 1]),
        ("taken_over", &[0x00, 0, 0, 0x05, 1, 4, 0x10, 0, 0, 0x16, 1, 5, 0x06, 1, 1]),
        ("not_increasing", &[0x00, 1, 0, 0x06, 1, 0, 0x06, 0, 0, 0x00, 1, 6, 0x0d]),
        ("unnamed", &[0x00, 2, 0, 0x06, 0, 6, 0x06, 1, 1, 0x00, 2, 7]),
        ("cut", &[0x00, 0, 0, 0x0c, 40, 0x00, 0, 3, 0x00, 0, 1, 0x06, 5, 9, 0x0e, 0x0f]),
        ("two", &[0x00, 0, 0, 0x10, 1, 0, 0x05, 1, 1, 0x15, 1, 1, 0x20, 0, 2, 0x20, 1, 1]),
    ];
    scripts.map(|(name, script)| (name.to_owned(), script.to_vec())).into()
}
