//! Logs that grow and are cut while they are followed.

mod damaged;
mod gone;

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Instant;

use tempfile::{TempDir, tempdir};

use super::follower::LOG_BEGINS;
use super::*;
use crate::gateway::Batches;
use crate::publish::Each;
use crate::{Node, Options};
use ringfence_journal::outcomes::{Frame, Log, Scan, log_name};
use ringfence_journal::{DataDir, SEGMENT_BYTES_MIN, first_segment};
use ringfence_types::{
    Account, Command, Event, EventBody, EventKind, Lookup, Op, Origin, Outcome, Request,
    ResolveQueues, SettledBy, Status, Transfer, TransferEvent,
};

/// A directory with an empty journal, and its identity.
fn journal() -> (TempDir, DataDir, [u8; 16]) {
    let folder = tempdir().unwrap();
    let (data_dir, segment_bytes) = (Some(folder.path().to_owned()), Some(SEGMENT_BYTES_MIN));
    drop(Node::open(Options { data_dir, segment_bytes, ..Options::default() }).unwrap());
    let dir = DataDir::open_to_read(folder.path()).unwrap();
    let id = first_segment(dir.files()).unwrap().journal_id;
    (folder, dir, id)
}

fn outcome(sequence: u64) -> Outcome {
    let (status, op) = (Status::Created as u16, Op::CreateAccount as u8);
    Outcome { id: sequence.into(), timestamp: sequence, status, op, ..Outcome::default() }
}

fn event(sequence: u64, number: u64) -> Event {
    let kind = EventKind::TransferExpired as u8;
    Event { sequence, number, kind, ..Event::default() }
}

/// What stands in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Outcome(u64),
    Event(u64, u64),
    /// A batch of three commands of a session.
    Origin(u64),
}
use Entry::{Event as E, Origin as B, Outcome as O};

/// Appends a frame. An origin before the frame's first outcome is that of a batch begun earlier.
fn append(log: &mut Log, entries: &[Entry]) {
    let mut frame = Frame::new();
    for entry in entries {
        match *entry {
            O(sequence) => frame.outcome(sequence, &outcome(sequence)),
            E(sequence, number) => frame.event(&event(sequence, number)),
            B(first) => {
                let request = Request { session: 5, number: first, ..Request::NONE };
                let (commands, op) = (3, Op::CreateAccount as u8);
                let origin =
                    Origin { request, first_sequence: first, commands, op, ..Origin::default() };
                match first <= log.last_sequence() {
                    true => frame.begin_within(&origin),
                    false => frame.origin(&origin),
                }
            }
        }
    }
    log.append(&frame).unwrap();
}

#[derive(Default)]
struct Given(Vec<Entry>);

impl Taker for Given {
    fn origin(&mut self, origin: &Origin) {
        self.0.push(B(origin.first_sequence));
    }

    fn commands(&mut self, _: u64, _: &[Command]) {}

    fn event(&mut self, event: &Event) {
        self.0.push(E(event.sequence, event.number));
    }

    fn outcome(&mut self, sequence: u64, found: &Outcome) {
        assert_eq!(*found, outcome(sequence));
        self.0.push(O(sequence));
    }
}

fn wish(begin: Begin) -> Wish {
    Wish { begin, outcomes: true, events: true, origins: true, ..Wish::default() }
}

/// The same of an engine that is known to keep a log.
fn kept(begin: Begin) -> Wish {
    Wish { log_is_kept: true, ..wish(begin) }
}

/// Polls until nothing more comes, for long enough that files are looked for again.
fn all(follower: &mut Follower) -> Result<Vec<Entry>, FollowError> {
    let mut given = Given::default();
    for _ in 0..40 {
        while follower.poll(&mut given)? {}
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    Ok(given.0)
}

#[test]
fn events_wait_for_the_frame_that_has_their_outcome() {
    let (folder, dir, id) = journal();
    let mut log = Log::new(folder.path(), id);
    let mut follower = Follower::open(&dir, wish(Begin::Oldest)).unwrap();
    assert_eq!(all(&mut follower).unwrap(), []);
    append(&mut log, &[O(1), E(2, 1), O(2), E(3, 2)]);
    assert_eq!(all(&mut follower).unwrap(), [O(1), E(2, 1), O(2)]);
    // More of them, then the outcome.
    append(&mut log, &[E(3, 3), E(3, 4)]);
    assert_eq!((all(&mut follower).unwrap(), follower.looked_at()), (vec![], 2));
    append(&mut log, &[E(3, 5), O(3), O(4)]);
    let rest = [E(3, 2), E(3, 3), E(3, 4), E(3, 5), O(3), O(4)];
    assert_eq!(all(&mut follower).unwrap(), rest);
    assert_eq!((follower.looked_at(), follower.last_sequence().unwrap()), (4, 4));

    // Who begins behind an outcome gets all events of the next.
    for (after, count) in [(0, 9), (1, 8), (2, 6), (3, 1), (4, 0)] {
        let mut again = Follower::open(&dir, wish(Begin::After(after))).unwrap();
        assert_eq!(all(&mut again).unwrap().len(), count, "after {after}");
    }
}

#[test]
fn an_origin_stands_before_what_is_given_of_its_batch() {
    let (folder, dir, id) = journal();
    let mut log = Log::new(folder.path(), id);
    append(&mut log, &[O(1), B(2), O(2), E(3, 1)]);
    append(&mut log, &[B(2), O(3), O(4), B(5), E(5, 2)]);
    append(&mut log, &[B(5), O(5), O(6), O(7), O(8)]);
    let given = |wish| all(&mut Follower::open(&dir, wish).unwrap()).unwrap();
    let whole = [O(1), B(2), O(2), E(3, 1), O(3), O(4), B(5), E(5, 2), O(5), O(6), O(7), O(8)];
    assert_eq!(given(wish(Begin::Oldest)), whole);
    assert_eq!(given(wish(Begin::After(3)))[..3], [B(2), O(4), B(5)]);
    assert_eq!(given(wish(Begin::After(5)))[..2], [B(5), O(6)]);
    assert_eq!(given(wish(Begin::After(7))), [O(8)]);
    // Where nothing of a batch passes, neither does its origin: events belong to nobody.
    let filter = Filter::all().operations(1 << Op::Pulse as u8);
    assert_eq!(given(Wish { filter, ..wish(Begin::Oldest) }), [E(3, 1), E(5, 2)]);
}

#[test]
fn a_log_that_is_cut_and_made_again_gives_everything_once() {
    let (folder, dir, id) = journal();
    let mut log = Log::new(folder.path(), id);
    append(&mut log, &[O(1), O(2)]);
    append(&mut log, &[O(3), E(4, 1), E(4, 2)]);
    append(&mut log, &[E(4, 3), O(4)]);
    append(&mut log, &[O(5)]);
    let mut follower = Follower::open(&dir, wish(Begin::Oldest)).unwrap();
    let whole = [O(1), O(2), O(3), E(4, 1), E(4, 2), E(4, 3), O(4), O(5)];
    assert_eq!(all(&mut follower).unwrap(), whole);
    drop(log);
    // A crash in the middle of the last frame but one, and a start that cuts behind the first.
    let path = folder.path().join(log_name(1));
    let bytes = fs::metadata(&path).unwrap().len();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes - 200).unwrap();
    assert_eq!(all(&mut follower).unwrap(), []);
    let scan = Scan::read(folder.path(), id).unwrap();
    let mut log = Log::go_on(&scan, scan.held().whole_sequence, |_| ()).unwrap();
    assert!(log.last_sequence() < 4);
    let next = log.last_sequence() + 1;
    let rest = whole.iter().copied().skip_while(|entry| match *entry {
        O(sequence) | E(sequence, _) | B(sequence) => sequence < next,
    });
    // In other frames than before.
    for entry in rest {
        append(&mut log, &[entry]);
        assert_eq!(all(&mut follower).unwrap(), []);
    }
    append(&mut log, &[O(6)]);
    assert_eq!(all(&mut follower).unwrap(), [O(6)]);
}

#[test]
fn a_log_that_is_set_aside_and_made_again_is_found() {
    let (folder, dir, id) = journal();
    let mut log = Log::new(folder.path(), id);
    append(&mut log, &[O(1), O(2), O(3)]);
    let mut follower = Follower::open(&dir, wish(Begin::After(2))).unwrap();
    assert_eq!(all(&mut follower).unwrap(), [O(3)]);
    drop(log);
    let path = folder.path().join(log_name(1));
    fs::rename(&path, path.with_extension("aside")).unwrap();
    // It is looked for while it is not there.
    assert_eq!(all(&mut follower).unwrap(), []);
    let mut log = Log::new(folder.path(), id);
    append(&mut log, &[O(1), O(2)]);
    assert_eq!(all(&mut follower).unwrap(), []);
    append(&mut log, &[O(3), O(4)]);
    assert_eq!(all(&mut follower).unwrap(), [O(4)]);
}

/// Polls for longer than an engine may take to begin its log.
fn all_for_long(follower: &mut Follower) -> Result<Vec<Entry>, FollowError> {
    let (start, mut given) = (Instant::now(), Vec::new());
    while start.elapsed() < LOG_BEGINS + LOG_BEGINS / 4 {
        given.extend(all(follower)?);
    }
    Ok(given)
}

#[test]
fn an_engine_that_has_executed_nothing_is_waited_for_and_then_its_log() {
    let (folder, dir, id) = journal();
    let mut follower = Follower::open(&dir, wish(Begin::Now)).unwrap();
    assert_eq!(all_for_long(&mut follower).unwrap(), []);
    let options = Options { data_dir: Some(folder.path().to_owned()), ..Options::default() };
    let account = Account { id: 1, ledger: 1, code: 1, ..Account::default() };
    let first = Batches::new([vec![Command::create_account(account)]]);
    Node::open(options).unwrap().run(first, Each(|_, _: &Outcome| {})).unwrap();
    // The command is in the journal, its outcome not yet in a log, however long nobody looked.
    std::thread::sleep(LOG_BEGINS);
    assert!(!follower.poll(&mut Given::default()).unwrap());
    let mut log = Log::new(folder.path(), id);
    append(&mut log, &[O(1)]);
    assert_eq!(all(&mut follower).unwrap(), [O(1)]);

    // One that never comes is missed, but not where the engine is known to keep one.
    fs::remove_file(folder.path().join(log_name(1))).unwrap();
    let mut waiting = Follower::open(&dir, kept(Begin::Now)).unwrap();
    (0..3).for_each(|_| assert_eq!(all_for_long(&mut waiting).unwrap(), []));
    let error = (0..30).find_map(|_| all_for_long(&mut follower).err()).unwrap();
    assert!(matches!(error, FollowError::NoOutcomeLog { .. }), "{error}");
}

#[test]
fn an_outcome_that_is_another_one_now_is_said() {
    let (folder, dir, id) = journal();
    let mut log = Log::new(folder.path(), id);
    append(&mut log, &[O(1)]);
    append(&mut log, &[O(2)]);
    let mut follower = Follower::open(&dir, wish(Begin::Oldest)).unwrap();
    assert_eq!(all(&mut follower).unwrap(), [O(1), O(2)]);
    fs::remove_file(folder.path().join(log_name(1))).unwrap();
    let mut log = Log::new(folder.path(), id);
    append(&mut log, &[O(1)]);
    assert_eq!(all(&mut follower).unwrap(), []);
    let mut frame = Frame::new();
    frame.outcome(2, &outcome(7));
    log.append(&frame).unwrap();
    let error = all(&mut follower).unwrap_err();
    assert!(matches!(error, FollowError::Changed { sequence: 2, .. }), "{error}");
}

#[test]
fn a_frame_that_is_being_written_is_waited_for() {
    let (folder, dir, id) = journal();
    let path = folder.path().join(log_name(1));
    let mut log = Log::new(folder.path(), id);
    append(&mut log, &[O(1), E(2, 1), O(2)]);
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mut follower = Follower::open(&dir, wish(Begin::Oldest)).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let mut given = Given::default();
        assert!(!follower.poll(&mut given).unwrap(), "{length}");
        assert_eq!(given.0, [], "{length}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(all(&mut follower).unwrap(), [O(1), E(2, 1), O(2)]);
}

fn resolve(ledger: u32) -> Command {
    Command::resolve_queues(ResolveQueues { ledger, ..ResolveQueues::default() })
}

/// Of an account, of a ledger, of both, and of who is confined to the ledger.
fn filters() -> [Filter; 4] {
    [
        Filter::all().accounts([7]),
        Filter::all().ledgers([3]),
        Filter::all().accounts([7]).ledgers([3]),
        Filter::all().confined_to([3]),
    ]
}

#[test]
fn a_filter_lets_pass_what_names_an_account_or_a_ledger_and_what_may_concern_it() {
    let transfer = |debit_account_id, credit_account_id, ledger| {
        Command::create_transfer(Transfer {
            debit_account_id,
            credit_account_id,
            ledger,
            ..Transfer::default()
        })
    };
    let account =
        |id, ledger| Command::create_account(Account { id, ledger, ..Account::default() });
    let look_up = |op, id| Command::of_lookup(op, Lookup { id, ..Lookup::default() });
    //  name                        command                     account ledger both confined
    let cases = [
        ("both are named", transfer(7, 8, 3), [true, true, true, true]),
        ("the payee is named", transfer(8, 7, 3), [true, true, true, true]),
        ("others are named", transfer(8, 9, 4), [false, false, false, false]),
        ("another ledger", transfer(7, 8, 4), [true, false, false, false]),
        ("a post that names nothing", transfer(0, 0, 0), [true, true, true, false]),
        ("a post that names one other", transfer(8, 0, 3), [true, true, true, true]),
        ("a post that names both others", transfer(8, 9, 0), [false, true, false, false]),
        ("an account", account(7, 3), [true, true, true, true]),
        ("another account", account(8, 3), [false, true, false, true]),
        ("a look-up of the account", look_up(Op::LookupAccount, 7), [true, true, true, false]),
        ("of another", look_up(Op::LookupAccount, 8), [false, true, false, false]),
        ("of a transfer", look_up(Op::LookupTransfer, 7), [true, true, true, false]),
        ("a cancellation", look_up(Op::CancelQueuedTransfer, 8), [true, true, true, false]),
        ("a resolution", resolve(3), [true, true, true, true]),
        ("of another ledger", resolve(4), [true, false, false, false]),
        ("a pulse", Command::pulse(), [false, false, false, false]),
    ];
    for (name, command, expected) in cases {
        let outcome = Outcome::of(&command, Status::Ok);
        let found = filters().map(|filter| filter.passes(&outcome, Some(&command)));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn events_name_transfers_and_orders_alone_but_for_what_a_resolution_settles() {
    let settled = |by| {
        let body = TransferEvent { id: 1, by: by as u8, ..TransferEvent::default() };
        let body = EventBody::of_transfer_event(body);
        Event { kind: EventKind::TransferSettled as u8, body, ..event(1, 1) }
    };
    let cases = [
        ("by its account's money", settled(SettledBy::Release), 4, [true, true, true, false]),
        ("by resolution", settled(SettledBy::Resolution), 3, [true, true, true, true]),
        ("of another ledger", settled(SettledBy::Resolution), 4, [true, false, false, false]),
        ("expired", event(1, 1), 4, [true, true, true, false]),
    ];
    for (name, event, ledger, expected) in cases {
        let found = filters().map(|it| it.passes_event(&event, Some(&resolve(ledger))));
        assert_eq!(found, expected, "{name}");
    }
}
