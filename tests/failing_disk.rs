//! A disk that fails under a running engine: nothing leaves after the failure, and it is said.

mod support;

use std::path::Path;
use std::process::Command;

use support::{SMALL, apply, run, text};

const ACCOUNTS: &str = "{\"op\":\"create_account\",\"id\":1,\"ledger\":1,\"code\":1}\n\
                        {\"op\":\"create_account\",\"id\":2,\"ledger\":1,\"code\":1}\n";

fn transfers(count: u64) -> String {
    let line = |id| {
        format!(
            r#"{{"op":"create_transfer","id":{id},"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":1,"code":1}}"#
        )
    };
    (1..=count).map(|id| line(id) + "\n").collect()
}

/// Runs `apply` in a shell that lets no file grow, or be written, beyond so many blocks.
fn apply_limited(dir: &Path, input: &Path, blocks: u64, more: &[&str]) -> support::Ran {
    // The signal that tells of the limit would end the program before the error does.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let mut command = Command::new("sh");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RINGFENCE_")) {
        command.env_remove(name);
    }
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_ringfence"), "apply"]);
    command.args(["--clock", "manual", "--data-dir", text(dir)]).args(more).arg(text(input));
    command.output().unwrap().into()
}

/// What a client saw is what a replay of the journal begins with.
fn assert_all_printed_is_kept(dir: &Path, printed: &str) {
    let replayed = run(&["replay", "--data-dir", text(dir), "--outcomes"]);
    assert_eq!(replayed.status, 0, "{}", replayed.stderr);
    let kept = &replayed.lines()[2..];
    let printed: Vec<&str> = printed.lines().collect();
    assert!(printed.len() <= kept.len(), "{} printed, {} kept", printed.len(), kept.len());
    assert_eq!(printed, kept[..printed.len()]);
}

#[test]
fn after_a_failed_write_no_outcome_leaves_and_file_and_offset_are_named() {
    for backend in ["io-uring", "threads", "buffered"] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        assert_eq!(apply(&dir, &[], ACCOUNTS).status, 0);
        let input = folder.path().join("input");
        std::fs::write(&input, transfers(10_000)).unwrap();

        // A quarter of a segment or half of one, by the shell's unit.
        let more = [&SMALL[..], &["--journal-io", backend]].concat();
        let failed = apply_limited(&dir, &input, 1024, &more);
        assert_eq!(failed.status, 1, "{backend}: {}", failed.stderr);
        let message = failed.stderr.lines().find(|line| line.contains("cannot write"));
        let message = message.unwrap_or_else(|| panic!("{backend}: {}", failed.stderr));
        assert!(message.contains("0000000001.journal at byte "), "{backend}: {message}");
        assert!(!failed.stderr.contains("panicked"), "{backend}: {}", failed.stderr);
        assert!(failed.lines().len() < 10_000, "{backend}: the disk was not full");
        assert_all_printed_is_kept(&dir, &failed.stdout);

        // With a disk that works the engine goes on where it was.
        let again = apply(&dir, &[], "{\"op\":\"lookup_account\",\"id\":1}\n");
        assert_eq!(again.status, 0, "{backend}: {}", again.stderr);
        assert!(again.stdout.contains("\"found\""), "{backend}: {}", again.stdout);
    }
}

#[test]
fn where_no_further_segment_can_be_made_the_engine_stops() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    assert_eq!(apply(&dir, &[], ACCOUNTS).status, 0);
    let input = folder.path().join("input");
    std::fs::write(&input, transfers(60_000)).unwrap();
    // Segments from now on are longer than any file may be.
    let more = ["--segment-bytes", "16777216", "--ring-slots", "16384"];
    let failed = apply_limited(&dir, &input, 8192, &more);
    assert_eq!(failed.status, 1, "{}", failed.stderr);
    assert!(failed.stderr.contains("cannot reserve space in"), "{}", failed.stderr);
    assert!(failed.stderr.contains(".journal.new: "), "{}", failed.stderr);
    assert_all_printed_is_kept(&dir, &failed.stdout);
}
