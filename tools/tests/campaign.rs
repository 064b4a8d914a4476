//! Damaged journals are refused, or give all back that was acknowledged.
//!
//! `RINGFENCE_CAMPAIGN_FAULTS=N` tries more faults than the default; `campaign` in `tools/src/bin`
//! repeats one fault.

use std::sync::Arc;

use tools::campaign::judge::{Verdict, judge};
use tools::campaign::kinds::Kind;
use tools::campaign::subject::{End, Shape, Subject};
use tools::campaign::{Subjects, run};

const FAULTS: u64 = 300;

#[test]
fn no_fault_loses_anything_in_silence() {
    let faults = std::env::var("RINGFENCE_CAMPAIGN_FAULTS");
    let faults = faults.map_or(FAULTS, |text| text.parse().expect("it is a number"));
    let report = run(&Subjects::new(), &Kind::all(), 0, faults, |_| ());
    println!("{:#?}", report.counts);
    let lost = report.lost.iter().map(|fault| {
        let (kind, seed) = (fault.kind.name(), fault.seed);
        format!("campaign --kind {kind} --seed {seed} --faults 1: {fault:?}")
    });
    let lost: Vec<String> = lost.collect();
    assert!(lost.is_empty(), "{lost:#?}");
    // Faults are caught, and not only survived.
    let caught: u64 = report.counts.values().map(|counts| counts.caught).sum();
    assert!(caught > faults / 10, "{caught} caught of {faults}");
}

#[test]
fn a_journal_that_lacks_what_was_acknowledged_is_judged_lost() {
    let subject = Subject::new(Shape::Full, End::Clean, false, 1);
    let judged = |change: &dyn Fn(&mut Subject)| {
        let mut changed = subject.clone();
        change(&mut changed);
        judge(&Arc::new(changed), &subject.image, false)
    };
    assert_eq!(judged(&|_| ()), Verdict::Harmless);
    let is_lost = |verdict| matches!(verdict, Verdict::Lost(_));
    assert!(is_lost(judged(&|it| it.acknowledged += 1)), "a command is missing");
    assert!(is_lost(judged(&|it| it.outcomes[99].status += 1)), "an outcome is another");
    let before = subject.digests[&0];
    let last = subject.acknowledged;
    let has_another_state = |it: &mut Subject| {
        it.digests.insert(last, before);
    };
    assert!(is_lost(judged(&has_another_state)), "the state is another");
}
