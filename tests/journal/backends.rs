//! What writes a journal makes no difference to what is in it.

use std::path::Path;

use crate::support::*;
use ringfence::journal::{Backend, DataDir, Durability, Options, Wanted};

/// The backends that work where temporary folders lie. The last one works everywhere.
fn backends() -> Vec<Backend> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe");
    let works = |&backend: &Backend| DataDir::open_with(&path, Some(backend)).is_ok();
    let found: Vec<Backend> = Backend::ALL.into_iter().filter(works).collect();
    assert_eq!(found.last(), Some(&Backend::Buffered));
    found
}

fn write_and_read(path: &Path, backend: Option<Backend>, durability: Durability) {
    let options = Options { durability, ..OPTIONS };
    let (dir, _, mut contents, mut writer) =
        open_as(path, backend, &Wanted::default(), options).unwrap();
    let name = format!("{} {durability:?} at {}", dir.backend().name(), path.display());
    // Several segments, groups of all lengths, and more under way than is released at once.
    for round in 0..3 {
        for length in [1, 31, 32, 500, 8192, 2, 8189] {
            append(&mut writer, &mut contents, length);
        }
        let last = contents.last_sequence();
        wait_for(&mut writer, last);
        if round == 1 {
            writer.idle().unwrap();
        }
    }
    writer.close().unwrap();
    drop(dir);
    let found = read(path).unwrap();
    assert_eq!(found.batches, contents.batches, "{name}");

    let (_dir, recovered, found, mut writer) =
        open_as(path, backend, &Wanted::default(), options).unwrap();
    assert_eq!(recovered.last_sequence, contents.last_sequence(), "{name}");
    assert_eq!(found.batches, contents.batches, "{name}");
    append(&mut writer, &mut contents, 10);
    writer.close().unwrap();
    assert_eq!(read(path).unwrap().batches, contents.batches, "{name}");
}

#[test]
fn every_backend_writes_the_same_journal() {
    let folder = tempfile::tempdir().unwrap();
    for backend in backends() {
        for durability in [Durability::Sync, Durability::Async] {
            let path = folder.path().join(format!("{}-{durability:?}", backend.name()));
            write_and_read(&path, Some(backend), durability);
        }
    }
}

#[test]
fn one_backend_goes_on_where_another_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let mut written = Contents::default();
    for backend in backends().into_iter().cycle().take(6) {
        let (_dir, _, mut contents, mut writer) =
            open_as(&path, Some(backend), &Wanted::default(), OPTIONS).unwrap();
        assert_eq!(contents.batches, written.batches, "{}", backend.name());
        append(&mut writer, &mut contents, 5000);
        writer.close().unwrap();
        written = contents;
    }
}

#[test]
fn a_file_system_in_memory_is_written_too() {
    let memory = Path::new("/dev/shm");
    if !memory.is_dir() {
        eprintln!("there is no {}: nothing to try", memory.display());
        return;
    }
    let folder = tempfile::tempdir_in(memory).unwrap();
    write_and_read(&folder.path().join("data"), None, Durability::Sync);
}
