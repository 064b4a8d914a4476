//! An engine embedded in a program: opened, run, stopped by a failure, opened again.

mod support;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ringfence::journal::SEGMENT_BYTES_MIN;
use ringfence::node::gateway::{Intake, Progress, Source, SourceError};
use ringfence::node::publish::Sink;
use ringfence::node::{Message, Node, NodeError, Options};
use ringfence::types::{Account, Command, Event, Outcome, Request};
use support::{apply, ringfence, run_on, text};
use tempfile::tempdir;

/// Accounts of these ids, one a batch; then the end, or a failure.
struct Accounts {
    ids: std::ops::Range<u128>,
    fails: bool,
}

impl Source for Accounts {
    type Notice = ();

    fn step(&mut self, intake: &mut Intake<()>) -> Result<Progress, SourceError> {
        let Some(id) = self.ids.clone().next() else {
            if self.fails {
                let error = io::Error::other("reading a test: it was to fail");
                return Err(SourceError::Failed(error.into()));
            }
            return Ok(Progress::Ended);
        };
        let account = Account { id, ledger: 1, code: 1, ..Account::default() };
        let command = Command::create_account(account);
        let taken = intake.submit(command.op(), 0, &Request::NONE, 1_000, 1, |_| &command.body)?;
        if taken.is_some() {
            self.ids.next();
        }
        Ok(if taken.is_some() { Progress::Worked } else { Progress::Idle })
    }

    fn stop(&mut self) {
        self.ids = 0..0;
    }
}

/// The sequences of all outcomes.
#[derive(Clone, Default)]
struct Sequences(Arc<Mutex<Vec<u64>>>);

impl Sink for Sequences {
    type Notice = ();

    fn notice(&mut self, (): ()) {}

    fn event(&mut self, _: &Event) {}

    fn outcome(&mut self, sequence: u64, _: &Outcome) {
        self.0.lock().unwrap().push(sequence);
    }
}

fn options(dir: &Path) -> Options {
    let segment_bytes = Some(SEGMENT_BYTES_MIN);
    Options { data_dir: Some(dir.to_owned()), segment_bytes, ..Options::default() }
}

fn accounts(ids: std::ops::Range<u128>) -> Accounts {
    Accounts { ids, fails: false }
}

#[test]
fn a_node_runs_more_than_once_and_another_goes_on_from_there() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let node = Node::open(options(&dir)).unwrap();
    let ran = node.run(accounts(1..101), Sequences::default()).unwrap();
    assert_eq!(*ran.sink.0.lock().unwrap(), (1..=100).collect::<Vec<u64>>());
    let ran = ran.node.run(accounts(101..151), Sequences::default()).unwrap();
    assert_eq!(ran.counts.total(), 50, "counts are those of one run");
    let digest = ran.node.engine().digest();
    let closed = ran.node.close().unwrap();
    assert_eq!((closed.last_sequence, closed.engine.account_count()), (150, 150));

    let told = Arc::new(Mutex::new(Vec::new()));
    let report = {
        let told = Arc::clone(&told);
        Box::new(move |message| told.lock().unwrap().push(message))
    };
    let node = Node::open(Options { report, ..options(&dir) }).unwrap();
    assert_eq!((node.last_sequence(), node.engine().digest()), (150, digest));
    assert!(told.lock().unwrap().contains(&Message::Replayed(150)), "{told:?}");
}

#[test]
fn a_directory_has_one_node_at_a_time() {
    let folder = tempdir().unwrap();
    let first = Node::open(options(folder.path())).unwrap();
    let second = Node::open(options(folder.path()));
    assert!(matches!(second, Err(NodeError::Journal(_))));
    first.close().unwrap();
    Node::open(options(folder.path())).unwrap();
}

#[test]
fn a_run_that_is_stopped_says_what_was_answered_and_nothing_of_it_is_lost() {
    let folder = tempdir().unwrap();
    let node = Node::open(options(folder.path())).unwrap();
    let sequences = Sequences::default();
    let source = Accounts { ids: 1..5_001, fails: true };
    let Err(error) = node.run(source, sequences.clone()) else { panic!("the source fails") };
    let NodeError::Stopped(stopped) = &error else { panic!("{error}") };
    let answered = sequences.0.lock().unwrap().clone();
    assert_eq!(stopped.last_published, answered.last().copied().unwrap_or(0));
    assert_eq!(stopped.counts.total(), answered.len() as u64);
    assert_eq!(error.to_string(), "reading a test: it was to fail");
    assert!(!error.is_bug());
    let node = Node::open(options(folder.path())).unwrap();
    assert!(node.last_sequence() >= stopped.last_published);
}

#[test]
fn segments_stay_as_long_as_they_were_made_where_no_length_is_asked_for() {
    let folder = tempdir().unwrap();
    let node = Node::open(options(folder.path())).unwrap();
    let ran = node.run(accounts(1..2), Sequences::default()).unwrap();
    ran.node.close().unwrap();
    // Enough for more than one segment.
    let node = Node::open(Options { segment_bytes: None, ..options(folder.path()) }).unwrap();
    let ran = node.run(accounts(2..3_000), Sequences::default()).unwrap();
    ran.node.close().unwrap();
    let lengths: Vec<u64> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".journal"))
        .map(|entry| entry.metadata().unwrap().len())
        .collect();
    assert!(lengths.len() > 1, "{lengths:?}");
    assert!(lengths.iter().all(|length| *length == SEGMENT_BYTES_MIN), "{lengths:?}");
}

#[test]
fn an_outcome_log_needs_a_data_directory() {
    let result = Node::open(Options { outcome_log: true, ..Options::default() });
    assert!(matches!(result, Err(NodeError::OutcomeLogWithoutJournal)));
    let ran = run_on(&["apply", "--outcome-log", "-"], "");
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("--data-dir"), "{ran:?}");
}

#[test]
fn a_socket_path_that_is_too_long_is_refused_before_a_journal_is_made() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("a".repeat(120));
    let output = ringfence(&["run", "--data-dir", text(&dir)]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("listening at unix:"), "{stderr}");
    assert!(!dir.exists());
}

#[test]
fn a_start_whose_clock_is_behind_the_journal_says_by_how_much() {
    let folder = tempdir().unwrap();
    // A clock that stood at the year 2100 once.
    let input = r#"{"op":"advance_clock","nanoseconds":4102444800000000000}
{"op":"create_account","id":1,"ledger":1,"code":1}
"#;
    let first = apply(folder.path(), &[], input);
    assert_eq!(first.status, 0, "{first:?}");
    assert!(!first.stderr.contains("behind"), "a manual clock goes on from there: {first:?}");
    let account = r#"{"op":"create_account","id":2,"ledger":1,"code":1}"#;
    let second = run_on(&["apply", "--data-dir", text(folder.path()), "-"], account);
    assert_eq!(second.status, 0, "{second:?}");
    assert!(second.stderr.contains("the clock is 7"), "some 70 years: {second:?}");
    assert!(second.stderr.contains("nothing expires"), "{second:?}");
}

#[test]
fn what_protects_from_paying_twice_is_shortened_only_where_that_is_meant() {
    let folder = tempdir().unwrap();
    let dir = text(folder.path());
    let lines = r#"{"op":"create_account","id":1,"ledger":1,"code":1}
{"op":"create_account","id":2,"ledger":1,"code":1}
{"op":"create_transfer","id":7,"debit_account_id":1,"credit_account_id":2,"amount":5,"ledger":1,"code":1}
"#;
    assert_eq!(apply(folder.path(), &[], lines).status, 0);
    let refused = run_on(&["apply", "--data-dir", dir, "--retention", "1ns", "-"], lines);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stderr.contains("--shorten-retention"), "{refused:?}");
    let asked_for = ["apply", "--data-dir", dir, "--retention", "1ns", "--shorten-retention", "-"];
    let meant = run_on(&asked_for, "");
    assert_eq!(meant.status, 0, "{meant:?}");
    // From then on it is the journal's, and need not be said again.
    let again = run_on(&["apply", "--data-dir", dir, "--retention", "1ns", "-"], "");
    assert_eq!(again.status, 0, "{again:?}");
    let longer = run_on(&["apply", "--data-dir", dir, "--retention", "1h", "-"], "");
    assert_eq!(longer.status, 0, "{longer:?}");
}

/// More transfers than any machine has memory for.
const TOO_MANY: &str = "2000000000";

#[test]
fn capacities_for_which_there_is_no_memory_are_not_journaled() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let account = r#"{"op":"create_account","id":1,"ledger":1,"code":1}"#;
    for _ in 0..2 {
        // Of a new journal first, then of one that holds commands.
        let refused = apply(&dir, &["--transfers", TOO_MANY], "");
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains("`transfers`"), "{refused:?}");
        let next = apply(&dir, &[], account);
        assert_eq!(next.status, 0, "{next:?}");
    }
}

#[test]
fn capacities_that_no_command_was_taken_in_under_can_be_taken_back() {
    use ringfence::journal::{self, DataDir, Wanted};

    let folder = tempdir().unwrap();
    let account = r#"{"op":"create_account","id":1,"ledger":1,"code":1}"#;
    assert_eq!(apply(folder.path(), &[], account).status, 0);
    // As an engine did once that asked for memory only afterwards.
    let too_many = Some(TOO_MANY.parse().unwrap());
    let of_transfers = Wanted { transfers: too_many, ..Wanted::default() };
    let of_sessions = Wanted { sessions: too_many, ..Wanted::default() };
    for (wanted, option, default) in
        [(of_transfers, "--transfers", "1048576"), (of_sessions, "--sessions", "1024")]
    {
        let dir = DataDir::open(folder.path()).unwrap();
        journal::recover(&dir, &wanted, &journal::Options::default(), |_| {}).unwrap();
        drop(dir);
        assert_eq!(apply(folder.path(), &[], "").status, 1, "there is no memory for it");
        let replayed = run_on(&["replay", "--data-dir", text(folder.path())], "");
        assert_eq!(replayed.status, 0, "what no command needs is not asked for: {replayed:?}");

        let smaller = apply(folder.path(), &[option, default], "");
        assert!(smaller.stderr.contains("--withdraw-capacities"), "{smaller:?}");
        let withdrawn = apply(folder.path(), &["--withdraw-capacities"], "");
        assert_eq!(withdrawn.status, 0, "{withdrawn:?}");
        assert_eq!(withdrawn.digest(), replayed.digest());
        assert_eq!(apply(folder.path(), &[], "").status, 0, "and it is said once");
    }
}

#[test]
fn batches_of_an_iterator_are_executed_up_to_one_that_is_none() {
    use ringfence::node::gateway::Batches;
    use ringfence::node::publish::Each;
    use ringfence::types::{Lookup, Op};

    let account =
        |id| Command::create_account(Account { id, ledger: 1, code: 1, ..Account::default() });
    let look_up = Command::of_lookup(Op::LookupAccount, Lookup { id: 1, ..Lookup::default() });
    let cases = [
        (vec![], "not a batch: 0 commands, not 1 to 8192"),
        (vec![account(9); 8193], "not a batch: 8193 commands, not 1 to 8192"),
        (
            vec![account(9), look_up],
            "not a batch: command 1 is `lookup_account`, the first is `create_account`",
        ),
    ];
    for (wrong, expected) in cases {
        let node = Node::open(Options::default()).unwrap();
        let given = [vec![account(1), account(2)], wrong, vec![account(3)]];
        let ran = node.run(Batches::new(given), Each(|_, _: &Outcome| {}));
        assert_eq!(ran.err().unwrap().to_string(), expected);
    }
    let node = Node::open(Options::default()).unwrap();
    let mut statuses = Vec::new();
    let given = [vec![account(1), account(2)], vec![account(2), account(3)]];
    let each =
        Each(|sequence, outcome: &Outcome| statuses.push((sequence, outcome.status().name())));
    node.run(Batches::new(given), each).unwrap();
    assert_eq!(statuses, [(1, "created"), (2, "created"), (3, "exists"), (4, "created")]);
}
