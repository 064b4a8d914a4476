//! Bridge and engine are killed at random moments under load. Then every request has one outcome,
//! however often it was sent, and one who listens has seen everything once.
//!
//! `RINGFENCE_BRIDGE_ROUNDS` says how many kills; `RINGFENCE_BRIDGE_SEED` repeats a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::house::{House, eventually};
use crate::http::client::{Http, Response, bridge, create_accounts, transfer};

/// Kills, where nothing else is said.
const ROUNDS: u64 = 4;
/// Threads that send.
const SENDERS: u64 = 4;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

/// Sends until there is an answer that is no "try again".
fn send(http: Http, key: &str, body: &str) -> Response {
    loop {
        if let Ok(response) = http.try_post("/v1/transfers", &[("Idempotency-Key", key)], body)
            && !matches!(response.status, 429 | 503)
        {
            return response;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends transfers until it is told to end. Returns how many.
fn load(http: Http, sender: u64, ended: &AtomicBool) -> u64 {
    let mut count = 0;
    while !ended.load(Ordering::Relaxed) {
        let id = 1_000_000 * (sender + 1) + count;
        let (key, body) = (format!("key-{id}"), transfer(id));
        let response = send(http, &key, &body);
        // Executed twice, it would be `exists`.
        assert_eq!(response.json()["status"], "created", "{key}: {response:?}");
        if count % 7 == 0 {
            let again = send(http, &key, &body);
            assert_eq!(again.body, response.body, "{key}");
        }
        count += 1;
    }
    count
}

/// Listens from the first sequence on, and comes again after each end, until it is told to end.
fn listen(http: Http, seen: &AtomicU64, ended: &AtomicBool) {
    let mut last_id = "0".to_owned();
    while !ended.load(Ordering::Relaxed) {
        let Ok(mut events) = http.events("/v1/events", Some(&last_id)) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        while let Ok(event) = events.next() {
            if !event.id.is_empty() {
                last_id = event.id;
            }
            if let Some(data) = event.data {
                let sequence: u64 = data["sequence"].as_str().unwrap().parse().unwrap();
                assert_eq!(sequence, seen.load(Ordering::Relaxed) + 1, "{data}");
                seen.store(sequence, Ordering::Relaxed);
            }
            if ended.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// The engine's last sequence, once it is back.
fn last_sequence(http: Http) -> u64 {
    let mut page = None;
    eventually("the engine is back", || {
        page = http.try_get("/v1/outcomes?from=1&limit=1").ok().filter(|it| it.status == 200);
        page.is_some()
    });
    page.unwrap().json()["last_sequence"].as_str().unwrap().parse().unwrap()
}

#[test]
fn nothing_is_lost_or_doubled_however_often_they_are_killed() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = setting("RINGFENCE_BRIDGE_SEED", u64::from(now.subsec_nanos()));
    println!("RINGFENCE_BRIDGE_SEED={seed}");
    let mut random = Pcg64::seed_from_u64(seed);
    let house = House::new();
    let mut engine = house.engine();
    let (mut program, http) = bridge(&house, 0, "");
    create_accounts(&http);
    let (ended, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let seen = Arc::new(AtomicU64::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || load(http, sender, &ended))
        })
        .collect();
    let listener = {
        let (seen, heard) = (Arc::clone(&seen), Arc::clone(&heard));
        std::thread::spawn(move || listen(http, &seen, &heard))
    };
    for round in 0..setting("RINGFENCE_BRIDGE_ROUNDS", ROUNDS) {
        std::thread::sleep(Duration::from_millis(random.random_range(200..2000)));
        // The first rounds kill each alone, so that a short run has had each.
        let which = if round < 3 { round + 1 } else { random.random_range(1..4) };
        if which & 1 != 0 {
            program.kill();
        }
        if which & 2 != 0 {
            engine.kill();
            engine = house.engine();
        }
        if which & 1 != 0 {
            (program, _) = bridge(&house, http.port, "");
        }
    }
    ended.store(true, Ordering::Relaxed);
    let transfers: u64 = senders.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(transfers > 0);
    assert_eq!(house.account(1).debits_posted, u128::from(transfers) * 5);
    let last = last_sequence(http);
    eventually("the listener has seen everything", || seen.load(Ordering::Relaxed) >= last);
    heard.store(true, Ordering::Relaxed);
    // Something to hear, so that it looks up.
    assert_eq!(send(http, "last", &transfer(9)).status, 201);
    listener.join().unwrap();
    println!("{transfers} transfers, {last} commands");
}
