//! Names: their places, and connections that take them over.

use super::*;

#[test]
fn a_name_keeps_its_place_and_the_later_connection_takes_it_over() {
    let mut scene = Scene::new(8);
    let needed_after = scene.gauges.needed_after.clone();
    scene.append(1..=20);
    let mut first = scene.connect(&subscribe(Start::After(0), 5));
    assert_eq!(first.outcomes_until(20).len(), 20);
    first.say(|out| encode_acknowledge(12, out));
    // The place counts once it is on stable storage.
    wait_for(|| needed_after.get() == 12);
    let mut second = scene.connect(&subscribe(Start::Acknowledged, 5));
    assert_eq!(second.outcomes_until(20), (13..=20).collect::<Vec<u64>>());
    first.say(|out| encode_acknowledge(20, out));
    assert_eq!(first.end(), error(ErrorCode::SubscriptionSuperseded, 0));
    // What is said just before the end counts too.
    second.say(|out| encode_acknowledge(15, out));
    drop(second);
    wait_for(|| needed_after.get() == 15);

    // An engine that is started again knows it.
    let Scene { folder, log, journal_id, gauges, subscriptions } = scene;
    subscriptions.stop();
    needed_after.set(0);
    let history = History { journal_id, epoch: 0 };
    let subscriptions = open(&folder, 8, history, &gauges, IDLE);
    let mut scene = Scene { folder, log, journal_id, gauges, subscriptions };
    assert_eq!(needed_after.get(), 15);
    let mut third = scene.connect(&subscribe(Start::Acknowledged, 5));
    assert_eq!(third.outcomes_until(20), (16..=20).collect::<Vec<u64>>());
    drop(third);

    // Where its outcomes are gone all the same, it is dropped, and told so; then it begins anew.
    let path = scene.folder.path().join(log_name(1));
    let moved = tempdir().unwrap();
    let mut log = Log::new(moved.path(), scene.journal_id);
    std::mem::swap(&mut scene.log, &mut log);
    scene.append(21..=40);
    fs::rename(moved.path().join(log_name(21)), scene.folder.path().join(log_name(21))).unwrap();
    fs::remove_file(path).unwrap();
    wait_for(|| needed_after.get() == u64::MAX);
    let end = |start| scene.connect(&subscribe(start, 5)).end();
    assert_eq!(end(Start::Acknowledged), error(ErrorCode::SubscriptionDropped, 15));
    assert_eq!(end(Start::After(15)), error(ErrorCode::TooFarBehind, 21));
    let mut again = scene.connect(&subscribe(Start::After(20), 5));
    assert_eq!(again.outcomes_until(40), (21..=40).collect::<Vec<u64>>());
}

#[test]
fn what_was_acknowledged_before_a_name_is_taken_over_counts() {
    let mut scene = Scene::new(8);
    scene.append(1..=40);
    let mut held = scene.connect(&subscribe(Start::After(0), 5));
    for place in 1..=40 {
        assert_eq!(held.outcomes_until(40).len() as u64, 41 - place);
        held.say(|out| encode_acknowledge(place, out));
        // Whether its connection lasts, ends before the next comes, or meanwhile.
        let next = subscribe(Start::Acknowledged, 5);
        held = match place % 3 {
            0 => {
                drop(held);
                scene.connect(&next)
            }
            1 => {
                let next = scene.connect(&next);
                drop(held);
                next
            }
            _ => {
                let next = scene.connect(&next);
                assert_eq!(held.end(), error(ErrorCode::SubscriptionSuperseded, 0));
                next
            }
        };
    }
    let told = held.told_until(|told| matches!(told, Told::Subscribed { .. }));
    assert!(matches!(told.last(), Some(Told::Subscribed { after: 40, .. })), "{told:?}");
}
