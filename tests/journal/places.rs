//! The data directory while it is held: who else may come in, and what happens if it goes away.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::*;
use ringfence::journal::{Backend, DataDir, JournalError, Wanted, Writer, recover};

/// Appends until the journal says that it cannot go on.
fn append_until_it_fails(writer: &mut DiskWriter, contents: &mut Contents) -> JournalError {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let first = contents.last_sequence() + 1;
        let batch = contents.make_batch(100).to_vec();
        let appended = loop {
            match writer.append(first, &batch[..]) {
                Ok(true) => break writer.poll().map(|_| ()),
                Ok(false) => {}
                Err(error) => break Err(error),
            }
            if let Err(error) = writer.poll() {
                break Err(error);
            }
            writer.wait();
        };
        if let Err(error) = appended {
            return error;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it went on as if nothing had happened");
}

#[test]
fn a_lock_that_was_removed_keeps_a_second_engine_out_and_stops_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, _, mut contents, mut writer) = open(folder.path()).unwrap();
    append(&mut writer, &mut contents, 10);
    wait_for(&mut writer, 10);
    let lock = folder.path().join("lock");
    fs::remove_file(&lock).unwrap();
    for _ in 0..2 {
        let refused = DataDir::open(folder.path()).err().unwrap();
        assert!(matches!(refused, JournalError::InUse { .. }), "{refused}");
        // The same if there is another file in its place.
        fs::write(&lock, "").unwrap();
    }
    let error = append_until_it_fails(&mut writer, &mut contents);
    let JournalError::Gone { path } = error else { panic!("{error}") };
    assert_eq!(path, lock);
    drop((writer, dir));
    let (_dir, _, found, _) = open(folder.path()).unwrap();
    assert_eq!(found.batches, contents.batches[..found.batches.len()]);
}

#[test]
fn a_data_directory_that_is_renamed_or_whose_segment_is_gone_stops_the_engine() {
    for backend in [Backend::Uring, Backend::Buffered] {
        for what in ["renamed", "removed"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("data");
            let Ok((dir, _, mut contents, mut writer)) =
                open_as(&path, Some(backend), &Wanted::default(), OPTIONS)
            else {
                eprintln!("{} does not work here: nothing to try", backend.name());
                continue;
            };
            append(&mut writer, &mut contents, 10);
            wait_for(&mut writer, 10);
            match what {
                "renamed" => fs::rename(&path, folder.path().join("moved")).unwrap(),
                _ => fs::remove_file(path.join("0000000001.journal")).unwrap(),
            }
            let error = append_until_it_fails(&mut writer, &mut contents);
            assert!(matches!(error, JournalError::Gone { .. }), "{what}: {error}");
            assert!(error.to_string().contains("was removed, renamed or replaced"), "{error}");
            drop((writer, dir));
        }
    }
}

#[test]
fn a_link_in_the_place_of_a_new_segment_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (path, victim) = (folder.path().join("data"), folder.path().join("victim"));
    fs::create_dir(&path).unwrap();
    fs::write(&victim, "precious").unwrap();
    for name in ["0000000001.journal.new", "witness.new", "probe.new"] {
        symlink(&victim, path.join(name)).unwrap();
    }
    let contents = write_journal(&path, &[8192, 8192, 3]);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(read(&path).unwrap().batches, contents.batches);

    let linked = folder.path().join("linked");
    fs::create_dir(&linked).unwrap();
    symlink(&victim, linked.join("lock")).unwrap();
    assert!(DataDir::open(&linked).is_err());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_nobody_waits_for_it() {
    let make = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    for name in ["lock", "0000000001.journal", "witness"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        write_journal(&path, &[3]);
        fs::remove_file(path.join(name)).unwrap();
        make(&path.join(name));
        let (sender, done) = mpsc::channel();
        thread::spawn(move || {
            let said = |error: JournalError| error.to_string();
            let _ = sender.send((open(&path).err().map(said), read(&path).err()));
        });
        let (written, read) = done.recv_timeout(Duration::from_secs(20)).expect("nobody waits");
        let error = written.unwrap();
        assert!(error.contains("it is not a regular file"), "{name}: {error}");
        assert!(read.is_some(), "{name}");
    }
}

#[test]
fn who_else_may_write_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, is_said) in [(0o700, false), (0o755, false), (0o775, true), (0o707, true)] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let dir = DataDir::open_with(folder.path(), Some(Backend::Buffered)).unwrap();
        let said = dir.shortcoming().unwrap_or_default();
        assert_eq!(said.contains(&format!("its mode is {mode:04o}")), is_said, "{mode:o}: {said}");
    }
}

#[test]
fn a_file_that_others_may_write_is_said_where_they_can_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    write_journal(folder.path(), &[3]);
    let segment = folder.path().join("0000000001.journal");
    let cases =
        [(0o700, 0o666, false), (0o755, 0o644, false), (0o755, 0o666, true), (0o710, 0o620, true)];
    for (of_directory, of_file, is_said) in cases {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(of_directory)).unwrap();
        fs::set_permissions(&segment, fs::Permissions::from_mode(of_file)).unwrap();
        let dir = DataDir::open_with(folder.path(), Some(Backend::Buffered)).unwrap();
        let said = dir.shortcoming().unwrap_or_default();
        let mode = format!("others may write to 0000000001.journal: its mode is {of_file:04o}");
        assert_eq!(said.contains(&mode), is_said, "{of_directory:o}, {of_file:o}: {said}");
    }
}

#[test]
fn leftovers_are_removed_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[3]);
    let leftovers =
        ["probe.new", "0000000007.journal.new", "witness.new", "0000000001.journal.cut.2.new"];
    for name in leftovers {
        fs::write(path.join(name), "x").unwrap();
    }
    // Not ours to remove: a snapshot may be under way.
    fs::write(path.join("00000000000000000003.snapshot.new"), "x").unwrap();
    let dir = DataDir::open(path).unwrap();
    for name in leftovers {
        assert!(!path.join(name).exists(), "{name}");
    }
    assert!(path.join("00000000000000000003.snapshot.new").exists());
    drop(dir);
}

#[test]
fn a_segment_that_cannot_be_made_stops_nothing_while_the_current_one_has_room() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::open(folder.path()).unwrap();
    let mut contents = Contents::default();
    let recovered = recover(&dir, &Wanted::default(), &OPTIONS, |_| ()).unwrap();
    // Nothing can be made under that name.
    let obstacle = folder.path().join("0000000002.journal.new");
    fs::create_dir(&obstacle).unwrap();
    let mut writer = Writer::open(&dir, &recovered, OPTIONS, &no_waker()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while writer.shortage().is_none() {
        assert!(Instant::now() < deadline, "the next segment was made");
        append(&mut writer, &mut contents, 1);
        thread::sleep(Duration::from_millis(1));
    }
    for _ in 0..5 {
        append(&mut writer, &mut contents, 1000);
        wait_for(&mut writer, contents.last_sequence());
    }
    assert!(writer.shortage().is_some());
    // With room again it goes on.
    fs::remove_dir(&obstacle).unwrap();
    while writer.shortage().is_some() || !folder.path().join("0000000002.journal").exists() {
        assert!(Instant::now() < deadline, "it is not tried again");
        writer.poll().unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    for _ in 0..2 {
        append(&mut writer, &mut contents, 8192);
    }
    // Without it stops, and says why, when nothing fits any more.
    let obstacles: Vec<_> =
        (3..9).map(|number| folder.path().join(format!("{number:010}.journal.new"))).collect();
    for obstacle in &obstacles {
        let _ = fs::create_dir(obstacle);
    }
    let kept = contents.batches.len();
    let error = append_until_it_fails(&mut writer, &mut contents);
    assert!(error.to_string().contains(".journal.new"), "{error}");
    drop((writer, dir));
    for obstacle in &obstacles {
        let _ = fs::remove_dir(obstacle);
    }
    let (_dir, _, found, _) = open(folder.path()).unwrap();
    assert!(found.batches.len() >= kept);
    assert_eq!(found.batches, contents.batches[..found.batches.len()]);
}
