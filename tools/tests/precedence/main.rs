//! Every refusal alone, and every two that can apply at once: the earlier one is answered.
//!
//! ```text
//!   scene with nothing wrong ──▶ one condition, or two ──▶ prologue + event ──▶ every subject
//!                                                    expected: whichever stands earlier in the
//!                                                    order of the semantics, copied here as lists
//! ```
//!
//! A *condition* makes a scene such that its status applies. Two conditions go together unless
//! they set the same *aspect* of the scene to different values.

mod accounts;
mod resolutions;

mod scene;
mod transfers;

use ringfence::types::{Rules, Status};
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

trait Scene: Default {
    /// Whether the event's id is taken.
    fn has_original(&self) -> bool;

    fn play(&self) -> Play;
}

struct Condition<S> {
    status: Status,
    /// What it fixes about the scene.
    aspects: &'static [(&'static str, &'static str)],
    /// What applies too where the event's id is taken, because the event differs from its original.
    induced: &'static [Status],
    apply: fn(&mut S),
}

/// Checks the conditions alone and in pairs against `order`, in which the earlier comes first.
fn check<S: Scene>(order: &[Status], conditions: &[Condition<S>]) {
    assert_covers(order, conditions);
    perform(&S::default(), Status::Created, "nothing wrong");
    for one in conditions {
        let mut scene = S::default();
        (one.apply)(&mut scene);
        perform(&scene, expected(order, &scene, &[one]), &format!("{:?}", one.status));
    }
    let mut pair_count = 0;
    for (index, one) in conditions.iter().enumerate() {
        for other in &conditions[index + 1..] {
            if !go_together(one, other) {
                continue;
            }
            let mut scene = S::default();
            (one.apply)(&mut scene);
            (other.apply)(&mut scene);
            let name = format!("{:?} and {:?}", one.status, other.status);
            perform(&scene, expected(order, &scene, &[one, other]), &name);
            pair_count += 1;
        }
    }
    // Most pairs do go together; if they stop to, this test has lost its point.
    let all_count = conditions.len() * (conditions.len() - 1) / 2;
    assert!(pair_count * 2 > all_count, "only {pair_count} of {all_count} pairs are possible");
}

/// Fails unless every status of the order has a condition.
fn assert_covers<S>(order: &[Status], conditions: &[Condition<S>]) {
    for status in order {
        assert!(conditions.iter().any(|one| one.status == *status), "no condition for {status:?}");
    }
}

fn go_together<S>(one: &Condition<S>, other: &Condition<S>) -> bool {
    one.aspects.iter().all(|(aspect, value)| {
        other.aspects.iter().all(|(name, others)| name != aspect || others == value)
    })
}

fn expected<S: Scene>(order: &[Status], scene: &S, conditions: &[&Condition<S>]) -> Status {
    let mut statuses: Vec<Status> = conditions.iter().map(|one| one.status).collect();
    // The end of the batch is what it is, even where the chain had failed already.
    if statuses.contains(&Status::LinkedEventChainOpen) {
        return Status::LinkedEventChainOpen;
    }
    if scene.has_original() {
        statuses.extend(conditions.iter().flat_map(|one| one.induced));
    }
    let place =
        |status: &Status| order.iter().position(|other| other == status).expect("it has a place");
    let is_full = statuses.contains(&Status::TransfersFull);
    let first = statuses.into_iter().min_by_key(place).expect("there is a condition");
    // A refusal that would have to be remembered needs room too.
    if is_full && first.spends_id() { Status::TransfersFull } else { first }
}

/// Plays a scene to every subject; a refused event that is alone must leave every account alone.
fn perform(scene: &impl Scene, expected: Status, name: &str) {
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
        if play.is_alone && expected != Status::Created {
            assert_eq!(subject.accounts(), before, "{name}, {subject_name}:\n{}", context());
        }
    }
}
