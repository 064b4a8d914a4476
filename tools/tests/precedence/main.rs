//! Every refusal alone, and every two that can apply at once: the earlier one is answered.
//!
//! ```text
//!   table of precedence ──▶ every two statuses of a list ──▶ conditions ──▶ scene ──▶ every subject
//!                                   └─▶ or a reason why they cannot apply together
//! ```
//!
//! A *condition* makes a scene such that its status applies. Two conditions go together unless
//! they set the same *aspect* of the scene to different values.
//!
//! The lists are those of `ringfence::types::precedence`. A test fails if a status has no
//! condition, if two statuses are neither tried together nor declared impossible, and if two are
//! declared impossible that are tried. Two count as tried where one of them is the answer and the
//! other applies too. `suites!` fails if an operation has no test.

mod accounts;
mod amendments;
mod floor;
mod impossible;
mod markets;
mod orders;
mod others;
mod payments;
mod post_void;
mod queued;
mod scene;

use std::collections::BTreeSet;

use ringfence::engine::Risk;
use ringfence::types::precedence::{CheckedBy, OPERATIONS, Precedence};
use ringfence::types::{Op, Rules, Status};
use tools::scenario::{Batch, lines_of};
use tools::subjects;

/// What a scene comes to.
struct Play {
    rules: Rules,
    /// Everything before the last batch, with the statuses that it must get.
    prologue: Vec<(Batch, Vec<Status>)>,
    /// The last batch; its last command is the event that matters.
    last: Batch,
    /// Whether the event is alone in what it can change.
    is_alone: bool,
}

trait Scene {
    /// Whether the event's id is taken.
    fn has_original(&self) -> bool {
        false
    }

    fn play(&self) -> Play;
}

type Aspects = &'static [(&'static str, &'static str)];

struct Condition<S> {
    status: Status,
    /// What it fixes about the scene.
    aspects: Aspects,
    /// What applies too where the event's id is taken, because the event differs from its original.
    induced: &'static [Status],
    apply: fn(&mut S),
}

/// A condition.
const fn condition<S>(
    status: Status,
    aspects: Aspects,
    induced: &'static [Status],
    apply: fn(&mut S),
) -> Condition<S> {
    Condition { status, aspects, induced, apply }
}

/// Two groups of statuses: no scene has one of the one and one of the other decide between them.
#[derive(Clone, Copy)]
struct Impossible {
    reason: &'static str,
    one: &'static [Status],
    other: &'static [Status],
}

impl Impossible {
    /// No two of these apply together.
    const fn among(reason: &'static str, group: &'static [Status]) -> Impossible {
        Impossible { reason, one: group, other: group }
    }

    const fn between(
        reason: &'static str,
        one: &'static [Status],
        other: &'static [Status],
    ) -> Impossible {
        Impossible { reason, one, other }
    }
}

type Pairs = BTreeSet<(Status, Status)>;

/// Two statuses, whichever comes first.
fn pair(one: Status, other: Status) -> (Status, Status) {
    (one.min(other), one.max(other))
}

/// The checks of `op`, of the kind of its commands that has this name.
fn precedence_of(op: Op, kind: &str) -> &'static Precedence {
    OPERATIONS.iter().find(|it| it.op == op && it.kind == kind).expect("it is in the table")
}

/// Checks the conditions alone and in pairs against the table of precedence.
fn check<S: Scene>(
    precedence: &Precedence,
    base: impl Fn() -> S,
    conditions: &[Condition<S>],
    impossible: &[Impossible],
) {
    let order: Vec<Status> = precedence.checks().map(|check| check.status).collect();
    for status in &order {
        assert!(conditions.iter().any(|one| one.status == *status), "no condition for {status:?}");
    }
    perform(precedence, &base(), precedence.success[0], "nothing wrong");
    let mut tried = Pairs::new();
    for (index, one) in conditions.iter().enumerate() {
        let mut scene = base();
        (one.apply)(&mut scene);
        let (answer, _) = expected(precedence, &order, &scene, &[one]);
        perform(precedence, &scene, answer, &format!("{:?}", one.status));
        if answer == one.status {
            assert_found_by_its_stage(precedence, answer, &scene.play());
        }
        for other in conditions[index + 1..].iter().filter(|other| go_together(one, other)) {
            let mut scene = base();
            (one.apply)(&mut scene);
            (other.apply)(&mut scene);
            let (answer, statuses) = expected(precedence, &order, &scene, &[one, other]);
            let name = format!("{:?} and {:?}", one.status, other.status);
            perform(precedence, &scene, answer, &name);
            tried.extend(decided(answer, &statuses));
        }
    }
    assert_no_pair_is_missing(&order, &tried, impossible);
}

/// The pairs that an answer decides, where all these statuses apply: it and each other one. A
/// repeat is answered as one whatever else is wrong with it; so all that say that it is one count
/// there.
fn decided(answer: Status, statuses: &[Status]) -> Pairs {
    let is_repeat = |status: &Status| impossible::REPEATS.contains(status);
    let firsts = statuses
        .iter()
        .filter(|&status| *status == answer || (is_repeat(&answer) && is_repeat(status)));
    let others = |first: Status| {
        let others = statuses.iter().filter(move |other| {
            **other != first && (first == answer || **other == answer || !is_repeat(other))
        });
        others.map(move |&other| pair(first, other))
    };
    firsts.flat_map(|&first| others(first)).collect()
}

/// Fails unless every two statuses of the order were tried together or cannot apply together.
fn assert_no_pair_is_missing(order: &[Status], tried: &Pairs, impossible: &[Impossible]) {
    let mut excluded = Pairs::new();
    for Impossible { reason, one, other } in impossible.iter().chain(impossible::ALWAYS) {
        for (&one, &other) in one.iter().flat_map(|one| other.iter().map(move |other| (one, other)))
        {
            if one != other {
                let pair = pair(one, other);
                assert!(!tried.contains(&pair), "{pair:?} are tried, although {reason}");
                excluded.insert(pair);
            }
        }
    }
    let mut missing = Vec::new();
    for (index, &one) in order.iter().enumerate() {
        for &other in &order[index + 1..] {
            let pair = pair(one, other);
            if !tried.contains(&pair) && !excluded.contains(&pair) {
                missing.push((one, other));
            }
        }
    }
    assert!(missing.is_empty(), "tried neither together nor as impossible: {missing:?}");
}

/// Fails unless the stage that the table names finds the refusal of the last event.
fn assert_found_by_its_stage(precedence: &Precedence, status: Status, play: &Play) {
    let mut risk = Risk::new(&play.rules).expect("memory for small tables");
    let mut refusal = None;
    for batch in play.prologue.iter().map(|(batch, _)| batch).chain([&play.last]) {
        risk.step(batch.as_slice(), |index, verdict| {
            if index + 1 == batch.len() {
                refusal = verdict.refusal();
            }
        });
    }
    let row = precedence.checks().find(|check| check.status == status).expect("it has a place");
    let is_found_by_risk = refusal == Some(status);
    assert_eq!(is_found_by_risk, row.by == CheckedBy::Risk, "{status:?} is found by {:?}", row.by);
}

fn go_together<S>(one: &Condition<S>, other: &Condition<S>) -> bool {
    one.aspects.iter().all(|(aspect, value)| {
        other.aspects.iter().all(|(name, others)| name != aspect || others == value)
    })
}

/// The answer to a scene under these conditions, and all the statuses that apply.
fn expected<S: Scene>(
    precedence: &Precedence,
    order: &[Status],
    scene: &S,
    conditions: &[&Condition<S>],
) -> (Status, Vec<Status>) {
    let mut statuses: Vec<Status> = conditions.iter().map(|one| one.status).collect();
    if scene.has_original() {
        statuses.extend(conditions.iter().flat_map(|one| one.induced));
    }
    let place =
        |status: &Status| order.iter().position(|other| other == status).expect("it has a place");
    let first = statuses.iter().copied().min_by_key(place).expect("there is a condition");
    let full = [Status::TransfersFull, Status::OrdersFull];
    let full = full.into_iter().find(|full| statuses.contains(full));
    // A refusal that would have to be remembered needs room too.
    let answer = full.filter(|_| precedence.spends_id(first)).unwrap_or(first);
    (answer, statuses)
}

/// Plays a scene to every subject; a refused event that is alone must leave every account alone.
fn perform(precedence: &Precedence, scene: &impl Scene, expected: Status, name: &str) {
    let play = scene.play();
    let batches = || -> Vec<Batch> {
        let prologue = play.prologue.iter().map(|(batch, _)| batch.clone());
        prologue.chain([play.last.clone()]).collect()
    };
    let context = || lines_of(&play.rules, &batches());
    for (subject_name, mut subject) in subjects::all(&play.rules) {
        for (batch, statuses) in &play.prologue {
            let answers = subject.apply(batch);
            let found: Vec<Status> = answers.iter().map(|it| it.outcome.status()).collect();
            assert_eq!(&found, statuses, "prologue of {name}, {subject_name}:\n{}", context());
        }
        let before = subject.accounts();
        let answers = subject.apply(&play.last);
        let found = answers[answers.len() - 1].outcome;
        assert_eq!(found.status(), expected, "{name}, {subject_name}:\n{}", context());
        if play.is_alone && !precedence.success.contains(&expected) {
            assert_eq!(subject.accounts(), before, "{name}, {subject_name}:\n{}", context());
        }
    }
}

/// A test for each row of the table, and one that fails where a row has none.
macro_rules! suites {
    ($($test:ident: $op:ident $kind:literal => $check:path,)+) => {
        $(
            #[test]
            fn $test() {
                $check(precedence_of(Op::$op, $kind));
            }
        )+

        #[test]
        fn every_operation_of_the_table_is_tested() {
            let tested = [$((Op::$op, $kind)),+];
            for it in OPERATIONS {
                assert!(tested.contains(&(it.op, it.kind)), "no test of {:?} {}", it.op, it.kind);
            }
        }
    };
}

suites! {
    create_account: CreateAccount "" => accounts::check_all,
    post_or_void: CreateTransfer "posts and voids" => post_void::check_all,
    payment: CreateTransfer "single-phase and pending" => payments::check_all,
    queued_payment: CreateTransfer "with `queue` or `urgent`" => queued::check_all,
    lookup_account: LookupAccount "" => others::lookup_account,
    lookup_transfer: LookupTransfer "" => others::lookup_transfer,
    set_account_policy: SetAccountPolicy "" => others::set_account_policy,
    set_ledger_policy: SetLedgerPolicy "" => others::set_ledger_policy,
    set_pair_policy: SetPairPolicy "" => others::set_pair_policy,
    create_market: CreateMarket "" => markets::check_all,
    place_order: PlaceOrder "" => orders::check_all,
    amend_order: AmendOrder "" => amendments::check_amendments,
    cancel_order: CancelOrder "" => amendments::check_cancellations,
    lookup_order: LookupOrder "" => others::lookup_order,
    lookup_market: LookupMarket "" => others::lookup_market,
    resolve_queues: ResolveQueues "" => others::resolve_queues,
    cancel_queued_transfer: CancelQueuedTransfer "" => others::cancel_queued_transfer,
    requeue_transfer: RequeueTransfer "" => others::requeue_transfer,
    lookup_queue: LookupQueue "" => others::lookup_queue,
    pulse: Pulse "" => others::pulse,
}

#[test]
fn a_pair_that_is_neither_tried_nor_impossible_is_missed() {
    const ORDER: &[Status] = &[Status::IdMustNotBeZero, Status::Exists, Status::ReservedFlag];
    const BOTH: &[Status] = &[Status::IdMustNotBeZero, Status::Exists];
    const LAST: &[Status] = &[Status::ReservedFlag];
    let tried = Pairs::from([pair(Status::IdMustNotBeZero, Status::Exists)]);
    let fails = |impossible: Impossible| {
        let check = || assert_no_pair_is_missing(ORDER, &tried, &[impossible]);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err()
    };
    assert!(!fails(Impossible::between("it is reserved", LAST, BOTH)));
    assert!(fails(Impossible::between("one is left out", LAST, &[Status::Exists])));
    assert!(fails(Impossible::among("one is tried", ORDER)));
}
