//! A log that is damaged in the midst, as `follow` tells it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::tempdir;

use crate::support::{SMALL, apply, ringfence, run, text};
use crate::{input, logs};

/// An engine on `dir`, ready.
fn start(dir: &Path) -> Child {
    let mut command = ringfence(&["run", "--data-dir", text(dir)]);
    let spawned = command.args(SMALL).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut engine = spawned.unwrap();
    let mut lines = BufReader::new(engine.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready on")), "it ended before it was ready");
    thread::spawn(move || lines.for_each(drop));
    engine
}

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

    let mut engine = start(dir);
    let address = format!("unix:{}", text(&dir.join("ringfence.sock")));
    flip();
    for idle in [&["--until-idle"][..], &[]] {
        let damaged = run(&[&["follow", "--connect", &address], idle].concat());
        let text = "the outcome log cannot be read";
        assert!(damaged.status == 1 && damaged.stderr.contains(text), "{}", damaged.stderr);
    }
    assert!(Command::new("kill").arg(engine.id().to_string()).status().unwrap().success());
    assert!(engine.wait().unwrap().success());
}
