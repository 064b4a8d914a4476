//! An engine that is killed in the middle of a load: what a client was told is never lost.
//!
//! `RINGFENCE_CRASH_ROUNDS` kills it more often (or less) than the default.

mod support;

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence::client::{Address, Client, submit};
use serde_json::Value;
use support::engine::Engine;
use support::{ringfence, run, text};
use tempfile::tempdir;

const ROUNDS: u64 = 6;
/// What writes the journal, in turns: each has to go on with what another left.
const JOURNAL_IO: [&str; 3] = ["io-uring", "threads", "buffered"];
const BATCH: u64 = 7;
/// Batches in the load of a round: far more than an engine settles before it is killed.
const BATCHES: u64 = 40_000;

/// A batch of transfers whose ids tell which batch they are of.
fn batch(number: u64) -> String {
    let transfers: Vec<String> = (0..BATCH)
        .map(|index| {
            let id = number * 100 + index + 1;
            format!(
                r#"{{"op":"create_transfer","id":{id},"debit_account_id":1,"credit_account_id":2,"amount":{id},"ledger":1,"code":1}}"#
            )
        })
        .collect();
    format!("[{}]\n", transfers.join(","))
}

#[test]
fn what_a_client_was_told_survives_sigkill_and_no_batch_is_half_there() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Pcg64::seed_from_u64(seed);
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut told: Vec<String> = Vec::new();

    let rounds = std::env::var("RINGFENCE_CRASH_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().expect("a number"));
    for round in 0..rounds {
        let journal_io = JOURNAL_IO[round as usize % JOURNAL_IO.len()];
        let mut engine = Engine::start(&dir, &["--journal-io", journal_io]);
        let address = Address::Unix(dir.join("ringfence.sock"));
        let mut input = String::new();
        if round == 0 {
            input.push_str("{\"op\":\"create_account\",\"id\":1,\"ledger\":1,\"code\":1}\n");
            input.push_str("{\"op\":\"create_account\",\"id\":2,\"ledger\":1,\"code\":1}\n");
        }
        for number in 0..BATCHES {
            input.push_str(&batch(round * BATCHES + number));
        }
        // Several clients at once: this one, and one that looks accounts up all the time.
        let client = Client::connect(&address).unwrap();
        let other = Client::connect(&address).unwrap();
        let looking = thread::spawn(move || {
            let input = "{\"op\":\"lookup_account\",\"id\":1}\n".repeat(200_000);
            let mut output = Vec::new();
            submit(std::io::Cursor::new(input), &mut output, other);
            output
        });
        let sending = thread::spawn(move || {
            let mut output = Vec::new();
            let report = submit(std::io::Cursor::new(input), &mut output, client);
            (output, report)
        });
        thread::sleep(Duration::from_millis(random.random_range(10..80)));
        engine.kill();
        let (output, report) = sending.join().unwrap();
        assert!(report.stopped.is_some(), "the load was not over when the engine was killed");
        for output in [output, looking.join().unwrap()] {
            told.extend(String::from_utf8(output).unwrap().lines().map(str::to_owned));
        }

        let replayed = run(&["replay", "--data-dir", text(&dir), "--outcomes"]);
        assert_eq!(replayed.status, 0, "round {round}: {}", replayed.stderr);
        let kept = replayed.lines();
        for line in &told {
            let outcome: Value = serde_json::from_str(line).unwrap();
            let sequence: usize = outcome["sequence"].as_str().unwrap().parse().unwrap();
            assert_eq!(kept.get(sequence - 1), Some(&line.as_str()), "round {round}, seed {seed}");
        }
        let mut batches: HashMap<u64, u64> = HashMap::new();
        for line in &kept {
            let outcome: Value = serde_json::from_str(line).unwrap();
            if outcome["op"] == "create_transfer" {
                let id: u64 = outcome["id"].as_str().unwrap().parse().unwrap();
                *batches.entry(id / 100).or_default() += 1;
            }
        }
        assert!(!batches.is_empty(), "round {round}: nothing was kept");
        for (number, count) in batches {
            assert_eq!(count, BATCH, "round {round}, seed {seed}: batch {number} is torn");
        }
    }
    assert!(!told.is_empty());
}

#[test]
fn a_stopped_engine_answers_all_that_it_took_in_and_leaves_no_socket_behind() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start(&dir, &[]);
    let socket = dir.join("ringfence.sock");
    let connect = format!("unix:{}", socket.display());
    let input = std::fs::read_to_string("examples/payments.ndjson").unwrap();
    let ran = support::run_on(&["submit", "--connect", &connect, "-"], &input);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(ran.lines().len(), 16);

    let refused = ringfence(&["run", "--data-dir", text(folder.path()), "--listen", &connect])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "somebody listens there already");

    assert_eq!(engine.stop(), 0);
    assert!(!socket.exists());
    let replayed = run(&["replay", "--data-dir", text(&dir), "--outcomes"]);
    assert_eq!(replayed.stdout, ran.stdout);

    // A socket file that a killed engine left is replaced.
    let mut engine = Engine::start(&dir, &[]);
    engine.kill();
    assert!(socket.exists());
    let mut engine = Engine::start(&dir, &[]);
    let idle = Client::connect(&Address::Unix(socket)).unwrap();
    assert_eq!(engine.stop(), 0, "a client that says nothing does not hold it up");
    drop(idle);
}
