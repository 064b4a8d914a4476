//! Logs that are damaged in the midst, so that good frames stand before and behind.

use std::time::Duration;

use super::*;

/// A log of four frames, with events that wait for their outcome before the third; where each
/// begins.
fn four_frames(dir: &Path, id: [u8; 16]) -> [u64; 4] {
    let frames = [&[O(1), O(2)][..], &[O(3), E(4, 1)], &[O(4), O(5)], &[O(6), O(7)]];
    let mut log = Log::new(dir, id);
    frames.map(|entries| {
        // A file has its header with its first frame.
        let length = fs::metadata(dir.join(log_name(1))).map_or(64, |file| file.len());
        append(&mut log, entries);
        length
    })
}

/// Polls as who waits for more does, until there is an error.
fn error_of(follower: &mut Follower, given: &mut Given) -> FollowError {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        match follower.poll(given) {
            Ok(true) => {}
            Ok(false) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return error,
        }
    }
    panic!("nothing is said of the damage behind {:?}", given.0);
}

/// What is wrong: the place of a byte in the third frame, and what it is changed by.
const FAULTS: [(usize, u8); 5] = [(0, 1), (4, 16), (4, 200), (5, 1), (70, 1)];

#[test]
fn damage_is_named_wherever_it_stands_and_whoever_waits_is_told() {
    let begins = [Begin::Oldest, Begin::After(2), Begin::After(3)];
    // Each takes seconds, in which it waits.
    std::thread::scope(|scope| {
        for (fault, begin) in FAULTS.into_iter().flat_map(|fault| begins.map(|it| (fault, it))) {
            scope.spawn(move || damage_is_named(fault, begin));
        }
    });
}

fn damage_is_named((at, by): (usize, u8), begin: Begin) {
    let (folder, dir, id) = journal();
    let offsets = four_frames(folder.path(), id);
    let path = folder.path().join(log_name(1));
    let mut bytes = fs::read(&path).unwrap();
    bytes[offsets[2] as usize + at] ^= by;
    fs::write(&path, bytes).unwrap();
    let mut follower = Follower::open(&dir, wish(begin)).unwrap();
    let mut given = Given::default();
    while follower.poll(&mut given).unwrap() {}
    assert!(follower.doubts(), "byte {at}, {begin:?}");
    let error = error_of(&mut follower, &mut given).to_string();
    let place = format!("{} at byte {}: ", path.display(), offsets[2]);
    assert!(error.contains(&place), "byte {at}, {begin:?}: {error}");
    let before: Vec<Entry> = (begin_after(begin) + 1..=3).map(O).collect();
    assert_eq!((given.0, follower.looked_at()), (before, 3), "byte {at}, {begin:?}");
}

fn begin_after(begin: Begin) -> u64 {
    match begin {
        Begin::After(after) => after,
        _ => 0,
    }
}

#[test]
fn a_frame_that_a_crash_cut_short_is_no_damage() {
    let (folder, dir, id) = journal();
    let offsets = four_frames(folder.path(), id);
    let path = folder.path().join(log_name(1));
    let whole = fs::read(&path).unwrap();
    for length in [offsets[3] + 1, offsets[3] + 64, offsets[3] + 100] {
        fs::write(&path, &whole[..length as usize]).unwrap();
        let mut follower = Follower::open(&dir, kept(Begin::Oldest)).unwrap();
        let given = all_for_long(&mut follower).unwrap();
        assert_eq!(given, [O(1), O(2), O(3), E(4, 1), O(4), O(5)], "{length}");
        assert!(!follower.doubts(), "{length}");
    }
}
