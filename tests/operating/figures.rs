//! Figures of the journal and of subscriptions are what was sent, to the command.

use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::engine::{ACCOUNTS, Engine, transfers};
use crate::status_once;
use ringfence_client::{Followed, Start, Subscribe, Subscription};

/// Blocks in which a journal is written, in bytes.
const BLOCK_BYTES: u64 = 4096;
/// A command in the journal, in bytes.
const BODY_BYTES: u64 = 128;

/// A metric that is a whole number.
fn count(engine: &Engine, name: &str) -> u64 {
    engine.metric(name) as u64
}

#[test]
fn the_journal_counts_each_command_once_and_every_byte() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let engine = Engine::start(&dir);
    let commands = || count(&engine, "ringfence_journal_commands_total");
    assert_eq!((commands(), count(&engine, "ringfence_journal_groups_total")), (0, 0));
    engine.submit(ACCOUNTS);
    engine.submit(&transfers(10..1_010));
    // What was answered is durable, and was counted before.
    assert_eq!(commands(), 1_002);
    let groups = count(&engine, "ringfence_journal_groups_total");
    assert!((2..=11).contains(&groups), "{groups} groups of 11 batches that were sent twice");
    assert_eq!(count(&engine, "ringfence_journal_group_seconds_count"), groups);
    let every = r#"ringfence_journal_group_seconds_bucket{le="+Inf"}"#;
    assert_eq!(count(&engine, every), groups);
    assert!(engine.metric("ringfence_journal_group_seconds_sum") > 0.0);
    let bytes = count(&engine, "ringfence_journal_bytes_total");
    assert_eq!(bytes % BLOCK_BYTES, 0);
    assert!(bytes >= 1_002 * BODY_BYTES, "{bytes}");
    // Padding for each group, and closing frames while nothing came.
    assert!(bytes <= 1_002 * BODY_BYTES + (groups + 20) * 2 * BLOCK_BYTES, "{bytes}");
    assert!(count(&engine, "ringfence_disk_free_bytes") > 0);
    let status = status_once(&dir, |status| status["journal"]["commands"] == 1_002);
    assert_eq!(status["journal"]["groups"], groups);
    assert!(status["disk_free_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn a_subscription_is_as_far_behind_as_it_has_not_acknowledged() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    // A client that waits here says nothing meanwhile.
    let engine = Engine::start_with(&dir, &["--idle-timeout", "10m"]);
    let lag = |name: &str| {
        let page = engine.get("/metrics");
        let named = format!(r#"ringfence_subscription_lag_sequences{{name="{name}"}} "#);
        let value = page.lines().find_map(|line| line.strip_prefix(&named).map(str::to_owned));
        value.map(|value| value.parse::<u64>().unwrap())
    };
    let reaches = |name: &str, expected: Option<u64>| {
        let what = format!("a lag of {expected:?} of `{name}`");
        engine.wait_for(&what, || (lag(name) == expected).then_some(()));
    };
    assert_eq!((lag("7"), lag("")), (None, None));
    engine.submit(ACCOUNTS);
    let address = engine.address().parse().unwrap();
    let wish = Subscribe { name: 7, ..Subscribe::outcomes(Start::After(0)) };
    let mut named = Subscription::open(&address, &wish).unwrap();
    reaches("7", Some(2));
    engine.submit(&transfers(10..110));
    reaches("7", Some(102));
    let mut seen = 0;
    while seen < 102 {
        let followed = named.next_within(Duration::from_secs(1)).unwrap();
        if let Some(Followed::Progress(progress)) = followed {
            seen = progress.sequence;
        }
    }
    named.acknowledge(60).unwrap();
    reaches("7", Some(42));
    // Without a name, what was given counts: there is nothing that is acknowledged.
    let unnamed = Subscription::open(&address, &Subscribe::outcomes(Start::After(0))).unwrap();
    reaches("", Some(0));
    drop(unnamed);
    reaches("", None);
    drop(named);
    let status = status_once(&dir, |status| {
        let lags = &status["server"]["subscription_lags"];
        lags[0]["is_connected"] == false && lags[0]["sequences"] == 42
    });
    assert_eq!(status["server"]["subscription_lags"][0]["name"], "7");
    assert_eq!(status["server"]["subscription_lags"].as_array().unwrap().len(), 1);
}

#[test]
fn what_ends_subscriptions_is_counted_and_logged_at_a_bounded_rate() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let engine = Engine::start(&dir);
    let address = engine.address().parse().unwrap();
    // More than may be said in the seconds that this takes.
    let (begun, count) = (Instant::now(), 300);
    for _ in 0..count {
        let beyond = Subscribe::outcomes(Start::After(1_000_000));
        let refused = Subscription::open(&address, &beyond).unwrap_err();
        assert!(refused.to_string().contains("the last outcome is 0"), "{refused}");
    }
    let counted = "ringfence_connection_errors_total{code=\"sequence_ahead\"}";
    engine.wait_for("all of them", || (engine.metric(counted) == f64::from(count)).then_some(()));
    engine.said("more connections were refused or ended");
    let periods = begun.elapsed().as_secs() as usize + 2;
    let lines: Vec<String> =
        engine.log().into_iter().filter(|line| line.contains("the last outcome is 0")).collect();
    assert!((1..=10 * periods).contains(&lines.len()), "{} in {periods} s", lines.len());
    assert!(lines[0].contains("(sequence_ahead): ") && lines[0].contains("the connection of "));
}
