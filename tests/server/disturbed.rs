//! What a well-behaved session notices of attackers, measured.
//!
//! A run takes a moment of each kind and checks that nothing of it reached the ring and that memory
//! stays bounded. With `RINGFENCE_HOSTILE_SECONDS` each kind is measured for so long, and the table
//! that is printed is worth reading; `RINGFENCE_HOSTILE_KINDS` is a part of the names of the kinds
//! that are measured. Times are never asserted: machines differ.

use std::process::Command as Process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::access::{Scene, shows};
use super::attackers::{ATTACKS, Attack, Target};
use super::engine::Engine;
use super::support::{run, text};
use super::tls::{Authority, port_of};
use super::wire::{Wire, account, transfer};

/// Most that an engine may grow by under an attack, in KiB.
const GROWTH_KIB_MAX: u64 = 96 * 1024;

/// Turns in which a session is measured alone and under an attack.
const TURNS: u32 = 4;

/// How long each kind of attacker is measured.
fn moment() -> Duration {
    let variable = std::env::var("RINGFENCE_HOSTILE_SECONDS");
    let seconds = variable.map_or(0.15, |text| text.parse().expect("a number"));
    Duration::from_secs_f64(seconds)
}

/// A session that pays, one transfer at a time.
struct Payer {
    wire: Wire,
    paid: u128,
}

impl Payer {
    fn new(engine: &Engine, token: &[u8]) -> Payer {
        let (mut wire, _) = Wire::open(&engine.socket, &shows(token));
        wire.batch(0, &[account(1), account(2)]).unwrap();
        wire.outcomes(2);
        Payer { wire, paid: 0 }
    }

    /// Pays, one transfer after the other, for so long; adds their times.
    fn pay_for(&mut self, moment: Duration, times: &mut Times) {
        let start = Instant::now();
        while start.elapsed() < moment {
            self.paid += 1;
            let sent = Instant::now();
            self.wire.batch(0, &[transfer(1_000 + self.paid, 1)]).unwrap();
            assert_eq!(self.wire.outcome().1.status().name(), "created");
            times.0.push(sent.elapsed());
        }
    }
}

#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    /// The time that so many per mille are within, in microseconds.
    fn within(&mut self, per_mille: usize) -> u128 {
        self.0.sort_unstable();
        self.0[(self.0.len() - 1) * per_mille / 1_000].as_micros()
    }
}

/// An engine with tokens and TLS, as `attack` wants it.
fn start(scene: &Scene, attack: &Attack) -> Engine {
    let authority = Authority::new();
    let (cert, key) = authority.files(scene, "engine");
    let (data, file) = (scene.path("data"), scene.file());
    let listen = format!("unix:{},127.0.0.1:0", text(&data.join("ringfence.sock")));
    let options = [
        ["--access", text(&file)],
        ["--listen", &listen],
        ["--tls-cert", text(&cert)],
        ["--tls-key", text(&key)],
    ];
    match attack.descriptors {
        0 => Engine::start(&data, options.as_flattened()),
        limit => Engine::start_with_descriptors(&data, limit, options.as_flattened()),
    }
}

/// Measures one kind; a line of the table.
fn measure(attack: &Attack) -> String {
    let scene = Scene::new();
    let payer = scene.token("payer", &["--role", "pay", "--role", "operate"]);
    let reader = scene.token("reader", &["--role", "read"]);
    let mut engine = start(&scene, attack);
    let target = Target { socket: engine.socket.clone(), port: port_of(&engine), reader };
    let mut payer = Payer::new(&engine, &payer);
    payer.pay_for(moment() / 4, &mut Times::default());
    let before = engine.status("VmRSS");
    // By turns, as the machine may have other work now and then.
    let (mut alone, mut under, mut attacks) = (Times::default(), Times::default(), 0);
    let mut turns = 0;
    // More of them where an attacker does not get to it.
    while turns < TURNS || (attacks == 0 && turns < 10 * TURNS) {
        turns += 1;
        payer.pay_for(moment() / TURNS, &mut alone);
        attacks += under_attack(attack, &target, || payer.pay_for(moment() / TURNS, &mut under));
    }
    let after = engine.status("VmRSS");
    assert!(attacks > 0, "{}: nobody attacked", attack.name);
    assert!(after < before + GROWTH_KIB_MAX, "{}: {before} KiB, then {after}", attack.name);
    engine.stop();
    check_journal(&scene, payer.paid, attack.name);
    let (p50, p99) = (under.within(500), under.within(990));
    let ratio = p99 as f64 / alone.within(990) as f64;
    format!(
        "| {} | {attacks} | {} | {} | {p50} | {p99} | {ratio:.1} | {} | {} |",
        attack.name,
        alone.within(500),
        alone.within(990),
        before / 1024,
        after / 1024,
    )
}

/// Does `work` while others attack; how often they did.
fn under_attack(attack: &Attack, target: &Target, work: impl FnOnce()) -> u64 {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let attacker = scope.spawn(|| {
            give_way();
            (attack.run)(target, &stop)
        });
        // They have to connect first.
        thread::sleep((moment() / TURNS).min(Duration::from_millis(500)));
        work();
        // Relaxed: the flag carries nothing but itself.
        stop.store(true, Ordering::Relaxed);
        attacker.join().unwrap()
    })
}

/// Attackers are elsewhere. Here they get what the engine leaves of the processor, where the system
/// has the command for it; else they only go behind it.
fn give_way() {
    rustix::process::nice(19).unwrap();
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else { return };
    let number = thread.file_name().unwrap().to_str().unwrap();
    drop(Process::new("chrt").args(["--idle", "--pid", "0", number]).output());
}

/// The journal has what the payer asked for, look-ups, and nothing else.
fn check_journal(scene: &Scene, paid: u128, name: &str) {
    let data = scene.path("data");
    let replayed = run(&["replay", "--data-dir", text(&data), "--outcomes"]);
    let lines = replayed.stdout.lines().filter(|line| line.starts_with("{\"sequence\""));
    let mut counts = [0; 2];
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        match line["op"].as_str().unwrap() {
            "create_account" => counts[0] += 1,
            "create_transfer" => counts[1] += 1,
            "lookup_account" => {}
            other => panic!("{name}: {other} reached the ring"),
        }
    }
    assert_eq!(counts, [2, paid], "{name}: accounts and transfers");
}

#[test]
fn attackers_reach_no_ring_and_take_bounded_memory() {
    let columns = "p50 | p99 | p50 with them | p99 with them | ratio | MiB | MiB after";
    println!("| attackers | attacks | {columns} |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    let wanted = std::env::var("RINGFENCE_HOSTILE_KINDS").unwrap_or_default();
    for attack in ATTACKS.iter().filter(|attack| attack.name.contains(&wanted)) {
        println!("{}", measure(attack));
    }
}
