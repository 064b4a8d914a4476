//! A log that is damaged in the midst, as `follow` tells it.

use std::fs;

use tempfile::tempdir;

use crate::support::engine::Engine;
use crate::support::{apply, run, text};
use crate::{input, logs};

#[test]
fn damage_behind_good_frames_is_named_beside_an_engine_too() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let more = || assert_eq!(apply(dir, &["--outcome-log"], &input()).status, 0);
    more();
    let path = logs(dir)[0].clone();
    let second = fs::metadata(&path).unwrap().len();
    // The same again, twice: everything is there already.
    more();
    more();
    let flip = || {
        let mut bytes = fs::read(&path).unwrap();
        bytes[second as usize + 70] ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    flip();
    let place = format!("{} at byte {second}: checksum", path.display());
    for idle in [&["--until-idle"][..], &[]] {
        let damaged = run(&[&["follow", "--data-dir", text(dir)], idle].concat());
        assert!(damaged.status == 1 && damaged.stderr.contains(&place), "{}", damaged.stderr);
    }
    flip();

    let mut engine = Engine::start(dir, &[]);
    let address = format!("unix:{}", text(&dir.join("ringfence.sock")));
    flip();
    for idle in [&["--until-idle"][..], &[]] {
        let damaged = run(&[&["follow", "--connect", &address], idle].concat());
        let text = "the outcome log cannot be read";
        assert!(damaged.status == 1 && damaged.stderr.contains(text), "{}", damaged.stderr);
    }
    assert_eq!(engine.stop(), 0);
}
