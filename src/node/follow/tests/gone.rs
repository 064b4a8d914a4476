//! Logs whose oldest files are removed while they are followed.

use std::path::PathBuf;

use super::*;

/// A log of three files: 1 to 3, 4 to 6, and after a hole 10 to 12.
fn three_files(dir: &Path, id: [u8; 16]) -> Vec<PathBuf> {
    let mut log = Log::new(dir, id);
    append(&mut log, &[O(1), O(2), O(3)]);
    drop(log);
    // A file that goes on is begun behind a hole, or where one is full: here it is put there.
    let other = tempdir().unwrap();
    let mut log = Log::new(other.path(), id);
    append(&mut log, &[O(4), O(5), O(6)]);
    append(&mut log, &[O(10), O(11), O(12)]);
    for first in [4, 10] {
        fs::copy(other.path().join(log_name(first)), dir.join(log_name(first))).unwrap();
    }
    [1, 4, 10].map(|first| dir.join(log_name(first))).to_vec()
}

#[test]
fn what_is_gone_is_named_with_the_oldest_that_is_left() {
    let (folder, dir, id) = journal();
    let files = three_files(folder.path(), id);
    let mut follower = Follower::open(&dir, wish(Begin::Oldest)).unwrap();
    let mut given = Given::default();
    assert!(follower.poll(&mut given).unwrap());
    assert_eq!(given.0, [O(1), O(2), O(3)]);
    // A file that is removed while it is read is read to its end, and so is the next.
    fs::remove_file(&files[0]).unwrap();
    assert!(follower.poll(&mut given).unwrap());
    assert_eq!(given.0[3..], [O(4), O(5), O(6)]);
    let error = all(&mut follower).unwrap_err();
    assert!(matches!(error, FollowError::TooFarBehind { after: 6, oldest: 10, .. }), "{error}");

    let open = |begin| Follower::open(&dir, wish(begin)).map(|follower| follower.looked_at());
    //  begin, how far it is then, or the oldest that can be had
    let cases = [
        (Begin::After(0), Err(4)),
        (Begin::After(2), Err(4)),
        (Begin::After(3), Ok(3)),
        (Begin::Oldest, Ok(3)),
        (Begin::After(5), Ok(5)),
        (Begin::After(6), Err(10)),
        (Begin::After(8), Err(10)),
        (Begin::After(9), Ok(9)),
        (Begin::After(12), Ok(12)),
        (Begin::Now, Ok(12)),
    ];
    for (begin, expected) in cases {
        let found = open(begin).map_err(|error| match error {
            FollowError::TooFarBehind { oldest, .. } => oldest,
            other => panic!("{begin:?}: {other}"),
        });
        assert_eq!(found, expected, "{begin:?}");
    }
    let ahead = open(Begin::After(13)).unwrap_err();
    assert!(matches!(ahead, FollowError::Ahead { after: 13, last: 12, .. }), "{ahead}");
    for file in &files[1..] {
        fs::remove_file(file).unwrap();
    }
    assert!(matches!(open(Begin::After(13)), Err(FollowError::NoOutcomeLog { .. })));
    let kept = Follower::open(&dir, kept(Begin::After(13)));
    assert!(matches!(kept, Err(FollowError::Ahead { after: 13, .. })));
}
